//! What a sensor can say: quantities with units, values or the reason for none, thresholds.

use serde::{Deserialize, Serialize};

/// What is measured. `unit` in the documents is the field's word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are their own explanation")]
pub enum Quantity {
    Temperature,
    FanSpeed,
    Voltage,
    Current,
    Power,
    Energy,
    Humidity,
    Airflow,
    Frequency,
    Time,
    Ratio,
    Count,
    Other,
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// The BMC says "reading/state unavailable" (IPMI 2.0 section 35.14, byte 3 bit 5).
    Unavailable,
    /// Sensor scanning is disabled (byte 3 bit 6 clear).
    ScanningDisabled,
    /// Nobody can read it: a software owner, an event-only record, a value outside the formula.
    NotReadable,
    /// No answer within the deadline.
    NotAnswered,
    /// The BMC refused with a completion code.
    Refused,
    /// The sensor has states, not a value.
    Discrete,
}

/// The six thresholds of an analog sensor, in the sensor's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[expect(missing_docs, reason = "named as in IPMI 2.0 section 35.9")]
pub struct Thresholds {
    pub lower_nonrecoverable: Option<f64>,
    pub lower_critical: Option<f64>,
    pub lower_noncritical: Option<f64>,
    pub upper_noncritical: Option<f64>,
    pub upper_critical: Option<f64>,
    pub upper_nonrecoverable: Option<f64>,
}
