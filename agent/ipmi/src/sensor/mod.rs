//! Readings: Get Sensor Reading, thresholds, and what they mean with the sensor's record.

pub mod discrete;
pub mod formula;
mod types;
pub mod units;

use crate::cursor::{Cursor, Short};
use crate::sdr::{Owner, SensorRecord};
use crate::{Command, Request};
use formula::{Factors, Format};

/// Get Sensor Reading (section 35.14).
#[derive(Debug, Clone, Copy)]
pub struct GetReading {
    /// Sensor number.
    pub number: u8,
    /// LUN.
    pub lun: u8,
}

/// Its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawReading {
    /// The raw value; meaningless for discrete sensors.
    pub raw: u8,
    /// Whether the sensor is scanned.
    pub scanning: bool,
    /// Whether the sensor sends event messages.
    pub events: bool,
    /// "Reading/state unavailable".
    pub unavailable: bool,
    /// State bits; bits 0 to 5 for threshold sensors, 0 to 14 for discrete ones.
    pub states: u16,
}

impl Command for GetReading {
    type Reply = RawReading;

    fn request(&self) -> Request {
        Request { netfn: 0x04, lun: self.lun, cmd: 0x2D, data: vec![self.number] }
    }

    fn reply(&self, data: &[u8]) -> Result<RawReading, Short> {
        let mut cursor = Cursor::new(data);
        let raw = cursor.u8("reading")?;
        let flags = cursor.u8("reading flags")?;
        // Some BMCs leave the state bytes out.
        let low = cursor.u8("states").unwrap_or_default();
        let high = cursor.u8("states").unwrap_or_default() & 0x7F;
        Ok(RawReading {
            raw,
            events: flags & 0x80 != 0,
            scanning: flags & 0x40 != 0,
            unavailable: flags & 0x20 != 0,
            states: u16::from_le_bytes([low, high]),
        })
    }
}

/// Get Sensor Thresholds (section 35.9).
#[derive(Debug, Clone, Copy)]
pub struct GetThresholds {
    /// Sensor number.
    pub number: u8,
    /// LUN.
    pub lun: u8,
}

/// Raw thresholds, lower non-critical, critical, non-recoverable, then upper; `None` where not readable.
pub type RawThresholds = [Option<u8>; 6];

impl Command for GetThresholds {
    type Reply = RawThresholds;

    fn request(&self) -> Request {
        Request { netfn: 0x04, lun: self.lun, cmd: 0x27, data: vec![self.number] }
    }

    fn reply(&self, data: &[u8]) -> Result<RawThresholds, Short> {
        let mut cursor = Cursor::new(data);
        let mask = cursor.u8("readable thresholds")?;
        let bytes = cursor.take(6, "thresholds")?;
        let mut thresholds = [None; 6];
        for (n, (slot, byte)) in thresholds.iter_mut().zip(bytes).enumerate() {
            *slot = (mask >> n & 1 == 1).then_some(*byte);
        }
        Ok(thresholds)
    }
}

/// Get Sensor Reading Factors (section 35.5), for non-linear sensors.
#[derive(Debug, Clone, Copy)]
pub struct GetFactors {
    /// Sensor number.
    pub number: u8,
    /// LUN.
    pub lun: u8,
    /// The reading they are wanted for.
    pub raw: u8,
}

impl Command for GetFactors {
    type Reply = Factors;

    fn request(&self) -> Request {
        Request { netfn: 0x04, lun: self.lun, cmd: 0x23, data: vec![self.number, self.raw] }
    }

    fn reply(&self, data: &[u8]) -> Result<Factors, Short> {
        let mut cursor = Cursor::new(data);
        cursor.u8("next reading")?;
        Ok(Factors::parse(cursor.take(6, "factors")?))
    }
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the contract")]
pub enum Absent {
    Unavailable,
    ScanningDisabled,
    NotReadable,
    Discrete,
}

/// What a reading means.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The value in the sensor's unit, or why there is none.
    pub value: Result<f64, Absent>,
    /// One raw step in the unit.
    pub step: Option<f64>,
    /// State bits that count: of a sensor that is scanned and available.
    pub asserted: u16,
    /// A threshold is passed that the status byte does not report. Never on a scale that does not rise.
    pub disagrees: bool,
    /// Whether the value grows with the raw byte; see [`SensorRecord::rising`].
    pub rising: bool,
}

impl SensorRecord {
    /// Whether the BMC itself can be asked for a reading in band.
    #[must_use]
    pub const fn readable(&self) -> bool {
        self.kind != 0x03 && matches!(self.owned_by(), Owner::Bmc)
    }

