//! The stream of events: the last 10,000 of them, numbered across restarts, on disk and in memory.

use crate::disk;
use axum::body::Bytes;
use socle_health::NewEvent;
use socle_model::event::{Event, Kind, Origin, SCHEMA, Severity};
use std::collections::{BTreeMap, VecDeque};
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
    /// How often a line was changed, and how often when the file was last written.
    changed: (u64, u64),
    /// Records that the file has and the memory of the verdicts has not: the process ended between
    /// the two writes, and they will be told again. How many of each: a log that was cleared may repeat.
    twice: BTreeMap<String, usize>,
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
    /// How often a line had been changed then.
    changed: u64,
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
            changed: (0, 0),
            twice: BTreeMap::new(),
        };
        for text in bytes.split_inclusive(|&byte| byte == b'\n') {
            let Ok(event) = serde_json::from_slice::<Event>(text) else { continue };
            if text.ends_with(b"\n") {
                events.keep(Line { seq: event.seq, text: Bytes::copy_from_slice(text) });
                events.next = events.next.max(event.seq.saturating_add(1));
                if event.seq >= least {
                    let record = record(event.kind, &event.text, &event.origins);
                    record.into_iter().for_each(|one| *events.twice.entry(one).or_default() += 1);
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
            && let Some(left) = self.twice.get_mut(&record).filter(|left| **left > 0)
        {
            *left -= 1;
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
        let Some(text) = line(&event) else { return };
        self.next += 1;
        *self.counts.entry((event.kind, event.severity)).or_default() += 1;
        self.keep(Line { seq: event.seq, text });
        self.unsaved = (self.unsaved + 1).min(KEPT);
    }

    /// Adds a record to the youngest event whose first origin is `to`. It keeps its number: whoever has
    /// read it already is not told of the same fault again.
    pub(crate) fn join(&mut self, to: &Origin, origin: Origin) {
        let Ok(record) = serde_json::to_string(&to.record) else { return };
        let has = |line: &&mut Line| {
            std::str::from_utf8(&line.text).is_ok_and(|text| text.contains(&record))
        };
        let found = self.lines.iter_mut().rev().filter(has).find_map(|line| {
            let event: Event = serde_json::from_slice(&line.text).ok()?;
            (event.origins.first() == Some(to)).then_some((line, event))
        });
        let Some((kept, mut event)) = found else {
            tracing::info!(record, "the event of this record is no longer kept");
            return;
        };
        if event.origins.contains(&origin) {
            return;
        }
        event.origins.push(origin);
        let Some(text) = line(&event) else { return };
        kept.text = text;
        self.changed.0 += 1;
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
        let changed = self.changed.0 != self.changed.1;
        if self.unsaved == 0 && !changed {
            return None;
        }
        let anew = changed || self.on_disk.saturating_add(self.unsaved) > KEPT + SLACK;
        let from = if anew { 0 } else { self.lines.len().saturating_sub(self.unsaved) };
        let text =
            self.lines.iter().skip(from).flat_map(|line| line.text.iter().copied()).collect();
        let count = if anew { self.lines.len() } else { self.unsaved };
        let path = folder.join(FILE);
        Some(Save { path, text, anew, count, next: self.next, changed: self.changed.0 })
    }

    /// Notes what was written; events that came since stay unsaved.
    pub(crate) fn saved(&mut self, save: &Save) {
        self.on_disk = if save.anew { save.count } else { self.on_disk + save.count };
        self.changed.1 = save.changed;
        self.unsaved = usize::try_from(self.next - save.next).unwrap_or(KEPT).min(KEPT);
    }

    /// Notes that a save failed: the file may end in a torn line, so the next one writes it anew.
    pub(crate) fn not_saved(&mut self) {
        self.on_disk = usize::MAX;
    }
}

/// The line of an event: none with room to grow, since thousands are kept.
fn line(event: &Event) -> Option<Bytes> {
    match serde_json::to_vec(event) {
        Ok(mut text) => {
            text.push(b'\n');
            Some(text.into_boxed_slice().into())
        }
        Err(error) => {
            tracing::error!(%error, "an event could not be written as JSON");
            None
        }
    }
}

/// What tells a log record or an error count apart from every other one: the first origin, as others may
/// have joined it. A verdict that turned has nothing of the kind.
fn record(kind: Kind, text: &str, origins: &[Origin]) -> Option<String> {
    match kind {
        Kind::Sel | Kind::Edac => serde_json::to_string(&(kind, text, origins.first())).ok(),
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
    fn a_record_that_joins_changes_its_event_here_and_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let origin = |source: &str, record: &str| Origin {
            source: source.into(),
            record: record.into(),
            at: None,
        };
        let sel = |n: u32| {
            let origins = vec![origin("ipmi", &format!("SEL {n}"))];
            NewEvent { kind: Kind::Sel, origins, ..event(&format!("SEL {n}")) }
        };
        let mut events = Events::open(folder.path(), 0);
        // The log was cleared in between: record 1 is there twice, and the youngest is meant.
        [1, 2, 1, 11].into_iter().for_each(|n| events.push(sel(n)));
        save(&mut events, folder.path());
        events.join(&origin("ipmi", "SEL 1"), origin("kernel", "mc0/dimm0"));
        let origins = |events: &Events| -> Vec<usize> {
            let lines = events.since(0, KEPT);
            let read = |line: &Line| serde_json::from_slice::<Event>(&line.text).unwrap();
            lines.iter().map(read).map(|event| event.origins.len()).collect()
        };
        assert_eq!(origins(&events), [1, 1, 2, 1]);
        // Another one joins while the first is being written.
        let first = events.save(folder.path()).unwrap();
        events.join(&origin("ipmi", "SEL 2"), origin("kernel", "mc0/dimm1"));
        first.run().unwrap();
        events.saved(&first);
        save(&mut events, folder.path());
        assert!(events.save(folder.path()).is_none());
        let mut again = Events::open(folder.path(), 1);
        assert_eq!((origins(&again), again.next()), (vec![1, 2, 2, 1], 5));
        // Told anew after a restart without the memory: neither event nor origin comes twice.
        [1, 2, 1, 11].into_iter().for_each(|n| again.push(sel(n)));
        again.join(&origin("ipmi", "SEL 2"), origin("kernel", "mc0/dimm1"));
        again.join(&origin("ipmi", "SEL 99"), origin("kernel", "mc0/dimm1"));
        assert_eq!(origins(&again), [1, 2, 2, 1]);
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
