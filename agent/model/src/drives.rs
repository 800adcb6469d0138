//! NVMe drives as the root half sees them: what the SMART / Health log says (NVM Express Base 2.0,
//! section 5.16.1.3), in the units of the specification and without a serial number.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One NVMe controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drive {
    /// The kernel's name: `nvme0`.
    pub device: String,
    /// How asking it went the last time.
    pub state: DriveState,
    /// Who it says it is; `None` before it first answered.
    pub identity: Option<Identity>,
    /// The last log it gave, however old.
    pub log: Option<SmartLog>,
    /// When that was.
    pub at: Option<Timestamp>,
}

impl Drive {
    /// A drive of which nothing else is known.
    #[must_use]
    pub fn new(device: &str, state: DriveState) -> Self {
        Drive { device: device.to_owned(), state, identity: None, log: None, at: None }
    }
}

/// How asking a drive went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriveState {
    /// It answered.
    Answers,
    /// It is not asked, and why: no local drive, or this process may not.
    NotAsked(String),
    /// It was asked and did not answer, or said what cannot be read: how, in words.
    Failing(String),
    /// The kernel has given it up.
    Dead,
}

/// What Identify Controller says that a reader of the log needs (figure 275).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Model number, without the padding.
    pub model: String,
    /// Firmware revision, without the padding.
    pub firmware: String,
    /// WCTEMP: the composite temperature from which it is too warm, in kelvin.
    pub warning_kelvin: Option<u16>,
    /// CCTEMP: the composite temperature from which it may fail, in kelvin.
    pub critical_kelvin: Option<u16>,
    /// Whether it has endurance groups (CTRATT bit 4).
    pub endurance_groups: bool,
    /// Tells two drives apart that were in one slot: a hash of the serial number, which stays in the
    /// root half.
    pub fingerprint: u64,
}

/// The SMART / Health Information log of the whole controller (figure 207). Counters of 128 bits that do
/// not fit end at [`u64::MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SmartLog {
    /// Critical Warning, bits as in [`WARNINGS`].
    pub critical_warning: u8,
    /// Composite temperature in kelvin; `None` when it reports none.
    pub kelvin: Option<u16>,
    /// Available spare in percent of what it had.
    pub spare_percent: u8,
    /// Below this the spare is a warning.
    pub spare_threshold_percent: u8,
    /// Endurance used in percent of what the vendor promises; may exceed 100, and ends at 255.
    pub used_percent: u8,
    /// Endurance Group Critical Warning Summary; `None` for a controller without such groups.
    pub endurance_group_warning: Option<u8>,
    /// Units of 1,000 x 512 bytes read by the host.
    pub units_read: u64,
    /// Units of 1,000 x 512 bytes written by the host.
    pub units_written: u64,
    /// Read commands completed.
    pub read_commands: u64,
    /// Write commands completed.
    pub write_commands: u64,
    /// Minutes with commands outstanding.
    pub busy_minutes: u64,
    /// Power cycles.
    pub power_cycles: u64,
    /// Hours powered on.
    pub power_on_hours: u64,
    /// Power losses without a shutdown notice.
    pub unsafe_shutdowns: u64,
    /// Unrecovered data integrity errors.
    pub media_errors: u64,
    /// Error log entries over its life.
    pub error_log_entries: u64,
    /// Minutes above WCTEMP; `None` where there is no such threshold.
    pub warning_minutes: Option<u32>,
    /// Minutes above CCTEMP; `None` where there is no such threshold.
    pub critical_minutes: Option<u32>,
}

/// The bits of Critical Warning: label and words.
pub const WARNINGS: [(u8, &str, &str); 6] = [
    (0, "spare", "the available spare is below its threshold"),
    (1, "temperature", "a temperature is outside its thresholds"),
    (2, "reliability", "its reliability is degraded by media or internal errors"),
    (3, "read_only", "its media are read-only"),
    (4, "backup", "the backup of its volatile memory has failed"),
    (5, "persistent_memory", "its persistent memory region is read-only or unreliable"),
];

/// The same of the endurance groups' summary, whose other bits are reserved.
pub const GROUP_WARNINGS: [(u8, &str); 3] = [(0, "spare"), (2, "reliability"), (3, "read_only")];

impl SmartLog {
    /// The composite temperature in degrees Celsius, as the kernel's hwmon has it.
    #[must_use]
    pub fn celsius(&self) -> Option<f64> {
        self.kelvin.map(celsius)
    }

    /// Whether a bit of Critical Warning is set.
    #[must_use]
    pub const fn warns(&self, bit: u8) -> bool {
        set(self.critical_warning, bit)
    }
}

/// Whether a bit is set.
#[must_use]
pub const fn set(bits: u8, bit: u8) -> bool {
    bit < 8 && bits >> bit & 1 == 1
}

/// Kelvin in degrees Celsius, without the noise of binary fractions.
#[must_use]
pub fn celsius(kelvin: u16) -> f64 {
    (f64::from(kelvin) * 100.0 - 27_315.0) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kelvin_are_the_kernels_celsius() {
        assert_eq!((celsius(323), celsius(273), celsius(0)), (49.85, -0.15, -273.15));
        let log = SmartLog { critical_warning: 0b1001, ..SmartLog::default() };
        let bits: Vec<_> = WARNINGS.iter().filter(|(bit, ..)| log.warns(*bit)).collect();
        assert_eq!(
            bits.iter().map(|(_, label, _)| *label).collect::<Vec<_>>(),
            ["spare", "read_only"]
        );
        assert_eq!((log.celsius(), set(0xFF, 8)), (None, false));
    }
}
