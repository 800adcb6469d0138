//! What any agent needs of its host: a clock, room on disk, a kernel and a systemd that are new enough.

use super::{bad, good, names, text};
use nix::sys::statvfs::statvfs;
use socle_model::documents::{Check, CheckResult};
use std::path::Path;

/// Less free space than this in the state folder is worth a word: 64 MiB.
const LEAST_FREE_MIB: u64 = 64;
/// The oldest kernel and systemd that everything here was made for.
const KERNEL: (u32, u32) = (4, 18);
const SYSTEMD: u32 = 239;

/// Whether something keeps the time, and whether the kernel has its fast clock.
pub(super) fn clock(root: &Path) -> Check {
    let facts = socle_kernel::facts::Facts::open(&socle_kernel::Root::at(root)).read();
    let lost = facts.clocksource.as_ref().filter(|clock| {
        // What the kernel falls back to when it has found a TSC unstable that this CPU has.
        clock.tsc_expected && matches!(clock.current.as_str(), "hpet" | "acpi_pm")
    });
    if let Some(slow) = lost.map(|clock| &clock.current) {
        let remedy = "read dmesg for \"clocksource\": it says why tsc was given up; ask the vendor";
        let text = format!("the clock source is {slow}, tsc was lost: every time call is slow");
        return bad("clock", CheckResult::Failed, text, remedy);
    }
    let source = facts.clocksource.map(|clock| clock.current);
    let source = source.map(|name| format!(", clock source {name}")).unwrap_or_default();
    match keeper(root) {
        Some(who) => good("clock", format!("{who}{source}")),
        None => {
            let remedy = "systemctl enable --now chronyd (or systemd-timesyncd)";
            let text = format!("nothing seen that keeps the time{source}");
            bad("clock", CheckResult::Warning, text, remedy)
        }
    }
}

fn keeper(root: &Path) -> Option<String> {
    if root.join("run/systemd/timesync/synchronized").exists() {
        return Some("synchronised by systemd-timesyncd".into());
    }
    let proc = root.join("proc");
    let known = ["chronyd", "ntpd", "ptp4l", "phc2sys"];
    names(&proc)
        .into_iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|pid| text(&proc.join(pid).join("comm")))
        .find(|comm| known.contains(&comm.as_str()))
        .map(|comm| format!("{comm} runs"))
}

/// Room in the state folder, or where it would be made.
pub(super) fn disk(state: &Path) -> Check {
    let remedy = "free some; until then events are kept in memory only";
    let mut folder = state;
    while !folder.exists() {
        let Some(above) = folder.parent() else { break };
        folder = above;
    }
    match statvfs(folder) {
        Ok(stat) => {
            let free = stat.blocks_available().saturating_mul(stat.fragment_size()) >> 20;
            let text = format!("{free} MiB free for {}", state.display());
            match free < LEAST_FREE_MIB {
                true => bad("disk", CheckResult::Warning, text, remedy),
                false => good("disk", text),
            }
        }
        Err(error) => {
            let text = format!("{}: {error}", folder.display());
            bad("disk", CheckResult::Failed, text, "look at the mount; or give socle run --state")
        }
    }
}

/// The versions that are needed, and those that are here.
pub(super) fn baseline(root: &Path) -> Check {
    let release = text(&root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
    let kernel = format!("Linux {release}");
    match version(&release) {
        None => {
            let remedy = "is /proc mounted here?";
            return bad("baseline", CheckResult::Warning, "the kernel is not known", remedy);
        }
        Some(found) if found < KERNEL => {
            let text = format!("{kernel} is older than {}.{}", KERNEL.0, KERNEL.1);
            let remedy = "SLES 15 SP3, RHEL 8 or Debian 12 are the oldest that are supported";
            return bad("baseline", CheckResult::Failed, text, remedy);
        }
        Some(_) => {}
    }
    if !root.join("run/systemd/system").is_dir() {
        let text = format!("{kernel}; systemd does not run this host");
        let remedy = "socle run works here; the package's units and sandbox do not";
        return bad("baseline", CheckResult::Warning, text, remedy);
    }
    match systemd(root) {
        Some(found) if found < SYSTEMD => {
            let text =
                format!("systemd {found} is older than {SYSTEMD}: parts of the sandbox miss");
            bad("baseline", CheckResult::Failed, text, "update the distribution")
        }
        Some(found) => good("baseline", format!("{kernel}, systemd {found}")),
        None => good("baseline", format!("{kernel}, systemd of a version that was not found")),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// systemd's version by the name of its private library: asking it would mean starting a process.
fn systemd(root: &Path) -> Option<u32> {
    let mut folders = vec!["usr/lib/systemd".to_owned(), "usr/lib64/systemd".into()];
    folders
        .extend(names(&root.join("usr/lib")).iter().map(|arch| format!("usr/lib/{arch}/systemd")));
    folders.iter().flat_map(|folder| names(&root.join(folder))).find_map(|name| {
        let rest = name.strip_prefix("libsystemd-shared-")?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(root: &Path, path: &str, text: &str) {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }

    #[test]
    fn versions_are_numbers_not_texts() {
        assert!(version("4.9.0-13-amd64").unwrap() < KERNEL);
        assert!(version("4.18.0-553.el8.x86_64").unwrap() >= KERNEL);
        assert!(version("6.12").unwrap() >= KERNEL && version("x").is_none());
        let tree = tempfile::tempdir().unwrap();
        write(tree.path(), "proc/sys/kernel/osrelease", "5.14.21-150500\n");
        assert_eq!(baseline(tree.path()).result, CheckResult::Warning);
        write(tree.path(), "run/systemd/system/x", "");
        write(tree.path(), "usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-238.so", "");
        assert_eq!(baseline(tree.path()).result, CheckResult::Failed);
        write(tree.path(), "usr/lib/systemd/libsystemd-shared-249.11.so", "");
        assert_eq!(baseline(tree.path()).text, "Linux 5.14.21-150500, systemd 249");
    }

    #[test]
    fn a_lost_tsc_is_a_failure_and_a_kept_clock_is_named() {
        let tree = tempfile::tempdir().unwrap();
        let source = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        write(tree.path(), source, "tsc\n");
        assert_eq!(clock(tree.path()).result, CheckResult::Warning);
        write(tree.path(), "proc/44/comm", "chronyd\n");
        assert_eq!(clock(tree.path()).text, "chronyd runs, clock source tsc");
        write(tree.path(), source, "hpet\n");
        assert_eq!(clock(tree.path()).result, CheckResult::Ok, "a machine without a TSC lost none");
        write(tree.path(), "proc/cpuinfo", "flags\t\t: fpu constant_tsc\n");
        assert_eq!(clock(tree.path()).result, CheckResult::Failed);
    }

    #[test]
    fn room_is_asked_where_the_folder_would_be() {
        let tree = tempfile::tempdir().unwrap();
        let state = tree.path().join("not/yet");
        let check = disk(&state);
        assert!(check.text.ends_with(&state.display().to_string()), "{check:?}");
    }
}
