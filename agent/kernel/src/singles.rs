//! `entropy`, `filefd`, `kernel_hung`: files of /proc/sys that hold a few numbers.

use crate::attr::Attr;
use crate::file::{number, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};

/// Files of one whole number each, all of which must be there.
pub(crate) struct Singles {
    values: Vec<(Family, Attr)>,
}

impl Singles {
    /// Of these files of `/proc/sys`: name, type, help.
    pub(crate) fn new(root: &Root, files: &[(&str, &str, Kind, &str)]) -> Self {
        let single = |(file, name, kind, help): &(&str, &str, Kind, &str)| {
            let file = root.procfs.join("sys").join(file);
            (Family::new(name, *kind, help), Attr::new(file))
        };
        Singles { values: files.iter().map(single).collect() }
    }

    /// The generator of random numbers (admin-guide/sysctl/kernel).
    pub(crate) fn entropy(root: &Root) -> Self {
        Singles::new(
            root,
            &[
                (
                    "kernel/random/entropy_avail",
                    "node_entropy_available_bits",
                    Kind::Gauge,
                    "Bits of available entropy.",
                ),
                (
                    "kernel/random/poolsize",
                    "node_entropy_pool_size_bits",
                    Kind::Gauge,
                    "Bits of entropy pool.",
                ),
            ],
        )
    }

    /// Tasks found hung; on Linux 6.13 and later.
    pub(crate) fn kernel_hung(root: &Root) -> Self {
        Singles::new(
            root,
            &[(
                "kernel/hung_task_detect_count",
                "node_kernel_hung_tasks_total",
                Kind::Counter,
                "Total number of tasks that have been detected as hung since the system booted.",
            )],
        )
    }
}

impl Source for Singles {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        for (family, file) in &mut self.values {
            page.single(family, file.integer()?);
        }
        Ok(())
    }
}

/// Open files: allocated, free (always 0) and the limit.
pub(crate) struct Filefd {
    file: Attr,
    allocated: Family,
    maximum: Family,
}

impl Filefd {
    pub(crate) fn new(root: &Root) -> Self {
        let family = |name| {
            let help = format!("File descriptor statistics: {name}.");
            Family::new(&format!("node_filefd_{name}"), Kind::Gauge, &help)
        };
        Filefd {
            file: Attr::new(root.procfs.join("sys/fs/file-nr")),
            allocated: family("allocated"),
            maximum: family("maximum"),
        }
    }
}

impl Source for Filefd {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let [allocated, _, maximum] = self.file.read("3 whole numbers", |text| {
            let mut words = words(text);
            let mut next = || number::<u64>(words.next());
            Some([next()?, next()?, next()?])
        })?;
        page.single(&self.allocated, allocated);
        page.single(&self.maximum, maximum);
        Ok(())
    }
}
