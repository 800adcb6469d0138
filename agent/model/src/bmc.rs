//! What the root half saw of the hardware: the snapshot that crosses the link.
//!
//! These are answers, so a reader ignores fields it does not know: a newer root half may add some.
//! A field that is added must carry `#[serde(default)]`, so that a newer gate reads an older host.

use crate::documents::Check;
use crate::drives::Drive;
use crate::reading::{Absent, Quantity, Thresholds};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything the root half knows, as of one moment. Latest wins; it is never queued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When the root half started.
    pub started: Timestamp,
    /// When this snapshot was made.
    pub at: Timestamp,
    /// The BMC, or why there is none.
    pub bmc: Bmc,
    /// Sources of the root half.
    pub sources: Vec<Source>,
    /// Features that are weaker here than designed, with the reason.
    pub degraded: Vec<Degraded>,
    /// The root half's own share of `socle doctor`.
    pub checks: Vec<Check>,
    /// NVMe drives; none from a root half that does not ask them.
    #[serde(default)]
    pub drives: Vec<Drive>,
}

/// One source's state, as the contract's status document shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `ipmi`, `cpu`, `hwmon`, …
    pub name: String,
    /// How it is.
    pub state: SourceState,
    /// When it last gave data.
    pub last_data: Option<Timestamp>,
    /// How long its last full collection took, in seconds.
    pub duration_s: Option<f64>,
    /// Collections that failed since start.
    pub errors: u64,
    /// The last failure: what, where, remedy. `None` while all is well.
    pub error: Option<String>,
}

/// How a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Gives data.
    Ok,
    /// This machine does not have it; makes nothing unknown.
    Absent,
    /// Should give data and does not.
    Failing,
}

/// A feature that is weaker here than designed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// The feature's short name, a label value.
    pub feature: String,
    /// Why, and what to do.
    pub why: String,
}

/// The BMC as the root half sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bmc {
    /// Not looked yet: the root half has just started.
    Starting,
    /// Neither SMBIOS nor ACPI nor a device file announces one.
    Absent,
    /// Announced, or once there, but not answering: cause and remedy.
    Unknown {
        /// What is known of it, by whom it was announced, what failed.
        cause: String,
        /// What to do.
        remedy: String,
        /// The last things it said, if it ever answered since start.
        last: Option<Box<BmcData>>,
    },
    /// Answers.
    Present(Box<BmcData>),
}

impl Bmc {
    /// The last things it said, if it ever answered since the root half started.
    #[must_use]
    pub fn data(&self) -> Option<&BmcData> {
        match self {
            Bmc::Starting | Bmc::Absent => None,
            Bmc::Unknown { last, .. } => last.as_deref(),
            Bmc::Present(data) => Some(data),
        }
    }
}

/// What a BMC said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct BmcData {
    /// Get Device ID, as shown by `ipmi_bmc_info`.
    pub info: Option<BmcInfo>,
    /// Self test result: `None` not asked or refused, else the words, "passed" when good.
    pub self_test: Option<SelfTest>,
    /// Get Chassis Status.
    pub chassis: Option<Chassis>,
    /// DCMI power reading in watts; `None` when the BMC has no DCMI or measures nothing.
    pub dcmi_power_watts: Option<f64>,
    /// Whether the collectors of `ipmi_up` worked the last time they were tried.
    pub up: Up,
    /// SEL summary.
    pub sel: Option<SelInfo>,
    /// Every sensor of the repository, in the order of the records.
    pub sensors: Vec<Sensor>,
    /// When the last full sweep of the sensors ended, and how long it took in seconds.
    pub swept_at: Option<Timestamp>,
    /// Duration of the last full sweep in seconds.
    pub sweep_s: Option<f64>,
    /// SDR records that could not be read or decoded: record id and reason.
    pub bad_records: Vec<(u16, String)>,
}

/// `ipmi_up` per collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[expect(missing_docs, reason = "named after ipmi_exporter's collectors")]
pub struct Up {
    pub ipmi: bool,
    pub dcmi: bool,
    pub bmc: bool,
    pub chassis: bool,
    pub sel: bool,
}

