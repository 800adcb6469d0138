//! `cpu`: the per-CPU lines of `/proc/stat`; thermal throttling, isolated and online CPUs.

mod files;
mod info;
mod sums;

use crate::file::{Kept, number, words};
use crate::procstat::ProcStat;
use crate::settings::{Flag, Takes};
use crate::table::{Seen, Table};
use crate::{ReadError, Root, Settings, Source};
use files::Files;
use info::Info;
use socle_model::metrics::{Family, Kind, Page, Series};
use sums::Sums;

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[
    ("cpu.guest", Takes::Switch),
    ("cpu.info", Takes::Switch),
    ("cpu.info.bugs-include", Takes::Regex),
    ("cpu.info.flags-include", Takes::Regex),
];

/// Ticks of `/proc/stat` a second: the kernel's USER_HZ on x86.
const USER_HZ: f64 = 100.0;
/// A step back of the idle time by this many ticks (3 s) is a CPU that was taken out and came back.
const JUMP_BACK: u64 = 300;
/// Fields of a CPU line: user nice system idle iowait irq softirq steal guest guest_nice.
const FIELDS: usize = 10;
const IDLE: usize = 3;
/// The label `mode` of the first eight fields.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

#[derive(Debug)]
struct Row {
    series: [Series; 8],
    guest: Option<[Series; 2]>,
    ticks: [u64; FIELDS],
}

pub(crate) struct Cpu {
    file: ProcStat,
    rows: Table<Row>,
    seconds: Family,
    guest: Option<Family>,
    files: Files,
    info: Option<Info>,
    /// Instead of each CPU.
    sums: Option<Sums>,
}

impl Cpu {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let group = settings.cpu_detail.group(root);
        let counter = |name, help| Family::new(name, Kind::Counter, help);
        let guest = counter(
            "node_cpu_guest_seconds_total",
            "Seconds the CPUs spent in guests (VMs) for each mode.",
        );
        let mut cpu = Cpu {
            file: root.stat.clone(),
            rows: Table::default(),
            seconds: counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode."),
            guest: Some(guest).filter(|_| settings.on("cpu.guest", true)),
            files: Files::new(root),
            info: Info::new(root, settings).filter(|_| group.is_none()),
            sums: group.map(|group| Sums::new(root, group)),
        };
        cpu.look()?;
        Ok(cpu)
    }

    /// Looks at /sys.
    fn look(&mut self) -> Result<(), ReadError> {
        match &mut self.sums {
            Some(sums) => sums.discover(&self.seconds, self.guest.as_ref()),
            None => self.files.discover(),
        }
    }

    fn collect(&mut self) -> Result<(), ReadError> {
        let file = self.file.clone();
        file.read(|file| self.parse(file))?
    }

    fn parse(&mut self, file: &Kept) -> Result<(), ReadError> {
        self.rows.begin();
        let mut bad = None;
        for (n, line) in file.last().split(|byte| *byte == b'\n').enumerate() {
            let Some(rest) = line.strip_prefix(b"cpu") else { continue };
            // The first line is the sum of all.
            if rest.first().is_none_or(|byte| !byte.is_ascii_digit()) {
                continue;
            }
            let mut fields = words(rest);
            let Some(cpu) = fields.next().filter(|cpu| number::<u32>(Some(cpu)).is_some()) else {
                bad = bad.or(Some(n + 1));
                continue;
            };
            let mut ticks = [0; FIELDS];
            // Old kernels have fewer fields; what is there must be a number.
            for (slot, field) in ticks.iter_mut().zip(fields) {
                match number(Some(field)) {
                    Some(value) => *slot = value,
                    None => bad = bad.or(Some(n + 1)),
                }
            }
            let (seconds, guest) = (&self.seconds, self.guest.as_ref());
            if let Some(sums) = &mut self.sums {
                sums.take(number(Some(cpu)).unwrap_or_default(), &ticks);
                continue;
            }
            match self.rows.row(cpu, || Row::new(cpu, seconds, guest)) {
                // A CPU that was away has counted from anew, or will be seen to have gone on.
                Some((row, Seen::Anew)) => row.ticks = ticks,
                Some((row, Seen::Before | Seen::Twice)) => row.advance(&ticks),
                None => {}
            }
        }
        bad.map_or(Ok(()), |line| Err(file.bad(line, "cpu", "whole numbers")))
    }
}

impl Row {
    fn new(cpu: &[u8], seconds: &Family, guest: Option<&Family>) -> Self {
        let cpu = String::from_utf8_lossy(cpu);
        let series = |family: &Family, mode| family.series(&[("cpu", &cpu), ("mode", mode)]);
        Row {
            series: MODES.map(|mode| series(seconds, mode)),
            guest: guest.map(|guest| ["user", "nice"].map(|mode| series(guest, mode))),
            ticks: [0; FIELDS],
        }
    }

    /// Counters never go back but at a hot-plug: small steps back are a known fault of the kernel.
    fn advance(&mut self, now: &[u64; FIELDS]) {
        let idle_was = self.ticks.get(IDLE).copied().unwrap_or_default();
        let idle_is = now.get(IDLE).copied().unwrap_or_default();
        if idle_was.saturating_sub(idle_is) >= JUMP_BACK {
            self.ticks = *now;
        }
        for (kept, now) in self.ticks.iter_mut().zip(now) {
            *kept = (*kept).max(*now);
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "ticks of a CPU stay below 2^53 for millions of years"
)]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / USER_HZ
}

impl Source for Cpu {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if let Some(info) = &mut self.info {
            info.read(page)?;
        }
        self.collect()?;
        if let Some(sums) = &mut self.sums {
            sums.write(page, &self.seconds, self.guest.as_ref());
            return Ok(());
        }
        if self.rows.present().next().is_some() {
            page.family(&self.seconds);
        }
        for row in self.rows.present() {
            for (series, ticks) in row.series.iter().zip(row.ticks) {
                page.sample(series, seconds(ticks));
            }
        }
        if let Some(guest) = self.guest.as_ref().filter(|_| self.rows.present().next().is_some()) {
            page.family(guest);
        }
        for row in self.rows.present() {
            let guest = row.guest.iter().flatten();
            for (series, ticks) in guest.zip(row.ticks.iter().skip(MODES.len())) {
                page.sample(series, seconds(*ticks));
            }
        }
        self.files.read(page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        if let Some(info) = &mut self.info {
            info.discover()?;
        }
        self.look()?;
        // A CPU that came is rendered here, not in the next reading.
        self.collect()?;
        self.rows.sweep();
        Ok(())
    }
}
