//! NVMe drives by their SMART log: what the drive itself warns of, and what grew since the last look.

use crate::finding::Finding;
use crate::memory::{ErrorCount, Memory};
use crate::observations::{Link, NewEvent, Observations};
use socle_model::documents::SensorLine;
use socle_model::drives::{Drive, DriveState, SmartLog, WARNINGS, celsius};
use socle_model::event::{Kind, Origin, Severity};
use socle_model::{ComponentPath, Quantity, Status, Thresholds};
use std::collections::VecDeque;

/// The source's name in documents.
const SOURCE: &str = "nvme";
/// Without the root half the last log counts for so long: three rounds.
const SILENCE_S: i64 = 180;
/// How the keys of drives in [`Memory::errors`] begin.
const KEY: &str = "nvme ";

/// Judges every drive. `before` is the memory of the verdict before: the kernel's rule keeps only its own
/// counts.
pub(crate) fn judge(
    seen: &Observations<'_>,
    before: &Memory,
    memory: &mut Memory,
    findings: &mut Vec<Finding>,
    lines: &mut Vec<SensorLine>,
) {
    let Some(snapshot) = seen.snapshot else {
        keep(before, memory, |_| true);
        return;
    };
    // A root half that has just started has not asked yet: what is not known is not gone.
    let unknown = |device: &str| {
        let named = snapshot.drives.iter().find(|drive| drive.device == device);
        named.map_or(snapshot.drives.is_empty(), |drive| drive.log.is_none())
    };
    keep(before, memory, unknown);
    for drive in &snapshot.drives {
        if let (Some(log), Some(key)) = (&drive.log, key(drive)) {
            memory.errors.insert(key, count(log));
        }
        let (status, cause, remedy) = match silence(seen) {
            Some(cause) => (Status::Unknown, Some(cause), None),
            None => match verdict(drive) {
                Some(verdict) => verdict,
                None => continue,
            },
        };
        let path = place(&drive.device);
        let mut finding = match cause {
            None => Finding::ok(path, SOURCE),
            Some(cause) => Finding::bad(path, SOURCE, status, cause),
        };
        if let Some(identity) = drive.identity.as_ref().filter(|one| !one.model.is_empty()) {
            finding = finding.named(format!("{} {}", drive.device, identity.model));
        }
        findings.push(match remedy {
            Some(remedy) => finding.remedy(remedy),
            None => finding,
        });
        lines.extend(temperature(seen, drive, status));
    }
}

/// Media errors that grew since the verdict before.
pub(crate) fn events(seen: &Observations<'_>, before: &Memory, events: &mut Vec<NewEvent>) {
    for drive in seen.snapshot.iter().flat_map(|snapshot| &snapshot.drives) {
        // At first sight nobody knows when they came.
        let old = key(drive).and_then(|key| before.errors.get(&key));
        let (Some(log), Some(old)) = (&drive.log, old) else { continue };
        if log.media_errors <= old.uncorrected {
            continue;
        }
        let (more, all) = (log.media_errors - old.uncorrected, log.media_errors);
        events.push(NewEvent {
            at: seen.now,
            component: place(&drive.device),
            severity: Severity::Warning,
            kind: Kind::Agent,
            text: format!("{more} unrecovered media errors on {}, {all} in its life", drive.device),
            origins: vec![Origin {
                source: SOURCE.to_owned(),
                record: format!("{} SMART log", drive.device),
                at: drive.at,
            }],
        });
    }
}

/// The key of this very drive, not of its slot.
fn key(drive: &Drive) -> Option<String> {
    let print = drive.identity.as_ref()?.fingerprint;
    Some(format!("{KEY}{} {print:016x}", drive.device))
}

/// Of the drives' counts only those of the devices that `wanted` names stay.
fn keep(before: &Memory, memory: &mut Memory, wanted: impl Fn(&str) -> bool) {
    memory.errors.retain(|key, _| !key.starts_with(KEY));
    for (key, count) in &before.errors {
        let device = key.strip_prefix(KEY).and_then(|rest| rest.split(' ').next());
        if device.is_some_and(&wanted) {
            memory.errors.insert(key.clone(), count.clone());
        }
    }
}

fn count(log: &SmartLog) -> ErrorCount {
    ErrorCount { corrected: 0, uncorrected: log.media_errors, grew: VecDeque::new() }
}

