//! `softnet`: the work of the network's soft interrupt on each CPU, `/proc/net/softnet_stat`.

use crate::Root;
use crate::file::words;
use crate::lines::{Fault, Lines, OneFile, Text, hex};
use crate::table::Table;
use socle_model::metrics::{Family, Kind, Page, Series};

/// Column of the table, name, type and help; net/core/net-procfs.c writes the columns.
const COLUMNS: [(usize, &str, Kind, &str); 7] = [
    (0, "processed_total", Kind::Counter, "Number of processed packets"),
    (1, "dropped_total", Kind::Counter, "Number of dropped packets"),
    (
        2,
        "times_squeezed_total",
        Kind::Counter,
        "Number of times processing packets ran out of quota",
    ),
    (
        8,
        "cpu_collision_total",
        Kind::Counter,
        "Number of collision occur while obtaining device lock while transmitting",
    ),
    (9, "received_rps_total", Kind::Counter, "Number of times cpu woken up received_rps"),
    (10, "flow_limit_count_total", Kind::Counter, "Number of times flow limit has been reached"),
    (11, "backlog_len", Kind::Gauge, "Softnet backlog status"),
];

/// The columns that every kernel has.
const FEWEST: usize = 9;
/// The CPU's number, on Linux 5.14 and later; before, lines are counted.
const CPU: usize = 12;

struct Row {
    series: [Series; COLUMNS.len()],
    values: [u64; COLUMNS.len()],
}

pub(crate) struct Softnet {
    families: [Family; COLUMNS.len()],
    rows: Table<Row>,
}

pub(crate) fn open(root: &Root) -> OneFile<Softnet> {
    OneFile::new(Lines::new(root.procfs.join("net/softnet_stat")), Softnet::new())
}

impl Softnet {
    pub(crate) fn new() -> Self {
        let families = COLUMNS
            .map(|(_, name, kind, help)| Family::new(&format!("node_softnet_{name}"), kind, help));
        Softnet { families, rows: Table::default() }
    }
}

impl Row {
    fn new(families: &[Family; COLUMNS.len()], cpu: u64) -> Self {
        let cpu = cpu.to_string();
        let series = families.each_ref().map(|family| family.series(&[("cpu", &cpu)]));
        Row { series, values: [0; COLUMNS.len()] }
    }
}

impl Text for Softnet {
    fn begin(&mut self) {
        self.rows.begin();
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), Fault> {
        let mut columns = [0; CPU + 1];
        let mut found = 0;
        for (column, word) in columns.iter_mut().zip(words(line)) {
            let value = hex(Some(word)).ok_or_else(|| Fault::new(word, "a hexadecimal number"))?;
            *column = value;
            found += 1;
        }
        if found < FEWEST {
            return Err(Fault::new(line, "at least 9 columns"));
        }
        let last = columns.last().copied().unwrap_or_default();
        let cpu = if found > CPU { last } else { number as u64 - 1 };
        let families = &self.families;
        if let Some((row, _)) = self.rows.row(&cpu.to_ne_bytes(), || Row::new(families, cpu)) {
            for (slot, (column, ..)) in row.values.iter_mut().zip(COLUMNS) {
                *slot = columns.get(column).copied().unwrap_or_default();
            }
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        for (n, family) in self.families.iter().enumerate() {
            page.family_of(family, |page| {
                for row in self.rows.present() {
                    if let (Some(series), Some(value)) = (row.series.get(n), row.values.get(n)) {
                        page.sample(series, *value);
                    }
                }
            });
        }
    }

    fn sweep(&mut self) {
        self.rows.sweep();
    }
}
