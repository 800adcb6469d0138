//! `filesystem`: the mounts of PID 1 and their statfs.

use crate::file::{Kept, words};
use crate::settings::Filter;
use crate::table::Table;
use crate::{ReadError, Root, Settings, Source};
use nix::sys::statfs::statfs;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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
    sizes: Result<Sizes, nix::Error>,
}

#[derive(Debug)]
struct Mount {
    path: CString,
    labels: [String; 3],
    read_only: Series,
    error: Series,
    sizes: [Series; 6],
    info: Series,
}

pub(crate) struct Filesystem {
    root: Root,
    file: Kept,
    fallback: Kept,
    mounts: Filter,
    types: Filter,
    rows: Table<Row>,
    key: Vec<u8>,
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
            fallback: Kept::new(root.procfs.join("self/mountinfo")),
            mounts: settings.filter("filesystem.mount-points", EXCLUDED_MOUNTS),
            types: settings.filter("filesystem.fs-types", EXCLUDED_TYPES),
            rows: Table::default(),
            key: Vec::new(),
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

    fn collect(&mut self) -> Result<(), ReadError> {
        let (root, mounts, types, families) =
            (&self.root, &self.mounts, &self.types, &self.families);
        let text = match self.file.read() {
            Ok(text) => text,
            Err(_) => self.fallback.read()?,
        };
        self.rows.begin();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Some(info) = MountInfo::parse(line) else { continue };
            // The same device mounted twice at one place is one series, as node_exporter has it.
            self.key.clear();
            for part in [info.device, b"\n", info.point, b"\n", info.kind, b"\n", info.number] {
                self.key.extend_from_slice(part);
            }
            let make = || Row {
                mount: Mount::new(root, mounts, types, families, &info),
                read_only: false,
                sizes: Err(nix::Error::UnknownErrno),
            };
            let Some(row) = self.rows.row(&self.key, make) else { continue };
            let Some(mount) = &mut row.mount else { continue };
            // The options, not statfs: ProtectSystem= of the unit makes every mount look read-only.
            row.read_only = info.read_only();
            row.sizes = measure(&mount.path);
            if let Err(error) = &row.sizes {
                mount.name_error(families, *error);
            }
        }
        Ok(())
    }
}

fn measure(path: &CString) -> Result<Sizes, nix::Error> {
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

/// One line of mountinfo (proc_pid_mountinfo(5)).
struct MountInfo<'a> {
    number: &'a [u8],
    point: &'a [u8],
    options: &'a [u8],
    kind: &'a [u8],
    device: &'a [u8],
    super_options: &'a [u8],
}

impl<'a> MountInfo<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = words(line);
        let number = fields.nth(2)?;
        let (point, options) = (fields.nth(1)?, fields.next()?);
        // Optional fields end at a lone hyphen.
        let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
        Some(MountInfo {
            number,
            point,
            options,
            kind: rest.next()?,
            device: rest.next()?,
            super_options: rest.next().unwrap_or_default(),
        })
    }

    fn read_only(&self) -> bool {
        let has = |options: &[u8], wanted: &[u8]| {
            options.split(|byte| *byte == b',').any(|o| o == wanted)
        };
        has(self.options, b"ro")
            || has(self.super_options, b"ro")
            || has(self.super_options, b"emergency_ro")
    }
}

impl Mount {
    fn new(
        root: &Root,
        mounts: &Filter,
        types: &Filter,
        families: &Families,
        info: &MountInfo<'_>,
    ) -> Option<Self> {
        let point = unescape(info.point);
        let below = strip(&point, root.rootfs());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (shown, kind, device) = (text(below), text(info.kind), text(info.device));
        if mounts.ignores(&shown) || types.ignores(&kind) {
            return None;
        }
        let mut path = root.rootfs().as_os_str().as_bytes().to_vec();
        path.extend_from_slice(below);
        let number = text(info.number);
        let (major, minor) = number.split_once(':')?;
        let labels = [device, kind, shown];
        let series = |family: &Family, error: &str| with_error(family, &labels, error);
        Some(Mount {
            path: CString::new(path).ok()?,
            read_only: series(&families.read_only, ""),
            error: series(&families.error, ""),
            sizes: [0, 1, 2, 3, 4, 5].map(|n| {
                families
                    .sizes
                    .get(n)
                    .map_or_else(|| series(&families.error, ""), |family| series(family, ""))
            }),
            info: families.info.series(&[
                ("device", &labels[0]),
                ("major", major),
                ("minor", minor),
                ("mountpoint", &labels[2]),
            ]),
            labels,
        })
    }

    /// The error becomes a label, as node_exporter has it.
    fn name_error(&mut self, families: &Families, error: nix::Error) {
        let text = error.desc().to_lowercase();
        self.error = with_error(&families.error, &self.labels, &text);
        self.read_only = with_error(&families.read_only, &self.labels, &text);
    }
}

fn with_error(family: &Family, [device, kind, point]: &[String; 3], error: &str) -> Series {
    family.series(&[
        ("device", device),
        ("device_error", error),
        ("fstype", kind),
        ("mountpoint", point),
    ])
}

/// mountinfo's escapes that node_exporter takes back: blank and tab.
fn unescape(point: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(point.len());
    let mut rest = point;
    while let Some((first, tail)) = rest.split_first() {
        let (byte, tail) = match (rest.strip_prefix(b"\\040"), rest.strip_prefix(b"\\011")) {
            (Some(tail), _) => (b' ', tail),
            (_, Some(tail)) => (b'\t', tail),
            _ => (*first, tail),
        };
        out.push(byte);
        rest = tail;
    }
    out
}

/// The mount point as seen below the root directory.
fn strip<'a>(point: &'a [u8], rootfs: &Path) -> &'a [u8] {
    let root = rootfs.as_os_str().as_bytes();
    if root == b"/" {
        return point;
    }
    match point.strip_prefix(root) {
        Some([]) => b"/",
        Some(rest @ [b'/', ..]) => rest,
        _ => point,
    }
}

impl Source for Filesystem {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect()?;
        let present = || self.rows.present().filter_map(|row| Some((row, row.mount.as_ref()?)));
        if present().next().is_none() {
            return Ok(());
        }
        page.family(&self.families.error);
        present().for_each(|(row, mount)| page.sample(&mount.error, row.sizes.is_err()));
        page.family(&self.families.read_only);
        present().for_each(|(row, mount)| page.sample(&mount.read_only, row.read_only));
        for (n, family) in self.families.sizes.iter().enumerate() {
            let mark = page.mark();
            page.family(family);
            for (row, mount) in present() {
                if let (Some(series), Ok(Some(value))) =
                    (mount.sizes.get(n), row.sizes.as_ref().map(|sizes| sizes.get(n)))
                {
                    page.sample(series, *value);
                }
            }
            if page.samples_since(mark) == 0 {
                page.rewind(mark);
            }
        }
        let mark = page.mark();
        page.family(&self.families.info);
        for (_, mount) in present().filter(|(row, _)| row.sizes.is_ok()) {
            page.sample(&mount.info, 1u64);
        }
        if page.samples_since(mark) == 0 {
            page.rewind(mark);
        }
        Ok(())
    }

    /// Mounts that went are forgotten, and errors of others with them.
    fn discover(&mut self) -> Result<(), ReadError> {
        self.rows = Table::default();
        Ok(())
    }
}
