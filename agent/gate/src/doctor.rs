//! `socle doctor`, this half's share: what gate itself can see, and what the root half said.

use crate::app::App;
use jiff::Timestamp;
use nix::sys::statvfs::statvfs;
use socle_model::Status;
use socle_model::bmc::SourceState;
use socle_model::documents::{Check, CheckResult, DOCTOR_SCHEMA, DoctorDocument};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Less free space than this in the state folder is worth a word: 16 MiB.
const LEAST_FREE: u64 = 16 << 20;

/// All checks: the link, this half's own, then those of the root half.
pub(crate) fn document(app: &App) -> DoctorDocument {
    let mut checks = vec![
        link(app),
        sources(app),
        clock(app),
        disk(&[&app.state, &app.root.join("var/lib/socle")]),
        sandbox(&app.root.join("proc/self/status")),
        others(&app.root),
        configuration(app.refused()),
        app.web.doctor(Timestamp::now()),
    ];
    if let Some(snapshot) = &app.hardware.borrow().snapshot {
        checks.extend(snapshot.checks.iter().cloned());
    }
    DoctorDocument { schema: DOCTOR_SCHEMA.into(), checks }
}

fn check(name: &str, result: CheckResult, text: impl Into<String>, remedy: Option<&str>) -> Check {
    Check { name: name.into(), result, text: text.into(), remedy: remedy.map(Into::into) }
}

fn link(app: &App) -> Check {
    let hardware = app.hardware.borrow();
    match (&hardware.link.version, &hardware.link.error) {
        (Some(version), _) if hardware.link.up => {
            check("link", CheckResult::Ok, format!("socle-host {version} answers"), None)
        }
        (_, Some(error)) => {
            let remedy = "systemctl start socle-host.service, then read its journal";
            check("link", CheckResult::Failed, error.clone(), Some(remedy))
        }
        (_, None) => {
            let remedy = Some("ask again in a few seconds");
            check("link", CheckResult::Warning, "not answered yet", remedy)
        }
    }
}

fn sources(app: &App) -> Check {
    let lines = app.lines(Timestamp::now());
    let failing: Vec<_> = lines
        .iter()
        .map(|line| &line.source)
        .filter(|line| line.state == SourceState::Failing)
        .map(|line| format!("{}: {}", line.name, line.error.as_deref().unwrap_or("failing")))
        .collect();
    if failing.is_empty() {
        let working = lines.iter().filter(|line| line.source.state == SourceState::Ok).count();
        return check("sources", CheckResult::Ok, format!("{working} give data"), None);
    }
    let remedy = "each error names its file; metrics.exclude leaves a source out";
    check("sources", CheckResult::Warning, failing.join("; "), Some(remedy))
}

fn clock(app: &App) -> Check {
    let verdict = app.verdict.borrow();
    match verdict.status.components.iter().find(|one| one.kind == "clocksource") {
        None => {
            let remedy = "see whether /sys/devices/system/clocksource can be read";
            check("clock", CheckResult::Warning, "the clock source is not known", Some(remedy))
        }
        Some(one) => {
            let result = match one.status {
                Status::Ok => CheckResult::Ok,
                Status::Critical => CheckResult::Failed,
                Status::Warning | Status::Unknown => CheckResult::Warning,
            };
            let text = one.cause.clone().unwrap_or_else(|| format!("{} is in use", one.name));
            check("clock", result, text, one.remedy.as_deref())
        }
    }
}

/// The state folders: this half's, then the others' where there is one.
fn disk(folders: &[&Path]) -> Check {
    let remedy = "events are kept in memory until there is room; free some, or see --state";
    let (mut worst, mut texts) = (CheckResult::Ok, Vec::new());
    for (index, folder) in folders.iter().enumerate() {
        match statvfs(*folder) {
            Ok(stat) => {
                let free = stat.blocks_available().saturating_mul(stat.fragment_size());
                texts.push(format!("{} MiB free for {}", free >> 20, folder.display()));
                if free < LEAST_FREE && worst == CheckResult::Ok {
                    worst = CheckResult::Warning;
                }
            }
            Err(nix::errno::Errno::ENOENT) if index > 0 => {}
            Err(error) => {
                texts.push(format!("{}: {error}", folder.display()));
                worst = CheckResult::Failed;
            }
        }
    }
    let remedy = (worst != CheckResult::Ok).then_some(remedy);
    check("disk", worst, texts.join("; "), remedy)
}

/// What the kernel says this process may do, not what a unit file asked for.
fn sandbox(path: &Path) -> Check {
    let Ok(text) = fs::read_to_string(path) else {
        let text = format!("{} cannot be read", path.display());
        let remedy = "mount /proc where this half can read it";
        return check("gate sandbox", CheckResult::Warning, text, Some(remedy));
    };
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .unwrap_or_default()
    };
    let root = field("Uid").split_whitespace().any(|uid| uid == "0");
    let capable = !field("CapEff").trim_start_matches('0').is_empty() || root;
    let missing: Vec<_> = [
        (root, "runs as root"),
        (capable, "holds capabilities"),
        (field("NoNewPrivs") != "1", "may gain privileges"),
        (field("Seccomp") != "2", "no system call filter"),
    ]
    .into_iter()
    .filter_map(|(weak, what)| weak.then_some(what))
    .collect();
    if missing.is_empty() {
        let text = "no capability, no new privileges, system calls filtered";
        return check("gate sandbox", CheckResult::Ok, text, None);
    }
    let remedy = "the packaged unit socle-gate.service brings the sandbox";
    check("gate sandbox", CheckResult::Warning, missing.join(", "), Some(remedy))
}

