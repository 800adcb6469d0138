//! What network devices say of themselves to `SIOCETHTOOL`, as the root half asked it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most devices in one question.
pub const DEVICES_LIMIT: usize = 64;
/// Most statistics of one device.
pub const STATISTICS_LIMIT: usize = 4096;
/// Most statistics in one answer: it must fit into a frame of the link.
pub const ANSWER_LIMIT: usize = 40_000;

/// Parameters of `Ethtool`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Devices {
    /// The devices' names, at most [`DEVICES_LIMIT`].
    pub devices: Vec<String>,
}

/// Answer to `Ethtool`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nics {
    /// When they were asked.
    pub at: Timestamp,
    /// Those that are there.
    pub devices: Vec<Nic>,
}

/// One device. What its driver does not say is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Nic {
    /// Its name.
    pub device: String,
    /// `ETHTOOL_GDRVINFO`.
    pub driver: Option<Driver>,
    /// `ETHTOOL_GSET`.
    pub link: Option<Link>,
    /// `ETHTOOL_GSTATS` with the names of `ETHTOOL_GSTRINGS`, in the driver's order.
    pub statistics: Vec<(String, u64)>,
    /// Statistics that were left out for a limit.
    pub left_out: u32,
}

/// Who drives a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[expect(missing_docs, reason = "named as in struct ethtool_drvinfo")]
pub struct Driver {
    pub driver: String,
    pub version: String,
    pub firmware: String,
    pub bus_info: String,
    pub expansion_rom: String,
}

/// What a link can do and does: the low 32 bits of `enum ethtool_link_mode_bit_indices`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Link {
    /// What it could do.
    pub supported: u32,
    /// What it offers its peer.
    pub advertising: u32,
    /// Whether it negotiates.
    pub autonegotiates: bool,
}
