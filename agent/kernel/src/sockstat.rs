//! `sockstat`: sockets in use by protocol, `/proc/net/{sockstat,sockstat6}`.

use crate::file::{number, words};
use crate::lines::{Fault, Lines, Text};
use crate::names::Names;
use crate::table::Table;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};

/// The kernel's page on x86.
const PAGE: i64 = 4096;

/// The words of the lines, in the kernel's order.
const STATES: [&str; 6] = ["inuse", "orphan", "tw", "alloc", "mem", "memory"];
const IN_USE: usize = 0;
const MEM: usize = 4;

/// A protocol. Its figures stand as the states do.
struct Row {
    families: [Option<Family>; STATES.len()],
    values: [Option<i64>; STATES.len()],
    /// `mem`, which is in pages, in bytes.
    bytes: Option<Family>,
}

pub(crate) struct Sockets {
    used: Family,
    used_value: Option<i64>,
    names: Names,
    rows: Table<Row>,
}

pub(crate) struct Sockstat {
    files: [Lines; 2],
    sockets: Sockets,
}

impl Sockstat {
    pub(crate) fn new(root: &Root) -> Self {
        let file = |name| Lines::in_one_piece(root.procfs.join("net").join(name));
        Sockstat { files: [file("sockstat"), file("sockstat6")], sockets: Sockets::new() }
    }
}

impl Row {
    fn new(names: &mut Names, protocol: &[u8]) -> Self {
        let protocol = String::from_utf8_lossy(protocol);
        let mut family = |state: &str| {
            let help = format!("Number of {protocol} sockets in state {state}.");
            names.family(&format!("node_sockstat_{protocol}_{state}"), Kind::Gauge, &help)
        };
        Row {
            families: STATES.map(&mut family),
            values: [None; STATES.len()],
            bytes: family("mem_bytes"),
        }
    }
}

impl Sockets {
    pub(crate) fn new() -> Self {
        let help = "Number of IPv4 sockets in use.";
        let used = Family::new("node_sockstat_sockets_used", Kind::Gauge, help);
        Sockets { used, used_value: None, names: Names::default(), rows: Table::default() }
    }
}

impl Text for Sockets {
    fn begin(&mut self) {
        self.used_value = None;
        self.rows.begin();
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        let Some(protocol) = words.next().and_then(|word| word.strip_suffix(b":")) else {
            return Err(Fault::new(line, "a protocol and a colon"));
        };
        let pairs = std::iter::from_fn(|| Some((words.next()?, number::<i64>(words.next()))));
        if protocol == b"sockets" {
            for (word, value) in pairs.filter(|(word, _)| *word == b"used") {
                self.used_value = Some(value.ok_or_else(|| Fault::new(word, "a whole number"))?);
            }
            return Ok(());
        }
        let Sockets { names, rows, .. } = self;
        let Some((row, _)) = rows.row(protocol, || Row::new(names, protocol)) else {
            return Ok(());
        };
        row.values = [None; STATES.len()];
        for (word, value) in pairs {
            let value = value.ok_or_else(|| Fault::new(word, "a whole number"))?;
            let states = STATES.iter().zip(&mut row.values);
            for (_, slot) in states.filter(|(state, _)| state.as_bytes() == word) {
                *slot = Some(value);
            }
        }
        // Of every protocol that is there.
        if let Some(slot) = row.values.get_mut(IN_USE) {
            *slot = slot.or(Some(0));
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        if let Some(value) = self.used_value {
            page.single(&self.used, value);
        }
        for row in self.rows.present() {
            for (family, value) in row.families.iter().zip(row.values) {
                if let (Some(family), Some(value)) = (family, value) {
                    page.single(family, value);
                }
            }
            let pages = row.values.get(MEM).copied().flatten();
            if let (Some(family), Some(pages)) = (&row.bytes, pages) {
                page.single(family, pages.saturating_mul(PAGE));
            }
        }
    }
}

impl Source for Sockstat {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Sockstat { files: [four, six], sockets } = self;
        sockets.begin();
        // Either protocol may be off.
        let both = [
            four.read_if_there(|number, line| sockets.line(number, line))?,
            six.read_if_there(|number, line| sockets.line(number, line))?,
        ];
        if both == [false; 2] {
            return Err(four.no_data());
        }
        sockets.write(page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.files.iter_mut().for_each(Lines::look_again);
        Ok(())
    }
}