/// Identity of the management controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BmcInfo {
    /// As FreeIPMI prints it: "2.60".
    pub firmware_revision: String,
    /// As ipmi_exporter prints it: FreeIPMI's "Manufacturer ID" field, `NAME (NUMBER)` or the number.
    pub manufacturer_id: String,
    /// The IANA enterprise number.
    pub manufacturer_number: u32,
    /// Product id.
    pub product_id: u16,
    /// IPMI version, "2.0".
    pub ipmi_version: String,
    /// System firmware version from the System Info parameters, if the BMC has them.
    pub system_firmware_version: Option<String>,
}

/// Get Self Test Results (IPMI 2.0 section 20.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    /// Whether it passed, or the BMC does not implement it.
    pub passed: bool,
    /// The words.
    pub text: String,
}

/// Get Chassis Status (IPMI 2.0 section 28.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named as in the specification")]
pub struct Chassis {
    pub power_on: bool,
    pub power_overload: bool,
    pub power_fault: bool,
    pub power_control_fault: bool,
    pub intrusion: bool,
    pub drive_fault: bool,
    pub cooling_fault: bool,
}

/// Get SEL Info (IPMI 2.0 section 31.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelInfo {
    /// Number of records.
    pub entries: u16,
    /// Free space in bytes; FFFFh means "65,535 or more".
    pub free_bytes: u16,
    /// Whether records were lost for lack of space.
    pub overflow: bool,
    /// The root half's count of SEL records so far: ask `Events` when it grows.
    pub head: u64,
}

/// One sensor with its last reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// The record's id string, with FreeIPMI's suffix for shared records.
    pub name: String,
    /// The id string alone and with its padding: the name that `ipmi_*` has.
    ///
    /// Empty from a root half that does not tell it: see [`Sensor::shown_name`].
    #[serde(default)]
    pub id_string: String,
    /// SDR record id.
    pub record_id: u16,
    /// Place among the sensors of a shared record; 0 is the one that `ipmi_*` shows.
    pub share: u8,
    /// Sensor number.
    pub number: u8,
    /// LUN of the owner.
    pub lun: u8,
    /// Owner id: 20h (32) is the BMC, an odd one is software.
    pub owner: u8,
    /// Entity id (IPMI 2.0 table 43-13).
    pub entity_id: u8,
    /// Entity instance.
    pub entity_instance: u8,
    /// Sensor type code (table 42-3).
    pub sensor_type: u8,
    /// FreeIPMI's name of the type: "Temperature", "Power Supply".
    pub type_name: String,
    /// Event/reading type code (table 42-1): 01h threshold, 6Fh sensor specific.
    pub event_type: u8,
    /// Whether `ipmi_exporter`'s default page shows it: BMC owned, LUN 0, with a reading record.
    pub exported: bool,
    /// What it measures.
    pub quantity: Quantity,
    /// The field's word for the unit: `celsius`, `rpm`; with a rate "x per minute".
    pub unit: String,
    /// Whether the unit has a rate or a modifier, which makes it generic for `ipmi_*`.
    pub compound_unit: bool,
    /// The value in `unit`; `None` exactly when `absent` says why.
    pub value: Option<f64>,
    /// Why there is no value.
    pub absent: Option<Absent>,
    /// The cause behind `absent` in words, such as the completion code.
    pub why: Option<String>,
    /// One raw step in `unit` at the present reading: the resolution.
    pub step: Option<f64>,
    /// Asserted states, bit n for offset n (discrete), or for thresholds bit 0 lower non-critical,
    /// 1 lower critical, 2 lower non-recoverable, 3 upper non-critical, 4 critical, 5 non-recoverable.
    pub asserted: u16,
    /// The same in the words of IPMI 2.0 tables 42-2 and 42-3.
    pub states: Vec<String>,
    /// Whether the value grows with the BMC's raw reading. The BMC compares raw bytes: where this is
    /// false, "upper" limits may lie below the lower ones, and value and limits must not be compared.
    #[serde(default = "yes")]
    pub rising: bool,
    /// Thresholds in `unit`.
    pub thresholds: Thresholds,
    /// When the reading was taken.
    pub at: Option<Timestamp>,
}

