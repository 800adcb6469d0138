//! One SEL record (section 32): 16 bytes, decoded.

use crate::cursor::{Cursor, Short};
use crate::sdr::SensorRecord;
use crate::sensor::discrete;
use crate::sensor::units::Unit;

/// A record's time stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Seconds since 1970, UTC as far as the BMC knows.
    Absolute(u32),
    /// Seconds since the BMC started: below 20000000h (section 37.1).
    Relative(u32),
    /// FFFFFFFFh, or a record without time.
    Unknown,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Record id.
    pub id: u16,
    /// 02h system event, C0h to DFh OEM with time, E0h to FFh OEM without.
    pub kind: u8,
    /// When.
    pub time: Time,
    /// The rest.
    pub body: Body,
    /// All of it.
    pub raw: [u8; 16],
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A system event.
    Event(Event),
    /// OEM data, with the manufacturer where the record has one.
    Oem {
        /// IANA enterprise number.
        manufacturer: Option<u32>,
        /// 6 or 13 bytes.
        data: Vec<u8>,
    },
}

/// A system event (section 32.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Slave address or software id of who reports.
    pub generator: u8,
    /// LUN of who reports.
    pub lun: u8,
    /// Sensor type code.
    pub sensor_type: u8,
    /// Sensor number.
    pub number: u8,
    /// Event/reading type code.
    pub event_type: u8,
    /// Whether it is a deassertion.
    pub deasserted: bool,
    /// Event data 1 to 3.
    pub data: [u8; 3],
}

impl Entry {
    /// Reads the 16 bytes. `asked` is the id it was asked by.
    ///
    /// # Errors
    /// Never for 16 bytes; the cursor's type says [`Short`].
    pub fn parse(raw: [u8; 16]) -> Result<Self, Short> {
        let mut cursor = Cursor::new(&raw);
        let id = cursor.u16("record id")?;
        let kind = cursor.u8("record type")?;
        // OEM without time, and the types the specification keeps for itself.
        if !matches!(kind, 0x02 | 0xC0..=0xDF) {
            let data = cursor.take(13, "OEM data")?.to_vec();
            let body = Body::Oem { manufacturer: None, data };
            return Ok(Entry { id, kind, time: Time::Unknown, body, raw });
        }
        let time = match cursor.u32("time stamp")? {
            u32::MAX => Time::Unknown,
            seconds if seconds < 0x2000_0000 => Time::Relative(seconds),
            seconds => Time::Absolute(seconds),
        };
        let body = if kind >= 0xC0 {
            let iana = cursor.take(3, "manufacturer id")?;
            let iana = iana.iter().rev().fold(0, |id, &byte| id << 8 | u32::from(byte));
            Body::Oem { manufacturer: Some(iana), data: cursor.take(6, "OEM data")?.to_vec() }
        } else {
            Body::Event(event(&mut cursor)?)
        };
        Ok(Entry { id, kind, time, body, raw })
    }

    /// One line for a person.
    #[must_use]
    pub fn text(&self, sensor: Option<&SensorRecord>) -> String {
        match &self.body {
            Body::Event(event) => event.text(sensor),
            Body::Oem { manufacturer, data } => {
                let hex: Vec<_> = data.iter().map(|byte| format!("{byte:02x}")).collect();
                let maker = manufacturer.map(|iana| format!(" of manufacturer {iana}"));
                format!(
                    "OEM record {:02X}h{}: {}",
                    self.kind,
                    maker.unwrap_or_default(),
                    hex.join(" ")
                )
            }
        }
    }
}

fn event(cursor: &mut Cursor<'_>) -> Result<Event, Short> {
    let generator = cursor.u8("generator id")?;
    let lun = cursor.u8("generator LUN")? & 0x03;
    cursor.u8("event message revision")?;
    let sensor_type = cursor.u8("sensor type")?;
    let number = cursor.u8("sensor number")?;
    let kind = cursor.u8("event direction and type")?;
    let mut data = [0; 3];
    data.copy_from_slice(cursor.take(3, "event data")?);
    let (event_type, deasserted) = (kind & 0x7F, kind & 0x80 != 0);
    Ok(Event { generator, lun, sensor_type, number, event_type, deasserted, data })
}

impl Event {
    /// The offset of the event.
    #[must_use]
    pub const fn offset(&self) -> u8 {
        self.data[0] & 0x0F
    }

    /// Whether this record is about that sensor: owner, LUN, number and type all agree.
    #[must_use]
    pub const fn is_of(&self, sensor: &SensorRecord) -> bool {
        self.generator == sensor.owner
            && self.lun == sensor.lun
            && self.number == sensor.number
            && self.sensor_type == sensor.sensor_type
    }

    fn text(&self, sensor: Option<&SensorRecord>) -> String {
        let name = sensor.map_or_else(
            || format!("{} sensor {:02X}h", discrete::type_name(self.sensor_type), self.number),
            |sensor| sensor.name.clone(),
        );
        let what = self.word().map_or_else(
            || format!("event type {:02X}h offset {}", self.event_type, self.offset()),
            str::to_owned,
        );
        // "state deasserted asserted" reads badly: a discrete state that is asserted is just named.
        let direction = match (self.deasserted, self.event_type) {
            (false, 0x01) => " asserted",
            (true, 0x01) => " deasserted",
            (false, _) => "",
            (true, _) => " (deasserted)",
        };
        format!("{name}: {what}{direction}{}", self.trigger(sensor))
    }

    /// The words of the offset. A threshold passed outwards gets the words of the state it leads to.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        match (self.event_type, self.offset()) {
            (0x01, outwards @ (0 | 2 | 4 | 7 | 9 | 11)) => {
                discrete::THRESHOLDS.get(usize::from(outwards / 2)).copied()
            }
            (event_type, offset) => discrete::word(event_type, self.sensor_type, offset),
        }
    }

    /// Trigger reading and threshold of a threshold event (table 29-6).
    fn trigger(&self, sensor: Option<&SensorRecord>) -> String {
        let Some(sensor) = sensor.filter(|_| self.event_type == 0x01) else { return String::new() };
        let unit = Unit::parse(sensor.units);
        let value = |flag: u8, raw: u8| {
            let value = sensor.value(raw, None).filter(|_| flag == 1)?;
            // Three decimals are finer than any eight-bit sensor's step that matters to a reader.
            let value = (value * 1000.0).round() / 1000.0;
            Some(format!("{value} {}", unit.symbol()).trim_end().to_owned())
        };
        let reading = value(self.data[0] >> 6, self.data[1]);
        let threshold = value(self.data[0] >> 4 & 0x03, self.data[2]);
        match (reading, threshold) {
            (Some(reading), Some(threshold)) => {
                format!(" (reading {reading}, threshold {threshold})")
            }
            (Some(reading), None) => format!(" (reading {reading})"),
            (None, Some(threshold)) => format!(" (threshold {threshold})"),
            (None, None) => String::new(),
        }
    }
}
