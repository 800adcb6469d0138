//! `schedstat`: how long tasks ran and waited on each CPU, `/proc/schedstat` (scheduler/sched-stats).

use crate::Root;
use crate::file::{number, words};
use crate::lines::{Fault, Lines, OneFile, Text};
use crate::table::Table;
use socle_model::metrics::{Family, Kind, Page, Series};

/// The last three of the nine figures of a CPU: name and help.
const FIGURES: [(&str, &str); 3] = [
    ("running_seconds_total", "Number of seconds CPU spent running a process."),
    ("waiting_seconds_total", "Number of seconds spent by processing waiting for this CPU."),
    ("timeslices_total", "Number of timeslices executed by CPU."),
];
/// The figures before them.
const SKIPPED: usize = 6;

struct Row {
    series: [Series; FIGURES.len()],
    values: [u64; FIGURES.len()],
}

pub(crate) struct Schedstat {
    families: [Family; FIGURES.len()],
    rows: Table<Row>,
}

pub(crate) fn open(root: &Root) -> OneFile<Schedstat> {
    OneFile::new(Lines::new(root.procfs.join("schedstat")), Schedstat::new())
}

impl Schedstat {
    pub(crate) fn new() -> Self {
        let families = FIGURES.map(|(name, help)| {
            Family::new(&format!("node_schedstat_{name}"), Kind::Counter, help)
        });
        Schedstat { families, rows: Table::default() }
    }
}

impl Row {
    fn new(families: &[Family; FIGURES.len()], cpu: &[u8]) -> Self {
        let cpu = String::from_utf8_lossy(cpu);
        let series = families.each_ref().map(|family| family.series(&[("cpu", &cpu)]));
        Row { series, values: [0; FIGURES.len()] }
    }
}

impl Text for Schedstat {
    fn begin(&mut self) {
        self.rows.begin();
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        // The lines of the scheduling domains, most of the file, are passed over.
        let Some(rest) = line.strip_prefix(b"cpu") else { return Ok(()) };
        let mut words = words(rest);
        let cpu = words.next().filter(|cpu| cpu.iter().all(u8::is_ascii_digit));
        let cpu = cpu.ok_or_else(|| Fault::new(line, "a CPU's number"))?;
        let mut figures = words.skip(SKIPPED);
        let families = &self.families;
        if let Some((row, _)) = self.rows.row(cpu, || Row::new(families, cpu)) {
            for slot in &mut row.values {
                let figure = number(figures.next());
                *slot = figure.ok_or_else(|| Fault::new(line, "9 whole numbers"))?;
            }
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        for (n, family) in self.families.iter().enumerate() {
            page.family_of(family, |page| {
                for row in self.rows.present() {
                    let Some((series, value)) = row.series.get(n).zip(row.values.get(n)) else {
                        continue;
                    };
                    match n {
                        // Both times are in nanoseconds.
                        0 | 1 => page.sample(series, *value as f64 / 1e9),
                        _ => page.sample(series, *value),
                    }
                }
            });
        }
    }

    fn sweep(&mut self) {
        self.rows.sweep();
    }
}
