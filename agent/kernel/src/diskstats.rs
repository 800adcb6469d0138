//! `diskstats`: `/proc/diskstats`, with what udev knows of each device.

mod columns;
mod device;

use crate::file::{Kept, number, words};
use crate::settings::{Filter, Flag, Takes};
use crate::table::{Seen, Table};
use crate::{ReadError, Root, Settings, Source};
use columns::{COLUMNS, FIELDS, Scale};
use device::{Device, Identity};
use socle_model::metrics::{Family, Kind, Page, Series};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] =
    &[("diskstats.device-exclude", Takes::Regex), ("diskstats.device-include", Takes::Regex)];

/// Device names that node_exporter leaves out by default.
pub(crate) const EXCLUDED: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";

#[derive(Debug)]
struct Row {
    /// Left out by the filter.
    ignored: bool,
    device: Option<(Identity, Device)>,
    values: [u64; FIELDS],
    fields: usize,
}

pub(crate) struct Diskstats {
    root: Root,
    file: Kept,
    filter: Filter,
    rows: Table<Row>,
    families: Families,
}

struct Families {
    columns: Vec<(Family, Scale)>,
    info: Family,
    filesystem: Family,
    mapper: Family,
    ata: [(&'static str, Family); 3],
}

impl Diskstats {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Self {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        let columns = COLUMNS.iter().map(|(name, help, kind, scale)| {
            (Family::new(&format!("node_disk_{name}"), *kind, help), *scale)
        });
        Diskstats {
            root: root.clone(),
            file: Kept::new(root.procfs.join("diskstats")),
            filter: settings.filter("diskstats.device", EXCLUDED),
            rows: Table::default(),
            families: Families {
                columns: columns.collect(),
                info: gauge("node_disk_info", "Info of /sys/block/<block_device>."),
                filesystem: gauge("node_disk_filesystem_info", "Info about disk filesystem."),
                mapper: gauge("node_disk_device_mapper_info", "Info about disk device mapper."),
                ata: [
                    (
                        "ID_ATA_WRITE_CACHE",
                        gauge("node_disk_ata_write_cache", "ATA disk has a write cache."),
                    ),
                    (
                        "ID_ATA_WRITE_CACHE_ENABLED",
                        gauge(
                            "node_disk_ata_write_cache_enabled",
                            "ATA disk has its write cache enabled.",
                        ),
                    ),
                    (
                        "ID_ATA_ROTATION_RATE_RPM",
                        gauge(
                            "node_disk_ata_rotation_rate_rpm",
                            "ATA disk rotation rate in RPMs (0 for SSDs).",
                        ),
                    ),
                ],
            },
        }
    }

    /// Reads the table. `look` asks again what udev and /sys say of every disk.
    fn collect(&mut self, look: bool) -> Result<(), ReadError> {
        self.rows.begin();
        let mut bad = None;
        for (n, line) in self.file.read()?.split(|byte| *byte == b'\n').enumerate() {
            let mut fields = words(line);
            let Some(major) = fields.next() else { continue };
            let (Some(minor), Some(name)) = (fields.next(), fields.next()) else {
                bad = bad.or(Some((n + 1, "name", "major, minor and name")));
                continue;
            };
            // What is not UTF-8 is shown with U+FFFD; two such names may be one.
            let shown = String::from_utf8_lossy(name);
            let (root, filter, families) = (&self.root, &self.filter, &self.families);
            let row = self.rows.row(shown.as_bytes(), || Row::new(filter.ignores(&shown)));
            let Some((row, seen)) = row.filter(|(row, _)| !row.ignored) else { continue };
            let look = look || seen == Seen::Anew;
            if look && !row.look(root, families, [major, minor, name]) {
                bad = bad.or(Some((n + 1, "major, minor", "whole numbers")));
            }
            if !row.take(fields) {
                bad = bad.or(Some((n + 1, "counters", "whole numbers")));
            }
        }
        bad.map_or(Ok(()), |(line, item, expected)| Err(self.file.bad(line, item, expected)))
    }
}

impl Row {
    fn new(ignored: bool) -> Self {
        Row { ignored, device: None, values: [0; FIELDS], fields: 0 }
    }

    /// Renders the series, unless nothing has changed; false where the numbers are none.
    fn look(&mut self, root: &Root, families: &Families, disk: [&[u8]; 3]) -> bool {
        let Some(identity) = Identity::find(root, disk) else { return false };
        if self.device.as_ref().is_none_or(|(kept, _)| *kept != identity) {
            let device = Device::new(families, &identity);
            self.device = Some((identity, device));
        }
        true
    }

    /// The figures of a line; false where one is no number.
    fn take<'a>(&mut self, fields: impl Iterator<Item = &'a [u8]>) -> bool {
        self.fields = 0;
        for (slot, field) in self.values.iter_mut().zip(fields) {
            let Some(value) = number(Some(field)) else { return false };
            *slot = value;
            self.fields += 1;
        }
        true
    }
}

impl Source for Diskstats {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect(false)?;
        let families = &self.families;
        let present = || {
            let rows = self.rows.present();
            rows.filter_map(|row| row.device.as_ref().map(|(_, device)| (row, device)))
        };
        if present().next().is_none() {
            return Ok(());
        }
        page.family(&families.info);
        present().for_each(|(_, device)| page.sample(&device.info, 1u64));
        for (n, (family, scale)) in families.columns.iter().enumerate() {
            page.family_of(family, |page| {
                for (row, device) in present().filter(|(row, _)| n < row.fields) {
                    if let (Some(series), Some(value)) = (device.series.get(n), row.values.get(n)) {
                        page.sample(series, scale.apply(*value));
                    }
                }
            });
        }
        let optional =
            |page: &mut Page, family: &Family, pick: &dyn Fn(&Device) -> Option<&Series>| {
                page.family_of(family, |page| {
                    let series = present().filter_map(|(_, device)| pick(device));
                    series.for_each(|series| page.sample(series, 1u64));
                });
            };
        optional(page, &families.filesystem, &|device| device.filesystem.as_ref());
        optional(page, &families.mapper, &|device| device.mapper.as_ref());
        for (n, (_, family)) in families.ata.iter().enumerate() {
            page.family_of(family, |page| {
                for (_, device) in present() {
                    if let Some(Some((series, value))) = device.ata.get(n) {
                        page.sample(series, *value);
                    }
                }
            });
        }
        Ok(())
    }

    /// Disks that went are forgotten; those that came, or are others by udev's word, are rendered.
    fn discover(&mut self) -> Result<(), ReadError> {
        self.collect(true)?;
        self.rows.sweep();
        Ok(())
    }
}
