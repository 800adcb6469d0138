//! Room health asked with everything that was seen; its memory kept across restarts.

use crate::events::Events;
use crate::link::{Batch, Hardware};
use crate::sources::Line;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use socle_model::Status;
use socle_model::documents::{Component, SensorLine};
use socle_model::event::Event;
use socle_model::facts::KernelFacts;
use std::fs;
use std::path::Path;

/// The memory's file in the state folder.
pub(crate) const FILE: &str = "memory.json";

/// Everything that was seen.
pub(crate) struct Seen<'a> {
    /// Now.
    pub(crate) now: Timestamp,
    /// What the kernel tells.
    pub(crate) facts: &'a KernelFacts,
    /// What came through the link.
    pub(crate) hardware: &'a Hardware,
    /// The sources' state.
    pub(crate) lines: &'a [Line],
    /// New SEL records.
    pub(crate) batches: &'a [Batch],
}

/// What became of it.
pub(crate) struct Judged {
    pub(crate) status: Status,
    pub(crate) components: Vec<Component>,
    pub(crate) sensors: Vec<SensorLine>,
    pub(crate) events: Vec<Event>,
}

/// What is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    next_event: u64,
}

/// Judges and remembers.
pub(crate) struct Judge {
    _x: (),
}

impl Judge {
    /// Takes up what was remembered; without it, or with what cannot be read, starts afresh.
    pub(crate) fn open(folder: &Path) -> (Self, Events) {
        let stored = fs::read(folder.join(FILE)).ok();
        let stored: Option<Stored> = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let next = stored.map_or(0, |stored| stored.next_event);
        (Judge { _x: () }, Events::open(folder, next))
    }

    /// The memory as it is to be stored.
    pub(crate) fn memory(&self, next_event: u64) -> Option<Vec<u8>> {
        serde_json::to_vec(&Stored { version: 1, next_event }).ok()
    }

    pub(crate) fn judge(&mut self, seen: &Seen<'_>) -> Judged {
        let _ = (seen.now, seen.facts, seen.hardware, seen.lines, seen.batches);
        Judged {
            status: Status::Unknown,
            components: Vec::new(),
            sensors: Vec::new(),
            events: Vec::new(),
        }
    }
}
