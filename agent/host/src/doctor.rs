//! The root half's share of `socle doctor`: what this process may do, and how well it is fenced.
//! Files lie beneath the root; what cannot be seen is said, not guessed.

use socle_model::bmc::{Bmc, Degraded};
use socle_model::documents::{Check, CheckResult};
use std::fs;
use std::path::Path;

/// `Uid:`, `CapEff:` and the like of `/proc/self/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    uid: Option<u32>,
    cap_eff: Option<u64>,
    cap_bnd: Option<u64>,
    no_new_privs: Option<bool>,
    seccomp: Option<u8>,
}

impl Process {
    /// Reads `/proc/self/status` beneath `root`; what is missing stays `None`.
    pub(crate) fn read(root: &Path) -> Self {
        let text = fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
        Process::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()
        };
        let mask = |name: &str| u64::from_str_radix(field(name)?, 16).ok();
        let effective = || {
            let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Process {
            uid: effective(),
            cap_eff: mask("CapEff"),
            cap_bnd: mask("CapBnd"),
            no_new_privs: field("NoNewPrivs")
                .and_then(|word| word.parse::<u8>().ok())
                .map(|n| n == 1),
            seccomp: field("Seccomp").and_then(|word| word.parse().ok()),
        }
    }

    /// What is weaker here because of who we are.
    pub(crate) fn degraded(&self) -> Vec<Degraded> {
        match self.uid {
            Some(0) | None => Vec::new(),
            Some(uid) => vec![Degraded {
                feature: "root".into(),
                why: format!(
                    "the root half runs as uid {uid}: the BMC and the SMBIOS tables cannot be opened; \
                     run it as root (the package, or `sudo socle run`)"
                ),
            }],
        }
    }

    fn permissions(&self) -> Check {
        let caps = self.cap_eff.map_or("unknown capabilities".into(), |mask| match mask {
            0 => "no capability".to_owned(),
            mask => format!("{} capabilities (mask {mask:x})", mask.count_ones()),
        });
        let (result, text, remedy) = match self.uid {
            Some(0) => (CheckResult::Ok, format!("uid 0, {caps}"), None),
            Some(uid) => (
                CheckResult::Warning,
                format!("uid {uid}, {caps}: what only root may read is not read"),
                Some("install the package, or run `socle run` as root".to_owned()),
            ),
            None => (
                CheckResult::Warning,
                "/proc/self/status cannot be read: who this process is stays unknown".into(),
                None,
            ),
        };
        check("permissions", result, text, remedy)
    }

    fn sandbox(&self) -> Check {
        let fences = [
            (self.seccomp.map(|mode| mode == 2), "system call filter"),
            (self.no_new_privs, "no new privileges"),
            (self.cap_bnd.map(|mask| mask.count_ones() <= 1), "at most one capability in reach"),
        ];
        let named = |state: Option<bool>| {
            let names: Vec<_> =
                fences.iter().filter(|(found, _)| *found == state).map(|(_, name)| *name).collect();
            names.join(", ")
        };
        let (there, missing, unseen) = (named(Some(true)), named(Some(false)), named(None));
        let mut text = if there.is_empty() { "no fence".to_owned() } else { there };
        if !missing.is_empty() {
            text.push_str(&format!("; missing: {missing}"));
        }
        if !unseen.is_empty() {
            text.push_str(&format!("; cannot be seen: {unseen}"));
        }
        text.push_str("; address families and mounts cannot be seen from inside");
        let fenced = missing.is_empty() && unseen.is_empty();
        let remedy = "run it by the packaged socle-host.service, which sets the sandbox up";
        match fenced {
            true => check("host sandbox", CheckResult::Ok, text, None),
            false => check("host sandbox", CheckResult::Warning, text, Some(remedy.into())),
        }
    }
}

/// All checks of this half.
pub(crate) fn checks(process: &Process, bmc: &Bmc, config: &ConfigState) -> Vec<Check> {
    vec![driver(bmc), process.permissions(), process.sandbox(), config.check()]
}

fn driver(bmc: &Bmc) -> Check {
    let (result, text, remedy) = match bmc {
        Bmc::Starting => (CheckResult::Ok, "not looked yet".into(), None),
        Bmc::Absent => (CheckResult::Ok, "this machine announces no BMC".into(), None),
        Bmc::Unknown { cause, remedy, .. } => {
            (CheckResult::Failed, cause.clone(), Some(remedy.clone()))
        }
        Bmc::Present(data) => {
            let count = data.sensors.len();
            (CheckResult::Ok, format!("the BMC answers, {count} sensors"), None)
        }
    };
    check("ipmi driver", result, text, remedy)
}

/// Whether the configuration in force is the one on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigState {
    /// The faults for which the last reload was refused.
    pub(crate) refused: Option<String>,
}

impl ConfigState {
    fn check(&self) -> Check {
        match &self.refused {
            None => check("host configuration", CheckResult::Ok, "in force".into(), None),
            Some(faults) => check(
                "host configuration",
                CheckResult::Failed,
                format!("the last reload was refused, the one before stays in force: {faults}"),
                Some("correct the file, then reload again; `socle check` tests it".into()),
            ),
        }
    }
}

fn check(name: &str, result: CheckResult, text: String, remedy: Option<String>) -> Check {
    Check { name: name.into(), result, text, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tsocle-host\nUid:\t0\t0\t0\t0\nCapEff:\t0000000000200000\n\
         CapBnd:\t0000000000200000\nNoNewPrivs:\t1\nSeccomp:\t2\n";

    #[test]
    fn a_fenced_root_process_is_well() {
        let process = Process::parse(STATUS);
        assert_eq!(process.uid, Some(0));
        let checks = checks(&process, &Bmc::Absent, &ConfigState::default());
        assert!(checks.iter().all(|check| check.result == CheckResult::Ok), "{checks:?}");
        assert!(process.degraded().is_empty());
    }

    #[test]
    fn what_is_missing_or_cannot_be_seen_is_said() {
        let process = Process::parse(&STATUS.replace("Seccomp:\t2", "Seccomp:\t0"));
        assert!(process.sandbox().text.contains("missing: system call filter"));
        let process = Process::parse("Uid:\t0\t1000\t0\t0\n");
        assert_eq!(process.uid, Some(1000));
        assert!(process.sandbox().text.contains("cannot be seen: system call filter"));
        assert_eq!(process.degraded().len(), 1);
    }
}
