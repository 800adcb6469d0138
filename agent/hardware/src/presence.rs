//! Whether this machine has a BMC: what firmware and kernel announce, beneath a root.

use crate::smbios;
use std::fs;
use std::io::Read;
use std::path::Path;

/// No SMBIOS table is longer than this in practice; more is not read.
const TABLE_MAX: u64 = 1 << 20;

/// Who announces a BMC; `None` when nobody does.
///
/// Asked: SMBIOS type 38 (root only), ACPI's IPI0001, devices of the driver. A device file is the
/// caller's to look for.
#[must_use]
pub fn announced(root: &Path) -> Option<String> {
    smbios_says(root).or_else(|| acpi_says(root)).or_else(|| driver_says(root))
}

/// Whether SMBIOS says that the BMC is reached over the SMBus (SSIF).
#[must_use]
pub fn on_ssif(root: &Path) -> bool {
    smbios_entry(root).is_some_and(|found| found.interface == 4)
}

fn smbios_entry(root: &Path) -> Option<smbios::Announced> {
    let entry = read(&root.join("sys/firmware/dmi/entries/38-0/raw"));
    entry.as_deref().and_then(smbios::announced).or_else(|| {
        let table = read(&root.join("sys/firmware/dmi/tables/DMI"))?;
        smbios::management_controller(&table)
    })
}

fn smbios_says(root: &Path) -> Option<String> {
    match smbios_entry(root) {
        Some(found) => Some(format!("SMBIOS ({})", found.words())),
        // The folder's name can be seen by anyone, what it holds only by root.
        None => root.join("sys/firmware/dmi/entries/38-0").is_dir().then(|| "SMBIOS".into()),
    }
}

fn acpi_says(root: &Path) -> Option<String> {
    let named = names(&root.join("sys/bus/acpi/devices"))
        .into_iter()
        .find(|name| name.starts_with("IPI0001") || name.starts_with("APMC0D8A"))?;
    // A device that firmware lists but switches off has status 0.
    let status = read(&root.join("sys/bus/acpi/devices").join(&named).join("status"));
    let off = status.is_some_and(|text| text.trim_ascii() == b"0");
    (!off).then(|| format!("ACPI ({named})"))
}

fn driver_says(root: &Path) -> Option<String> {
    let class = names(&root.join("sys/class/ipmi"));
    if let Some(name) = class.first() {
        return Some(format!("the driver ({name})"));
    }
    let platform = names(&root.join("sys/bus/platform/drivers/ipmi_si"));
    let bound = platform.into_iter().find(|name| name.contains("IPI") || name.contains("ipmi"))?;
    Some(format!("the driver ({bound})"))
}

/// Whether a module is loaded or built in, as far as `/sys/module` tells.
#[must_use]
pub fn module_loaded(root: &Path, module: &str) -> bool {
    root.join("sys/module").join(module).is_dir()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(TABLE_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
