//! `hwmon`: the chips of `/sys/class/hwmon`, with node_exporter's names.

mod naming;
pub(crate) mod sensors;

use crate::attr::{Attr, entries};
use crate::settings::{Filter, Flag, Takes};
use crate::{ReadError, Root, Settings, Source};
use naming::{Chip, Scale, metric};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub(crate) use naming::chips;

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[
    ("hwmon.chip-exclude", Takes::Regex),
    ("hwmon.chip-include", Takes::Regex),
    ("hwmon.sensor-exclude", Takes::Regex),
    ("hwmon.sensor-include", Takes::Regex),
];

/// Sensor types of files that are values.
const TYPES: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

struct Group {
    family: Family,
    files: Vec<Reading>,
}

struct Reading {
    series: Series,
    file: Attr,
    scale: Scale,
    /// The value of the last discovery, where asking costs the CPU concerned an interrupt: that is not
    /// done within a scrape.
    slow: Option<Option<f64>>,
}

/// What a discovery found.
#[derive(Default)]
struct Found {
    names: Vec<Series>,
    labels: Vec<Series>,
    groups: BTreeMap<String, Group>,
}

pub(crate) struct Hwmon {
    dir: PathBuf,
    chips: Filter,
    sensors: Filter,
    names: Family,
    labels: Family,
    listing: Option<Listing>,
    found: Found,
}

impl Hwmon {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        let mut hwmon = Hwmon {
            dir: root.sysfs.join("class/hwmon"),
            chips: settings.filter("hwmon.chip", ""),
            sensors: settings.filter("hwmon.sensor", ""),
            names: gauge(
                "node_hwmon_chip_names",
                "Annotation metric for human-readable chip names",
            ),
            labels: gauge("node_hwmon_sensor_label", "Label for given chip and sensor"),
            listing: None,
            found: Found::default(),
        };
        hwmon.discover()?;
        Ok(hwmon)
    }

    fn add_chip(&self, chip: &Chip, found: &mut Found) -> Result<(), ReadError> {
        if let Some(name) = &chip.human {
            let labels = [("chip", chip.label.as_str()), ("chip_name", name)];
            add_once(&mut found.names, self.names.series(&labels));
        }
        for (sensor, files) in sensor_files(&chip.dir)? {
            if self.sensors.ignores(&format!("{};{sensor}", chip.label)) {
                continue;
            }
            let label = files.get("label").and_then(|file| Attr::new(file.clone()).line());
            let place = [("chip", chip.label.as_str()), ("sensor", sensor.as_str())];
            if let Some(label) = &label {
                let [chip, sensor] = place;
                let labels = [chip, ("label", label.as_str()), sensor];
                add_once(&mut found.labels, self.labels.series(&labels));
            }
            for (element, file) in &files {
                let bare = files.contains_key("");
                let Some(metric) = metric(&sensor, element, bare, label.as_deref()) else {
                    continue;
                };
                let group = found.groups.entry(metric.name.clone()).or_insert_with(|| Group {
                    family: Family::new(&metric.name, metric.kind, &metric.help),
                    files: Vec::new(),
                });
                let sensor = metric.sensor.as_deref().unwrap_or(&sensor);
                let series = group.family.series(&[place[0], ("sensor", sensor)]);
                // The same name for two elements (`input` beside a bare file) is given once.
                if !group.files.iter().any(|other| other.series == series) {
                    group.files.push(Reading {
                        series,
                        file: Attr::new(file.clone()),
                        scale: metric.scale,
                        slow: interrupts(chip, element).then_some(None),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Whether reading the file interrupts a CPU: coretemp asks its MSRs.
fn interrupts(chip: &Chip, element: &str) -> bool {
    chip.human.as_deref() == Some("coretemp") && element.ends_with("alarm")
}

impl Found {
    fn read_slow(&mut self) {
        for reading in self.groups.values_mut().flat_map(|group| &mut group.files) {
            if let Some(value) = &mut reading.slow {
                *value = reading.file.value();
            }
        }
    }
}

fn add_once(all: &mut Vec<Series>, series: Series) {
    if !all.contains(&series) {
        all.push(series);
    }
}

/// A fingerprint of all chips and their files: while it is the same nothing is opened anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listing(u64);

impl Listing {
    pub(crate) fn of(dir: &Path) -> Result<Self, ReadError> {
        let mut hasher = DefaultHasher::new();
        for chip in entries(dir)? {
            // A driver that was taken away and brought back has a new inode under the old name.
            std::fs::metadata(&chip).map(|chip| chip.ino()).unwrap_or_default().hash(&mut hasher);
            // Old drivers have the files in the device's directory.
            let files = [entries(&chip)?, entries(&chip.join("device"))?];
            (chip, files).hash(&mut hasher);
        }
        Ok(Listing(hasher.finish()))
    }
}

impl Source for Hwmon {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let found = &mut self.found;
        if found.names.is_empty() && found.groups.is_empty() && !self.dir.exists() {
            return Err(ReadError::NoData(self.dir.clone()));
        }
        for (family, series) in [(&self.names, &found.names), (&self.labels, &found.labels)] {
            if !series.is_empty() {
                page.family(family);
                series.iter().for_each(|series| page.sample(series, 1u64));
            }
        }
        for group in found.groups.values_mut() {
            page.family_of(&group.family, |page| {
                for Reading { series, file, scale, slow } in &mut group.files {
                    // A sensor that is broken, busy (EAGAIN) or unplugged has no sample now.
                    if let Some(value) = slow.unwrap_or_else(|| file.value()) {
                        page.sample(series, scale.apply(value));
                    }
                }
            });
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let listing = Listing::of(&self.dir)?;
        if self.listing == Some(listing) {
            self.found.read_slow();
            return Ok(());
        }
        let mut found = Found::default();
        for chip in chips(&self.dir)?.iter().filter(|chip| !self.chips.ignores(&chip.label)) {
            self.add_chip(chip, &mut found)?;
        }
        found.read_slow();
        (self.found, self.listing) = (found, Some(listing));
        Ok(())
    }
}

/// Sensor name to element to file; files of the chip's device come over those of the chip itself.
pub(crate) fn sensor_files(
    dir: &Path,
) -> Result<BTreeMap<String, BTreeMap<String, PathBuf>>, ReadError> {
    let mut sensors: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for dir in [dir.to_owned(), dir.join("device")] {
        for path in entries(&dir)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((kind, number, element)) = naming::split(name) else { continue };
            if TYPES.contains(&kind) && path.is_file() {
                let sensor = sensors.entry(format!("{kind}{number}")).or_default();
                sensor.insert(element.to_owned(), path.clone());
            }
        }
    }
    Ok(sensors)
}
