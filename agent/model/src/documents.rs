//! The documents that `--json` and `/v1/` give: status, sensors, doctor.

use crate::bmc::{Degraded, SourceState};
use crate::reading::{Absent, Quantity, Thresholds};
use crate::{ComponentPath, Status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `socle.status/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusDocument {
    /// Always [`STATUS_SCHEMA`].
    pub schema: String,
    /// The kernel's node name.
    pub host: String,
    /// Manufacturer and product as SMBIOS tells them, for the first line; `None` where unknown.
    pub model: Option<String>,
    /// When the verdict was made.
    pub at: Timestamp,
    /// The verdict on the whole host.
    pub status: Status,
    /// Every component, parents before children.
    pub components: Vec<Component>,
    /// Every source with its age.
    pub sources: Vec<SourceLine>,
    /// What is weaker here than designed.
    pub degraded: Vec<Degraded>,
}

/// The schema name of [`StatusDocument`].
pub const STATUS_SCHEMA: &str = "socle.status/1";

/// A node of the component tree with its verdict, rolled up from its children.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its place.
    pub path: ComponentPath,
    /// `fan`, `psu`, `cpu`, `dimm`, `temperature`, `bmc`, `clocksource`, `module`, …
    pub kind: String,
    /// What people call it: the sensor's or the part's own name.
    pub name: String,
    /// The verdict.
    pub status: Status,
    /// Why it is not ok: value and threshold, or what is not known; `None` when ok.
    pub cause: Option<String>,
    /// What to do about it, where there is something to say.
    pub remedy: Option<String>,
    /// Since when it has had this verdict.
    pub since: Option<Timestamp>,
    /// Who says so: `ipmi`, `kernel`.
    pub sources: Vec<String>,
}

/// A source's state and age.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceLine {
    /// `ipmi`, `link`, `cpu`, …
    pub name: String,
    /// How it is.
    pub state: SourceState,
    /// Seconds since it last gave data; `None` if it never did.
    pub age_s: Option<f64>,
    /// The last failure, with the remedy.
    pub error: Option<String>,
}

/// `socle.sensors/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorsDocument {
    /// Always [`SENSORS_SCHEMA`].
    pub schema: String,
    /// Every sensor.
    pub sensors: Vec<SensorLine>,
}

/// The schema name of [`SensorsDocument`].
pub const SENSORS_SCHEMA: &str = "socle.sensors/1";

/// One sensor. What a kernel sensor does not have (record id, LUN, owner, entity) is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract explains the fields")]
pub struct SensorLine {
    pub name: String,
    pub component: ComponentPath,
    pub source: String,
    pub record_id: Option<u16>,
    pub number: Option<u8>,
    pub lun: Option<u8>,
    pub owner: Option<u8>,
    pub entity: Option<String>,
    #[serde(rename = "type")]
    pub sensor_type: String,
    pub quantity: Quantity,
    pub unit: String,
    pub value: Option<f64>,
    pub absent: Option<Absent>,
    pub why: Option<String>,
    pub states: Vec<String>,
    pub status: Status,
    pub thresholds: Thresholds,
    pub at: Option<Timestamp>,
}

/// `socle.doctor/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoctorDocument {
    /// Always [`DOCTOR_SCHEMA`].
    pub schema: String,
    /// What was checked.
    pub checks: Vec<Check>,
}

/// The schema name of [`DoctorDocument`].
pub const DOCTOR_SCHEMA: &str = "socle.doctor/1";

/// One check of `socle doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its short name.
    pub name: String,
    /// How it went.
    pub result: CheckResult,
    /// What was found.
    pub text: String,
    /// What to do, when something is to be done.
    pub remedy: Option<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are their own explanation")]
pub enum CheckResult {
    Ok,
    Warning,
    Failed,
}
