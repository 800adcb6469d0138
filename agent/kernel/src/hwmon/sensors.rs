//! hwmon sensors for the verdict: value, limits, alarms.

use super::{Listing, chips, sensor_files};
use crate::Root;
use crate::attr::Attr;
use socle_model::facts::HwmonSensor;
use socle_model::{Quantity, Thresholds};
use std::collections::BTreeMap;
use std::path::PathBuf;

struct Sensor {
    /// Without value and alarms.
    known: HwmonSensor,
    value: Option<Attr>,
    alarms: Vec<(String, Attr)>,
    scale: f64,
}

/// The sensors of all chips; limits and labels are read once, values each time.
pub(crate) struct Sensors {
    all: Vec<Sensor>,
    listing: Option<Listing>,
}

impl std::fmt::Debug for Sensors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sensors").field(&self.all.len()).finish()
    }
}

impl Sensors {
    /// Looks for chips; what cannot be read is not there.
    pub(crate) fn find(root: &Root) -> Self {
        let dir = root.sysfs.join("class/hwmon");
        let listing = Listing::of(&dir).ok();
        let mut sensors = Vec::new();
        for chip in chips(&dir).unwrap_or_default() {
            for (name, files) in sensor_files(&chip.dir).unwrap_or_default() {
                let Some((quantity, unit, scale)) = quantity(&name) else { continue };
                let known = HwmonSensor {
                    chip: chip.label.clone(),
                    chip_name: chip.human.clone(),
                    label: files.get("label").and_then(|file| Attr::new(file.clone()).line()),
                    sensor: name,
                    quantity,
                    unit: unit.to_owned(),
                    value: None,
                    alarms: Vec::new(),
                    thresholds: thresholds(&files, scale),
                };
                // coretemp's alarm files send an interrupt to the CPU they ask about.
                let quiet = chip.human.as_deref() != Some("coretemp");
                let alarms = files
                    .iter()
                    .filter(|(element, _)| {
                        quiet && (element.ends_with("alarm") || *element == "fault")
                    })
                    .map(|(element, file)| (element.clone(), Attr::new(file.clone())));
                sensors.push(Sensor {
                    value: files.get("input").map(|file| Attr::new(file.clone())),
                    alarms: alarms.collect(),
                    known,
                    scale,
                });
            }
        }
        Sensors { all: sensors, listing }
    }

    /// Looks again, if anything came or went.
    pub(crate) fn discover(&mut self, root: &Root) {
        let listing = Listing::of(&root.sysfs.join("class/hwmon")).ok();
        if listing.is_none() || listing != self.listing {
            *self = Self::find(root);
        }
    }

    /// One look.
    pub(crate) fn read(&mut self) -> Vec<HwmonSensor> {
        let one = |sensor: &mut Sensor| HwmonSensor {
            value: sensor
                .value
                .as_mut()
                .and_then(Attr::value::<f64>)
                .map(|value| value * sensor.scale),
            alarms: sensor
                .alarms
                .iter_mut()
                .filter_map(|(element, file)| {
                    file.value::<i64>().is_some_and(|value| value != 0).then(|| element.clone())
                })
                .collect(),
            ..sensor.known.clone()
        };
        self.all.iter_mut().map(one).collect()
    }
}

fn quantity(sensor: &str) -> Option<(Quantity, &'static str, f64)> {
    Some(match sensor.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "temp" => (Quantity::Temperature, "celsius", 0.001),
        "fan" => (Quantity::FanSpeed, "rpm", 1.0),
        "in" | "cpu" => (Quantity::Voltage, "volts", 0.001),
        "curr" => (Quantity::Current, "amperes", 0.001),
        "power" => (Quantity::Power, "watts", 1e-6),
        "energy" => (Quantity::Energy, "joules", 1e-6),
        "humidity" => (Quantity::Humidity, "percent", 0.001),
        _ => return None,
    })
}

fn thresholds(files: &BTreeMap<String, PathBuf>, scale: f64) -> Thresholds {
    let limit = |element: &str| {
        let value: f64 = Attr::new(files.get(element)?.clone()).value()?;
        Some(value * scale)
    };
    Thresholds {
        lower_nonrecoverable: None,
        lower_critical: limit("lcrit"),
        lower_noncritical: limit("min"),
        upper_noncritical: limit("max"),
        upper_critical: limit("crit"),
        upper_nonrecoverable: limit("emergency"),
    }
}
