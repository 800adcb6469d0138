//! A line of mountinfo, and the series of a mount.

use super::Families;
use crate::Root;
use crate::settings::Filter;
use nix::errno::Errno;
use socle_model::metrics::{Family, Series};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One line of mountinfo (proc_pid_mountinfo(5)).
#[derive(Debug)]
pub(super) struct MountInfo<'a> {
    /// Major and minor number of the device.
    pub(super) number: (u32, u32),
    point: &'a [u8],
    options: &'a [u8],
    kind: &'a [u8],
    device: &'a [u8],
    super_options: &'a [u8],
}

impl<'a> MountInfo<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        // Fields may be empty (a device without name), so each blank counts.
        let mut fields = line.split(|byte| *byte == b' ');
        let number = std::str::from_utf8(fields.nth(2)?).ok()?.split_once(':')?;
        let (point, options) = (fields.nth(1)?, fields.next()?);
        // Optional fields end at a lone hyphen.
        let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
        Some(MountInfo {
            number: (number.0.parse().ok()?, number.1.parse().ok()?),
            point,
            options,
            kind: rest.next()?,
            device: rest.next()?,
            super_options: rest.next().unwrap_or_default(),
        })
    }

    pub(super) fn read_only(&self) -> bool {
        let has = |options: &[u8], wanted: &[u8]| {
            options.split(|byte| *byte == b',').any(|option| option == wanted)
        };
        has(self.options, b"ro")
            || has(self.super_options, b"ro")
            || has(self.super_options, b"emergency_ro")
    }

    /// The three labels, one a line: what makes two mounts one series.
    pub(super) fn key(&self, root: &Root, key: &mut String) {
        key.clear();
        key.push_str(&String::from_utf8_lossy(self.device));
        key.push('\n');
        key.push_str(&String::from_utf8_lossy(self.kind));
        key.push('\n');
        // With its escapes: they are taken back one to one.
        key.push_str(&String::from_utf8_lossy(strip(self.point, root.rootfs())));
    }
}

/// A mount that is shown.
#[derive(Debug)]
pub(super) struct Mount {
    pub(super) path: CString,
    pub(super) read_only: Series,
    pub(super) error: Series,
    pub(super) sizes: [Series; 6],
    pub(super) info: Series,
    labels: [String; 3],
    number: (u32, u32),
    failing: Option<Errno>,
}

impl Mount {
    pub(super) fn new(
        root: &Root,
        mounts: &Filter,
        types: &Filter,
        families: &Families,
        info: &MountInfo<'_>,
    ) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let labels = [text(info.device), text(info.kind), shown(info.point, root)];
        if mounts.ignores(&labels[2]) || types.ignores(&labels[1]) {
            return None;
        }
        let point = unescape(info.point);
        let mut path = root.rootfs().as_os_str().as_bytes().to_vec();
        path.extend_from_slice(strip(&point, root.rootfs()));
        let series = |family: &Family| with_error(family, &labels, "");
        Some(Mount {
            path: CString::new(path).ok()?,
            read_only: series(&families.read_only),
            error: series(&families.error),
            sizes: families.sizes.each_ref().map(series),
            info: with_number(&families.info, &labels, info.number),
            labels,
            number: info.number,
            failing: None,
        })
    }

    /// The same place may become another device's.
    pub(super) fn number(&mut self, families: &Families, number: (u32, u32)) {
        if self.number != number {
            self.info = with_number(&families.info, &self.labels, number);
            self.number = number;
        }
    }

    /// The error, or none any more, becomes a label, as node_exporter has it.
    pub(super) fn name_error(&mut self, families: &Families, failing: Option<Errno>) {
        if self.failing != failing {
            let text = failing.map(text_of).unwrap_or_default();
            self.error = with_error(&families.error, &self.labels, &text);
            self.read_only = with_error(&families.read_only, &self.labels, &text);
            self.failing = failing;
        }
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

fn with_number(family: &Family, [device, _, point]: &[String; 3], number: (u32, u32)) -> Series {
    family.series(&[
        ("device", device),
        ("major", &number.0.to_string()),
        ("minor", &number.1.to_string()),
        ("mountpoint", point),
    ])
}

/// The C library's words, in lower case, as Go has them: `permission denied`.
fn text_of(error: Errno) -> String {
    let text = std::io::Error::from(error).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// The mount point as node_exporter shows it: below the root, and of mountinfo's escapes only blank
/// and tab taken back.
fn shown(point: &[u8], root: &Root) -> String {
    let mut text = Vec::with_capacity(point.len());
    let mut rest = point;
    while let Some((first, tail)) = rest.split_first() {
        let (byte, tail) = match (rest.strip_prefix(b"\\040"), rest.strip_prefix(b"\\011")) {
            (Some(tail), _) => (b' ', tail),
            (_, Some(tail)) => (b'\t', tail),
            _ => (*first, tail),
        };
        text.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(strip(&text, root.rootfs())).into_owned()
}

/// Takes back every escape, `\ooo` in octal: the path that the kernel knows.
fn unescape(point: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(point.len());
    let mut rest = point;
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|_| *first == b'\\');
        let byte = digits.and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
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