/// `nvme/0` for `nvme0`, where the kernel's sensors of the drive are too.
fn place(device: &str) -> ComponentPath {
    let number = device.strip_prefix("nvme").unwrap_or(device);
    ComponentPath::root().join("nvme").join(number)
}

/// Why nothing that was said of drives counts any more, if so.
fn silence(seen: &Observations<'_>) -> Option<String> {
    let (Link::Lost { since, error } | Link::Never { since, error }) = seen.link else {
        return None;
    };
    let long = seen.now.duration_since(since).as_secs() > SILENCE_S;
    long.then(|| format!("no answer from the root half since {since:.0}: {error}"))
}

type Verdict = (Status, Option<String>, Option<&'static str>);

/// `None` where the drive is none that is asked: nothing is claimed of it.
fn verdict(drive: &Drive) -> Option<Verdict> {
    match &drive.state {
        DriveState::NotAsked(_) => None,
        DriveState::Dead => Some((
            Status::Critical,
            Some("the kernel has given the controller up (state dead)".to_owned()),
            Some("dmesg says why; reseat or replace the drive"),
        )),
        DriveState::Failing(why) => Some((
            Status::Unknown,
            Some(format!("its SMART log cannot be read: {why}")),
            Some("dmesg | grep nvme says more; `nvme smart-log` asks by hand"),
        )),
        DriveState::Answers => Some(drive.log.as_ref().map_or((Status::Ok, None, None), worn)),
    }
}

/// What the log says, worst first; causes of equal weight stand in one line.
fn worn(log: &SmartLog) -> Verdict {
    let warned = |critical: bool| {
        WARNINGS
            .iter()
            // Data can be lost, or cannot be written any more: spare and heat still leave time.
            .filter(move |(bit, ..)| matches!(bit, 2..=5) == critical)
            .filter(|(bit, ..)| log.warns(*bit))
            .map(|(_, _, words)| (*words).to_owned())
    };
    let mut causes: Vec<String> = warned(true).collect();
    if !causes.is_empty() {
        causes.extend(warned(false));
        let remedy = "move its data and replace the drive";
        return (Status::Critical, Some(causes.join("; ")), Some(remedy));
    }
    causes.extend(warned(false));
    if log.spare_percent < log.spare_threshold_percent {
        let (left, least) = (log.spare_percent, log.spare_threshold_percent);
        causes.push(format!("spare {left} %, threshold {least} %"));
    }
    if log.used_percent >= 100 {
        causes.push(format!("{} % of its endurance is used", log.used_percent));
    }
    if causes.is_empty() {
        return (Status::Ok, None, None);
    }
    let only_hot = log.warns(1) && causes.len() == 1;
    let remedy = if only_hot { "look at its cooling" } else { "plan to replace the drive" };
    (Status::Warning, Some(causes.join("; ")), Some(remedy))
}

/// The composite temperature, unless the kernel shows it as a sensor.
fn temperature(seen: &Observations<'_>, drive: &Drive, status: Status) -> Option<SensorLine> {
    let path = place(&drive.device);
    let shown = |chip: &str| chip.rsplit('_').any(|part| part == drive.device);
    if seen.kernel.is_some_and(|kernel| kernel.hwmon.iter().any(|sensor| shown(&sensor.chip))) {
        return None;
    }
    let value = drive.log.as_ref()?.celsius()?;
    let limits = drive.identity.as_ref();
    let limit = |kelvin: Option<u16>| kelvin.map(celsius);
    Some(SensorLine {
        name: format!("{} temperature", drive.device),
        component: path,
        source: SOURCE.to_owned(),
        record_id: None,
        number: None,
        lun: None,
        owner: None,
        entity: None,
        sensor_type: "temperature".to_owned(),
        quantity: Quantity::Temperature,
        unit: "celsius".to_owned(),
        value: Some(value),
        absent: None,
        why: None,
        states: Vec::new(),
        status,
        thresholds: Thresholds {
            upper_noncritical: limit(limits.and_then(|one| one.warning_kelvin)),
            upper_critical: limit(limits.and_then(|one| one.critical_kelvin)),
            ..Thresholds::default()
        },
        at: drive.at,
    })
}
