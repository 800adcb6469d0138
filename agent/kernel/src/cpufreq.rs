//! `cpufreq`: the frequencies and governors of `/sys/devices/system/cpu/cpuN/cpufreq`. What only an
//! operator or the driver's start changes (limits, governor) is read at a discovery, what moves at each
//! reading; on kernels where asking for the current frequency sleeps and interrupts the CPU asked
//! (4.13 to 5.17) one CPU at a time, apart from scrapes.

mod pace;

use crate::attr::{Attr, numbered};
use crate::topology::{Group, cpu_list};
use crate::{ReadError, Root, Settings, Source, file};
use pace::Pace;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files that move, and the end of node_exporter's name.
const MOVING: [(&str, &str, &str); 3] = [
    ("cpuinfo_cur_freq", "frequency_hertz", "Current CPU thread frequency in hertz."),
    ("cpuinfo_avg_freq", "frequency_avg_hertz", "Average CPU thread frequency in hertz."),
    (
        "scaling_cur_freq",
        "scaling_frequency_hertz",
        "Current scaled CPU thread frequency in hertz.",
    ),
];

/// The files that stay as they are set.
const LIMITS: [(&str, &str, &str); 4] = [
    ("cpuinfo_min_freq", "frequency_min_hertz", "Minimum CPU thread frequency in hertz."),
    ("cpuinfo_max_freq", "frequency_max_hertz", "Maximum CPU thread frequency in hertz."),
    (
        "scaling_min_freq",
        "scaling_frequency_min_hertz",
        "Minimum scaled CPU thread frequency in hertz.",
    ),
    (
        "scaling_max_freq",
        "scaling_frequency_max_hertz",
        "Maximum scaled CPU thread frequency in hertz.",
    ),
];

struct Cpu {
    number: u64,
    moving: [(Series, Attr, Option<u64>); MOVING.len()],
    limits: [(Series, Attr, Option<u64>); LIMITS.len()],
    governor: Governor,
}

/// The governors offered, and which is in use. A text that has changed is rendered again.
struct Governor {
    current: Attr,
    available: Attr,
    texts: (String, String),
    series: Vec<(Series, bool)>,
}

pub(crate) struct Cpufreq {
    dir: PathBuf,
    cpus: Vec<Cpu>,
    families: [Family; MOVING.len()],
    limits: [Family; LIMITS.len()],
    governor: Family,
    /// Aggregates leave frequencies out.
    summed: Option<Group>,
    pace: Option<Pace>,
}

impl Cpufreq {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let gauge = |name: &str, help| Family::new(&format!("node_cpu_{name}"), Kind::Gauge, help);
        let mut cpufreq = Cpufreq {
            dir: root.sysfs.join("devices/system/cpu"),
            cpus: Vec::new(),
            families: MOVING.map(|(_, name, help)| gauge(name, help)),
            limits: LIMITS.map(|(_, name, help)| gauge(name, help)),
            governor: gauge("scaling_governor", "Current enabled CPU frequency governor."),
            summed: settings.cpu_detail.group(root),
            pace: Pace::of(root),
        };
        cpufreq.discover()?;
        Ok(cpufreq)
    }

    fn cpu(&self, number: u64, path: &Path) -> Cpu {
        let cpu = number.to_string();
        let path = path.join("cpufreq");
        let file = |family: &Family, name: &str| {
            (family.series(&[("cpu", &cpu)]), Attr::new(path.join(name)), None)
        };
        let [a, b, c] = &self.families;
        let [d, e, f, g] = &self.limits;
        Cpu {
            number,
            moving: [file(a, MOVING[0].0), file(b, MOVING[1].0), file(c, MOVING[2].0)],
            limits: [
                file(d, LIMITS[0].0),
                file(e, LIMITS[1].0),
                file(f, LIMITS[2].0),
                file(g, LIMITS[3].0),
            ],
            governor: Governor {
                current: Attr::new(path.join("scaling_governor")),
                available: Attr::new(path.join("scaling_available_governors")),
                texts: Default::default(),
                series: Vec::new(),
            },
        }
    }

    /// The CPUs that have the folder, without those that are offline.
    fn listing(&self) -> Result<Vec<(u64, PathBuf)>, ReadError> {
        let mut offline = file::Kept::new(self.dir.join("offline"));
        let offline = offline.read().map(|text| String::from_utf8_lossy(text).into_owned());
        let offline = cpu_list(&offline.unwrap_or_default());
        let mut cpus = numbered(&self.dir, "cpu")?;
        cpus.retain(|(number, path)| !offline.contains(number) && path.join("cpufreq").exists());
        Ok(cpus)
    }
}

