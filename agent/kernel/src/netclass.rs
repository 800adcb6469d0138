//! `netclass`: the properties of network devices, `/sys/class/net`.

use crate::attr::{Attr, AttrFamily};
use crate::class::{Latest, Words, add_existing, devices, must_exist, signed};
use crate::settings::{Flag, Takes};
use crate::{ReadError, Root, Settings, Source};
use regex::Regex;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::{Path, PathBuf};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] =
    &[("netclass.ignore-invalid-speed", Takes::Switch), ("netclass.ignored-devices", Takes::Regex)];

/// The kernel's `IFF_UP`.
const FLAG_UP: i64 = 1;

/// File and name of the numbers that are shown as they stand; the help is made of the name.
const COLUMNS: [(&str, &str, Kind); 15] = [
    ("addr_assign_type", "address_assign_type", Kind::Gauge),
    ("carrier", "carrier", Kind::Gauge),
    ("carrier_changes", "carrier_changes_total", Kind::Counter),
    ("carrier_up_count", "carrier_up_changes_total", Kind::Counter),
    ("carrier_down_count", "carrier_down_changes_total", Kind::Counter),
    ("dev_id", "device_id", Kind::Gauge),
    ("dormant", "dormant", Kind::Gauge),
    ("ifindex", "iface_id", Kind::Gauge),
    ("iflink", "iface_link", Kind::Gauge),
    ("link_mode", "iface_link_mode", Kind::Gauge),
    ("mtu", "mtu_bytes", Kind::Gauge),
    ("name_assign_type", "name_assign_type", Kind::Gauge),
    ("netdev_group", "net_dev_group", Kind::Gauge),
    ("tx_queue_len", "transmit_queue_length", Kind::Gauge),
    ("type", "protocol_type", Kind::Gauge),
];

/// Labels of `node_network_info` and their files.
const WORDS: [(&str, &str); 5] = [
    ("address", "address"),
    ("broadcast", "broadcast"),
    ("duplex", "duplex"),
    ("ifalias", "ifalias"),
    ("operstate", "operstate"),
];

#[derive(PartialEq)]
struct Device {
    words: Words,
    up: Series,
    flags: (Series, Attr),
    now: Latest<Option<Now>>,
}

/// As of this reading.
struct Now {
    up: bool,
    flags: Option<i64>,
}

#[derive(Default, PartialEq)]
struct Found {
    devices: Vec<Device>,
    columns: Vec<AttrFamily>,
    speed: Option<AttrFamily>,
}

pub(crate) struct Netclass {
    dir: PathBuf,
    ignored: Option<Regex>,
    valid_speeds_only: bool,
    up: Family,
    info: Family,
    flags: Family,
    found: Found,
}

fn property(name: &str, kind: Kind) -> AttrFamily {
    let help = format!("Network device property: {name}");
    AttrFamily::new(&format!("node_network_{name}"), kind, &help)
}

impl Netclass {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let gauge = |name: &str, help| Family::new(name, Kind::Gauge, help);
        let mut netclass = Netclass {
            dir: root.sysfs.join("class/net"),
            ignored: settings.pattern("netclass.ignored-devices"),
            valid_speeds_only: settings.on("netclass.ignore-invalid-speed", false),
            up: gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise."),
            info: gauge(
                "node_network_info",
                "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
            ),
            flags: property("flags", Kind::Gauge).family,
            found: Found::default(),
        };
        netclass.discover()?;
        Ok(netclass)
    }

    fn device(&self, name: &str, dir: &Path) -> Device {
        let label = [("device", name)];
        let mut words = Words::new(&label);
        for (label, file) in WORDS {
            words.add(label, dir.join(file), Some(""));
        }
        Device {
            words,
            up: self.up.series(&label),
            flags: (self.flags.series(&label), Attr::new(dir.join("flags"))),
            now: Latest(None),
        }
    }
}

impl Device {
    /// Reads what several families need. A device that has gone has no file left.
    fn refresh(&mut self) {
        if !self.words.refresh() {
            self.now.0 = None;
            return;
        }
        let flags = self.flags.1.parsed(signed);
        let state = match flags {
            None => "unknown",
            Some(flags) if flags & FLAG_UP != 0 => "up",
            Some(_) => "down",
        };
        self.words.set("adminstate", state);
        self.now.0 = Some(Now { up: self.words.word("operstate") == Some(b"up"), flags });
    }
}

impl Source for Netclass {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Found { devices, columns, speed } = &mut self.found;
        if devices.is_empty() {
            return must_exist(&self.dir);
        }
        devices.iter_mut().for_each(Device::refresh);
        page.family_of(&self.up, |page| {
            let now =
                devices.iter().filter_map(|device| Some((&device.up, device.now.0.as_ref()?)));
            now.for_each(|(series, now)| page.sample(series, now.up));
        });
        page.family_of(&self.info, |page| {
            let there = devices.iter_mut().filter(|device| device.now.0.is_some());
            there.for_each(|device| device.words.write(page, &self.info));
        });
        page.family_of(&self.flags, |page| {
            let flags = devices
                .iter()
                .filter_map(|device| Some((&device.flags.0, device.now.0.as_ref()?.flags?)));
            flags.for_each(|(series, flags)| page.sample(series, flags));
        });
        columns.iter_mut().for_each(|column| column.write(page, signed));
        if let Some(speed) = speed {
            let least = if self.valid_speeds_only { 0 } else { i64::MIN };
            speed.write(page, |text| {
                // Some devices say -1 where they do not know; the kernel counts in Mbit/s.
                signed(text).filter(|speed| *speed >= least)?.checked_mul(1_000_000).map(|b| b / 8)
            });
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = Found {
            devices: Vec::new(),
            columns: COLUMNS.iter().map(|(_, name, kind)| property(name, *kind)).collect(),
            speed: Some(property("speed_bytes", Kind::Gauge)),
        };
        for (name, dir) in devices(&self.dir)? {
            // `bonding_masters` lies among the devices and is none.
            if !dir.is_dir() || self.ignored.as_ref().is_some_and(|ignored| ignored.is_match(&name))
            {
                continue;
            }
            let label = [("device", name.as_str())];
            for ((file, ..), column) in COLUMNS.iter().zip(&mut found.columns) {
                add_existing(column, &label, dir.join(file));
            }
            if let Some(speed) = &mut found.speed {
                add_existing(speed, &label, dir.join("speed"));
            }
            found.devices.push(self.device(&name, &dir));
        }
        if self.found != found {
            self.found = found;
        }
        Ok(())
    }
}
