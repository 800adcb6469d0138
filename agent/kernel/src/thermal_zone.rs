//! `thermal_zone`: temperatures and cooling devices of `/sys/class/thermal`.

use crate::attr::{Attr, AttrFamily, numbered};
use crate::file::number;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Kind, Page};
use std::path::PathBuf;

/// What a discovery found.
#[derive(PartialEq)]
struct Found {
    temperature: AttrFamily,
    current: AttrFamily,
    most: AttrFamily,
}

impl Found {
    fn nothing() -> Self {
        let gauge = |name, help| AttrFamily::new(name, Kind::Gauge, help);
        Found {
            temperature: gauge("node_thermal_zone_temp", "Zone temperature in Celsius"),
            current: gauge(
                "node_cooling_device_cur_state",
                "Current throttle state of the cooling device",
            ),
            most: gauge(
                "node_cooling_device_max_state",
                "Maximum throttle state of the cooling device",
            ),
        }
    }
}

pub(crate) struct ThermalZone {
    dir: PathBuf,
    found: Found,
}

impl ThermalZone {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let mut zones =
            ThermalZone { dir: root.sysfs.join("class/thermal"), found: Found::nothing() };
        zones.discover()?;
        Ok(zones)
    }
}

impl Source for ThermalZone {
    /// A zone whose sensor does not answer has no sample: 0 degrees, as node_exporter has it, would be a
    /// lie.
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Found { temperature, current, most } = &mut self.found;
        let degrees = |text: &[u8]| number::<f64>(Some(text)).map(|milli| milli / 1000.0);
        temperature.write(page, |text| degrees(text).filter(|value| value.is_finite()));
        // A state may be -1 (intel_powerclamp).
        current.write(page, |text| number::<i64>(Some(text)));
        most.write(page, |text| number::<i64>(Some(text)));
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = Found::nothing();
        let text = |file: PathBuf| Attr::new(file).text().unwrap_or_default();
        for (zone, dir) in numbered(&self.dir, "thermal_zone")? {
            let (zone, kind) = (zone.to_string(), text(dir.join("type")));
            found.temperature.add(&[("type", &kind), ("zone", &zone)], dir.join("temp"));
        }
        for (device, dir) in numbered(&self.dir, "cooling_device")? {
            let (device, kind) = (device.to_string(), text(dir.join("type")));
            let labels = [("name", device.as_str()), ("type", kind.as_str())];
            found.current.add(&labels, dir.join("cur_state"));
            found.most.add(&labels, dir.join("max_state"));
        }
        if self.found != found {
            self.found = found;
        }
        Ok(())
    }
}
