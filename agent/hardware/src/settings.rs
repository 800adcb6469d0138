//! The table `[ipmi]` of the configuration.

use serde::Deserialize;
use socle_model::settings::{Key, Kind};
use std::path::PathBuf;
use std::time::Duration;

/// What may be set.
pub const KEYS: &[Key] = &[
    Key {
        table: "ipmi",
        name: "device",
        kind: Kind::Text,
        default: "\"/dev/ipmi0\"",
        doc: "The BMC: the driver's device file, or a Unix socket that speaks OpenIPMI's serial\n\
              protocol in its VM form (ipmi_sim, QEMU; for tests).",
    },
    Key {
        table: "ipmi",
        name: "interval_s",
        kind: Kind::Integer(1, 3600),
        default: "30",
        doc: "Seconds between two sweeps over the sensors.",
    },
    Key {
        table: "ipmi",
        name: "bus_share",
        kind: Kind::Number(0.01, 1.0),
        default: "0.2",
        doc: "The share of the time in which the BMC may be kept busy by us, 0.01 to 1. A BMC that\n\
              answers slowly is swept less often, never harder.",
    },
];

/// What is set. Whoever builds one from outside data checks it against [`KEYS`] first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The device file or Unix socket, beneath the root.
    pub device: PathBuf,
    /// Seconds between two sweeps, at least 1.
    pub interval_s: u64,
    /// The share of the time in which we may keep the BMC busy, above 0, at most 1.
    pub bus_share: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { device: "/dev/ipmi0".into(), interval_s: 30, bus_share: 0.2 }
    }
}

impl Settings {
    /// Time between the starts of two sweeps.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_s.max(1))
    }
}
