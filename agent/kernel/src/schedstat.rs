//! `schedstat`: how long tasks ran and waited on each CPU, `/proc/schedstat` (scheduler/sched-stats).

use crate::file::{number, words};
use crate::lines::{Fault, Lines, OneFile, Text};
use crate::percpu::{Figure, PerCpu};
use crate::{ReadError, Root, Settings};
use socle_model::metrics::{Kind, Page, Value};

/// The last three of the nine figures of a CPU.
const FIGURES: [Figure; 3] = [
    ("running_seconds_total", Kind::Counter, "Number of seconds CPU spent running a process."),
    (
        "waiting_seconds_total",
        Kind::Counter,
        "Number of seconds spent by processing waiting for this CPU.",
    ),
    ("timeslices_total", Kind::Counter, "Number of timeslices executed by CPU."),
];
/// The figures before them.
const SKIPPED: usize = 6;

pub(crate) struct Schedstat {
    cpus: PerCpu<{ FIGURES.len() }>,
}

pub(crate) fn open(root: &Root, settings: &Settings) -> Result<OneFile<Schedstat>, ReadError> {
    let Schedstat { cpus } = Schedstat::new();
    let cpus = cpus.summed(root, settings.cpu_detail.group(root), FIGURES)?;
    Ok(OneFile::new(Lines::new(root.procfs.join("schedstat")), Schedstat { cpus }))
}

impl Schedstat {
    pub(crate) fn new() -> Self {
        Schedstat { cpus: PerCpu::new("node_schedstat", FIGURES) }
    }
}

impl Text for Schedstat {
    fn begin(&mut self) {
        self.cpus.begin();
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        // The lines of the scheduling domains, most of the file, are passed over.
        let Some(rest) = line.strip_prefix(b"cpu") else { return Ok(()) };
        let mut words = words(rest);
        let cpu = words.next().filter(|cpu| cpu.iter().all(u8::is_ascii_digit));
        let cpu = number(cpu).ok_or_else(|| Fault::new(line, "a CPU's number"))?;
        let mut figures = words.skip(SKIPPED);
        let mut values = [0; FIGURES.len()];
        for value in &mut values {
            let figure = number(figures.next());
            *value = figure.ok_or_else(|| Fault::new(line, "9 whole numbers"))?;
        }
        self.cpus.take(cpu, values);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.cpus.end();
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        self.cpus.write(page, |n, figure| match n {
            // Both times are in nanoseconds.
            0 | 1 => Value::Float(figure as f64 / 1e9),
            _ => Value::Int(figure),
        });
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.cpus.discover()
    }
}
