//! The BMC itself: whether it answers, its self test, the chassis.

use crate::finding::Finding;
use crate::memory::Memory;
use crate::observations::{Link, Observations};
use socle_model::bmc::{Bmc, BmcData, Chassis, Sensor};
use socle_model::{Absent, ComponentPath, Status, Timestamp};

/// The cause while the root half has not looked for a BMC yet.
pub(crate) const STARTING: &str = "not looked at yet: the root half is starting";
/// The cause while the first sweep of a BMC's sensors is under way.
pub(crate) const SWEEPING: &str = "the first sweep of its sensors has not ended";

/// Whether a cause only says that it is too early to say anything: no event, no new verdict.
pub(crate) fn too_early(cause: Option<&str>) -> bool {
    matches!(cause, Some(STARTING | SWEEPING))
}

/// Whether every sensor was asked, so that what is not there is really gone.
pub(crate) fn complete(seen: &Observations<'_>) -> bool {
    let bmc = seen.snapshot.map(|snapshot| &snapshot.bmc);
    match bmc {
        None | Some(Bmc::Starting) => false,
        Some(Bmc::Absent) => true,
        Some(bmc) => bmc.data().is_some_and(|data| data.swept_at.is_some()),
    }
}

/// Below this age nothing counts as old, however short the sweeps.
const PATIENCE_S: f64 = 10.0;

fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64()
}

/// Why what the BMC last said no longer counts, if it does not.
pub(crate) fn silence(seen: &Observations<'_>) -> Option<String> {
    let patience_s = PATIENCE_S.max(3.0 * seen.interval_s);
    // Without a last word there is nothing to be patient with for long.
    let patience_s = if matches!(seen.link, Link::Never { .. }) { PATIENCE_S } else { patience_s };
    if let Link::Lost { since, error } | Link::Never { since, error } = seen.link {
        if seconds_between(since, seen.now) > patience_s {
            return Some(format!("no answer from the root half since {since:.0}: {error}"));
        }
        return None;
    }
    match &seen.snapshot?.bmc {
        Bmc::Unknown { cause, .. } => Some(cause.clone()),
        Bmc::Present(data) => {
            // A sweep may take long on a slow BMC: three of its own length are given to it.
            let patience_s = patience_s.max(3.0 * data.sweep_s.unwrap_or(0.0));
            let swept_at =
                data.swept_at.filter(|at| seconds_between(*at, seen.now) > patience_s)?;
            Some(format!("no sweep of the BMC's sensors has ended since {swept_at:.0}"))
        }
        Bmc::Starting | Bmc::Absent => None,
    }
}

/// Judges the BMC and what it says of the chassis.
pub(crate) fn judge(seen: &Observations<'_>, memory: &mut Memory, findings: &mut Vec<Finding>) {
    let path = ComponentPath::root().join("bmc");
    let unknown = |cause: String| Finding::bad(path.clone(), "ipmi", Status::Unknown, cause);
    let silence = silence(seen);
    let Some(snapshot) = seen.snapshot else {
        let remedy =
            "start socle-host: systemctl status socle-host.service says why it does not run";
        findings.push(match silence {
            Some(cause) => unknown(cause).remedy(remedy),
            // Not ok before anybody answered.
            None => unknown(STARTING.to_owned()),
        });
        return;
    };
    match &snapshot.bmc {
        Bmc::Starting => findings.push(unknown(STARTING.to_owned())),
        Bmc::Absent if memory.bmc_seen => findings.push(
            unknown("a BMC was here, now neither SMBIOS nor ACPI nor a device announces one".into())
                .remedy("look at the BMC; if it was removed for good, stop socle-gate and delete its memory.json"),
        ),
        Bmc::Absent => {}
        Bmc::Unknown { cause, remedy, .. } => {
            findings.push(unknown(cause.clone()).remedy(remedy.clone()));
        }
        Bmc::Present(data) => {
            memory.bmc_seen = true;
            match silence {
                Some(cause) => findings.push(unknown(cause)),
                None => present(data, &path, findings),
            }
        }
    }
}

fn present(data: &BmcData, path: &ComponentPath, findings: &mut Vec<Finding>) {
    let finding = match (unheard(data), &data.self_test) {
        (Some(cause), _) => Finding::bad(path.clone(), "ipmi", Status::Unknown, cause),
        (None, Some(test)) if !test.passed => {
            let cause = format!("self test: {}", test.text);
            Finding::bad(path.clone(), "ipmi", Status::Warning, cause)
                .remedy("look into the BMC's own log; reset the BMC when the host can spare it")
        }
        (None, _) => match data.bad_records.as_slice() {
            [] => Finding::ok(path.clone(), "ipmi"),
            [(id, why), ..] => {
                let count = data.bad_records.len();
                let cause = format!("{count} SDR records could not be read, the first {id}: {why}");
                Finding::bad(path.clone(), "ipmi", Status::Warning, cause)
                    .remedy("what they describe is not watched; update the BMC's firmware")
            }
        },
    };
    findings.push(finding.named("BMC"));
    if let Some(chassis) = &data.chassis {
        findings.extend(chassis_findings(chassis));
    }
}

/// Why nothing can be said of the hardware behind a BMC that answers, if so.
fn unheard(data: &BmcData) -> Option<String> {
    if data.swept_at.is_none() {
        return Some(SWEEPING.to_owned());
    }
    if data.sensors.is_empty() {
        return Some("it answers but its SDR repository names no sensor".to_owned());
    }
    let asked = || data.sensors.iter().filter(|sensor| sensor.at.is_some());
    let refused =
        |sensor: &Sensor| matches!(sensor.absent, Some(Absent::NotAnswered | Absent::Refused));
    if asked().next().is_some() && asked().all(refused) {
        let why = asked().find_map(|sensor| sensor.why.clone()).unwrap_or_default();
        return Some(format!("it gives none of its sensors' readings: {why}"));
    }
    None
}

fn chassis_findings(chassis: &Chassis) -> Vec<Finding> {
    let path = ComponentPath::root().join("chassis");
    let faults = [
        (chassis.power_fault, Status::Critical, "fault in the main power subsystem"),
        (chassis.power_overload, Status::Critical, "power overload shut the system down"),
        (chassis.power_control_fault, Status::Critical, "the BMC could not switch power"),
        (chassis.cooling_fault, Status::Critical, "cooling or fan fault"),
        (chassis.drive_fault, Status::Critical, "drive fault"),
        (chassis.intrusion, Status::Warning, "chassis intrusion"),
    ];
    let bad = faults.into_iter().filter(|(set, _, _)| *set);
    let mut findings: Vec<_> = bad
        .map(|(_, status, cause)| {
            Finding::bad(path.clone(), "ipmi", status, format!("chassis status: {cause}"))
        })
        .collect();
    findings.push(Finding::ok(path, "ipmi"));
    findings
}
