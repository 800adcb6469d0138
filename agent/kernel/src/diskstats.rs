//! `diskstats`: `/proc/diskstats`, with what udev knows of each device.

use crate::attr::Attr;
use crate::file::{Kept, number, words};
use crate::settings::Filter;
use crate::table::Table;
use crate::{ReadError, Root, Settings, Source};
use socle_model::metrics::{Family, Kind, Page, Series, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Device names that node_exporter leaves out by default.
pub(crate) const EXCLUDED: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";

const FIELDS: usize = 17;

/// How a field becomes a value.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Count,
    Sectors,
    Milliseconds,
}

/// Name, help, type and scale of each field, in the kernel's order
/// (Documentation/admin-guide/iostats.rst).
const COLUMNS: [(&str, &str, Kind, Scale); FIELDS] = {
    use Kind::{Counter, Gauge};
    use Scale::{Count, Milliseconds, Sectors};
    [
        (
            "reads_completed_total",
            "The total number of reads completed successfully.",
            Counter,
            Count,
        ),
        ("reads_merged_total", "The total number of reads merged.", Counter, Count),
        ("read_bytes_total", "The total number of bytes read successfully.", Counter, Sectors),
        (
            "read_time_seconds_total",
            "The total number of seconds spent by all reads.",
            Counter,
            Milliseconds,
        ),
        (
            "writes_completed_total",
            "The total number of writes completed successfully.",
            Counter,
            Count,
        ),
        ("writes_merged_total", "The number of writes merged.", Counter, Count),
        (
            "written_bytes_total",
            "The total number of bytes written successfully.",
            Counter,
            Sectors,
        ),
        (
            "write_time_seconds_total",
            "This is the total number of seconds spent by all writes.",
            Counter,
            Milliseconds,
        ),
        ("io_now", "The number of I/Os currently in progress.", Gauge, Count),
        ("io_time_seconds_total", "Total seconds spent doing I/Os.", Counter, Milliseconds),
        (
            "io_time_weighted_seconds_total",
            "The weighted # of seconds spent doing I/Os.",
            Counter,
            Milliseconds,
        ),
        (
            "discards_completed_total",
            "The total number of discards completed successfully.",
            Counter,
            Count,
        ),
        ("discards_merged_total", "The total number of discards merged.", Counter, Count),
        (
            "discarded_sectors_total",
            "The total number of sectors discarded successfully.",
            Counter,
            Count,
        ),
        (
            "discard_time_seconds_total",
            "This is the total number of seconds spent by all discards.",
            Counter,
            Milliseconds,
        ),
        (
            "flush_requests_total",
            "The total number of flush requests completed successfully",
            Counter,
            Count,
        ),
        (
            "flush_requests_time_seconds_total",
            "This is the total number of seconds spent by all flush requests.",
            Counter,
            Milliseconds,
        ),
    ]
};

#[derive(Debug)]
struct Row {
    /// `None` for a device that the filter leaves out.
    device: Option<Device>,
    values: [u64; FIELDS],
    fields: usize,
}

#[derive(Debug)]
struct Device {
    series: Vec<Series>,
    info: Series,
    filesystem: Option<Series>,
    mapper: Option<Series>,
    ata: [Option<(Series, f64)>; 3],
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

