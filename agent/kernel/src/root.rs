//! Where /proc, /sys, the mounts and udev's data are: the host's, or those of a tree made for a test.

use crate::attr::Attr;
use crate::procstat::ProcStat;
use std::path::{Path, PathBuf};

/// The directories that every source reads under.
#[derive(Debug, Clone)]
pub struct Root {
    pub(crate) procfs: PathBuf,
    pub(crate) sysfs: PathBuf,
    rootfs: PathBuf,
    udev: PathBuf,
    /// A file that sources of the same root share.
    pub(crate) stat: ProcStat,
    base: PathBuf,
}

impl Root {
    /// This host's: `/proc`, `/sys`, `/` and `/run/udev/data`.
    #[must_use]
    pub fn host() -> Self {
        Self::at("/")
    }

    /// The same directories under `dir`.
    #[must_use]
    pub fn at(dir: impl AsRef<Path>) -> Self {
        let dir = dir.as_ref();
        Self::with(dir.join("proc"), dir.join("sys"), dir, dir.join("run/udev/data")).below(dir)
    }

    /// Each directory named.
    #[must_use]
    pub fn with(
        procfs: impl Into<PathBuf>,
        sysfs: impl Into<PathBuf>,
        rootfs: impl Into<PathBuf>,
        udev: impl Into<PathBuf>,
    ) -> Self {
        let procfs = procfs.into();
        Root {
            stat: ProcStat::new(procfs.join("stat")),
            procfs,
            sysfs: sysfs.into(),
            rootfs: rootfs.into(),
            udev: udev.into(),
            base: PathBuf::from("/"),
        }
    }

    /// This process' own folder in /proc. In a tree that was copied without its links `self` is a file that
    /// holds what the link said.
    pub(crate) fn own(&self) -> PathBuf {
        let own = self.procfs.join("self");
        match Attr::new(own.clone()).value::<u32>() {
            Some(process) => self.procfs.join(process.to_string()),
            None => own,
        }
    }

    /// The same, with the paths that the configuration names below `dir`, so that nothing outside of a
    /// tree is read.
    #[must_use]
    pub fn below(self, dir: impl Into<PathBuf>) -> Self {
        Root { base: dir.into(), ..self }
    }

    /// Where the paths of the configuration begin.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Where the host's `/` is mounted: the prefix of every mount point.
    #[must_use]
    pub fn rootfs(&self) -> &Path {
        &self.rootfs
    }

    /// The host's /sys.
    #[must_use]
    pub fn sysfs(&self) -> &Path {
        &self.sysfs
    }

    /// udev's data base.
    #[must_use]
    pub fn udev(&self) -> &Path {
        &self.udev
    }
}
