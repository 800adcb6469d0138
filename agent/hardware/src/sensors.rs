//! The sensors of one BMC: their records, what is asked of each, and what it answered.

use crate::reading::{empty, fill, thresholds};
use crate::session::{Halt, Session};
use socle_ipmi::sdr::{self, Record, SensorRecord};
use socle_ipmi::sel::Event;
use socle_ipmi::sensor::{GetFactors, GetReading, GetThresholds, RawThresholds};
use socle_ipmi::sweep::Outcome;
use socle_ipmi::{CallError, Completion, TransportError};
use socle_model::{Absent, Timestamp};
use std::time::{Duration, Instant};

/// Sensors kept; a repository that holds more is cut.
const SENSORS_MAX: usize = 4096;
/// How often thresholds are asked again: somebody may set them at the BMC.
const THRESHOLDS_EVERY: Duration = Duration::from_secs(600);
/// How soon thresholds are asked again that the BMC did not tell when it was asked.
const THRESHOLDS_AGAIN: Duration = Duration::from_secs(60);
/// A sensor that was silent so many sweeps in a row is asked rarely.
const SILENT_SWEEPS: u32 = 3;

/// All sensors of the repository.
#[derive(Debug, Default)]
pub(crate) struct Sensors {
    pub(crate) records: Vec<SensorRecord>,
    /// Records that could not be decoded.
    pub(crate) bad: Vec<(u16, String)>,
    /// How many sensors the repository holds beyond those that are kept.
    pub(crate) cut: usize,
    /// How many records they are from.
    pub(crate) of_records: usize,
    /// Whether the walk that found them reached its end.
    pub(crate) whole: bool,
    asked: Vec<Asked>,
}

/// What is kept of a sensor that can be asked.
#[derive(Debug)]
struct Asked {
    /// Its place among the records.
    place: usize,
    /// The last ones that were told, by the BMC or else by the record.
    thresholds: Option<[Option<f64>; 6]>,
    /// When its thresholds are to be asked for.
    due: Option<Instant>,
    silent_sweeps: u32,
}

impl Sensors {
    /// The sensors of these records.
    pub(crate) fn of(records: &[Record], now: Instant) -> Self {
        let mut sensors = Sensors { of_records: records.len(), ..Sensors::default() };
        for record in records {
            match sdr::sensors(record) {
                Ok(found) => sensors.records.extend(found),
                Err(short) => sensors.bad.push((record.id, short.to_string())),
            }
        }
        sensors.cut = sensors.records.len().saturating_sub(SENSORS_MAX);
        sensors.records.truncate(SENSORS_MAX);
        let readable = sensors.records.iter().enumerate().filter(|(_, record)| record.readable());
        sensors.asked = readable
            .map(|(place, record)| Asked {
                place,
                thresholds: None,
                due: (record.threshold_based() && record.analog.is_some()).then_some(now),
                silent_sweeps: 0,
            })
            .collect();
        sensors
    }

    /// Every threshold is asked for again: a BMC that was reset may have others than before.
    pub(crate) fn thresholds_due(&mut self, now: Instant) {
        for asked in &mut self.asked {
            asked.due = asked.due.map(|due| due.min(now));
        }
    }

    fn threshold_due(&mut self, n: usize, at: Instant) {
        if let Some(asked) = self.asked.get_mut(n) {
            asked.due = asked.due.map(|due| due.min(at));
        }
    }

    fn limits(&self, n: usize) -> [Option<f64>; 6] {
        self.asked.get(n).and_then(|asked| asked.thresholds).unwrap_or_default()
    }

    /// Which of the sensors that can be asked an event is about.
    pub(crate) fn asked_for(&self, event: &Event) -> impl Iterator<Item = usize> {
        let of =
            |asked: &Asked| self.records.get(asked.place).is_some_and(|sensor| event.is_of(sensor));
        let found = self.asked.iter().enumerate().filter(move |(_, asked)| of(asked));
        found.map(|(n, _)| n)
    }

    /// How many can be asked.
    pub(crate) fn readable(&self) -> usize {
        self.asked.len()
    }
}

