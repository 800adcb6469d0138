//! States as `ipmi_exporter` shows them: FreeIPMI's default interpretation of threshold and discrete
//! sensors (libfreeipmi's sensor configuration, 1.6). One digit per offset: n nominal, w warning,
//! c critical. What FreeIPMI has no rule for has no state.

use socle_model::bmc::Sensor;

/// 0 nominal, 1 warning, 2 critical, `None` where ipmi_exporter prints NaN.
#[must_use]
pub fn ipmi_state(sensor: &Sensor) -> Option<u8> {
    if sensor.absent.is_some_and(|absent| absent != socle_model::Absent::Discrete) {
        return None;
    }
    if sensor.event_type == 0x01 {
        return worst("nccncc", sensor.asserted & 0x3F);
    }
    worst(table(sensor.event_type, sensor.sensor_type)?, sensor.asserted & 0x7FFF)
}

/// The worst of the asserted offsets; `None` when one has no rule.
fn worst(table: &str, asserted: u16) -> Option<u8> {
    let rules = table.as_bytes();
    let mut worst = 0;
    for offset in 0..16 {
        if asserted >> offset & 1 == 1 {
            worst = worst.max(level(*rules.get(offset)?));
        }
    }
    Some(worst)
}

fn level(rule: u8) -> u8 {
    match rule {
        b'c' => 2,
        b'w' => 1,
        _ => 0,
    }
}

/// The rule of one asserted offset: 0, 1, 2, or `None` without a rule.
pub(crate) fn rule(event_type: u8, sensor_type: u8, offset: u8) -> Option<u8> {
    table(event_type, sensor_type)?.as_bytes().get(usize::from(offset)).map(|&rule| level(rule))
}

fn table(event_type: u8, sensor_type: u8) -> Option<&'static str> {
    match event_type {
        0x03..=0x0C => generic(event_type, sensor_type),
        0x02 if sensor_type == 0x12 => Some("nnn"),
        0x6F => specific(sensor_type),
        _ => None,
    }
}

/// Generic event/reading types (table 42-2), with the sensor types FreeIPMI knows them for.
fn generic(event_type: u8, sensor_type: u8) -> Option<&'static str> {
    match (event_type, sensor_type) {
        (0x03, 0x01 | 0x02 | 0x04 | 0x08 | 0x09 | 0x0E | 0x0F | 0x12) => Some("nw"),
        (0x03, 0x05 | 0x07 | 0x0C | 0x15 | 0x1E | 0x20 | 0x24) => Some("nc"),
        (0x03, 0x0D) => Some("wn"),
        (0x03, 0x14) => Some("nn"),
        (0x04, 0x0D) | (0x05, 0x01 | 0x02) | (0x06, 0x02) => Some("nc"),
        (
            0x07,
            0x01..=0x04
            | 0x08
            | 0x09
            | 0x0C
            | 0x0D
            | 0x0F
            | 0x12
            | 0x14
            | 0x18
            | 0x19
            | 0x1B
            | 0x1E
            | 0x21
            | 0x28,
        ) => Some("nwccwccwn"),
        (0x08, 0x04 | 0x09 | 0x0D | 0x0F | 0x15 | 0x25 | 0x28) => Some("cn"),
        (0x0A, 0x04) => Some("nwwwwwcwc"),
        (0x0B, 0x04 | 0x08 | 0x09 | 0x0A | 0x0C) => Some("ncwcccww"),
        _ => None,
    }
}

/// Sensor specific offsets (table 42-3).
fn specific(sensor_type: u8) -> Option<&'static str> {
    Some(match sensor_type {
        0x05 => "ccccccc",
        0x06 => "cccccc",
        0x07 => "cccccccnccwcw",
        0x08 => "nccccccw",
        0x09 => "nnwwcccc",
        0x0C => "wccccwncnwc",
        0x0D => "nccnnccnc",
        0x0F => "ccn",
        0x10 => "ccnccwc",
        0x12 => "wncnnw",
        0x13 => "cccwcccwcccw",
        0x14 => "nnnww",
        0x1B => "nc",
        0x1E => "ccccw",
        0x1F => "nnnnnnwnnwc",
        0x21 => "cwnnnnwwwn",
        0x22 => "nnnnnnnnnnnnncc",
        0x23 => "wcccnnnnw",
        0x25 => "ncc",
        0x28 => "cccccc",
        0x29 => "wcn",
        0x2A => "nnwc",
        0x2B => "wwccccnn",
        0x2C => "ccwwnwwc",
        _ => return None,
    })
}
