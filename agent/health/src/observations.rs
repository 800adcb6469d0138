//! What a verdict is made from, and what a verdict is made of.

use socle_model::bmc::{SelRecord, Snapshot, Source};
use socle_model::documents::{Component, SensorLine};
use socle_model::event::{Kind, Origin, Severity};
use socle_model::facts::KernelFacts;
use socle_model::{ComponentPath, Status, Timestamp};
use std::time::Duration;

/// Everything that was seen, as of `now`.
#[derive(Debug, Clone, Copy)]
pub struct Observations<'a> {
    /// The moment of the verdict.
    pub now: Timestamp,
    /// Time since the verdict before, by a clock that nobody sets; zero for the first one.
    pub elapsed: Duration,
    /// The last snapshot of the root half, however old.
    pub snapshot: Option<&'a Snapshot>,
    /// Whether the root half is heard.
    pub link: Link<'a>,
    /// What the kernel said in the last look.
    pub kernel: Option<&'a KernelFacts>,
    /// The network half's own sources.
    pub sources: &'a [Source],
    /// SEL records that have come since the last verdict.
    pub new_sel: &'a [SelRecord],
    /// The configured time between two sweeps, in seconds.
    pub interval_s: f64,
}

/// The link to the root half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link<'a> {
    /// It answers.
    Connected,
    /// It answered, and no longer does.
    Lost {
        /// Since when.
        since: Timestamp,
        /// What failed.
        error: &'a str,
    },
    /// It has not answered since this half started.
    Never {
        /// Since when it is being tried.
        since: Timestamp,
        /// What failed.
        error: &'a str,
    },
}

/// A verdict on the whole host.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The worst of all components.
    pub status: Status,
    /// Every component, parents before children.
    pub components: Vec<Component>,
    /// Every sensor.
    pub sensors: Vec<SensorLine>,
    /// What has happened since the last verdict.
    pub events: Vec<NewEvent>,
    /// What has turned out to be of an event that was told before.
    pub joined: Vec<Joined>,
    /// What to keep for the next verdict.
    pub memory: super::Memory,
}

/// One more record behind an event that was told before.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// The first origin of that event, by which it is found: the youngest event that has it.
    pub to: Origin,
    /// The record.
    pub origin: Origin,
}

/// An event that has no number yet; the event store gives it one.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
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
}
