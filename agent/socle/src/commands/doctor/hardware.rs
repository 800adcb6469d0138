//! The way to the BMC: the driver's device, and whether this user may take it.

use super::{bad, good, names, text};
use nix::unistd::{AccessFlags, access, geteuid};
use socle_model::documents::{Check, CheckResult};
use std::path::{Path, PathBuf};

/// Where the driver makes its device.
const DEVICES: &[&str] = &["dev/ipmi0", "dev/ipmi/0", "dev/ipmidev/0"];

fn device(root: &Path) -> Option<PathBuf> {
    DEVICES.iter().map(|name| root.join(name)).find(|path| path.exists())
}

/// Whether a device is there, and what firmware says where it is not. A running agent knows better
/// whether the BMC answers; `runs` says that there is one.
pub(super) fn driver(root: &Path, runs: bool) -> Check {
    if let Some(device) = device(root) {
        return good("driver", format!("{} is there", device.display()));
    }
    let module = |name: &str| root.join("sys/module").join(name).is_dir();
    match announced(root) {
        Some(who) if !module("ipmi_devintf") => {
            let text = format!("{who} announces a BMC, but /dev/ipmi0 is missing");
            bad("driver", CheckResult::Failed, text, "modprobe ipmi_devintf")
        }
        Some(who) => {
            let text = format!("{who} announces a BMC, ipmi_devintf is loaded, no device came");
            let remedy = "modprobe ipmi_si (or ipmi_ssif), then read dmesg for ipmi";
            bad("driver", CheckResult::Failed, text, remedy)
        }
        // The running root half has looked where only root can; its words suffice.
        None if runs => good("driver", ""),
        None if geteuid().is_root() => good("driver", "this machine announces no BMC"),
        None => good("driver", "no sign of a BMC that this user may see"),
    }
}

/// Who announces a BMC, of what anyone may see: the names are public, the tables are root's.
fn announced(root: &Path) -> Option<&'static str> {
    if root.join("sys/firmware/dmi/entries/38-0").is_dir() {
        return Some("SMBIOS");
    }
    let acpi = names(&root.join("sys/bus/acpi/devices"));
    let listed = acpi.iter().find(|name| name.starts_with("IPI0001"))?;
    // What firmware lists but switches off has status 0.
    let status = text(&root.join("sys/bus/acpi/devices").join(listed).join("status"));
    (status.as_deref() != Some("0")).then_some("ACPI")
}

/// Whether this user, or else the root half that runs, may read what the agent needs.
pub(super) fn permissions(root: &Path, runs: bool) -> Check {
    if let Some(device) = device(root)
        && geteuid().is_root()
        && let Err(error) = access(&device, AccessFlags::R_OK | AccessFlags::W_OK)
    {
        let remedy = "look for a container or a security module that keeps root from the device";
        let text = format!("{}: {error}", device.display());
        return bad("permissions", CheckResult::Failed, text, remedy);
    }
    if geteuid().is_root() {
        return good("permissions", "root");
    }
    if runs {
        return good("permissions", "this user may ask the agent");
    }
    let text = format!("uid {}: the BMC and the SMBIOS tables are root's", geteuid());
    let remedy = "install the package (its root half reads them), or run socle run as root";
    bad("permissions", CheckResult::Warning, text, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_bmc_without_its_device_is_a_failure_with_the_module_named() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        assert_eq!(driver(root, false).result, CheckResult::Ok);
        let acpi = root.join("sys/bus/acpi/devices/IPI0001:00");
        fs::create_dir_all(&acpi).unwrap();
        fs::write(acpi.join("status"), "0\n").unwrap();
        assert_eq!(driver(root, false).result, CheckResult::Ok);
        fs::create_dir_all(root.join("sys/firmware/dmi/entries/38-0")).unwrap();
        let check = driver(root, false);
        assert_eq!(check.result, CheckResult::Failed);
        assert_eq!(check.remedy.as_deref(), Some("modprobe ipmi_devintf"));
        fs::create_dir_all(root.join("sys/module/ipmi_devintf")).unwrap();
        assert!(driver(root, false).remedy.unwrap().contains("ipmi_si"));
        fs::create_dir_all(root.join("dev")).unwrap();
        fs::write(root.join("dev/ipmi0"), "").unwrap();
        assert_eq!(driver(root, false).result, CheckResult::Ok);
    }
}
