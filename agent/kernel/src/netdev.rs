//! `netdev`: `/proc/net/dev`, and `rx_nohandler` from /sys, which the table does not have. The names are
//! those that node_exporter gives the figures of the netlink interface.

use crate::attr::Attr;
use crate::file::{Kept, number, words};
use crate::settings::{Filter, Flag, Takes};
use crate::table::Table;
use crate::{ReadError, Root, Settings, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// This source's flags.
pub(crate) const FLAGS: &[Flag] =
    &[("netdev.device-exclude", Takes::Regex), ("netdev.device-include", Takes::Regex)];

const FIELDS: usize = 16;
/// The columns of the table, in its order.
const COLUMNS: [&str; FIELDS] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

#[derive(Debug)]
struct Row {
    /// `None` for a device that the filter leaves out.
    device: Option<Device>,
    values: [u64; FIELDS],
}

#[derive(Debug)]
struct Device {
    series: Vec<Series>,
    nohandler: (Series, Attr),
    nohandler_value: Option<u64>,
}

pub(crate) struct Netdev {
    root: Root,
    file: Kept,
    filter: Filter,
    rows: Table<Row>,
    families: Vec<Family>,
    nohandler: Family,
}

fn family(column: &str) -> Family {
    let help = format!("Network device statistic {column}.");
    Family::new(&format!("node_network_{column}_total"), Kind::Counter, &help)
}

impl Netdev {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Self {
        Netdev {
            root: root.clone(),
            // The table of this process' own network namespace, as node_exporter's netlink socket.
            file: Kept::new(root.procfs.join("net/dev")),
            filter: settings.filter("netdev.device", ""),
            rows: Table::default(),
            families: COLUMNS.iter().map(|column| family(column)).collect(),
            nohandler: family("receive_nohandler"),
        }
    }

    fn collect(&mut self) -> Result<(), ReadError> {
        self.rows.begin();
        let mut bad = None;
        // Two lines of headings.
        for (n, line) in self.file.read()?.split(|byte| *byte == b'\n').enumerate().skip(2) {
            // The name ends at the last colon: an alias has one of its own.
            let Some(colon) = line.iter().rposition(|byte| *byte == b':') else {
                if !line.is_empty() {
                    bad = bad.or(Some((n + 1, "name", "a name and a colon")));
                }
                continue;
            };
            let (name, fields) = line.split_at(colon);
            let name = name.trim_ascii();
            // What is not UTF-8 is shown with U+FFFD; two such names may be one.
            let shown = String::from_utf8_lossy(name);
            let row = self.rows.row(shown.as_bytes(), || Row {
                device: (!self.filter.ignores(&shown))
                    .then(|| Device::new(&self.root, &self.families, &self.nohandler, name)),
                values: [0; FIELDS],
            });
            let Some((row, _)) = row else { continue };
            let Some(device) = &mut row.device else { continue };
            device.nohandler_value = device.nohandler.1.value();
            let mut fields = words(fields.get(1..).unwrap_or_default());
            for slot in &mut row.values {
                match number(fields.next()) {
                    Some(value) => *slot = value,
                    None => bad = bad.or(Some((n + 1, "counters", "16 whole numbers"))),
                }
            }
        }
        bad.map_or(Ok(()), |(line, item, expected)| Err(self.file.bad(line, item, expected)))
    }
}

impl Device {
    fn new(root: &Root, families: &[Family], nohandler: &Family, name: &[u8]) -> Self {
        let shown = String::from_utf8_lossy(name);
        let labels = [("device", &*shown)];
        // A slash is in no name of the kernel's, and would lead elsewhere.
        let name = OsStr::from_bytes(if name.contains(&b'/') { b"" } else { name });
        let file = root.sysfs.join("class/net").join(name).join("statistics/rx_nohandler");
        Device {
            series: families.iter().map(|family| family.series(&labels)).collect(),
            nohandler: (nohandler.series(&labels), Attr::new(file)),
            nohandler_value: None,
        }
    }
}

impl Source for Netdev {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect()?;
        let present = || self.rows.present().filter_map(|row| Some((row, row.device.as_ref()?)));
        if present().next().is_none() {
            return Ok(());
        }
        for (n, family) in self.families.iter().enumerate() {
            page.family(family);
            for (row, device) in present() {
                if let (Some(series), Some(value)) = (device.series.get(n), row.values.get(n)) {
                    page.sample(series, *value);
                }
            }
        }
        page.family_of(&self.nohandler, |page| {
            for (_, device) in present() {
                if let Some(value) = device.nohandler_value {
                    page.sample(&device.nohandler.0, value);
                }
            }
        });
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.collect()?;
        self.rows.sweep();
        Ok(())
    }
}
