//! The stream of events: the last 10,000 of them, numbered across restarts, on disk and in memory.

use crate::disk;
use axum::body::Bytes;
use socle_health::NewEvent;
use socle_model::event::{Event, Kind, Origin, SCHEMA, Severity};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How many events are kept.
pub(crate) const KEPT: usize = 10_000;
/// The file may grow beyond [`KEPT`] lines by this many before it is written anew.
const SLACK: usize = 2_000;
const FILE: &str = "events.ndjson";

/// One event as it is served and stored: a line of JSON with its newline.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Its number.
    pub(crate) seq: u64,
    /// The line.
    pub(crate) text: Bytes,
}

/// The events.
#[derive(Debug)]
pub(crate) struct Events {
    lines: VecDeque<Line>,
    next: u64,
    /// How many of the last lines are not on disk.
    unsaved: usize,
    on_disk: usize,
    counts: BTreeMap<(Kind, Severity), u64>,
    /// Records that the file has and the memory of the verdicts has not: the process ended between
    /// the two writes, and they will be told again.
    twice: BTreeSet<String>,
}

/// What is to be written; made in memory, done elsewhere.
#[derive(Debug)]
pub(crate) struct Save {
    path: PathBuf,
    text: Vec<u8>,
    anew: bool,
    count: usize,
    /// The number that the next event had when this was made.
    next: u64,
}

impl Events {
    /// Reads what is stored. A torn last line, and any other line that is no event, is passed over.
    /// `least` is the smallest number that may be given next (from another record of it).
    pub(crate) fn open(folder: &Path, least: u64) -> Self {
        let bytes = fs::read(folder.join(FILE)).unwrap_or_default();
        let mut events = Events {
            lines: VecDeque::new(),
            next: least.max(1),
            unsaved: 0,
            on_disk: 0,
            counts: BTreeMap::new(),
            twice: BTreeSet::new(),
        };
        for text in bytes.split_inclusive(|&byte| byte == b'\n') {
            let Ok(event) = serde_json::from_slice::<Event>(text) else { continue };
            if text.ends_with(b"\n") {
                events.keep(Line { seq: event.seq, text: Bytes::copy_from_slice(text) });
                events.next = events.next.max(event.seq.saturating_add(1));
                if event.seq >= least {
                    events.twice.extend(record(event.kind, &event.text, &event.origins));
                }
            }
        }
        // Anything but whole good lines: the next save writes the file anew.
        let good: usize = events.lines.iter().map(|line| line.text.len()).sum();
        events.on_disk = if good == bytes.len() { events.lines.len() } else { usize::MAX };
        for kind in [Kind::Sel, Kind::Edac, Kind::Agent] {
            for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
                events.counts.insert((kind, severity), 0);
            }
        }
        events
    }

    fn keep(&mut self, line: Line) {
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Takes an event and numbers it, unless it is on disk already.
    pub(crate) fn push(&mut self, new: NewEvent) {
        if let Some(record) = record(new.kind, &new.text, &new.origins)
            && self.twice.remove(&record)
        {
            return;
        }
        let event = Event {
            schema: SCHEMA.into(),
            seq: self.next,
            at: new.at,
            component: new.component,
            severity: new.severity,
            kind: new.kind,
            text: new.text,
            origins: new.origins,
            detail: serde_json::Map::new(),
        };
        let mut text = match serde_json::to_vec(&event) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "an event could not be written as JSON");
                return;
            }
        };
        text.push(b'\n');
        self.next += 1;
        *self.counts.entry((event.kind, event.severity)).or_default() += 1;
        // Thousands are kept: none with room to grow.
        self.keep(Line { seq: event.seq, text: text.into_boxed_slice().into() });
        self.unsaved = (self.unsaved + 1).min(KEPT);
    }

    /// The number that the next event gets.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Events since start by kind and severity, for `socle_events_total`.
    pub(crate) fn counts(&self) -> &BTreeMap<(Kind, Severity), u64> {
        &self.counts
    }

    /// Events with a greater number than `since`, oldest first, at most the last `limit` of them.
    pub(crate) fn since(&self, since: u64, limit: usize) -> Vec<Line> {
        let from = self.lines.partition_point(|line| line.seq <= since);
        let from = from.max(self.lines.len().saturating_sub(limit));
        self.lines.iter().skip(from).cloned().collect()
    }

    /// What is to be written now, if anything.
    pub(crate) fn save(&self, folder: &Path) -> Option<Save> {
        if self.unsaved == 0 {
            return None;
        }
        let anew = self.on_disk.saturating_add(self.unsaved) > KEPT + SLACK;
        let from = if anew { 0 } else { self.lines.len().saturating_sub(self.unsaved) };
        let text =
            self.lines.iter().skip(from).flat_map(|line| line.text.iter().copied()).collect();
        let count = if anew { self.lines.len() } else { self.unsaved };
        Some(Save { path: folder.join(FILE), text, anew, count, next: self.next })
    }

    /// Notes what was written; events that came since stay unsaved.
    pub(crate) fn saved(&mut self, save: &Save) {
        self.on_disk = if save.anew { save.count } else { self.on_disk + save.count };
        self.unsaved = usize::try_from(self.next - save.next).unwrap_or(KEPT).min(KEPT);
    }

    /// Notes that a save failed: the file may end in a torn line, so the next one writes it anew.
    pub(crate) fn not_saved(&mut self) {
        self.on_disk = usize::MAX;
    }
}

