//! `mdadm`: software RAID, `/proc/mdstat` and `/sys/block/md*/md` (admin-guide/md).

use crate::attr::{Attr, entries};
use crate::file::{number, words};
use crate::lines::{Fault, Lines, Text};
use crate::table::Table;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::PathBuf;

/// The label `state` of `node_md_disks`, and of `node_md_state`.
const DISKS: [&str; 3] = ["active", "failed", "spare"];
const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];

/// What a line of progress begins with, and which of the states that is; a reshaping has none.
const WORK: [(&[u8], Option<&str>); 4] = [
    (b"recovery", Some("recovering")),
    (b"reshape", None),
    (b"check", Some("check")),
    (b"resync", Some("resync")),
];

/// Levels whose `degraded` counts.
const REDUNDANT: [&[u8]; 5] = [b"raid1", b"raid4", b"raid5", b"raid6", b"raid10"];

/// What a line of mdstat says of an array.
#[derive(Debug, Default)]
struct Figures {
    required: u64,
    disks: [u64; DISKS.len()],
    blocks: u64,
    synced: u64,
    state: Option<&'static str>,
}

#[derive(Debug)]
struct Row {
    disks: [Series; DISKS.len()],
    states: [Series; STATES.len()],
    required: Series,
    blocks: Series,
    synced: Series,
    figures: Figures,
}

/// Which line of an array comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Array,
    Blocks,
    Progress,
    /// Below a line about the bitmap.
    LateProgress,
}

/// `/proc/mdstat`.
#[derive(Debug)]
pub(crate) struct Mdstat {
    required: Family,
    disks: Family,
    state: Family,
    blocks: Family,
    synced: Family,
    rows: Table<Row>,
    next: Next,
    name: Vec<u8>,
    figures: Figures,
    /// The array has no line of counts: raid0 and linear, or an inactive one.
    counted: bool,
}

fn gauge(name: &str, help: &str) -> Family {
    Family::new(name, Kind::Gauge, help)
}

impl Mdstat {
    pub(crate) fn new() -> Self {
        Mdstat {
            required: gauge("node_md_disks_required", "Total number of disks of device."),
            disks: gauge("node_md_disks", "Number of active/failed/spare disks of device."),
            state: gauge("node_md_state", "Indicates the state of md-device."),
            blocks: gauge("node_md_blocks", "Total number of blocks on device."),
            synced: gauge("node_md_blocks_synced", "Number of blocks synced on device."),
            rows: Table::default(),
            next: Next::Array,
            name: Vec::new(),
            figures: Figures::default(),
            counted: false,
        }
    }