    /// Whether it has thresholds rather than states.
    #[must_use]
    pub const fn threshold_based(&self) -> bool {
        self.event_type == 0x01
    }

    /// Whether its readings need their own factors.
    #[must_use]
    pub fn non_linear(&self) -> bool {
        self.analog.is_some_and(|analog| (0x70..=0x7F).contains(&analog.linearization))
    }

    /// The value of a raw byte, with `factors` instead of the record's. A non-linear sensor has none
    /// without them: what its record holds is good for no reading (section 36.2).
    #[must_use]
    pub fn value(&self, raw: u8, factors: Option<&Factors>) -> Option<f64> {
        let analog = self.analog?;
        let format = Format::of(self.units[0])?;
        if factors.is_none() && self.non_linear() {
            return None;
        }
        formula::value(raw, format, factors.unwrap_or(&analog.factors), analog.linearization)
    }

    /// Whether the value grows with the raw byte. A non-linear sensor's factors tell it around one
    /// reading only; without them it is not known, and `false`.
    #[must_use]
    pub fn rising(&self, factors: Option<&Factors>) -> bool {
        let Some((analog, format)) = self.analog.zip(Format::of(self.units[0])) else {
            return true;
        };
        match factors {
            Some(factors) => formula::rising(format, factors, analog.linearization),
            None if self.non_linear() => false,
            None => formula::rising(format, &analog.factors, analog.linearization),
        }
    }

    /// The thresholds of the record, as far as its mask calls them readable (section 43.1, byte 19).
    #[must_use]
    pub fn record_thresholds(&self) -> RawThresholds {
        let mut thresholds = [None; 6];
        if let Some(analog) = self.analog {
            // The record lists them from the top down, the mask from the bottom up.
            let order = [5, 4, 3, 2, 1, 0].map(|n| analog.thresholds.get(n).copied());
            for (n, (slot, raw)) in thresholds.iter_mut().zip(order).enumerate() {
                *slot = raw.filter(|_| self.masks.reading >> n & 1 == 1);
            }
        }
        thresholds
    }

    /// Thresholds in the unit of the sensor.
    #[must_use]
    pub fn thresholds(&self, raw: &RawThresholds) -> [Option<f64>; 6] {
        if !self.threshold_based() {
            return [None; 6];
        }
        raw.map(|raw| self.value(raw?, None))
    }

    /// The words of asserted state bits, lowest bit first; a bit without a word is "state N".
    #[must_use]
    pub fn states(&self, asserted: u16) -> Vec<String> {
        let word = |n: u8| match self.event_type {
            0x01 => discrete::THRESHOLDS.get(usize::from(n)).copied(),
            event_type => discrete::word(event_type, self.sensor_type, n),
        };
        let set = (0..16).filter(|n| asserted >> n & 1 == 1);
        set.map(|n| word(n).map_or_else(|| format!("state {n}"), str::to_owned)).collect()
    }

    /// What an answer means. `thresholds` are those of [`SensorRecord::thresholds`].
    #[must_use]
    pub fn decode(
        &self,
        raw: &RawReading,
        factors: Option<&Factors>,
        thresholds: &[Option<f64>; 6],
    ) -> Reading {
        let rising = self.rising(factors);
        let gone = |absent| Reading {
            value: Err(absent),
            step: None,
            asserted: 0,
            disagrees: false,
            rising,
        };
        if raw.unavailable {
            return gone(Absent::Unavailable);
        }
        if !raw.scanning {
            return gone(Absent::ScanningDisabled);
        }
        let asserted = raw.states & if self.threshold_based() { 0x3F } else { 0x7FFF };
        let Some((analog, format)) = self.analog.zip(Format::of(self.units[0])) else {
            return Reading { asserted, ..gone(Absent::Discrete) };
        };
        let Some(value) = self.value(raw.raw, factors) else {
            return Reading { asserted, ..gone(Absent::NotReadable) };
        };
        let factors = factors.unwrap_or(&analog.factors);
        Reading {
            value: Ok(value),
            step: formula::step(raw.raw, format, factors, analog.linearization),
            asserted,
            // The BMC compares raw bytes: on a falling scale the value says the opposite.
            disagrees: rising
                && self.threshold_based()
                && passed(value, thresholds) & !asserted != 0,
            rising,
        }
    }
}

/// The thresholds that a value on a rising scale has reached, as the bits of Get Sensor Reading.
#[must_use]
pub fn passed(value: f64, thresholds: &[Option<f64>; 6]) -> u16 {
    let mut bits = 0;
    for (n, threshold) in thresholds.iter().enumerate() {
        let reached =
            threshold.is_some_and(|limit| if n < 3 { value <= limit } else { value >= limit });
        bits |= u16::from(reached) << n;
    }
    bits
}