fn configuration(refused: Option<String>) -> Check {
    let name = "gate configuration";
    let Some(faults) = refused else { return check(name, CheckResult::Ok, "in force", None) };
    let text = format!("the last reload was refused, the one before stays in force: {faults}");
    let remedy = "correct the file, then reload again; `socle check` tests it";
    check(name, CheckResult::Failed, text, Some(remedy))
}

/// Other agents of this host by the names of their processes (the kernel cuts them to 15 bytes).
const OTHERS: &[(&str, &str)] = &[
    ("node_exporter", "node_exporter"),
    ("prometheus-node", "node_exporter"),
    ("ipmi_exporter", "ipmi_exporter"),
    ("prometheus-ipmi", "ipmi_exporter"),
    ("saptune", "saptune"),
    ("tuned", "tuned"),
];

fn others(root: &Path) -> Check {
    let found = running(&root.join("proc"));
    let applied = !found.contains("saptune") && saptune_applied(root);
    if found.is_empty() && !applied {
        let text = "no node_exporter, ipmi_exporter, saptune or tuned runs here";
        return check("other agents", CheckResult::Ok, text, None);
    }
    let mut names: Vec<_> = found.into_iter().collect();
    if applied {
        names.push("saptune (its notes are applied; it does not stay running)");
    }
    let remedy = "all may run beside socle; stop exporters that nobody scrapes any more, each reads \
                  the same BMC again";
    let text = format!("here: {}", names.join(", "));
    check("other agents", CheckResult::Warning, text, Some(remedy))
}

/// saptune tunes at boot and ends. It notes what it found before each note that it applied, and which
/// ones to apply at boot in its configuration (SLE 16: the second path).
fn saptune_applied(root: &Path) -> bool {
    let noted = |folder: &str| {
        fs::read_dir(root.join(folder)).is_ok_and(|mut entries| entries.next().is_some())
    };
    let tunes = |file: &str| {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        text.lines().filter_map(|line| line.trim().split_once('=')).any(|(key, value)| {
            matches!(key, "TUNE_FOR_SOLUTIONS" | "TUNE_FOR_NOTES")
                && !value.trim().trim_matches(['"', '\'']).trim().is_empty()
        })
    };
    noted("run/saptune/saved_state")
        || ["etc/sysconfig/saptune", "var/lib/saptune/config/saptune"].into_iter().any(tunes)
}

fn running(proc: &Path) -> BTreeSet<&'static str> {
    let Ok(entries) = fs::read_dir(proc) else { return BTreeSet::new() };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            path.file_name()?.to_str()?.parse::<u32>().ok()?;
            let comm = fs::read_to_string(path.join("comm")).ok()?;
            OTHERS.iter().find(|(name, _)| *name == comm.trim_end()).map(|(_, agent)| *agent)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_agents_are_named_once() {
        let tree = tempfile::tempdir().unwrap();
        for (pid, comm) in
            [("1", "systemd"), ("7", "prometheus-node"), ("8", "node_exporter"), ("self", "tuned")]
        {
            let folder = tree.path().join("proc").join(pid);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("comm"), format!("{comm}\n")).unwrap();
        }
        let found = others(tree.path());
        assert_eq!(found.text, "here: node_exporter");
        assert_eq!(others(Path::new("/nonexistent")).result, CheckResult::Ok);
    }

    #[test]
    fn saptune_is_here_while_its_notes_are_applied() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        let file = root.join("etc/sysconfig/saptune");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let off = "TUNE_FOR_SOLUTIONS=\"\"\nTUNE_FOR_NOTES=\" \"\nCOLOR_SCHEME=\"x\"\n";
        fs::write(&file, off).unwrap();
        let applied = root.join("run/saptune/saved_state");
        fs::create_dir_all(&applied).unwrap();
        assert_eq!(others(root).result, CheckResult::Ok, "installed, not used");
        fs::write(applied.join("1656250"), "{}").unwrap();
        assert!(others(root).text.starts_with("here: saptune (its notes"), "applied");
        fs::remove_dir_all(&applied).unwrap();
        fs::write(&file, "TUNE_FOR_SOLUTIONS=\"HANA\"\n").unwrap();
        assert_eq!(others(root).result, CheckResult::Warning, "applied at boot");
    }

    #[test]
    fn every_state_folder_counts() {
        let tree = tempfile::tempdir().unwrap();
        let missing = tree.path().join("missing");
        let found = disk(&[tree.path(), &missing]);
        assert!(!found.text.contains("missing"), "{}", found.text);
        assert_eq!(disk(&[&missing, tree.path()]).result, CheckResult::Failed);
        let both = disk(&[tree.path(), Path::new("/proc")]);
        assert_eq!(both.result, CheckResult::Warning, "/proc has no room: {}", both.text);
        assert!(both.text.contains(" for /proc"), "{}", both.text);
    }

    #[test]
    fn the_sandbox_is_what_the_kernel_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status");
        let good = "Uid:\t990\t990\t990\t990\nNoNewPrivs:\t1\nSeccomp:\t2\n\
                    CapEff:\t0000000000000000\n";
        fs::write(&path, good).unwrap();
        assert_eq!(sandbox(&path).result, CheckResult::Ok);
        fs::write(&path, good.replace("Seccomp:\t2", "Seccomp:\t0")).unwrap();
        assert_eq!(sandbox(&path).text, "no system call filter");
        fs::write(&path, good.replace("0000\n", "0400\n")).unwrap();
        assert_eq!(sandbox(&path).text, "holds capabilities");
    }
}
