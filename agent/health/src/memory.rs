//! What is kept from one verdict to the next, and over a restart.

use serde::{Deserialize, Serialize};
use socle_model::{Status, Timestamp};
use std::collections::BTreeMap;

/// What was once there. A file of another version reads as an error: start from `default()`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Since when each component has had its verdict, by path.
    pub(crate) verdicts: BTreeMap<String, (Status, Timestamp)>,
}
