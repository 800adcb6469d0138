//! Events: SEL records, error counts that moved, the agent's own incidents, in one stream.

use crate::ComponentPath;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are their own explanation")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    /// The word used in documents and labels.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The BMC's System Event Log.
    Sel,
    /// The kernel's memory error counts.
    Edac,
    /// The agent itself: a source lost or back, a component whose verdict changed.
    Agent,
}

impl Kind {
    /// The word used in documents and labels.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Sel => "sel",
            Kind::Edac => "edac",
            Kind::Agent => "agent",
        }
    }
}

/// One record of one source that stands behind an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// `ipmi`, `kernel`, `nvme` or `agent`.
    pub source: String,
    /// The record's name at its source: a SEL record id, a sysfs file.
    pub record: String,
    /// The source's own time stamp, where it has one.
    pub at: Option<Timestamp>,
}

/// One event, as `socle events --json` prints it (schema `socle.event/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `socle.event/1`.
    pub schema: String,
    /// Grows by one per event, across restarts.
    pub seq: u64,
    /// When it happened, or was first seen where the source has no usable clock.
    pub at: Timestamp,
    /// The part it is about.
    pub component: ComponentPath,
    /// How bad.
    pub severity: Severity,
    /// Where it comes from.
    pub kind: Kind,
    /// One line for a person.
    pub text: String,
    /// The records behind it.
    pub origins: Vec<Origin>,
    /// More, by kind.
    pub detail: serde_json::Map<String, serde_json::Value>,
}

/// The schema name of [`Event`].
pub const SCHEMA: &str = "socle.event/1";
