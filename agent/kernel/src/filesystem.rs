//! `filesystem`: the mounts of PID 1 and their statfs.

mod mount;

use crate::file::Kept;
use crate::settings::{Filter, Flag, Takes};
use crate::table::{Seen, Table};
use crate::{ReadError, Root, Settings, Source};
use mount::{Mount, MountInfo};
use nix::errno::Errno;
use nix::sys::statfs::statfs;
use socle_model::metrics::{Family, Kind, Page};
use std::ffi::CString;

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[
    ("filesystem.fs-types-exclude", Takes::Regex),
    ("filesystem.fs-types-include", Takes::Regex),
    ("filesystem.mount-points-exclude", Takes::Regex),
    ("filesystem.mount-points-include", Takes::Regex),
];

/// Mount points that node_exporter leaves out by default.
pub(crate) const EXCLUDED_MOUNTS: &str =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
/// File system types that node_exporter leaves out by default.
pub(crate) const EXCLUDED_TYPES: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";

/// Name and help of the families that a statfs gives, in the order of [`Sizes`].
const SIZES: [(&str, &str); 6] = [
    ("size_bytes", "Filesystem size in bytes."),
    ("free_bytes", "Filesystem free space in bytes."),
    ("avail_bytes", "Filesystem space available to non-root users in bytes."),
    ("files", "Filesystem total file nodes."),
    ("files_free", "Filesystem total free file nodes."),
    ("purgeable_bytes", "Filesystem space available including purgeable space (MacOS specific)."),
];

type Sizes = [f64; 6];

#[derive(Debug)]
struct Row {
    /// `None` for a mount that the filters leave out.
    mount: Option<Mount>,
    read_only: bool,
    sizes: Result<Sizes, Errno>,
}

pub(crate) struct Filesystem {
    root: Root,
    file: Kept,
    fallback: Kept,
    mounts: Filter,
    types: Filter,
    rows: Table<Row>,
    key: String,
    families: Families,
}

struct Families {
    sizes: [Family; 6],
    read_only: Family,
    error: Family,
    info: Family,
}

impl Filesystem {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Self {
        let gauge =
            |name: &str, help| Family::new(&format!("node_filesystem_{name}"), Kind::Gauge, help);
        Filesystem {
            root: root.clone(),
            file: Kept::new(root.procfs.join("1/mountinfo")),
            // /proc/1 is hidden from others where /proc is mounted with hidepid.
            fallback: Kept::new(root.own().join("mountinfo")),
            mounts: settings.filter("filesystem.mount-points", EXCLUDED_MOUNTS),
            types: settings.filter("filesystem.fs-types", EXCLUDED_TYPES),
            rows: Table::default(),
            key: String::new(),
            families: Families {
                sizes: SIZES.map(|(name, help)| gauge(name, help)),
                read_only: gauge("readonly", "Filesystem read-only status."),
                error: gauge(
                    "device_error",
                    "Whether an error occurred while getting statistics for the given device.",
                ),
                info: gauge("mount_info", "Filesystem mount information."),
            },
        }
    }

    /// Reads the table of mounts; asks no file system, so that a dead one does not hold it up.
    fn collect(&mut self) -> Result<(), ReadError> {
        let mounts = |rows: &mut Table<Row>, key: &mut String, text: &[u8]| {
            rows.begin();
            let wanted = [&self.mounts, &self.types];
            let mut lines = text.split(|byte| *byte == b'\n');
            lines.position(|line| !take(rows, key, &self.root, wanted, &self.families, line))
        };
        let (bad, file) = match self.file.read() {
            Ok(text) => (mounts(&mut self.rows, &mut self.key, text), &self.file),
            Err(_) => {
                let text = self.fallback.read()?;
                (mounts(&mut self.rows, &mut self.key, text), &self.fallback)
            }
        };
        bad.map_or(Ok(()), |n| Err(file.bad(n + 1, "mount", "the fields of a mount")))
    }

    fn measure(&mut self) {
        for row in self.rows.present_mut() {
            let Some(mount) = &mut row.mount else { continue };
            row.sizes = measure(&mount.path);
            mount.name_error(&self.families, row.sizes.err());
        }
    }
}

/// Notes the mount of a line; false where it is none.
fn take(
    rows: &mut Table<Row>,
    key: &mut String,
    root: &Root,
    [mounts, types]: [&Filter; 2],
    families: &Families,
    line: &[u8],
) -> bool {
    let Some(info) = MountInfo::parse(line) else { return line.is_empty() };
    info.key(root, key);
    let row = rows.row(key.as_bytes(), || Row {
        mount: Mount::new(root, mounts, types, families, &info),
        read_only: false,
        sizes: Err(Errno::UnknownErrno),
    });
    if let Some((Row { mount: Some(mount), read_only, .. }, seen)) = row {
        // Mounted over with the same labels: one series, and the upper mount is what counts.
        if seen != Seen::Twice {
            mount.number(families, info.number);
        }
        // The options, not statfs: ProtectSystem= of the unit makes every mount look read-only.
        *read_only = info.read_only();
    }
    true
}

fn measure(path: &CString) -> Result<Sizes, Errno> {
    let stat = statfs(path.as_c_str())?;
    #[expect(clippy::cast_precision_loss, reason = "node_exporter's values are floats too")]
    let bytes = |blocks: u64| blocks as f64 * stat.block_size() as f64;
    #[expect(clippy::cast_precision_loss, reason = "node_exporter's values are floats too")]
    let count = |n: u64| n as f64;
    Ok([
        bytes(stat.blocks()),
        bytes(stat.blocks_free()),
        bytes(stat.blocks_available()),
        count(stat.files()),
        count(stat.files_free()),
        0.0,
    ])
}

impl Source for Filesystem {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect()?;
        self.measure();
        let present = || self.rows.present().filter_map(|row| Some((row, row.mount.as_ref()?)));
        if present().next().is_none() {
            return Ok(());
        }
        page.family(&self.families.error);
        present().for_each(|(row, mount)| page.sample(&mount.error, row.sizes.is_err()));
        page.family(&self.families.read_only);
        present().for_each(|(row, mount)| page.sample(&mount.read_only, row.read_only));
        for (n, family) in self.families.sizes.iter().enumerate() {
            page.family_of(family, |page| {
                for (row, mount) in present() {
                    if let (Some(series), Ok(Some(value))) =
                        (mount.sizes.get(n), row.sizes.as_ref().map(|sizes| sizes.get(n)))
                    {
                        page.sample(series, *value);
                    }
                }
            });
        }
        page.family_of(&self.families.info, |page| {
            for (_, mount) in present().filter(|(row, _)| row.sizes.is_ok()) {
                page.sample(&mount.info, 1u64);
            }
        });
        Ok(())
    }

    /// Mounts that went are forgotten, those that came are rendered.
    fn discover(&mut self) -> Result<(), ReadError> {
        self.collect()?;
        self.rows.sweep();
        Ok(())
    }
}
