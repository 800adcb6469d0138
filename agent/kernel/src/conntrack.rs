//! `conntrack`: the table of connections, `/proc/sys/net/netfilter` and `/proc/net/stat/nf_conntrack`.

use crate::file::words;
use crate::lines::{Fault, Lines, Text, hex};
use crate::singles::Singles;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};

/// The numbers of the table as such.
const TABLE: [(&str, &str, Kind, &str); 2] = [
    (
        "net/netfilter/nf_conntrack_count",
        "node_nf_conntrack_entries",
        Kind::Gauge,
        "Number of currently allocated flow entries for connection tracking.",
    ),
    (
        "net/netfilter/nf_conntrack_max",
        "node_nf_conntrack_entries_limit",
        Kind::Gauge,
        "Maximum size of connection tracking table.",
    ),
];

/// Column of the statistics, name and help. nf_conntrack_standalone.c writes a line for each CPU.
const COLUMNS: [(usize, &str, &str); 8] = [
    (2, "found", "Number of searched entries which were successful."),
    (4, "invalid", "Number of packets seen which can not be tracked."),
    (5, "ignore", "Number of packets seen which are already connected to a conntrack entry."),
    (8, "insert", "Number of entries inserted into the list."),
    (9, "insert_failed", "Number of entries for which list insertion was attempted but failed."),
    (10, "drop", "Number of packets dropped due to conntrack failure."),
    (
        11,
        "early_drop",
        "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
    ),
    (
        16,
        "search_restart",
        "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
    ),
];
/// Without `search_restart`.
const FEWEST: usize = 16;

/// The sums over all CPUs.
pub(crate) struct Statistics {
    families: [Family; COLUMNS.len()],
    sums: [u64; COLUMNS.len()],
}

pub(crate) struct Conntrack {
    table: Singles,
    file: Lines,
    statistics: Statistics,
}

impl Conntrack {
    pub(crate) fn new(root: &Root) -> Self {
        Conntrack {
            table: Singles::new(root, &TABLE),
            file: Lines::new(root.procfs.join("net/stat/nf_conntrack")),
            statistics: Statistics::new(),
        }
    }
}

impl Statistics {
    pub(crate) fn new() -> Self {
        let families = COLUMNS.map(|(_, name, help)| {
            Family::new(&format!("node_nf_conntrack_stat_{name}"), Kind::Gauge, help)
        });
        Statistics { families, sums: [0; COLUMNS.len()] }
    }
}

impl Text for Statistics {
    fn begin(&mut self) {
        self.sums = [0; COLUMNS.len()];
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), Fault> {
        // The first line is the heading.
        if number == 1 {
            return Ok(());
        }
        let mut found = 0;
        for (n, word) in words(line).enumerate() {
            let value = hex(Some(word)).ok_or_else(|| Fault::new(word, "a hexadecimal number"))?;
            for ((column, ..), sum) in COLUMNS.iter().zip(&mut self.sums) {
                if *column == n {
                    *sum = sum.saturating_add(value);
                }
            }
            found += 1;
        }
        match found {
            FEWEST.. => Ok(()),
            _ => Err(Fault::new(line, "at least 16 columns")),
        }
    }

    fn write(&self, page: &mut Page) {
        let families = self.families.iter().zip(self.sums);
        families.for_each(|(family, sum)| page.single(family, sum));
    }
}

impl Source for Conntrack {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.table.read(page)?;
        // Without the statistics, which a kernel may be built without, there is still the table.
        let Conntrack { file, statistics, .. } = self;
        statistics.begin();
        if file.read_if_there(|number, line| statistics.line(number, line))? {
            statistics.write(page);
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.file.look_again();
        Ok(())
    }
}
