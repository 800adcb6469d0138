//! `dmi`: what the firmware says of the machine, `/sys/class/dmi/id`. It is read once: it changes with a
//! reboot only.
//!
//! Serial numbers, the UUID and whatever else the kernel shows to root alone are left out, also where
//! this process is root: the page is for everybody who may scrape it, and the two halves' page must not
//! differ from that of `socle run` as root.

use crate::attr::Attr;
use crate::{ReadError, Root, Source};
use nix::sys::statfs::{SYSFS_MAGIC, statfs};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The label of each file.
const LABELS: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

const HELP: &str = "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, \
    bios_version, board_asset_tag, board_name, board_serial, board_vendor, board_version, \
    chassis_asset_tag, chassis_serial, chassis_vendor, chassis_version, product_family, product_name, \
    product_serial, product_sku, product_uuid, product_version, system_vendor if provided by DMI.";

pub(crate) struct Dmi {
    dir: PathBuf,
    family: Family,
    series: Option<Series>,
}

impl Dmi {
    pub(crate) fn new(root: &Root) -> Self {
        let dir = root.sysfs.join("class/dmi/id");
        let family = Family::new("node_dmi_info", Kind::Gauge, HELP);
        let series = info(&dir, &family);
        Dmi { dir, family, series }
    }
}

/// The series of the files that are there and anybody may read.
fn info(dir: &Path, family: &Family) -> Option<Series> {
    // A tree that was copied shows what was copied: its modes say who may read the copy.
    let kernels = statfs(dir).is_ok_and(|fs| fs.filesystem_type() == SYSFS_MAGIC);
    let words = LABELS.iter().filter_map(|(label, file)| {
        let file = dir.join(file);
        let mode = std::fs::metadata(&file).ok()?.permissions().mode();
        if !shown(mode, kernels) {
            return None;
        }
        Some((*label, Attr::new(file).text().ok()?))
    });
    let words: Vec<(&str, String)> = words.collect();
    let labels: Vec<_> = words.iter().map(|(label, text)| (*label, text.as_str())).collect();
    (!labels.is_empty()).then(|| family.series(&labels))
}

/// Whether a file of this mode is for everybody. `kernels`: it is the kernel's own, not of a copy.
const fn shown(mode: u32, kernels: bool) -> bool {
    !kernels || mode & 0o004 != 0
}

impl Source for Dmi {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let series = self.series.as_ref().ok_or_else(|| ReadError::NoData(self.dir.clone()))?;
        page.family(&self.family);
        page.sample(series, 1u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_shows_to_root_alone_is_not_shown() {
        assert!(shown(0o100_444, true), "product_name");
        assert!(
            !shown(0o100_400, true),
            "product_serial, product_uuid, board_serial, chassis_serial"
        );
        assert!(shown(0o100_400, false), "in a copy");
        let on_sysfs =
            |path: &str| statfs(path).is_ok_and(|fs| fs.filesystem_type() == SYSFS_MAGIC);
        assert!(on_sysfs("/sys/class") && !on_sysfs("/proc"));
    }
}