impl Session<'_> {
    /// Asks the `n`th of the sensors that can be asked.
    pub(crate) fn read_sensor(&mut self, n: usize) -> Result<Outcome, Halt> {
        let Some(place) = self.sensors.asked.get(n).map(|asked| asked.place) else {
            return Ok(Outcome::Refused);
        };
        let Some(record) = self.sensors.records.get(place).cloned() else {
            return Ok(Outcome::Refused);
        };
        let fresh = self.read_thresholds(n, place, &record)?;
        let (number, lun) = (record.number, record.lun);
        let answer = self.asked(&GetReading { number, lun })?;
        let at = Timestamp::now();
        let raw = match answer {
            Ok(raw) => raw,
            Err(error) => return Ok(self.unanswered(n, place, &error, at)),
        };
        let factors = match record.non_linear() {
            true => Some(self.asked(&GetFactors { number, lun, raw: raw.raw })?),
            false => None,
        };
        let factors_or_none = factors.as_ref().and_then(|factors| factors.as_ref().ok());
        let mut reading = record.decode(&raw, factors_or_none, &self.sensors.limits(n));
        if reading.disagrees && !fresh {
            // The BMC sees no threshold passed: it may have other ones by now than we remember.
            self.sensors.threshold_due(n, Instant::now());
            self.read_thresholds(n, place, &record)?;
            reading = record.decode(&raw, factors_or_none, &self.sensors.limits(n));
        }
        if let Some(sensor) = self.data.sensors.get_mut(place) {
            fill(sensor, &record, &reading, at);
            if let Some(Err(error)) = factors {
                let why = format!("the BMC gives no factors for this reading: {error}");
                let asserted = (sensor.asserted, std::mem::take(&mut sensor.states));
                empty(sensor, Absent::NotReadable, why, at);
                (sensor.asserted, sensor.states) = asserted;
            }
        }
        if let Some(asked) = self.sensors.asked.get_mut(n) {
            asked.silent_sweeps = 0;
        }
        self.answered += 1;
        Ok(Outcome::Answered)
    }

    fn unanswered(&mut self, n: usize, place: usize, error: &CallError, at: Timestamp) -> Outcome {
        let (absent, outcome) = match error {
            CallError::Transport(TransportError::Refused(_)) => (Absent::Refused, Outcome::Refused),
            CallError::Transport(_) => (Absent::NotAnswered, Outcome::Silent),
            CallError::Torn(_) => (Absent::NotReadable, Outcome::Answered),
            CallError::Completion(code) if code.passing() || code.0 == 0xFF => {
                (Absent::Refused, Outcome::Silent)
            }
            CallError::Completion(_) => (Absent::Refused, Outcome::Refused),
        };
        if let Some(sensor) = self.data.sensors.get_mut(place) {
            empty(sensor, absent, error.to_string(), at);
        }
        let answers = self.bmc_answers();
        let Some(asked) = self.sensors.asked.get_mut(n) else { return Outcome::Refused };
        if outcome != Outcome::Silent {
            asked.silent_sweeps = 0;
            return outcome;
        }
        asked.silent_sweeps += 1;
        // One that never answers while the BMC does must not cost every sweep its rest.
        if answers || asked.silent_sweeps >= SILENT_SWEEPS {
            return Outcome::Refused;
        }
        Outcome::Silent
    }

    /// Thresholds when they are due: the BMC's own, else those of the record. Says whether they were
    /// due. Where the BMC is silent the former ones stay.
    fn read_thresholds(
        &mut self,
        n: usize,
        place: usize,
        record: &SensorRecord,
    ) -> Result<bool, Halt> {
        let now = Instant::now();
        let Some(asked) = self.sensors.asked.get(n) else { return Ok(false) };
        let known = asked.thresholds.is_some();
        if asked.due.is_none_or(|due| due > now) {
            return Ok(false);
        }
        let (number, lun) = (record.number, record.lun);
        let (raw, wait) = match self.asked(&GetThresholds { number, lun })? {
            Ok(raw) => (raw, THRESHOLDS_EVERY),
            Err(error) if passing(&error) && known => {
                if let Some(asked) = self.sensors.asked.get_mut(n) {
                    asked.due = Some(now + THRESHOLDS_AGAIN);
                }
                return Ok(true);
            }
            Err(error) if passing(&error) => (record.record_thresholds(), THRESHOLDS_AGAIN),
            Err(_) => (record.record_thresholds(), THRESHOLDS_EVERY),
        };
        let values = match record.non_linear() {
            true => self.non_linear_thresholds(record, &raw)?,
            false => record.thresholds(&raw),
        };
        // Spread over the period, so that no sweep asks all of them again.
        let part = u32::try_from(n % 16).unwrap_or_default();
        if let Some(asked) = self.sensors.asked.get_mut(n) {
            asked.thresholds = Some(values);
            asked.due = Some(now + wait + wait / 16 * part);
        }
        if let Some(sensor) = self.data.sensors.get_mut(place) {
            sensor.thresholds = thresholds(values);
        }
        Ok(true)
    }

    /// Thresholds of a sensor whose factors differ from reading to reading.
    fn non_linear_thresholds(
        &mut self,
        record: &SensorRecord,
        raw: &RawThresholds,
    ) -> Result<[Option<f64>; 6], Halt> {
        let mut values = [None; 6];
        for (value, raw) in values.iter_mut().zip(raw) {
            let Some(raw) = *raw else { continue };
            let (number, lun) = (record.number, record.lun);
            let factors = self.asked(&GetFactors { number, lun, raw })?;
            *value = factors.ok().and_then(|factors| record.value(raw, Some(&factors)));
        }
        Ok(values)
    }
}

/// Whether asking again soon may help.
fn passing(error: &CallError) -> bool {
    match error {
        CallError::Transport(error) => !matches!(error, TransportError::Refused(_)),
        CallError::Completion(code) => code.passing() || *code == Completion::UNSPECIFIED,
        CallError::Torn(_) => true,
    }
}
