//! `meminfo`: the lines of `/proc/meminfo` that node_exporter knows.

use crate::file::{Kept, number, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};

/// The fields of node_exporter 1.9 and later (`collector/meminfo_linux.go`), in the kernel's order.
/// Newer kernels have more (`KReclaimable`, `FileHugePages`, `Hugetlb`, …), which it leaves out.
const FIELDS: [&str; 51] = [
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "SwapCached",
    "Active",
    "Inactive",
    "Active(anon)",
    "Inactive(anon)",
    "Active(file)",
    "Inactive(file)",
    "Unevictable",
    "Mlocked",
    "SwapTotal",
    "SwapFree",
    "Zswap",
    "Zswapped",
    "Dirty",
    "Writeback",
    "AnonPages",
    "Mapped",
    "Shmem",
    "Slab",
    "SReclaimable",
    "SUnreclaim",
    "KernelStack",
    "PageTables",
    "NFS_Unstable",
    "Bounce",
    "WritebackTmp",
    "CommitLimit",
    "Committed_AS",
    "VmallocTotal",
    "VmallocUsed",
    "VmallocChunk",
    "Percpu",
    "HardwareCorrupted",
    "AnonHugePages",
    "ShmemHugePages",
    "ShmemPmdMapped",
    "CmaTotal",
    "CmaFree",
    "HugePages_Total",
    "HugePages_Free",
    "HugePages_Rsvd",
    "HugePages_Surp",
    "Hugepagesize",
    "DirectMap4k",
    "DirectMap2M",
    "DirectMap1G",
];

struct Field {
    /// The line's first word, with its colon.
    key: Box<[u8]>,
    family: Family,
    bytes: bool,
    value: Option<u64>,
}

pub(crate) struct Meminfo {
    file: Kept,
    fields: Vec<Field>,
}

impl Meminfo {
    pub(crate) fn new(root: &Root) -> Self {
        Meminfo {
            file: Kept::in_one_piece(root.procfs.join("meminfo")),
            fields: FIELDS.into_iter().map(Field::new).collect(),
        }
    }
}

impl Field {
    /// `Active(anon):` in kB is `node_memory_Active_anon_bytes`; pages are counts.
    fn new(key: &str) -> Self {
        let bytes = !key.starts_with("HugePages_");
        let clean = key.replace('(', "_").replace(')', "");
        let name = format!("{clean}{}", if bytes { "_bytes" } else { "" });
        let help = format!("Memory information field {name}.");
        Field {
            key: format!("{key}:").into_bytes().into(),
            family: Family::new(&format!("node_memory_{name}"), Kind::Gauge, &help),
            bytes,
            value: None,
        }
    }

    /// The value of a line: in kB, or bare.
    fn parse<'a>(&self, mut words: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
        let value: u64 = number(words.next())?;
        match words.next() {
            Some(b"kB") if self.bytes => value.checked_mul(1024),
            Some(b"kB") | None => Some(value),
            Some(_) => None,
        }
    }
}

impl Source for Meminfo {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.fields.iter_mut().for_each(|field| field.value = None);
        let mut bad = None;
        let mut next = 0;
        for (n, line) in self.file.read()?.split(|b| *b == b'\n').enumerate() {
            let mut words = words(line);
            let Some(key) = words.next() else { continue };
            // The kernel's order is ours, so the next field is nearly always the one.
            let at = match self.fields.get(next) {
                Some(field) if &*field.key == key => Some(next),
                _ => self.fields.iter().position(|field| &*field.key == key),
            };
            let Some((at, field)) = at.and_then(|at| Some((at, self.fields.get_mut(at)?))) else {
                continue;
            };
            next = at + 1;
            field.value = field.parse(words);
            if field.value.is_none() {
                bad = bad.or(Some((n + 1, at)));
            }
        }
        if let Some((line, at)) = bad {
            let key = self.fields.get(at).map(|field| String::from_utf8_lossy(&field.key));
            return Err(self.file.bad(line, &key.unwrap_or_default(), "a number, in kB or bare"));
        }
        for field in &self.fields {
            if let Some(value) = field.value {
                page.single(&field.family, value);
            }
        }
        Ok(())
    }
}
