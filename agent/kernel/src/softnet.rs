//! `softnet`: the work of the network's soft interrupt on each CPU, `/proc/net/softnet_stat`.

use crate::file::words;
use crate::lines::{Fault, Lines, OneFile, Text, hex};
use crate::percpu::{Figure, PerCpu};
use crate::{ReadError, Root, Settings};
use socle_model::metrics::{Kind, Page, Value};

const FIGURES: [Figure; 7] = [
    ("processed_total", Kind::Counter, "Number of processed packets"),
    ("dropped_total", Kind::Counter, "Number of dropped packets"),
    ("times_squeezed_total", Kind::Counter, "Number of times processing packets ran out of quota"),
    (
        "cpu_collision_total",
        Kind::Counter,
        "Number of collision occur while obtaining device lock while transmitting",
    ),
    ("received_rps_total", Kind::Counter, "Number of times cpu woken up received_rps"),
    ("flow_limit_count_total", Kind::Counter, "Number of times flow limit has been reached"),
    ("backlog_len", Kind::Gauge, "Softnet backlog status"),
];

/// Their columns; net/core/net-procfs.c writes them.
const COLUMNS: [usize; FIGURES.len()] = [0, 1, 2, 8, 9, 10, 11];
/// The columns that every kernel has.
const FEWEST: usize = 9;
/// The CPU's number, on Linux 5.14 and later; before, lines are counted.
const CPU: usize = 12;

pub(crate) struct Softnet {
    cpus: PerCpu<{ FIGURES.len() }>,
}

pub(crate) fn open(root: &Root, settings: &Settings) -> Result<OneFile<Softnet>, ReadError> {
    let Softnet { cpus } = Softnet::new();
    let cpus = cpus.summed(root, settings.cpu_detail.group(root), FIGURES)?;
    Ok(OneFile::new(Lines::new(root.procfs.join("net/softnet_stat")), Softnet { cpus }))
}

impl Softnet {
    pub(crate) fn new() -> Self {
        Softnet { cpus: PerCpu::new("node_softnet", FIGURES) }
    }
}

impl Text for Softnet {
    fn begin(&mut self) {
        self.cpus.begin();
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), Fault> {
        let mut columns = [0; CPU + 1];
        let mut found = 0;
        for (column, word) in columns.iter_mut().zip(words(line)) {
            *column = hex(Some(word)).ok_or_else(|| Fault::new(word, "a hexadecimal number"))?;
            found += 1;
        }
        if found < FEWEST {
            return Err(Fault::new(line, "at least 9 columns"));
        }
        let column = |n: usize| columns.get(n).copied().unwrap_or_default();
        let cpu = if found > CPU { column(CPU) } else { number as u64 - 1 };
        self.cpus.take(cpu, COLUMNS.map(column));
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.cpus.end();
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        self.cpus.write(page, |_, figure| Value::Int(figure));
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.cpus.discover()
    }
}
