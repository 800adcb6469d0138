//! One fault, several reports: what was told in the last minutes, so that the log's record and the kernel's
//! count of one memory error become one event, whichever comes first.

use crate::memory::Memory;
use crate::spot::{Likeness, Spot};
use serde::{Deserialize, Serialize, Serializer};
use socle_model::event::Origin;
use std::time::Duration;

/// Reports of one fault come within this time of each other.
const WINDOW_MS: u64 = 300_000;
/// Faults that may still be reported by another source; the oldest leaves.
const OPEN: usize = 64;

/// A fault that was told and may be reported again by another source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    uncorrected: bool,
    spot: Spot,
    /// The event's origins; by the first one it is found again.
    origins: Vec<Origin>,
    /// Since the event was told, by a clock that nobody sets.
    #[serde(serialize_with = "to_the_minute")]
    age_ms: u64,
}

/// The memory is a file: it need not be written because a minute is not over.
fn to_the_minute<S: Serializer>(age_ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(age_ms / 60_000 * 60_000)
}

/// What a source says of a fault.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    /// Whether data was lost: corrected and uncorrected errors are never one fault.
    pub(crate) uncorrected: bool,
    /// Which DIMM.
    pub(crate) spot: Spot,
    /// The record behind it.
    pub(crate) origin: Origin,
}

/// What becomes of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// An event of its own.
    New,
    /// One more origin of the event that has this one.
    Joins(Origin),
    /// Told already: the kernel counts each corrected error that the log sums up in one record.
    Known,
}

impl Fault {
    fn by(&self, source: &str) -> Option<&Origin> {
        self.origins.iter().find(|origin| origin.source == source)
    }

    /// Whether the log summed up what the kernel goes on counting.
    fn summed_up(&self, report: &Report) -> bool {
        !self.uncorrected
            && self.origins.len() > 1
            && report.origin.source == "kernel"
            && self.by("kernel").is_some_and(|origin| origin.record == report.origin.record)
    }

    fn likeness(&self, report: &Report) -> Likeness {
        if self.uncorrected != report.uncorrected || self.by(&report.origin.source).is_some() {
            return Likeness::Other;
        }
        self.spot.like(&report.spot)
    }
}

impl Memory {
    /// Time passes; faults that are too old get no further report.
    pub(crate) fn pass(&mut self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        for fault in &mut self.faults {
            fault.age_ms = fault.age_ms.saturating_add(time);
        }
        self.faults.retain(|fault| fault.age_ms <= WINDOW_MS);
    }

    /// Takes a report and says whether it is news.
    pub(crate) fn report(&mut self, report: Report) -> Verdict {
        let same = |fault: &Fault| fault.uncorrected == report.uncorrected;
        if self.faults.iter().any(|fault| same(fault) && fault.summed_up(&report)) {
            return Verdict::Known;
        }
        let best = self.faults.iter_mut().max_by_key(|fault| fault.likeness(&report));
        if let Some(fault) = best.filter(|fault| fault.likeness(&report) != Likeness::Other) {
            fault.spot.learn(report.spot);
            fault.origins.push(report.origin);
            return fault.origins.first().cloned().map_or(Verdict::New, Verdict::Joins);
        }
        if self.faults.len() >= OPEN {
            self.faults.pop_front();
        }
        let Report { uncorrected, spot, origin } = report;
        self.faults.push_back(Fault { uncorrected, spot, origins: vec![origin], age_ms: 0 });
        Verdict::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(source: &str, record: &str, words: &str) -> Report {
        let origin = Origin { source: source.into(), record: record.into(), at: None };
        Report { uncorrected: false, spot: Spot::of([words]), origin }
    }

    #[test]
    fn faults_are_few_and_do_not_stay() {
        let mut memory = Memory::default();
        for n in 0..1000 {
            let record = format!("mc0/dimm{n}");
            assert_eq!(memory.report(report("kernel", &record, "")), Verdict::New, "two DIMMs");
        }
        assert_eq!(memory.faults.len(), OPEN);
        memory.pass(Duration::from_secs(300));
        assert_eq!(memory.faults.len(), OPEN);
        memory.pass(Duration::from_millis(1));
        assert!(memory.faults.is_empty());
    }

    #[test]
    fn the_one_that_tells_the_dimm_is_joined_before_one_that_does_not() {
        let mut memory = Memory::default();
        for (record, words) in [("a", "CPU1_B5"), ("b", "CPU1_B4"), ("c", "")] {
            memory.report(report("kernel", record, words));
        }
        let Verdict::Joins(to) = memory.report(report("ipmi", "SEL 1", "P1-DIMMB4")) else {
            panic!("no event was joined")
        };
        assert_eq!(to.record, "b");
        // The next one cannot be b's: the log told of it already.
        let next = memory.report(report("ipmi", "SEL 2", "P1-DIMMB4"));
        assert!(matches!(next, Verdict::Joins(to) if to.record == "c"));
        assert_eq!(memory.report(report("ipmi", "SEL 3", "P1-DIMMB4")), Verdict::New);
    }

    #[test]
    fn the_file_is_not_written_for_each_second() {
        let mut memory = Memory::default();
        memory.report(report("kernel", "a", ""));
        let text = serde_json::to_string(&memory).unwrap();
        memory.pass(Duration::from_secs(59));
        assert_eq!(serde_json::to_string(&memory).unwrap(), text);
        memory.pass(Duration::from_secs(2));
        let older: Memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
        assert_eq!(older.faults.front().unwrap().age_ms, 60_000);
    }
}