impl Cpu {
    fn move_on(&mut self) {
        for (_, file, value) in &mut self.moving {
            *value = file.value();
        }
    }

    fn settle(&mut self, family: &Family) {
        for (_, file, value) in &mut self.limits {
            *value = file.value();
        }
        self.governor.look(family, &self.number.to_string());
    }
}

impl Governor {
    fn look(&mut self, family: &Family, cpu: &str) {
        let texts =
            (self.current.line().unwrap_or_default(), self.available.line().unwrap_or_default());
        if texts == self.texts {
            return;
        }
        let (current, available) = (texts.0.trim(), texts.1.trim());
        let names: BTreeSet<&str> = match current.is_empty() {
            true => BTreeSet::new(),
            false => available.split_ascii_whitespace().collect(),
        };
        let one =
            |name: &str| (family.series(&[("cpu", cpu), ("governor", name)]), name == current);
        self.series = names.into_iter().map(one).collect();
        self.texts = texts;
    }
}

/// The files are in kHz.
#[expect(clippy::cast_precision_loss, reason = "node_exporter's values are floats too")]
fn hertz(khz: u64) -> f64 {
    khz as f64 * 1000.0
}

impl Source for Cpufreq {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.summed.is_some() {
            return Ok(());
        }
        if self.cpus.is_empty() {
            return Err(ReadError::NoData(self.dir.join("cpu0/cpufreq")));
        }
        if self.pace.is_none() {
            self.cpus.iter_mut().for_each(Cpu::move_on);
        }
        let cpus = &self.cpus;
        let column = |page: &mut Page, family, pick: &dyn Fn(&Cpu) -> Option<(&Series, u64)>| {
            page.family_of(family, |page| {
                for (series, khz) in cpus.iter().filter_map(pick) {
                    page.sample(series, hertz(khz));
                }
            });
        };
        for (n, family) in self.families.iter().enumerate() {
            column(page, family, &|cpu| {
                cpu.moving.get(n).and_then(|(series, _, khz)| Some((series, (*khz)?)))
            });
        }
        for (n, family) in self.limits.iter().enumerate() {
            column(page, family, &|cpu| {
                cpu.limits.get(n).and_then(|(series, _, khz)| Some((series, (*khz)?)))
            });
        }
        page.family_of(&self.governor, |page| {
            for (series, current) in cpus.iter().flat_map(|cpu| &cpu.governor.series) {
                page.sample(series, *current);
            }
        });
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        if self.summed.is_some() {
            return Ok(());
        }
        let listing = self.listing()?;
        if !listing.iter().map(|(number, _)| number).eq(self.cpus.iter().map(|cpu| &cpu.number)) {
            self.cpus = listing.iter().map(|(number, path)| self.cpu(*number, path)).collect();
        }
        self.cpus.iter_mut().for_each(|cpu| cpu.settle(&self.governor));
        Ok(())
    }

    fn catch_up(&mut self) {
        self.cpus.iter_mut().for_each(Cpu::move_on);
    }

    fn step(&mut self) -> Option<Duration> {
        let pace = self.pace.as_mut()?;
        if let Some(cpu) = pace.next(self.cpus.len()).and_then(|at| self.cpus.get_mut(at)) {
            cpu.move_on();
        }
        Some(pace.pause(self.cpus.len()))
    }
}
