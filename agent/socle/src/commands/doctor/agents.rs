//! Other agents on this host: those that run, and those whose unit is enabled.

use super::{bad, good, names, text};
use socle_model::documents::{Check, CheckResult};
use std::collections::BTreeMap;
use std::path::Path;

/// What each is called as a process (the kernel cuts names to 15 bytes) and as a unit.
const OTHERS: &[(&str, &[&str], &[&str])] = &[
    (
        "node_exporter",
        &["node_exporter", "prometheus-node"],
        &["prometheus-node-exporter.service", "node_exporter.service", "node-exporter.service"],
    ),
    (
        "ipmi_exporter",
        &["ipmi_exporter", "prometheus-ipmi"],
        &["prometheus-ipmi-exporter.service", "ipmi_exporter.service", "ipmi-exporter.service"],
    ),
    ("saptune", &["saptune"], &["saptune.service"]),
    ("tuned", &["tuned"], &["tuned.service"]),
];

/// Folders whose links are what `systemctl enable` makes.
const ENABLED: &[&str] = &[
    "etc/systemd/system/multi-user.target.wants",
    "etc/systemd/system/default.target.wants",
    "etc/systemd/system/basic.target.wants",
];
/// Folders of unit files.
const UNITS: &[&str] = &["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];

const REMEDY: &str = "each may run beside socle; an exporter that nobody scrapes any more only costs: \
     systemctl disable --now UNIT";

/// Who else is here.
pub(super) fn check(root: &Path) -> Check {
    let running = running(root);
    let (mut active, mut idle) = (Vec::new(), Vec::new());
    for (agent, processes, units) in OTHERS {
        let has = |folder: &&&str| units.iter().any(|unit| root.join(folder).join(unit).exists());
        let linked = |folder: &&&str| {
            units.iter().any(|unit| root.join(folder).join(unit).symlink_metadata().is_ok())
        };
        if let Some(pid) = processes.iter().find_map(|name| running.get(*name)) {
            active.push(format!("{agent} runs (pid {pid})"));
        } else if ENABLED.iter().any(|folder| linked(&folder)) {
            active.push(format!("{agent} is enabled"));
        } else if UNITS.iter().any(|folder| has(&folder)) {
            idle.push(*agent);
        }
    }
    match (active.is_empty(), idle.is_empty()) {
        (false, _) => bad("agents", CheckResult::Warning, active.join(", "), REMEDY),
        (true, false) => good("agents", format!("installed, but off: {}", idle.join(", "))),
        (true, true) => good("agents", "no node_exporter, ipmi_exporter, saptune or tuned here"),
    }
}

/// The processes by name, the first of each.
fn running(root: &Path) -> BTreeMap<String, u32> {
    let proc = root.join("proc");
    let mut found = BTreeMap::new();
    for name in names(&proc) {
        let Ok(pid) = name.parse::<u32>() else { continue };
        if let Some(comm) = text(&proc.join(name).join("comm")) {
            found.entry(comm).or_insert(pid);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn running_enabled_and_installed_are_told_apart() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        assert_eq!(check(root).result, CheckResult::Ok);
        fs::create_dir_all(root.join("usr/lib/systemd/system")).unwrap();
        fs::write(root.join("usr/lib/systemd/system/tuned.service"), "").unwrap();
        assert_eq!(check(root).text, "installed, but off: tuned");
        fs::create_dir_all(root.join(ENABLED[0])).unwrap();
        let link = root.join(ENABLED[0]).join("tuned.service");
        std::os::unix::fs::symlink("/usr/lib/systemd/system/tuned.service", link).unwrap();
        fs::create_dir_all(root.join("proc/7")).unwrap();
        fs::write(root.join("proc/7/comm"), "prometheus-node\n").unwrap();
        assert_eq!(check(root).text, "node_exporter runs (pid 7), tuned is enabled");
    }
}
