//! `stat`: the lines of `/proc/stat` that are not per CPU. A line that the kernel does not have is
//! left out, where node_exporter prints 0.

use crate::file::{Kept, number, words};
use crate::procstat::ProcStat;
use crate::settings::{Flag, Takes};
use crate::{ReadError, Root, Settings, Source};
use socle_model::metrics::{Family, Kind, Page, Series};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[("stat.softirq", Takes::Switch)];

struct Line {
    key: &'static str,
    family: Family,
    value: Option<u64>,
}

/// The label `vector` of the figures behind the sum in the line `softirq`.
const VECTORS: [&str; 10] = [
    "hi",
    "timer",
    "net_tx",
    "net_rx",
    "block",
    "block_iopoll",
    "tasklet",
    "sched",
    "hrtimer",
    "rcu",
];

struct SoftIrqs {
    family: Family,
    series: [Series; VECTORS.len()],
    values: Option<[u64; VECTORS.len()]>,
}

pub(crate) struct Stat {
    file: ProcStat,
    lines: [Line; 6],
    /// Only where the flag `stat.softirq` asks for them.
    softirqs: Option<SoftIrqs>,
}

impl Stat {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Self {
        let line = |key, name, kind, help| Line {
            key,
            family: Family::new(name, kind, help),
            value: None,
        };
        let counter = |key, name, help| line(key, name, Kind::Counter, help);
        let gauge = |key, name, help| line(key, name, Kind::Gauge, help);
        Stat {
            file: root.stat.clone(),
            lines: [
                counter("intr", "node_intr_total", "Total number of interrupts serviced."),
                counter("ctxt", "node_context_switches_total", "Total number of context switches."),
                counter("processes", "node_forks_total", "Total number of forks."),
                gauge("btime", "node_boot_time_seconds", "Node boot time, in unixtime."),
                gauge(
                    "procs_running",
                    "node_procs_running",
                    "Number of processes in runnable state.",
                ),
                gauge(
                    "procs_blocked",
                    "node_procs_blocked",
                    "Number of processes blocked waiting for I/O to complete.",
                ),
            ],
            softirqs: settings.on("stat.softirq", false).then(SoftIrqs::new),
        }
    }

    fn collect(&mut self) -> Result<(), ReadError> {
        let file = self.file.clone();
        file.again(|file| self.parse(file))?
    }

    fn parse(&mut self, file: &Kept) -> Result<(), ReadError> {
        self.lines.iter_mut().for_each(|line| line.value = None);
        if let Some(softirqs) = &mut self.softirqs {
            softirqs.values = None;
        }
        let mut bad = None;
        for (n, text) in file.last().split(|b| *b == b'\n').enumerate() {
            let mut fields = words(text);
            let key = fields.next().unwrap_or_default();
            if let Some(line) = self.lines.iter_mut().find(|line| line.key.as_bytes() == key) {
                line.value = number(fields.next());
                if line.value.is_none() {
                    bad = bad.or(Some((n + 1, line.key)));
                }
            } else if let Some(softirqs) = self.softirqs.as_mut().filter(|_| key == b"softirq") {
                softirqs.values = softirqs_of(fields.skip(1));
                if softirqs.values.is_none() {
                    bad = bad.or(Some((n + 1, "softirq")));
                }
            }
        }
        bad.map_or(Ok(()), |(line, item)| Err(file.bad(line, item, "a whole number")))
    }
}

fn softirqs_of<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Option<[u64; VECTORS.len()]> {
    let mut values = [0; VECTORS.len()];
    for value in &mut values {
        *value = number(fields.next())?;
    }
    Some(values)
}

impl SoftIrqs {
    fn new() -> Self {
        let family = Family::new("node_softirqs_total", Kind::Counter, "Number of softirq calls.");
        let series = VECTORS.map(|vector| family.series(&[("vector", vector)]));
        SoftIrqs { series, family, values: None }
    }
}

impl Source for Stat {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect()?;
        for line in &self.lines {
            if let Some(value) = line.value {
                page.single(&line.family, value);
            }
        }
        if let Some(softirqs) = &self.softirqs
            && let Some(values) = softirqs.values
        {
            page.family(&softirqs.family);
            let pairs = softirqs.series.iter().zip(values);
            pairs.for_each(|(series, value)| page.sample(series, value));
        }
        Ok(())
    }
}