/// An older root half does not tell `rising`; nearly every scale rises.
fn yes() -> bool {
    true
}

impl Sensor {
    /// The name that `ipmi_*` has: the id string with its padding, else the name.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        if self.id_string.is_empty() { &self.name } else { &self.id_string }
    }
}

/// One SEL record, decoded by the root half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelRecord {
    /// The root half's running number of this record, from 1; starts again when it restarts.
    pub head: u64,
    /// Record id.
    pub record_id: u16,
    /// The record's own time; `None` when unset, or relative to the BMC's start.
    pub at: Option<Timestamp>,
    /// Record type: 02h system event, C0h-DFh, E0h-FFh OEM.
    pub record_type: u8,
    /// The sensor's name, if its record is known.
    pub sensor: Option<String>,
    /// Entity id of that sensor, 0 if unknown.
    pub entity_id: u8,
    /// Entity instance of that sensor.
    pub entity_instance: u8,
    /// Sensor type code, 0 for OEM records.
    pub sensor_type: u8,
    /// Event/reading type code, 0 for OEM records.
    pub event_type: u8,
    /// Event offset (low nibble of event data 1).
    pub offset: u8,
    /// Whether the event is an assertion.
    pub asserted: bool,
    /// One line for a person.
    pub text: String,
    /// The 16 bytes in hex.
    pub raw: String,
    /// Which log of this BMC: grows when it was cleared. A BMC without a clock writes the same bytes
    /// again, and they are news all the same.
    #[serde(default)]
    pub epoch: u32,
    /// Whether it was found when the log was read again after a while, so that it may be old; a record
    /// that came while the root half watched is not.
    #[serde(default)]
    pub backlog: bool,
}

#[cfg(test)]
mod tests {
    use super::Snapshot;

    /// What a root half of link schema 1 sent before it told id strings and falling scales.
    const SCHEMA_1: &str = r#"{
        "generation": 3, "started": "2026-11-24T10:00:00Z", "at": "2026-11-24T10:01:00Z",
        "bmc": {"present": {
            "info": null, "self_test": null, "chassis": null, "dcmi_power_watts": null,
            "up": {"ipmi": true, "dcmi": false, "bmc": true, "chassis": true, "sel": true},
            "sel": null, "swept_at": null, "sweep_s": null, "bad_records": [],
            "sensors": [{
                "name": "FAN1", "record_id": 1, "share": 0, "number": 1, "lun": 0, "owner": 32,
                "entity_id": 29, "entity_instance": 1, "sensor_type": 4, "type_name": "Fan",
                "event_type": 1, "exported": true, "quantity": "fan_speed", "unit": "rpm",
                "compound_unit": false, "value": 6000.0, "absent": null, "why": null, "step": 60.0,
                "asserted": 0, "states": [], "status_disagrees": false,
                "thresholds": {
                    "lower_nonrecoverable": null, "lower_critical": null, "lower_noncritical": null,
                    "upper_noncritical": null, "upper_critical": null, "upper_nonrecoverable": null
                },
                "at": "2026-11-24T10:00:59Z"
            }]
        }},
        "sources": [], "degraded": [], "checks": []
    }"#;

    #[test]
    fn a_snapshot_of_an_older_root_half_is_read() {
        let snapshot: Snapshot = serde_json::from_str(SCHEMA_1).unwrap();
        let sensor = &snapshot.bmc.data().unwrap().sensors[0];
        assert_eq!((sensor.shown_name(), sensor.rising), ("FAN1", true));
        let padded = super::Sensor { id_string: "FAN1  ".into(), ..sensor.clone() };
        assert_eq!(padded.shown_name(), "FAN1  ");
    }
}
