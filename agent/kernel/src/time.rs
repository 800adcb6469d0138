//! `time`: the clock, its zone, and the clock sources of `/sys/devices/system/clocksource`.

use crate::attr::{Attr, numbered};
use crate::file::{Kept, words};
use crate::{ReadError, Root, Source};
use jiff::tz::TimeZone;
use socle_model::Timestamp;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::PathBuf;
use std::time::SystemTime;

struct Device {
    number: u64,
    label: String,
    current: Attr,
    available: Attr,
    series: (Vec<Series>, Option<Series>),
    texts: (Vec<u8>, Vec<u8>),
}

pub(crate) struct Time {
    dir: PathBuf,
    localtime: PathBuf,
    zone: TimeZone,
    zone_file: Option<Vec<u8>>,
    zone_series: Option<(String, Series)>,
    devices: Vec<Device>,
    families: [Family; 4],
}

impl Time {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        let mut time = Time {
            dir: root.sysfs.join("devices/system/clocksource"),
            localtime: root.rootfs().join("etc/localtime"),
            zone: TimeZone::UTC,
            zone_file: None,
            zone_series: None,
            devices: Vec::new(),
            families: [
                gauge("node_time_seconds", "System time in seconds since epoch (1970)."),
                gauge("node_time_zone_offset_seconds", "System time zone offset in seconds."),
                gauge(
                    "node_time_clocksource_available_info",
                    "Available clocksources read from '/sys/devices/system/clocksource'.",
                ),
                gauge(
                    "node_time_clocksource_current_info",
                    "Current clocksource read from '/sys/devices/system/clocksource'.",
                ),
            ],
        };
        time.discover()?;
        Ok(time)
    }
}

impl Source for Time {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let [seconds, zone, available, current] = &self.families;
        let now = SystemTime::now();
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        page.single(seconds, since_1970.as_secs_f64());
        let info = Timestamp::try_from(now).map(|now| self.zone.to_offset_info(now));
        if let Ok(info) = info {
            let name = info.abbreviation();
            if self.zone_series.as_ref().is_none_or(|(kept, _)| kept != name) {
                self.zone_series = Some((name.to_owned(), zone.series(&[("time_zone", name)])));
            }
            if let Some((_, series)) = &self.zone_series {
                page.family(zone);
                page.sample(series, i64::from(info.offset().seconds()));
            }
        }
        for device in &mut self.devices {
            device.look(available, current)?;
        }
        if self.devices.iter().any(|device| !device.series.0.is_empty()) {
            page.family(available);
            let all = self.devices.iter().flat_map(|device| &device.series.0);
            all.for_each(|series| page.sample(series, 1u64));
        }
        if self.devices.iter().any(|device| device.series.1.is_some()) {
            page.family(current);
            let all = self.devices.iter().filter_map(|device| device.series.1.as_ref());
            all.for_each(|series| page.sample(series, 1u64));
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        // Without a zone file the C library, and node_exporter, take UTC.
        let file = Kept::new(self.localtime.clone()).read().ok().map(<[u8]>::to_vec);
        if file != self.zone_file {
            let zone = file.as_ref().and_then(|bytes| TimeZone::tzif("localtime", bytes).ok());
            (self.zone, self.zone_file) = (zone.unwrap_or(TimeZone::UTC), file);
        }
        let found = numbered(&self.dir, "clocksource")?;
        if found.iter().map(|(number, _)| number).eq(self.devices.iter().map(|d| &d.number)) {
            return Ok(());
        }
        let device = |(number, path): (u64, PathBuf)| Device {
            number,
            label: number.to_string(),
            current: Attr::new(path.join("current_clocksource")),
            available: Attr::new(path.join("available_clocksource")),
            series: (Vec::new(), None),
            texts: (Vec::new(), Vec::new()),
        };
        self.devices = found.into_iter().map(device).collect();
        Ok(())
    }
}

impl Device {
    /// Reads both files; renders series again only when a text has changed.
    fn look(&mut self, available: &Family, current: &Family) -> Result<(), ReadError> {
        let number = &self.label;
        let series = |family: &Family, name: &[u8]| {
            family.series(&[("clocksource", &String::from_utf8_lossy(name)), ("device", number)])
        };
        let (texts, rendered) = (&mut self.texts, &mut self.series);
        self.available.read("names", |text| {
            if text != texts.0 {
                rendered.0.clear();
                for name in words(text).map(|name| series(available, name)) {
                    if !rendered.0.contains(&name) {
                        rendered.0.push(name);
                    }
                }
                texts.0 = text.to_owned();
            }
            Some(())
        })?;
        self.current.read("a name", |text| {
            if text != texts.1 {
                rendered.1 = (!text.is_empty()).then(|| series(current, text));
                texts.1 = text.to_owned();
            }
            Some(())
        })
    }
}
