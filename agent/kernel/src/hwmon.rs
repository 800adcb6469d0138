//! `hwmon`: the chips of `/sys/class/hwmon`, with node_exporter's names.

mod naming;
pub(crate) mod sensors;

use crate::attr::{Attr, entries};
use crate::settings::Filter;
use crate::{ReadError, Root, Settings, Source};
use naming::{Chip, metric};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) use naming::chips;

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
    files: Vec<(Series, Attr, f64)>,
}

pub(crate) struct Hwmon {
    dir: PathBuf,
    chips: Filter,
    sensors: Filter,
    names: (Family, Vec<Series>),
    labels: (Family, Vec<Series>),
    groups: Vec<Group>,
}

impl Hwmon {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        let mut hwmon = Hwmon {
            dir: root.sysfs.join("class/hwmon"),
            chips: settings.filter("hwmon.chip", ""),
            sensors: settings.filter("hwmon.sensor", ""),
            names: (
                gauge("node_hwmon_chip_names", "Annotation metric for human-readable chip names"),
                Vec::new(),
            ),
            labels: (
                gauge("node_hwmon_sensor_label", "Label for given chip and sensor"),
                Vec::new(),
            ),
            groups: Vec::new(),
        };
        hwmon.discover()?;
        Ok(hwmon)
    }

    fn add_chip(
        &mut self,
        chip: &Chip,
        groups: &mut BTreeMap<String, Group>,
    ) -> Result<(), ReadError> {
        if let Some(name) = &chip.human {
            let labels = [("chip", chip.label.as_str()), ("chip_name", name)];
            self.names.1.push(self.names.0.series(&labels));
        }
        for (sensor, files) in sensor_files(&chip.dir)? {
            if self.sensors.ignores(&format!("{};{sensor}", chip.label)) {
                continue;
            }
            let label = files.get("label").and_then(|file| Attr::new(file.clone()).text().ok());
            let place = [("chip", chip.label.as_str()), ("sensor", sensor.as_str())];
            if let Some(label) = &label {
                let [chip, sensor] = place;
                self.labels.1.push(self.labels.0.series(&[chip, ("label", label), sensor]));
            }
            for (element, file) in &files {
                let Some(metric) =
                    metric(&sensor, element, files.contains_key(""), label.as_deref())
                else {
                    continue;
                };
                let group = groups.entry(metric.name.clone()).or_insert_with(|| Group {
                    family: Family::new(&metric.name, metric.kind, &metric.help),
                    files: Vec::new(),
                });
                let sensor = metric.sensor.as_deref().unwrap_or(&sensor);
                let series = group.family.series(&[place[0], ("sensor", sensor)]);
                // The same name for two elements (`input` beside a bare file) is given once.
                if !group.files.iter().any(|(other, _, _)| *other == series) {
                    group.files.push((series, Attr::new(file.clone()), metric.scale));
                }
            }
        }
        Ok(())
    }
}

impl Source for Hwmon {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.names.1.is_empty() && self.groups.is_empty() && !self.dir.exists() {
            return Err(ReadError::NoData(self.dir.clone()));
        }
        for (family, series) in [&self.names, &self.labels] {
            if !series.is_empty() {
                page.family(family);
                series.iter().for_each(|series| page.sample(series, 1u64));
            }
        }
        for group in &mut self.groups {
            let mark = page.mark();
            page.family(&group.family);
            for (series, file, scale) in &mut group.files {
                // A sensor that is broken, busy (EAGAIN) or unplugged has no sample now.
                if let Ok(value) = file.float() {
                    page.sample(series, value * *scale);
                }
            }
            if page.samples_since(mark) == 0 {
                page.rewind(mark);
            }
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.names.1.clear();
        self.labels.1.clear();
        let mut groups = BTreeMap::new();
        for chip in chips(&self.dir)? {
            if !self.chips.ignores(&chip.label) {
                self.add_chip(&chip, &mut groups)?;
            }
        }
        self.groups = groups.into_values().collect();
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
