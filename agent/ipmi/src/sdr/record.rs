//! Sensors out of full, compact and event-only records (sections 43.1 to 43.3); shared ones expanded.

use super::{Record, padded_id_string};
use crate::cursor::{Cursor, Short};
use crate::sensor::formula::Factors;

/// One sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorRecord {
    /// SDR record id.
    pub record_id: u16,
    /// Record type: 01h, 02h or 03h.
    pub kind: u8,
    /// Place among the sensors of a shared record.
    pub share: u8,
    /// Owner id; bit 0 set means software.
    pub owner: u8,
    /// LUN of the owner.
    pub lun: u8,
    /// Channel of the owner.
    pub channel: u8,
    /// Sensor number.
    pub number: u8,
    /// Entity id, and instance with bit 7 for a logical entity cleared.
    pub entity_id: u8,
    /// Entity instance.
    pub entity_instance: u8,
    /// Sensor type code (table 42-3).
    pub sensor_type: u8,
    /// Event/reading type code (table 42-1).
    pub event_type: u8,
    /// The three mask words of bytes 15 to 20; zero for event-only records.
    pub masks: Masks,
    /// What full records say of analog values.
    pub analog: Option<Analog>,
    /// Units 1, base unit and modifier unit.
    pub units: [u8; 3],
    /// The id string as the record has it, padding included.
    pub id_string: String,
    /// The id string without padding, with FreeIPMI's suffix where the record is shared.
    pub name: String,
}

/// Who answers for a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The BMC itself: can be asked in band.
    Bmc,
    /// Software, by its id: nobody can be asked.
    Software(u8),
    /// Another controller, by its slave address and channel: would need bridging.
    Satellite {
        /// Slave address, even.
        address: u8,
        /// Channel.
        channel: u8,
    },
}

impl SensorRecord {
    /// Who answers for it (section 43.1, bytes 6 and 7).
    #[must_use]
    pub const fn owned_by(&self) -> Owner {
        match (self.owner, self.channel) {
            (0x20, 0) => Owner::Bmc,
            (id, _) if id & 1 == 1 => Owner::Software(id >> 1),
            (address, channel) => Owner::Satellite { address, channel },
        }
    }
}

/// Assertion, deassertion and settable/readable masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as in section 43.1")]
pub struct Masks {
    pub assertion: u16,
    pub deassertion: u16,
    pub reading: u16,
}

/// The reading formula's factors and the thresholds of a full record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Analog {
    /// Linearization, bit 7 cleared: 00h to 0Bh, 70h to 7Fh non-linear.
    pub linearization: u8,
    /// The factors.
    pub factors: Factors,
    /// Thresholds as in the record: upper non-recoverable, critical, non-critical, lower the same.
    pub thresholds: [u8; 6],
}

/// The sensors of a record: one, several for a shared one, none for other record types.
///
/// # Errors
/// [`Short`] when the record ends before its layout does.
pub fn sensors(record: &Record) -> Result<Vec<SensorRecord>, Short> {
    let mut cursor = Cursor::new(&record.body);
    match record.kind {
        0x01 => full(record, &mut cursor).map(|sensor| vec![sensor]),
        0x02 => compact(record, &mut cursor),
        0x03 => event_only(record, &mut cursor),
        _ => Ok(Vec::new()),
    }
}

fn key(record: &Record, cursor: &mut Cursor<'_>) -> Result<SensorRecord, Short> {
    let owner = cursor.u8("owner id")?;
    let lun = cursor.u8("owner LUN")?;
    Ok(SensorRecord {
        record_id: record.id,
        kind: record.kind,
        share: 0,
        owner,
        lun: lun & 0x03,
        channel: lun >> 4,
        number: cursor.u8("sensor number")?,
        entity_id: cursor.u8("entity id")?,
        entity_instance: cursor.u8("entity instance")? & 0x7F,
        sensor_type: 0,
        event_type: 0,
        masks: Masks::default(),
        analog: None,
        units: [0xC0, 0, 0],
        id_string: String::new(),
        name: String::new(),
    })
}

