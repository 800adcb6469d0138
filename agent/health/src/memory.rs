//! What is kept from one verdict to the next, and over a restart.

use serde::{Deserialize, Serialize};
use socle_model::{Status, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The layout of [`Memory`]; a file of another one is not read.
pub(crate) const VERSION: u32 = 1;

/// Log records that are remembered as told: as many as the root half keeps.
const TOLD: usize = 4096;

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
    /// Sensors that once had a value or a state, by [`crate::rules::sensor::key`].
    pub(crate) answered: BTreeSet<String>,
    /// Parts that were once present, by the key of the sensor that says so.
    pub(crate) present: BTreeSet<String>,
    /// Whether a BMC ever answered here.
    pub(crate) bmc_seen: bool,
    /// Error counts by file: corrected, uncorrected, and how the corrected ones came.
    pub(crate) errors: BTreeMap<String, ErrorCount>,
    /// Fingerprints of log records that were told, oldest first.
    pub(crate) told: VecDeque<u64>,
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
            answered: BTreeSet::new(),
            present: BTreeSet::new(),
            bmc_seen: false,
            errors: BTreeMap::new(),
            told: VecDeque::new(),
        }
    }
}

impl Memory {
    /// Whether the record with this text is new; it is told from now on.
    pub(crate) fn is_news(&mut self, raw: &str, known: &mut BTreeSet<u64>) -> bool {
        let print = fingerprint(raw);
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