/// What tells a log record or an error count apart from every other one. A verdict that turned has
/// nothing of the kind.
fn record(kind: Kind, text: &str, origins: &[Origin]) -> Option<String> {
    match kind {
        Kind::Sel | Kind::Edac => serde_json::to_string(&(kind, text, origins)).ok(),
        Kind::Agent => None,
    }
}

impl Save {
    /// Writes and syncs. Blocks.
    pub(crate) fn run(&self) -> std::io::Result<()> {
        if self.anew {
            return disk::replace(&self.path, &self.text);
        }
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        file.write_all(&self.text)?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socle_model::ComponentPath;

    fn event(text: &str) -> NewEvent {
        NewEvent {
            at: jiff::Timestamp::UNIX_EPOCH,
            component: ComponentPath::root(),
            severity: Severity::Warning,
            kind: Kind::Agent,
            text: text.into(),
            origins: Vec::new(),
        }
    }

    fn save(events: &mut Events, folder: &Path) {
        let save = events.save(folder).unwrap();
        save.run().unwrap();
        events.saved(&save);
    }

    #[test]
    fn numbers_grow_across_restarts_and_a_torn_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::open(folder.path(), 0);
        events.push(event("a\nb"));
        events.push(event("c"));
        save(&mut events, folder.path());
        let path = folder.path().join(FILE);
        let mut torn = fs::read(&path).unwrap();
        torn.extend_from_slice(b"{\"schema\":\"socle.ev");
        fs::write(&path, &torn).unwrap();

        let mut events = Events::open(folder.path(), 0);
        assert_eq!((events.next(), events.since(0, KEPT).len()), (3, 2));
        events.push(event("d"));
        save(&mut events, folder.path());
        let events = Events::open(folder.path(), 0);
        let lines = events.since(1, KEPT);
        assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(Events::open(folder.path(), 99).next(), 99);
    }

    #[test]
    fn what_was_saved_without_the_memory_is_not_told_twice() {
        let folder = tempfile::tempdir().unwrap();
        let sel = |text: &str| NewEvent { kind: Kind::Sel, ..event(text) };
        let mut events = Events::open(folder.path(), 0);
        for text in ["a", "b"] {
            events.push(sel(text));
        }
        save(&mut events, folder.path());
        // The memory knows of event 1 only.
        let mut events = Events::open(folder.path(), 2);
        for text in ["b", "c", "b"] {
            events.push(sel(text));
        }
        let texts: Vec<_> = events.since(0, KEPT).iter().map(|line| line.seq).collect();
        assert_eq!(texts, [1, 2, 3, 4], "b of before once, c, and b of now");
    }

    #[test]
    fn the_last_ten_thousand_are_kept_in_memory_and_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::open(folder.path(), 0);
        for round in 0..4 {
            for n in 0..4_000 {
                events.push(event(&format!("{round}.{n}")));
            }
            save(&mut events, folder.path());
        }
        let stored = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(stored.lines().count() <= KEPT + SLACK, "{}", stored.lines().count());
        let events = Events::open(folder.path(), 0);
        let lines = events.since(0, usize::MAX);
        assert_eq!((lines.len(), lines[0].seq, events.next()), (KEPT, 6_001, 16_001));
        assert_eq!(events.since(0, 5)[0].seq, 15_996);
    }
}
