//! The sandbox that the two halves really have, as the kernel tells it of their processes.

use super::{bad, good, names, text};
use crate::halves::Half;
use socle_model::documents::{Check, CheckResult};
use std::path::Path;

const REMEDY: &str = "run them by the package's units: systemctl enable --now socle-gate.service \
     socle-host.service";

/// Looks at both halves of the agent whose supervisor is `parent`, or of the system's units.
pub(super) fn sandbox(root: &Path, parent: Option<u32>) -> Check {
    let (mut fenced, mut open) = (Vec::new(), Vec::new());
    for half in [Half::Host, Half::Gate] {
        let Some(status) = find(root, half, parent) else { continue };
        let missing = missing(half, &status);
        match missing.is_empty() {
            true => fenced.push(half.program()),
            false => open.push(format!("{}: {}", half.program(), missing.join(", "))),
        }
    }
    match (fenced.is_empty(), open.is_empty()) {
        (_, false) => bad("sandbox", CheckResult::Warning, open.join("; "), REMEDY),
        (false, true) => good("sandbox", format!("{} in full", fenced.join(" and "))),
        (true, true) => {
            bad("sandbox", CheckResult::Warning, "no half runs, so nothing is fenced", REMEDY)
        }
    }
}

/// `/proc/PID/status` of a half.
fn find(root: &Path, half: Half, parent: Option<u32>) -> Option<String> {
    let proc = root.join("proc");
    names(&proc)
        .into_iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|pid| proc.join(pid))
        .filter(|process| text(&process.join("comm")).as_deref() == Some(half.program()))
        .filter(|process| match parent {
            Some(_) => true,
            // Whoever runs by hand is not what `systemctl` started.
            None => text(&process.join("cgroup"))
                .is_some_and(|text| text.contains(&format!("/{}.service", half.program()))),
        })
        .filter_map(|process| text(&process.join("status")))
        .find(|status| {
            parent.is_none_or(|parent| field(status, "PPid") == Some(&parent.to_string()))
        })
}

fn missing(half: Half, status: &str) -> Vec<&'static str> {
    let uid = field(status, "Uid").and_then(|ids| ids.split_whitespace().nth(1));
    let mask = |name| field(status, name).and_then(|text| u64::from_str_radix(text, 16).ok());
    // The root half keeps one capability, the network half none.
    let most = if half == Half::Host { 1 } else { 0 };
    let held = mask("CapEff").map_or(u32::MAX, u64::count_ones);
    [
        (half == Half::Gate && uid == Some("0"), "runs as root"),
        (held > most, "more capabilities than designed"),
        (field(status, "NoNewPrivs") != Some("1"), "may gain privileges"),
        (field(status, "Seccomp") != Some("2"), "no system call filter"),
    ]
    .into_iter()
    .filter_map(|(weak, what)| weak.then_some(what))
    .collect()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const FENCED: &str = "PPid:\t1\nUid:\t990\t990\t990\t990\nCapEff:\t0000000000000000\n\
                          NoNewPrivs:\t1\nSeccomp:\t2\n";

    fn process(root: &Path, pid: &str, comm: &str, cgroup: &str, status: &str) {
        let folder = root.join("proc").join(pid);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("comm", comm), ("cgroup", cgroup), ("status", status)] {
            fs::write(folder.join(name), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn the_system_s_halves_are_told_from_those_of_a_run() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        assert!(sandbox(root, None).text.starts_with("no half runs"));
        process(root, "5", "socle-gate", "0::/system.slice/socle-gate.service", FENCED);
        assert_eq!(sandbox(root, None).text, "socle-gate in full");
        let by_hand = "PPid:\t80\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n";
        process(root, "81", "socle-gate", "0::/user.slice/x", by_hand);
        assert_eq!(sandbox(root, None).result, CheckResult::Ok);
        let check = sandbox(root, Some(80));
        assert!(check.text.starts_with("socle-gate: runs as root, more capab"), "{check:?}");
        process(root, "6", "socle-host", "0::/system.slice/socle-host.service", by_hand);
        assert!(sandbox(root, None).text.starts_with("socle-host: more"));
    }
}
