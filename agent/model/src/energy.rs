//! Energy counts that only root may read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The count of one zone of `/sys/class/powercap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneEnergy {
    /// The zone's folder, such as `intel-rapl:0:1`.
    pub zone: String,
    /// `energy_uj`: microjoules since the counter last began anew (its range is `max_energy_range_uj`).
    pub microjoules: u64,
}

/// The link's answer to `Energy`: all zones, read one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Energy {
    /// When they were read: at most a second ago.
    pub at: Timestamp,
    /// The counts.
    pub zones: Vec<ZoneEnergy>,
}
