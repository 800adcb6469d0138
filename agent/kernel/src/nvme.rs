//! `nvme`: NVMe controllers and their namespaces, `/sys/class/nvme`. The SMART log needs root and is not
//! here.

use crate::attr::{Attr, entries};
use crate::class::{Latest, Words, devices, must_exist};
use crate::file::number;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::{Path, PathBuf};

/// Labels of `node_nvme_info` and their files.
const WORDS: [(&str, &str); 5] = [
    ("cntlid", "cntlid"),
    ("firmware_revision", "firmware_rev"),
    ("model", "model"),
    ("serial", "serial"),
    ("state", "state"),
];

#[derive(PartialEq)]
struct Controller {
    words: Words,
    namespaces: Vec<Namespace>,
}

#[derive(PartialEq)]
struct Namespace {
    words: Words,
    capacity: Series,
    size: Series,
    used: Series,
    block_size: Series,
    /// In the order of [`Now`].
    files: [Attr; 3],
    now: Latest<Now>,
}

/// As of this reading: blocks, blocks, bytes. What a kernel does not say is not known.
#[derive(Clone, Copy, Default, PartialEq)]
struct Now {
    size: Option<u64>,
    used: Option<u64>,
    block: Option<u64>,
}

struct Families {
    info: Family,
    namespace: Family,
    capacity: Family,
    size: Family,
    used: Family,
    block_size: Family,
}

pub(crate) struct Nvme {
    dir: PathBuf,
    families: Families,
    controllers: Vec<Controller>,
}

impl Families {
    fn new() -> Self {
        let gauge = |name: &str, help| Family::new(&format!("node_nvme_{name}"), Kind::Gauge, help);
        Families {
            info: gauge(
                "info",
                "Non-numeric data from /sys/class/nvme/<device>, value is always 1.",
            ),
            namespace: gauge(
                "namespace_info",
                "Information about NVMe namespaces. Value is always 1",
            ),
            capacity: gauge(
                "namespace_capacity_bytes",
                "Capacity of the NVMe namespace in bytes. Computed as namespace_size * namespace_logical_block_size",
            ),
            size: gauge(
                "namespace_size_bytes",
                "Size of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/size",
            ),
            used: gauge(
                "namespace_used_bytes",
                "Used space of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/nuse",
            ),
            block_size: gauge(
                "namespace_logical_block_size_bytes",
                "Logical block size of the NVMe namespace in bytes. Usually 4Kb. Available in /sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
            ),
        }
    }
}

impl Nvme {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let dir = root.sysfs.join("class/nvme");
        let mut nvme = Nvme { dir, families: Families::new(), controllers: Vec::new() };
        nvme.discover()?;
        Ok(nvme)
    }

    fn controller(&self, name: &str, dir: &Path) -> Result<Controller, ReadError> {
        let mut words = Words::new(&[("device", name)]);
        for (label, file) in WORDS {
            words.add(label, dir.join(file), Some(""));
        }
        let mut namespaces: Vec<Namespace> = Vec::new();
        for path in entries(dir)? {
            let file = path.file_name().and_then(|name| name.to_str());
            let Some(id) = file.and_then(namespace_id) else { continue };
            let namespace = Namespace::new(&self.families, name, id, &path);
            // One that is listed under two names.
            if !namespaces.iter().any(|known| known.size == namespace.size) {
                namespaces.push(namespace);
            }
        }
        Ok(Controller { words, namespaces })
    }
}

/// The 1 of `nvme0n1`. The paths of a shared namespace (`nvme0c0n1`) are not counted, as in
/// node_exporter.
fn namespace_id(name: &str) -> Option<&str> {
    let (controller, id) = name.strip_prefix("nvme")?.split_once('n')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(controller) && digits(id)).then_some(id)
}

impl Namespace {
    fn new(families: &Families, device: &str, id: &str, dir: &Path) -> Self {
        let labels = [("device", device), ("nsid", id)];
        let mut words = Words::new(&[("device", device), ("nsid", id)]);
        // node_exporter's word for one that has no such state.
        words.add("ana_state", dir.join("ana_state"), Some("unknown"));
        let file = |name: &str| Attr::new(dir.join(name));
        Namespace {
            words,
            capacity: families.capacity.series(&labels),
            size: families.size.series(&labels),
            used: families.used.series(&labels),
            block_size: families.block_size.series(&labels),
            files: [file("size"), file("nuse"), file("queue/logical_block_size")],
            now: Latest(Now::default()),
        }
    }

    fn refresh(&mut self) {
        let [size, used, block] = &mut self.files;
        let value = |file: &mut Attr| file.parsed(|text| number::<u64>(Some(text)));
        self.now.0 = Now { size: value(size), used: value(used), block: value(block) };
        self.words.refresh();
    }

    /// Blocks in bytes, with the block size that node_exporter takes: of the device, although the kernel
    /// counts `size` in 512 bytes whatever it is.
    fn bytes(&self, blocks: Option<u64>) -> Option<u64> {
        blocks?.checked_mul(self.now.0.block?)
    }
}

fn namespaces(controllers: &mut [Controller]) -> impl Iterator<Item = &mut Namespace> {
    controllers.iter_mut().flat_map(|controller| &mut controller.namespaces)
}

impl Source for Nvme {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Nvme { dir, families, controllers } = self;
        if controllers.is_empty() {
            return must_exist(dir);
        }
        page.family_of(&families.info, |page| {
            for controller in controllers.iter_mut() {
                if controller.words.refresh() {
                    controller.words.write(page, &families.info);
                }
            }
        });
        namespaces(controllers).for_each(Namespace::refresh);
        page.family_of(&families.namespace, |page| {
            for namespace in namespaces(controllers).filter(|one| one.now.0 != Now::default()) {
                namespace.words.write(page, &families.namespace);
            }
        });
        let mut column = |family, of: fn(&Namespace) -> (&Series, Option<u64>)| {
            page.family_of(family, |page| {
                for namespace in namespaces(controllers) {
                    if let (series, Some(value)) = of(namespace) {
                        page.sample(series, value);
                    }
                }
            });
        };
        column(&families.capacity, |n| (&n.capacity, n.bytes(n.now.0.size)));
        column(&families.size, |n| (&n.size, n.bytes(n.now.0.size)));
        column(&families.used, |n| (&n.used, n.bytes(n.now.0.used)));
        column(&families.block_size, |n| (&n.block_size, n.now.0.block));
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = Vec::new();
        for (name, dir) in devices(&self.dir)? {
            found.push(self.controller(&name, &dir)?);
        }
        if self.controllers != found {
            self.controllers = found;
        }
        Ok(())
    }
}