/// Bytes 11 to 23, the same in full and compact records.
fn middle(sensor: &mut SensorRecord, cursor: &mut Cursor<'_>) -> Result<(), Short> {
    cursor.take(2, "initialization and capabilities")?;
    sensor.sensor_type = cursor.u8("sensor type")?;
    sensor.event_type = cursor.u8("event/reading type")?;
    sensor.masks = Masks {
        assertion: cursor.u16("assertion mask")?,
        deassertion: cursor.u16("deassertion mask")?,
        reading: cursor.u16("reading mask")?,
    };
    for unit in &mut sensor.units {
        *unit = cursor.u8("units")?;
    }
    Ok(())
}

fn full(record: &Record, cursor: &mut Cursor<'_>) -> Result<SensorRecord, Short> {
    let mut sensor = key(record, cursor)?;
    middle(&mut sensor, cursor)?;
    let linearization = cursor.u8("linearization")? & 0x7F;
    let factors = Factors::parse(cursor.take(6, "M, B, tolerance, accuracy, exponents")?);
    cursor.take(6, "characteristics, nominal readings and ranges")?;
    let mut thresholds = [0; 6];
    thresholds.copy_from_slice(cursor.take(6, "thresholds")?);
    cursor.take(5, "hystereses, reserved, OEM")?;
    sensor.analog = Some(Analog { linearization, factors, thresholds });
    named(&mut sensor, cursor)?;
    Ok(sensor)
}

fn named(sensor: &mut SensorRecord, cursor: &mut Cursor<'_>) -> Result<(), Short> {
    sensor.id_string = padded_id_string(cursor)?;
    sensor.name = sensor.id_string.trim_end_matches(' ').to_owned();
    Ok(())
}

fn compact(record: &Record, cursor: &mut Cursor<'_>) -> Result<Vec<SensorRecord>, Short> {
    let mut sensor = key(record, cursor)?;
    middle(&mut sensor, cursor)?;
    let sharing = cursor.u16("record sharing")?;
    cursor.take(6, "hystereses, reserved, OEM")?;
    named(&mut sensor, cursor)?;
    Ok(expand(sensor, sharing))
}

fn event_only(record: &Record, cursor: &mut Cursor<'_>) -> Result<Vec<SensorRecord>, Short> {
    let mut sensor = key(record, cursor)?;
    sensor.sensor_type = cursor.u8("sensor type")?;
    sensor.event_type = cursor.u8("event/reading type")?;
    let sharing = cursor.u16("record sharing")?;
    cursor.take(2, "reserved, OEM")?;
    named(&mut sensor, cursor)?;
    Ok(expand(sensor, sharing))
}

/// Record sharing (section 43.2, bytes 24 and 25): `share count` sensors with numbers in sequence.
fn expand(sensor: SensorRecord, sharing: u16) -> Vec<SensorRecord> {
    let [first, second] = sharing.to_le_bytes();
    let count = first & 0x0F;
    if count <= 1 {
        return vec![sensor];
    }
    let (alphabetic, offset) = (first & 0x30 == 0x10, second & 0x7F);
    let each_entity = second & 0x80 != 0;
    let one = |n: u8| {
        let suffix = u16::from(offset) + u16::from(n);
        let suffix = if alphabetic { letters(suffix) } else { suffix.to_string() };
        SensorRecord {
            share: n,
            number: sensor.number.wrapping_add(n),
            entity_instance: sensor.entity_instance.wrapping_add(if each_entity { n } else { 0 })
                & 0x7F,
            name: format!("{} {suffix}", sensor.name),
            ..sensor.clone()
        }
    };
    (0..count).map(one).collect()
}

/// 0 is A, 25 Z, 26 AA.
fn letters(n: u16) -> String {
    let letter = |n: u16| char::from(b'A' + u8::try_from(n % 26).unwrap_or_default());
    if n < 26 { letter(n).to_string() } else { format!("{}{}", letter(n / 26 - 1), letter(n)) }
}
