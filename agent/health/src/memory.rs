//! What is kept from one verdict to the next, and over a restart.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use socle_model::bmc::SelRecord;
use socle_model::{ComponentPath, Status, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The layout of [`Memory`]; a file of another one is not read.
pub(crate) const VERSION: u32 = 1;

/// Log records that are remembered as told: several times what the largest logs hold, since a log is
/// read again from its start after each restart of the root half.
const TOLD: usize = 16_384;
/// Sensors that are remembered; names come from the BMC, so there is a bound.
const REMEMBERED: usize = 8192;
/// A sensor whose record is gone is missed for this long, then forgotten.
const MISSED_S: i64 = 86_400;
/// How exactly the last answer is remembered: not to the second, the memory is a file.
const GRAIN_S: i64 = 3600;

/// What was once there. A file of another version, or with unknown fields, reads as an error: start
/// from `default()` then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// [`VERSION`].
    #[serde(deserialize_with = "this_version")]
    pub(crate) version: u32,
    /// Since when each component has had its verdict, by path.
    pub(crate) verdicts: BTreeMap<String, (Status, Timestamp)>,
    /// Sensors that once had a value or a state, by [`crate::rules::sensor::key`]: where they belong and
    /// about when they last answered.
    pub(crate) answered: BTreeMap<String, Answered>,
    /// Parts that were once present, by the key of the sensor that says so.
    pub(crate) present: BTreeSet<String>,
    /// Sensors of an asserted state that were once seen without it.
    pub(crate) calm: BTreeSet<String>,
    /// Whether a BMC ever answered here.
    pub(crate) bmc_seen: bool,
    /// Error counts by file: corrected, uncorrected, and how the corrected ones came.
    pub(crate) errors: BTreeMap<String, ErrorCount>,
    /// Fingerprints of log records that were told, oldest first.
    pub(crate) told: VecDeque<u64>,
    /// Faults that were told and may be reported by another source, oldest first.
    #[serde(default)]
    pub(crate) faults: VecDeque<Fault>,
}

/// A sensor that once answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answered {
    /// Its component.
    pub(crate) path: ComponentPath,
    /// When it last did, to the hour.
    pub(crate) last: Timestamp,
}

/// What is known of one error counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorCount {
    /// Corrected errors at the last look.
    pub(crate) corrected: u64,
    /// Uncorrected errors at the last look.
    pub(crate) uncorrected: u64,
    /// When corrected errors grew, and by how many, within the last day.
    pub(crate) grew: VecDeque<(Timestamp, u64)>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            version: VERSION,
            verdicts: BTreeMap::new(),
            answered: BTreeMap::new(),
            present: BTreeSet::new(),
            calm: BTreeSet::new(),
            bmc_seen: false,
            errors: BTreeMap::new(),
            told: VecDeque::new(),
            faults: VecDeque::new(),
        }
    }
}

impl Memory {
    /// Notes that a sensor answered.
    pub(crate) fn answers(&mut self, key: String, path: &ComponentPath, now: Timestamp) {
        let full = self.answered.len() >= REMEMBERED;
        match self.answered.get_mut(&key) {
            Some(known) if now.duration_since(known.last).as_secs().abs() < GRAIN_S => {}
            Some(known) => known.last = now,
            None if full => {}
            None => drop(self.answered.insert(key, Answered { path: path.clone(), last: now })),
        }
    }

    /// Remembers a key in one of the sets, within the bound.
    pub(crate) fn note(set: &mut BTreeSet<String>, key: &str) {
        if set.len() < REMEMBERED && !set.contains(key) {
            set.insert(key.to_owned());
        }
    }

    /// Forgets sensors that have been missing for long.
    pub(crate) fn forget_missing(&mut self, now: Timestamp) {
        let kept = |known: &Answered| now.duration_since(known.last).as_secs() < MISSED_S;
        let (present, calm) = (&mut self.present, &mut self.calm);
        self.answered.retain(|key, known| {
            let kept = kept(known);
            if !kept {
                present.remove(key);
                calm.remove(key);
            }
            kept
        });
    }

    /// Whether the record is new; it is told from now on.
    pub(crate) fn is_news(&mut self, record: &SelRecord, known: &mut BTreeSet<u64>) -> bool {
        let print = match (record.at, record.epoch) {
            // With a time of its own no other record is the same.
            (Some(_), _) | (None, 0) => fingerprint(&record.raw),
            (None, epoch) => fingerprint(&format!("{}#{epoch}", record.raw)),
        };
        if !known.insert(print) {
            return false;
        }
        self.told.push_back(print);
        while self.told.len() > TOLD {
            self.told.pop_front();
        }
        true
    }
}

/// FNV-1a, 64 bits: stable across versions and machines.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn this_version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version == VERSION {
        return Ok(version);
    }
    Err(serde::de::Error::custom(format!(
        "memory of version {version}; this agent reads {VERSION}"
    )))
}
