//! What the kernel tells anyone about the hardware, typed for the verdict on it.

use crate::reading::{Quantity, Thresholds};
use serde::{Deserialize, Serialize};

/// Everything that `kernel` found in one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct KernelFacts {
    /// Manufacturer and product from `/sys/class/dmi/id/{sys_vendor,product_name}`.
    pub model: Option<String>,
    /// The node name from `/proc/sys/kernel/hostname`.
    pub host: Option<String>,
    /// Sensors of `/sys/class/hwmon`.
    pub hwmon: Vec<HwmonSensor>,
    /// Memory error counts of `/sys/devices/system/edac/mc`.
    pub edac: Vec<EdacCount>,
    /// The clock source in use and those that could be.
    pub clocksource: Option<Clocksource>,
}

/// One sensor of a hwmon chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HwmonSensor {
    /// node_exporter's `chip` label.
    pub chip: String,
    /// The chip's `name` file.
    pub chip_name: Option<String>,
    /// `temp1`, `fan2`, `in0`, …
    pub sensor: String,
    /// The sensor's `_label` file.
    pub label: Option<String>,
    /// What it measures.
    pub quantity: Quantity,
    /// The field's word for the unit.
    pub unit: String,
    /// The value in `unit`.
    pub value: Option<f64>,
    /// `_alarm`, `_crit_alarm` or `_fault` reads 1 (files that need no interrupt to other CPUs).
    pub alarms: Vec<String>,
    /// Limits: `_min`, `_max` as non-critical, `_lcrit`, `_crit` as critical, `_emergency` as
    /// non-recoverable.
    pub thresholds: Thresholds,
}

/// Error counts of one DIMM, or of a controller as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdacCount {
    /// Controller number: `0` for `mc0`.
    pub controller: String,
    /// `dimm3`, `rank1`; `None` for what the controller could place nowhere.
    pub dimm: Option<String>,
    /// `dimm_label`, where user space or firmware set one.
    pub label: Option<String>,
    /// `dimm_location`.
    pub location: Option<String>,
    /// Corrected errors since boot or `reset_counters`.
    pub corrected: u64,
    /// Uncorrected errors.
    pub uncorrected: u64,
    /// The count's file, the origin record of an event.
    pub file: String,
}

/// `/sys/devices/system/clocksource/clocksource0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocksource {
    /// In use.
    pub current: String,
    /// Registered and not marked unstable.
    pub available: Vec<String>,
    /// Whether `/proc/cpuinfo` lists `constant_tsc` or `nonstop_tsc`: this machine has a TSC that
    /// the kernel should be using.
    pub tsc_expected: bool,
}