    fn collect(&mut self) -> Result<(), ReadError> {
        self.rows.begin();
        let mut bad = None;
        for (n, line) in self.file.read()?.split(|byte| *byte == b'\n').enumerate() {
            let mut fields = words(line);
            let (Some(major), Some(minor), Some(name)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let (root, filter, families) = (&self.root, &self.filter, &self.families);
            let make = || Row {
                device: Device::new(root, filter, families, [major, minor, name]),
                values: [0; FIELDS],
                fields: 0,
            };
            let Some(row) = self.rows.row(name, make) else { continue };
            if row.device.is_none() {
                continue;
            }
            row.fields = 0;
            for (slot, field) in row.values.iter_mut().zip(fields) {
                match number(Some(field)) {
                    Some(value) => *slot = value,
                    None => bad = Some(n + 1),
                }
                row.fields += 1;
            }
        }
        bad.map_or(Ok(()), |line| Err(self.file.bad(line, "counters", "whole numbers")))
    }
}

impl Device {
    fn new(
        root: &Root,
        filter: &Filter,
        families: &Families,
        [major, minor, name]: [&[u8]; 3],
    ) -> Option<Self> {
        let name = String::from_utf8_lossy(name);
        if filter.ignores(&name) {
            return None;
        }
        let (major, minor) = (String::from_utf8_lossy(major), String::from_utf8_lossy(minor));
        let udev = udev(&root.udev().join(format!("b{major}:{minor}")));
        let known = |key: &str| udev.get(key).map_or("", String::as_str);
        let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        let serial =
            serial.into_iter().map(known).find(|serial| !serial.is_empty()).unwrap_or_default();
        // Slashes in a kernel name are `!` in /sys.
        let queue = root.sysfs.join("block").join(name.replace('/', "!")).join("queue/rotational");
        let rotational =
            if Attr::new(queue).integer().is_ok_and(|value| value == 1) { "1" } else { "0" };
        let device = ("device", &*name);
        let some = |key: &str, family: &Family, labels: &[(&str, &str)]| {
            (!known(key).is_empty()).then(|| family.series(labels))
        };
        Some(Device {
            series: families.columns.iter().map(|(family, _)| family.series(&[device])).collect(),
            info: families.info.series(&[
                device,
                ("major", &major),
                ("minor", &minor),
                ("model", known("ID_MODEL")),
                ("path", known("ID_PATH")),
                ("revision", known("ID_REVISION")),
                ("rotational", rotational),
                ("serial", serial),
                ("wwn", known("ID_WWN")),
            ]),
            filesystem: some(
                "ID_FS_TYPE",
                &families.filesystem,
                &[
                    device,
                    ("type", known("ID_FS_TYPE")),
                    ("usage", known("ID_FS_USAGE")),
                    ("uuid", known("ID_FS_UUID")),
                    ("version", known("ID_FS_VERSION")),
                ],
            ),
            mapper: some(
                "DM_NAME",
                &families.mapper,
                &[
                    device,
                    ("lv_layer", known("DM_LV_LAYER")),
                    ("lv_name", known("DM_LV_NAME")),
                    ("name", known("DM_NAME")),
                    ("uuid", known("DM_UUID")),
                    ("vg_name", known("DM_VG_NAME")),
                ],
            ),
            ata: [0, 1, 2].map(|n| {
                let (key, family) = families.ata.get(n).filter(|_| !known("ID_ATA").is_empty())?;
                Some((family.series(&[device]), known(key).parse().ok()?))
            }),
        })
    }
}

/// udev's properties of a device: the lines that begin with `E:`.
fn udev(path: &Path) -> BTreeMap<String, String> {
    let mut file = Kept::new(path.to_owned());
    let text =
        file.read().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "node_exporter's values are floats too")]
fn scaled(value: u64, scale: Scale) -> Value {
    match scale {
        Scale::Count => Value::Int(value),
        Scale::Sectors => Value::Float(value as f64 * 512.0),
        Scale::Milliseconds => Value::Float(value as f64 * 0.001),
    }
}

impl Source for Diskstats {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect()?;
        let families = &self.families;
        let present = || self.rows.present().filter_map(|row| Some((row, row.device.as_ref()?)));
        page.family(&families.info);
        present().for_each(|(_, device)| page.sample(&device.info, 1u64));
        for (n, (family, scale)) in families.columns.iter().enumerate() {
            page.family(family);
            for (row, device) in present().filter(|(row, _)| n < row.fields) {
                if let (Some(series), Some(value)) = (device.series.get(n), row.values.get(n)) {
                    page.sample(series, scaled(*value, *scale));
                }
            }
        }
        let optional =
            |page: &mut Page, family: &Family, pick: &dyn Fn(&Device) -> Option<&Series>| {
                let mark = page.mark();
                page.family(family);
                present()
                    .filter_map(|(_, device)| pick(device))
                    .for_each(|series| page.sample(series, 1u64));
                if page.samples_since(mark) == 0 {
                    page.rewind(mark);
                }
            };
        optional(page, &families.filesystem, &|device| device.filesystem.as_ref());
        optional(page, &families.mapper, &|device| device.mapper.as_ref());
        for (n, (_, family)) in families.ata.iter().enumerate() {
            let mark = page.mark();
            page.family(family);
            for (_, device) in present() {
                if let Some(Some((series, value))) = device.ata.get(n) {
                    page.sample(series, *value);
                }
            }
            if page.samples_since(mark) == 0 {
                page.rewind(mark);
            }
        }
        Ok(())
    }

    /// Devices that went are forgotten, and what udev says of the others is read again.
    fn discover(&mut self) -> Result<(), ReadError> {
        self.rows = Table::default();
        Ok(())
    }
}