    /// `md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]`
    fn array(&mut self, line: &[u8]) -> Result<(), Fault> {
        // Personalities and unused devices; what belongs to an array is indented.
        let head = [&b"Personalities"[..], b"unused"].iter().any(|head| line.starts_with(head));
        if head || line.first().is_none_or(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let mut words = words(line);
        let (Some(name), Some(_), Some(state)) = (words.next(), words.next(), words.next()) else {
            return Err(Fault::new(line, "an array, a colon and its state"));
        };
        self.name.clear();
        // What is not UTF-8 is shown with U+FFFD; two such names may be one.
        self.name.extend_from_slice(String::from_utf8_lossy(name).as_bytes());
        let disks = |flag: &[u8]| line.windows(flag.len()).filter(|at| *at == flag).count() as u64;
        let is = |word: &[u8]| disks(word) > 0;
        self.figures = Figures {
            disks: [0, disks(b"(F)"), disks(b"(S)")],
            state: STATES.into_iter().take(2).find(|known| known.as_bytes() == state),
            ..Figures::default()
        };
        // These have no line of counts: of each disk there is a number in brackets.
        self.counted = is(b"raid0") || is(b"linear") || is(b"inactive");
        if self.counted && (is(b"raid0") || is(b"linear")) {
            self.figures.required = disks(b"[");
            self.figures.disks[0] = self.figures.required;
        }
        self.next = Next::Blocks;
        Ok(())
    }

    /// `195310144 blocks super 1.2 [2/1] [U_]`
    fn blocks(&mut self, line: &[u8]) -> Result<(), Fault> {
        let blocks = number(words(line).next());
        self.figures.blocks = blocks.ok_or_else(|| Fault::new(line, "a number of blocks"))?;
        self.figures.synced = self.figures.blocks;
        if !self.counted {
            // The last such word: a level or a layout may look alike.
            let counts = words(line).filter_map(counts).last();
            let (required, active) =
                counts.ok_or_else(|| Fault::new(line, "counts of disks as [2/1]"))?;
            self.figures.required = required;
            self.figures.disks[0] = active;
        }
        self.next = Next::Progress;
        Ok(())
    }

    /// `[=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec`
    fn progress(&mut self, line: &[u8]) -> Result<(), Fault> {
        let has = |word: &[u8]| line.windows(word.len()).any(|at| at == word);
        if self.next == Next::Progress && has(b"bitmap") {
            self.next = Next::LateProgress;
            return Ok(());
        }
        self.next = Next::Array;
        if let Some((_, state)) = WORK.iter().find(|(word, _)| has(word)) {
            self.figures.state = *state;
            let waits = [&b"PENDING"[..], b"DELAYED", b"REMOTE"].iter().any(|word| has(word));
            self.figures.synced = match waits {
                true => 0,
                false => words(line)
                    .find_map(synced)
                    .ok_or_else(|| Fault::new(line, "blocks as (done/all)"))?,
            };
        }
        self.settle();
        Ok(())
    }

    /// Puts the figures into the array's row.
    fn settle(&mut self) {
        let figures = std::mem::take(&mut self.figures);
        let Mdstat { required, disks, state, blocks, synced, rows, name, .. } = self;
        let make = || {
            let device = String::from_utf8_lossy(name);
            let of =
                |family: &Family, label| family.series(&[("device", &device), ("state", label)]);
            let one = |family: &Family| family.series(&[("device", &device)]);
            Row {
                disks: DISKS.map(|label| of(disks, label)),
                states: STATES.map(|label| of(state, label)),
                required: one(required),
                blocks: one(blocks),
                synced: one(synced),
                figures: Figures::default(),
            }
        };
        if let Some((row, _)) = rows.row(name, make) {
            row.figures = figures;
        }
    }
}

/// `[2/1]`: how many disks there should be, and how many there are.
fn counts(word: &[u8]) -> Option<(u64, u64)> {
    let mut parts = word.strip_prefix(b"[")?.strip_suffix(b"]")?.split(|byte| *byte == b'/');
    Some((number(parts.next())?, number(parts.next())?))
}

/// `(16775552/195310144)`: how many blocks are done.
fn synced(word: &[u8]) -> Option<u64> {
    let mut parts = word.strip_prefix(b"(")?.strip_suffix(b")")?.split(|byte| *byte == b'/');
    let done = number(parts.next())?;
    number::<u64>(parts.next()).map(|_| done)
}

impl Text for Mdstat {
    fn begin(&mut self) {
        self.next = Next::Array;
        self.rows.begin();
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        match self.next {
            Next::Array => self.array(line),
            Next::Blocks => self.blocks(line),
            Next::Progress | Next::LateProgress => self.progress(line),
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.next {
            Next::Array => Ok(()),
            _ => Err(Fault::new(&self.name, "more lines of the array")),
        }
    }

    fn write(&self, page: &mut Page) {
        let rows = || self.rows.present();
        page.family_of(&self.required, |page| {
            rows().for_each(|row| page.sample(&row.required, row.figures.required));
        });
        page.family_of(&self.disks, |page| {
            for row in rows() {
                let disks = row.disks.iter().zip(row.figures.disks);
                disks.for_each(|(series, count)| page.sample(series, count));
            }
        });
        page.family_of(&self.state, |page| {
            for row in rows() {
                let states = row.states.iter().zip(STATES);
                states.for_each(|(series, state)| {
                    page.sample(series, row.figures.state == Some(state));
                });
            }
        });
        page.family_of(&self.blocks, |page| {
            rows().for_each(|row| page.sample(&row.blocks, row.figures.blocks));
        });
        page.family_of(&self.synced, |page| {
            rows().for_each(|row| page.sample(&row.synced, row.figures.synced));
        });
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.rows.sweep();
        Ok(())
    }
}

/// An array in /sys.
struct Array {
    dir: PathBuf,
    level: Attr,
    disks: (Series, Attr),
    degraded: (Series, Attr),
}

pub(crate) struct Mdadm {
    file: Lines,
    mdstat: Mdstat,
    block: PathBuf,
    arrays: Vec<Array>,
    disks: Family,
    degraded: Family,
}

impl Mdadm {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let mut mdadm = Mdadm {
            file: Lines::new(root.procfs.join("mdstat")),
            mdstat: Mdstat::new(),
            block: root.sysfs.join("block"),
            arrays: Vec::new(),
            disks: gauge("node_md_raid_disks", "Number of raid disks on device."),
            degraded: gauge("node_md_degraded", "Number of degraded disks on device."),
        };
        mdadm.look()?;
        Ok(mdadm)
    }

    /// Finds the arrays in /sys.
    fn look(&mut self) -> Result<(), ReadError> {
        let mut found = entries(&self.block)?;
        found.retain(|dir| {
            let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
            name.starts_with(b"md") && name.is_ascii() && dir.join("md").is_dir()
        });
        if self.arrays.iter().map(|array| &array.dir).eq(&found) {
            return Ok(());
        }
        let array = |dir: PathBuf| {
            let device = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let labels = [("device", &*device)];
            let file = |name| Attr::new(dir.join("md").join(name));
            Array {
                level: file("level"),
                disks: (self.disks.series(&labels), file("raid_disks")),
                degraded: (self.degraded.series(&labels), file("degraded")),
                dir,
            }
        };
        self.arrays = found.into_iter().map(array).collect();
        Ok(())
    }
}

impl Source for Mdadm {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.file.read_into(&mut self.mdstat)?;
        self.mdstat.write(page);
        page.family_of(&self.disks, |page| {
            for Array { level, disks: (series, file), .. } in &mut self.arrays {
                // A container has no disks of its own; without a level nothing is known yet.
                let container =
                    |level: &[u8]| Some(matches!(level, b"" | b"container" | b"imsm" | b"ddf"));
                // `11 (10)` while the array grows from 10 to 11.
                let first = |text: &[u8]| number::<u64>(words(text).next());
                if level.parsed(container) == Some(false)
                    && let Some(disks) = file.parsed(first)
                {
                    page.sample(series, disks);
                }
            }
        });
        page.family_of(&self.degraded, |page| {
            for Array { level, degraded: (series, file), .. } in &mut self.arrays {
                match level.parsed(|level| Some(REDUNDANT.contains(&level))) {
                    Some(true) => {
                        if let Some(degraded) = file.value::<u64>() {
                            page.sample(series, degraded);
                        }
                    }
                    Some(false) => page.sample(series, 0u64),
                    None => {}
                }
            }
        });
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.look()?;
        self.file.read_into(&mut self.mdstat)?;
        self.mdstat.discover()
    }
}
