//! Room health asked with everything that was seen; its memory kept across restarts.

use crate::events::Events;
use crate::link::{Hardware, LinkState};
use crate::past::Past;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use socle_health::{Judgement, Link, Memory, Observations};
use socle_model::bmc::{SelRecord, Source};
use socle_model::facts::KernelFacts;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The memory's file in the state folder.
pub(crate) const FILE: &str = "memory.json";

/// Everything that was seen.
pub(crate) struct Seen<'a> {
    /// Now.
    pub(crate) now: Timestamp,
    /// What the kernel tells.
    pub(crate) facts: Option<&'a KernelFacts>,
    /// What came through the link.
    pub(crate) hardware: &'a Hardware,
    /// The kernel's sources.
    pub(crate) sources: Vec<Source>,
    /// New SEL records.
    pub(crate) records: Vec<SelRecord>,
    /// The configured time between two sweeps of the BMC, in seconds.
    pub(crate) interval_s: f64,
}

/// What is stored, versioned: of another version nothing is taken.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<M> {
    version: u32,
    /// The number that the next event gets, in case the events' own file is lost.
    next_event: u64,
    health: M,
}

const VERSION: u32 = 1;

/// Judges and remembers.
pub(crate) struct Judge {
    memory: Memory,
    started: Past,
    judged: Option<Instant>,
}

impl Judge {
    /// Takes up what was remembered; without it, or with what cannot be read, starts afresh.
    pub(crate) fn open(folder: &Path) -> (Self, Events) {
        let (memory, next) = match read(&folder.join(FILE)) {
            Ok(stored) => (stored.health, stored.next_event),
            Err(error) => {
                tracing::info!("starting without memory: {error}");
                (Memory::default(), 0)
            }
        };
        (Judge { memory, started: Past::now(), judged: None }, Events::open(folder, next))
    }

    /// The memory as it is to be stored.
    pub(crate) fn memory(&self, next_event: u64) -> Option<Vec<u8>> {
        let stored = Stored { version: VERSION, next_event, health: &self.memory };
        match serde_json::to_vec(&stored) {
            Ok(text) => Some(text),
            Err(error) => {
                tracing::error!("the memory cannot be written as JSON: {error}");
                None
            }
        }
    }

    /// The verdict on what was seen; its memory is kept here.
    pub(crate) fn judge(&mut self, seen: &Seen<'_>) -> Judgement {
        let judged = self.judged.replace(Instant::now());
        let observations = Observations {
            now: seen.now,
            elapsed: judged.map_or(Duration::ZERO, |judged| judged.elapsed()),
            snapshot: seen.hardware.snapshot.as_deref(),
            link: self.link(&seen.hardware.link, seen.hardware.received.is_some(), seen.now),
            kernel: seen.facts,
            sources: &seen.sources,
            new_sel: &seen.records,
            interval_s: seen.interval_s,
        };
        let mut judgement = socle_health::judge(&observations, &self.memory);
        self.memory = std::mem::take(&mut judgement.memory);
        judgement
    }

    fn link<'a>(&self, link: &'a LinkState, heard: bool, now: Timestamp) -> Link<'a> {
        let error = link.error.as_deref().unwrap_or("not tried yet");
        match link.since {
            _ if link.up => Link::Connected,
            Some(since) if heard => Link::Lost { since: since.shown(now), error },
            since => Link::Never { since: since.unwrap_or(self.started).shown(now), error },
        }
    }
}

fn read(path: &Path) -> Result<Stored<Memory>, String> {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|error| fault(&error))?;
    let stored: Stored<Memory> = serde_json::from_slice(&bytes).map_err(|error| fault(&error))?;
    if stored.version != VERSION {
        return Err(fault(&format!("version {}, this is {VERSION}", stored.version)));
    }
    Ok(stored)
}
