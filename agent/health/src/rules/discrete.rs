//! Discrete states: FreeIPMI's severities for every type of sensor, without its two known false alarms.
//!
//! "Absent" is no fault of a slot that was always empty, and "state asserted" is no warning where it was
//! always asserted: both are judged against what was once there ([`super::sensor`]).

use crate::exporter::rule;
use socle_model::Status;
use socle_model::bmc::Sensor;

/// Offsets that say a part is there, by event type and sensor type.
pub(crate) fn presence_bit(sensor: &Sensor) -> Option<u16> {
    match (sensor.event_type, sensor.sensor_type) {
        (0x08, _) => Some(1 << 1),
        (0x6F, 0x07) => Some(1 << 7),
        (0x6F, 0x08 | 0x0D | 0x25) => Some(1),
        (0x6F, 0x0C) => Some(1 << 6),
        (0x6F, 0x21 | 0x29) => Some(1 << 2),
        (0x6F, 0x2C) => Some(1 << 4),
        _ => None,
    }
}

/// Offsets that only say "absent" or "not in use" and are judged by presence instead.
fn absence_bits(sensor: &Sensor) -> u16 {
    match (sensor.event_type, sensor.sensor_type) {
        (0x08, _) => 1,
        (0x6F, 0x25) => 0b110,
        (0x6F, 0x2C) => 0b11,
        // "State deasserted" of a drive slot: an empty slot.
        (0x03, 0x0D) => 1,
        _ => 0,
    }
}

/// The verdict on the asserted states, with the words of the worst. `once_calm`: the sensor was once seen
/// with its state deasserted.
pub(crate) fn judge(sensor: &Sensor, once_calm: bool) -> (Status, Option<String>) {
    let mut worst = (Status::Ok, None);
    let skipped = absence_bits(sensor);
    let mut words = sensor.states.iter();
    for offset in 0..15u8 {
        if sensor.asserted >> offset & 1 == 0 {
            continue;
        }
        // The words come in the order of the offsets, one for each asserted bit.
        let word = words.next();
        if skipped >> offset & 1 == 1 {
            continue;
        }
        let status = match severity(sensor, offset, once_calm) {
            2 => Status::Critical,
            1 => Status::Warning,
            _ => Status::Ok,
        };
        if status > worst.0 {
            worst = (status, Some(word.cloned().unwrap_or_else(|| format!("state {offset}"))));
        }
    }
    worst
}

fn severity(sensor: &Sensor, offset: u8, once_calm: bool) -> u8 {
    let generic = |table: &str| match table.as_bytes().get(usize::from(offset)) {
        Some(b'c') => 2,
        Some(b'w') => 1,
        _ => 0,
    };
    match (sensor.event_type, sensor.sensor_type) {
        // "State asserted" of sensors whose meaning only the vendor knows counts when it is new.
        (0x03, 0x01 | 0x02 | 0x04 | 0x08 | 0x09 | 0x0E | 0x0F | 0x12) if !once_calm => 0,
        // Generic types mean the same whatever they are about (table 42-2).
        (0x04..=0x06, _) => generic("nc"),
        (0x07, _) => generic("nwccwccwn"),
        (0x0A, _) => generic("nwwwwwcwc"),
        (0x0B, _) => generic("ncwcccww"),
        (event_type, sensor_type) => rule(event_type, sensor_type, offset).unwrap_or(0),
    }
}
