//! `cpu`: the per-CPU lines of `/proc/stat`, thermal throttling, isolated and online CPUs.

use crate::attr::{Attr, numbered};
use crate::file::{Kept, number, words};
use crate::table::Table;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::BTreeMap;

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
    guest: [Series; 2],
    ticks: [u64; FIELDS],
}

pub(crate) struct Cpu {
    root: Root,
    file: Kept,
    rows: Table<Row>,
    seconds: Family,
    guest: Family,
    /// Families of /sys with their series, as the last discovery found them.
    files: Vec<(Family, Vec<(Series, Attr)>)>,
    isolated: (Family, Vec<Series>),
}

impl Cpu {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let counter = |name, help| Family::new(name, Kind::Counter, help);
        let isolated = Family::new(
            "node_cpu_isolated",
            Kind::Gauge,
            "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
        );
        let mut cpu = Cpu {
            root: root.clone(),
            file: Kept::new(root.procfs.join("stat")),
            rows: Table::default(),
            seconds: counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode."),
            guest: counter(
                "node_cpu_guest_seconds_total",
                "Seconds the CPUs spent in guests (VMs) for each mode.",
            ),
            files: Vec::new(),
            isolated: (isolated, Vec::new()),
        };
        cpu.discover()?;
        Ok(cpu)
    }

    fn collect(&mut self) -> Result<(), ReadError> {
        self.rows.begin();
        let mut bad = None;
        for (n, line) in self.file.read()?.split(|byte| *byte == b'\n').enumerate() {
            let Some(rest) = line.strip_prefix(b"cpu") else { continue };
            // The first line is the sum of all.
            if rest.first().is_none_or(|byte| !byte.is_ascii_digit()) {
                continue;
            }
            let mut fields = words(rest);
            let Some(cpu) = fields.next() else { continue };
            let mut ticks = [0; FIELDS];
            // Old kernels have fewer fields; what is there must be a number.
            for (slot, field) in ticks.iter_mut().zip(fields) {
                match number(Some(field)) {
                    Some(value) => *slot = value,
                    None => bad = Some(n + 1),
                }
            }
            let (seconds, guest) = (&self.seconds, &self.guest);
            if let Some(row) = self.rows.row(cpu, || Row::new(cpu, seconds, guest)) {
                row.advance(&ticks);
            }
        }
        bad.map_or(Ok(()), |line| Err(self.file.bad(line, "cpu", "whole numbers")))
    }
}

impl Row {
    fn new(cpu: &[u8], seconds: &Family, guest: &Family) -> Self {
        let cpu = String::from_utf8_lossy(cpu);
        let series = |family: &Family, mode| family.series(&[("cpu", &cpu), ("mode", mode)]);
        Row {
            series: MODES.map(|mode| series(seconds, mode)),
            guest: ["user", "nice"].map(|mode| series(guest, mode)),
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
        self.collect()?;
        page.family(&self.seconds);
        for row in self.rows.present() {
            for (series, ticks) in row.series.iter().zip(row.ticks) {
                page.sample(series, seconds(ticks));
            }
        }
        page.family(&self.guest);
        for row in self.rows.present() {
            for (series, ticks) in row.guest.iter().zip(row.ticks.iter().skip(MODES.len())) {
                page.sample(series, seconds(*ticks));
            }
        }
        if !self.isolated.1.is_empty() {
            page.family(&self.isolated.0);
            self.isolated.1.iter().for_each(|series| page.sample(series, 1u64));
        }
        for (family, files) in &mut self.files {
            let mark = page.mark();
            page.family(family);
            for (series, file) in files {
                // A CPU that was taken out since the last discovery has no such file.
                if let Ok(value) = file.integer() {
                    page.sample(series, value);
                }
            }
            if page.samples_since(mark) == 0 {
                page.rewind(mark);
            }
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let dir = self.root.sysfs.join("devices/system/cpu");
        let cpus = numbered(&dir, "cpu")?;
        let counter = |name, help| Family::new(name, Kind::Counter, help);
        let core = counter(
            "node_cpu_core_throttles_total",
            "Number of times this CPU core has been throttled.",
        );
        let package = counter(
            "node_cpu_package_throttles_total",
            "Number of times this CPU package has been throttled.",
        );
        let online = Family::new(
            "node_cpu_online",
            Kind::Gauge,
            "CPUs that are online and being scheduled.",
        );
        let (mut cores, mut packages, mut onlines) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let all_online = cpus.first().is_none_or(|(_, cpu)| !cpu.join("online").exists());
        for (number, path) in cpus {
            if !all_online {
                let series = online.series(&[("cpu", &number.to_string())]);
                onlines.push((series, Attr::new(path.join("online"))));
            }
            let topology = |file: &str| Attr::new(path.join("topology").join(file)).integer();
            let Ok(package) = topology("physical_package_id") else { continue };
            let Ok(core) = topology("core_id") else { continue };
            let throttle = |file: &str| Some(path.join("thermal_throttle").join(file));
            if let Some(file) = throttle("core_throttle_count").filter(|file| file.exists()) {
                cores.entry((package, core)).or_insert(file);
            }
            if let Some(file) = throttle("package_throttle_count").filter(|file| file.exists()) {
                packages.entry(package).or_insert(file);
            }
        }
        let cores = cores.into_iter().map(|((package, number), file)| {
            let (package, number) = (package.to_string(), number.to_string());
            (core.series(&[("core", &number), ("package", &package)]), Attr::new(file))
        });
        let cores = cores.collect();
        let packages = packages.into_iter().map(|(number, file)| {
            (package.series(&[("package", &number.to_string())]), Attr::new(file))
        });
        let packages = packages.collect();
        self.files = vec![(package, packages), (core, cores), (online, onlines)];
        self.files.retain(|(_, files): &(_, Vec<_>)| !files.is_empty());
        let isolated = Attr::new(dir.join("isolated")).text().unwrap_or_default();
        let series = |cpu: u64| self.isolated.0.series(&[("cpu", &cpu.to_string())]);
        self.isolated.1 = cpu_list(&isolated).map(series).collect();
        self.rows.sweep();
        Ok(())
    }
}

/// CPUs of a list like `0-3,8`; at most the 8,192 that Linux can have.
fn cpu_list(text: &str) -> impl Iterator<Item = u64> {
    text.split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.trim().parse::<u64>().ok()?..=last.trim().parse::<u64>().ok()?)
        })
        .flatten()
        .take(8192)
}
