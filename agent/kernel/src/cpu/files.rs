//! What `/sys/devices/system/cpu` says: throttling, isolated and online CPUs.

use crate::attr::{Attr, AttrFamily, numbered};
use crate::topology::cpu_list;
use crate::{ReadError, Root, file};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the last discovery saw; while it is the same nothing is opened anew.
#[derive(Debug, Default, PartialEq)]
struct Listing {
    cpus: Vec<(u64, PathBuf)>,
    online: Option<String>,
    isolated: Option<String>,
}

pub(super) struct Files {
    dir: PathBuf,
    listing: Option<Listing>,
    isolated: (Family, Vec<Series>),
    package: AttrFamily,
    core: AttrFamily,
    online: AttrFamily,
}

impl Files {
    pub(super) fn new(root: &Root) -> Self {
        let counter = |name, help| AttrFamily::new(name, Kind::Counter, help);
        Files {
            dir: root.sysfs.join("devices/system/cpu"),
            listing: None,
            isolated: (
                Family::new(
                    "node_cpu_isolated",
                    Kind::Gauge,
                    "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
                ),
                Vec::new(),
            ),
            package: counter(
                "node_cpu_package_throttles_total",
                "Number of times this CPU package has been throttled.",
            ),
            core: counter(
                "node_cpu_core_throttles_total",
                "Number of times this CPU core has been throttled.",
            ),
            online: AttrFamily::new(
                "node_cpu_online",
                Kind::Gauge,
                "CPUs that are online and being scheduled.",
            ),
        }
    }

    pub(super) fn read(&mut self, page: &mut Page) {
        if !self.isolated.1.is_empty() {
            page.family(&self.isolated.0);
            self.isolated.1.iter().for_each(|series| page.sample(series, 1u64));
        }
        // A CPU that was taken out since the last discovery has no such file.
        self.package.write(page, |text| file::number::<u64>(Some(text)));
        self.core.write(page, |text| file::number::<u64>(Some(text)));
        let AttrFamily { family, files } = &mut self.online;
        page.family_of(family, |page| {
            for (series, file) in files {
                page.sample(series, file.value::<u64>() == Some(1));
            }
        });
    }

    pub(super) fn discover(&mut self) -> Result<(), ReadError> {
        // Longer than what one attribute holds, where every other CPU is listed.
        let text = |file: &str| {
            let mut file = file::Kept::new(self.dir.join(file));
            file.read().ok().map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let listing = Listing {
            cpus: numbered(&self.dir, "cpu")?,
            online: text("online"),
            isolated: text("isolated"),
        };
        if self.listing.as_ref() == Some(&listing) {
            return Ok(());
        }
        let isolated = &self.isolated.0;
        let series = |cpu: u64| isolated.series(&[("cpu", &cpu.to_string())]);
        let cpus = cpu_list(listing.isolated.as_deref().unwrap_or_default());
        self.isolated.1 = cpus.into_iter().map(series).collect();
        self.throttles(&listing.cpus);
        self.onlines(&listing.cpus);
        self.listing = Some(listing);
        Ok(())
    }

    /// The first CPU of a core, and of a package, that has the file speaks for it.
    fn throttles(&mut self, cpus: &[(u64, PathBuf)]) {
        let (mut cores, mut packages) = (BTreeMap::new(), BTreeMap::new());
        for (_, path) in cpus {
            let topology = |file: &str| Attr::new(path.join("topology").join(file)).value::<u64>();
            let Some(package) = topology("physical_package_id") else { continue };
            let Some(core) = topology("core_id") else { continue };
            if let Some(file) = existing(path, "thermal_throttle/core_throttle_count") {
                cores.entry((package, core)).or_insert(file);
            }
            if let Some(file) = existing(path, "thermal_throttle/package_throttle_count") {
                packages.entry(package).or_insert(file);
            }
        }
        let family = &self.core.family;
        let core = |((package, core), file): ((u64, u64), PathBuf)| {
            let (package, core) = (package.to_string(), core.to_string());
            (family.series(&[("core", &core), ("package", &package)]), Attr::new(file))
        };
        self.core.files = cores.into_iter().map(core).collect();
        let family = &self.package.family;
        let package = |(package, file): (u64, PathBuf)| {
            (family.series(&[("package", &package.to_string())]), Attr::new(file))
        };
        self.package.files = packages.into_iter().map(package).collect();
    }

    /// Nothing where the first CPU cannot be taken out, as node_exporter has it.
    fn onlines(&mut self, cpus: &[(u64, PathBuf)]) {
        let removable = cpus.first().is_some_and(|(_, cpu)| cpu.join("online").exists());
        let family = &self.online.family;
        let online = |(number, path): &(u64, PathBuf)| {
            let series = family.series(&[("cpu", &number.to_string())]);
            (series, Attr::new(path.join("online")))
        };
        self.online.files = cpus.iter().filter(|_| removable).map(online).collect();
    }
}

fn existing(cpu: &Path, file: &str) -> Option<PathBuf> {
    Some(cpu.join(file)).filter(|file| file.exists())
}
