//! Energy counts that only root may read.

use serde::{Deserialize, Serialize};

/// The count of one zone of `/sys/class/powercap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneEnergy {
    /// The zone's folder, such as `intel-rapl:0:1`.
    pub zone: String,
    /// `energy_uj`: microjoules since the counter last began anew (its range is `max_energy_range_uj`).
    pub microjoules: u64,
}
