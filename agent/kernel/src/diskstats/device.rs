//! What is known of a disk beside its figures: udev's properties, and whether it turns.

use super::Families;
use crate::Root;
use crate::attr::Attr;
use crate::file::{Kept, number};
use socle_model::metrics::{Family, Series};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A disk that is shown, with its series.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) series: Vec<Series>,
    pub(super) info: Series,
    pub(super) filesystem: Option<Series>,
    pub(super) mapper: Option<Series>,
    pub(super) ata: [Option<(Series, f64)>; 3],
}

/// What the series are made of; while it is the same they are kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    name: String,
    major: u32,
    minor: u32,
    rotational: bool,
    udev: Vec<u8>,
}

impl Identity {
    /// Reads what udev and /sys say of a disk. `None` where its numbers are none.
    pub(super) fn find(root: &Root, [major, minor, name]: [&[u8]; 3]) -> Option<Self> {
        let (major, minor) = (number(Some(major))?, number(Some(minor))?);
        let mut udev = Kept::new(root.udev().join(format!("b{major}:{minor}")));
        // Slashes in a kernel name are `!` in /sys.
        let slash = |byte: &u8| if *byte == b'/' { b'!' } else { *byte };
        let file: Vec<u8> = name.iter().map(slash).collect();
        let queue = root.sysfs.join("block").join(OsStr::from_bytes(&file));
        Some(Identity {
            name: String::from_utf8_lossy(name).into_owned(),
            major,
            minor,
            rotational: Attr::new(queue.join("queue/rotational")).value::<u64>() == Some(1),
            udev: udev.read().unwrap_or_default().to_vec(),
        })
    }

    /// udev's properties: the lines that begin with `E:`.
    fn properties(&self) -> BTreeMap<String, String> {
        let text = String::from_utf8_lossy(&self.udev);
        let pairs = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

impl Device {
    pub(super) fn new(families: &Families, identity: &Identity) -> Self {
        let udev = identity.properties();
        let known = |key: &str| udev.get(key).map_or("", String::as_str);
        // What is printed on the disk; else what virtio disks have.
        let serial = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        let serial = serial.into_iter().map(known).find(|serial| !serial.is_empty());
        let device = ("device", identity.name.as_str());
        let some = |key: &str, family: &Family, labels: &[(&str, &str)]| {
            (!known(key).is_empty()).then(|| family.series(labels))
        };
        Device {
            series: families.columns.iter().map(|(family, _)| family.series(&[device])).collect(),
            info: families.info.series(&[
                device,
                ("major", &identity.major.to_string()),
                ("minor", &identity.minor.to_string()),
                ("model", known("ID_MODEL")),
                ("path", known("ID_PATH")),
                ("revision", known("ID_REVISION")),
                ("rotational", if identity.rotational { "1" } else { "0" }),
                ("serial", serial.unwrap_or_default()),
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
        }
    }
}
