//! What the verdict on the hardware needs of /proc and /sys.

use crate::Root;
use crate::edac::counts::Counts;
use crate::file::Kept;
use crate::hwmon::sensors::Sensors;
use socle_model::facts::{Clocksource, KernelFacts};
use std::fs::File;
use std::io::Read as _;

/// The files behind [`KernelFacts`], kept open.
#[derive(Debug)]
pub struct Facts {
    vendor: Kept,
    product: Kept,
    host: Kept,
    current: Kept,
    available: Kept,
    root: Root,
    sensors: Sensors,
    counts: Counts,
    tsc_expected: bool,
}

impl Facts {
    /// Looks for chips and reads what does not change while the machine runs.
    #[must_use]
    pub fn open(root: &Root) -> Self {
        let dmi = root.sysfs.join("class/dmi/id");
        let clock = root.sysfs.join("devices/system/clocksource/clocksource0");
        Facts {
            vendor: Kept::new(dmi.join("sys_vendor")),
            product: Kept::new(dmi.join("product_name")),
            host: Kept::new(root.procfs.join("sys/kernel/hostname")),
            current: Kept::new(clock.join("current_clocksource")),
            available: Kept::new(clock.join("available_clocksource")),
            root: root.clone(),
            sensors: Sensors::find(root),
            counts: Counts::find(root),
            tsc_expected: tsc_expected(root),
        }
    }

    /// One look. What cannot be read is absent.
    pub fn read(&mut self) -> KernelFacts {
        let model = [text(&mut self.vendor), text(&mut self.product)];
        let model: Vec<String> = model.into_iter().flatten().collect();
        KernelFacts {
            model: (!model.is_empty()).then(|| model.join(" ")),
            host: text(&mut self.host),
            clocksource: self.clocksource(),
            hwmon: self.sensors.read(),
            edac: self.counts.read(),
        }
    }

    /// Looks for chips, controllers and DIMMs that came or went since; opens nothing anew where none
    /// did.
    pub fn discover(&mut self) {
        self.sensors.discover(&self.root);
        self.counts.discover(&self.root);
    }

    fn clocksource(&mut self) -> Option<Clocksource> {
        let current = text(&mut self.current)?;
        let available = text(&mut self.available).unwrap_or_default();
        Some(Clocksource {
            current,
            available: available.split_whitespace().map(str::to_owned).collect(),
            tsc_expected: self.tsc_expected,
        })
    }
}

fn text(file: &mut Kept) -> Option<String> {
    let text = String::from_utf8_lossy(file.read().ok()?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// More than one CPU's block of /proc/cpuinfo. The file of a large machine exceeds what [`Kept`] takes.
const FIRST_CPU: u64 = 64 << 10;

/// Whether the first CPU has a TSC that the kernel should be using; read once.
fn tsc_expected(root: &Root) -> bool {
    let mut text = Vec::new();
    let read = File::open(root.procfs.join("cpuinfo"))
        .and_then(|file| file.take(FIRST_CPU).read_to_end(&mut text));
    if read.is_err() {
        return false;
    }
    let flags = text.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"flags"));
    crate::file::words(flags.unwrap_or_default())
        .any(|flag| flag == b"constant_tsc" || flag == b"nonstop_tsc")
}
