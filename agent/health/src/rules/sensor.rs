//! IPMI sensors: thresholds, states, and readings that are missing.

use super::discrete;
use crate::finding::Finding;
use crate::memory::Memory;
use crate::observations::Observations;
use crate::place::place;
use crate::words::amount;
use socle_model::bmc::{Bmc, Sensor};
use socle_model::documents::SensorLine;
use socle_model::{Absent, ComponentPath, Status, Thresholds, Timestamp};
use std::collections::BTreeSet;

/// What a sensor is remembered by: owner, LUN, number and name stay when records are renumbered.
pub(crate) fn key(sensor: &Sensor) -> String {
    format!("{:02x}.{}.{:02x} {}", sensor.owner, sensor.lun, sensor.number, sensor.name)
}

/// Judges every sensor of the snapshot.
pub(crate) fn judge(
    seen: &Observations<'_>,
    memory: &mut Memory,
    findings: &mut Vec<Finding>,
    lines: &mut Vec<SensorLine>,
) {
    let Some(snapshot) = seen.snapshot else { return };
    let Some(data) = snapshot.bmc.data() else { return };
    let silent = super::bmc::silence(seen);
    let mut here = BTreeSet::new();
    for sensor in &data.sensors {
        let (path, key) = (place(sensor), key(sensor));
        let verdict = match &silent {
            Some(cause) if memory.answered.contains_key(&key) => {
                Some(Finding::bad(path.clone(), "ipmi", Status::Unknown, cause.clone()))
            }
            Some(_) => None,
            None => one(sensor, &path, &key, memory, seen.now),
        };
        let status = verdict.as_ref().map_or_else(|| line_status(sensor), |finding| finding.status);
        lines.push(line(sensor, path, status));
        findings.extend(verdict);
        here.insert(key);
    }
    if silent.is_none() && data.swept_at.is_some() && matches!(snapshot.bmc, Bmc::Present(_)) {
        missing(&here, memory, findings, seen.now);
    }
}

/// Sensors that once answered and whose records are gone.
fn missing(
    here: &BTreeSet<String>,
    memory: &mut Memory,
    findings: &mut Vec<Finding>,
    now: Timestamp,
) {
    memory.forget_missing(now);
    for (key, known) in memory.answered.iter().filter(|(key, _)| !here.contains(*key)) {
        // hwmon's keys are not the BMC's.
        let Some((_, name)) = key.split_once(' ').filter(|(head, _)| *head != "hwmon") else {
            continue;
        };
        let cause = format!("{name}: its record is gone from the BMC's SDR repository");
        findings.push(
            Finding::bad(known.path.clone(), "ipmi", Status::Unknown, cause)
                .remedy("look at the BMC; if the change is meant, it is forgotten after a day"),
        );
    }
}

/// A sensor that takes no part in the verdict says so in its line: no answer is unknown.
fn line_status(sensor: &Sensor) -> Status {
    match sensor.absent {
        None => Status::Ok,
        Some(Absent::Discrete) if sensor.at.is_some() => Status::Ok,
        Some(_) => Status::Unknown,
    }
}

/// The statement of one sensor, or `None` if it has never said anything.
fn one(
    sensor: &Sensor,
    path: &ComponentPath,
    key: &str,
    memory: &mut Memory,
    now: Timestamp,
) -> Option<Finding> {
    let bad = |status, cause: String| Finding::bad(path.clone(), "ipmi", status, cause);
    // Not asked yet in this run: nothing to say.
    sensor.at?;
    let gone = match sensor.absent {
        None | Some(Absent::Discrete) => None,
        Some(Absent::NotReadable) => return None,
        Some(Absent::Unavailable) => Some("the BMC says the reading is unavailable"),
        Some(Absent::ScanningDisabled) => Some("the BMC has stopped scanning it"),
        Some(Absent::NotAnswered) => Some("the BMC gave no answer"),
        Some(Absent::Refused) => Some("the BMC refused"),
    };
    if let Some(gone) = gone {
        if !memory.answered.contains_key(key) {
            return None;
        }
        let why = sensor.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        let cause = format!("{}: {gone}{why}; it once answered", sensor.name);
        return Some(bad(Status::Unknown, cause).named(&sensor.name));
    }
    memory.answers(key.to_owned(), path, now);
    let (status, cause) = verdict(sensor, memory, key);
    let finding = match cause {
        Some(cause) => bad(status, cause),
        None => Finding::ok(path.clone(), "ipmi"),
    };
    let finding = if presence_lost(&finding) {
        finding.remedy(
            "put it back; if it was removed for good, stop socle-gate and delete its memory.json",
        )
    } else {
        finding
    };
    Some(finding.named(&sensor.name))
}

fn presence_lost(finding: &Finding) -> bool {
    finding.cause.as_ref().is_some_and(|cause| cause.ends_with(GONE))
}

const GONE: &str = "was here and is gone";

fn verdict(sensor: &Sensor, memory: &mut Memory, key: &str) -> (Status, Option<String>) {
    if sensor.event_type == 0x01 {
        return thresholds(sensor);
    }
    if let Some(bit) = discrete::presence_bit(sensor) {
        if sensor.asserted & bit != 0 {
            Memory::note(&mut memory.present, key);
        } else if memory.present.contains(key) {
            return (Status::Critical, Some(format!("{}: {GONE}", sensor.name)));
        }
    }
    let asserted = sensor.event_type == 0x03 && sensor.asserted & 0b10 != 0;
    if sensor.event_type == 0x03 && !asserted {
        Memory::note(&mut memory.calm, key);
    }
    let (status, word) = discrete::judge(sensor, memory.calm.contains(key));
    (status, word.map(|word| format!("{}: {word}", sensor.name)))
}

/// The status byte and the value against the thresholds: the worse of the two.
fn thresholds(sensor: &Sensor) -> (Status, Option<String>) {
    let limits = limits(&sensor.thresholds);
    // From the worst down: non-recoverable, critical, non-critical.
    for (bits, status) in
        [([2, 5], Status::Critical), ([1, 4], Status::Critical), ([0, 3], Status::Warning)]
    {
        for bit in bits {
            let (word, limit) = limits.get(bit).copied().unwrap_or(("", None));
            let by_status = sensor.asserted >> bit & 1 == 1;
            // On a scale that falls, "lower" in raw is upper in the unit: only the BMC can tell.
            let by_value = match (sensor.value, limit.filter(|_| sensor.rising)) {
                (Some(value), Some(limit)) if bit < 3 => value <= limit,
                (Some(value), Some(limit)) => value >= limit,
                _ => false,
            };
            if by_status || by_value {
                return (status, Some(threshold_cause(sensor, word, limit, by_status)));
            }
        }
    }
    (Status::Ok, None)
}

/// "0 RPM, lower critical 1125 RPM".
fn threshold_cause(sensor: &Sensor, word: &str, limit: Option<f64>, by_status: bool) -> String {
    let unit = &sensor.unit;
    let value = sensor.value.map_or_else(|| "no value".to_owned(), |value| amount(value, unit));
    let limit = limit.map_or_else(
        || " (limit not readable)".to_owned(),
        |limit| format!(" {}", amount(limit, unit)),
    );
    let note = if by_status { "" } else { "; the BMC's status byte does not say so" };
    format!("{value}, {word}{limit}{note}")
}

fn limits(thresholds: &Thresholds) -> [(&'static str, Option<f64>); 6] {
    [
        ("lower non-critical", thresholds.lower_noncritical),
        ("lower critical", thresholds.lower_critical),
        ("lower non-recoverable", thresholds.lower_nonrecoverable),
        ("upper non-critical", thresholds.upper_noncritical),
        ("upper critical", thresholds.upper_critical),
        ("upper non-recoverable", thresholds.upper_nonrecoverable),
    ]
}

fn line(sensor: &Sensor, component: ComponentPath, status: Status) -> SensorLine {
    SensorLine {
        name: sensor.name.clone(),
        component,
        source: "ipmi".to_owned(),
        record_id: Some(sensor.record_id),
        number: Some(sensor.number),
        lun: Some(sensor.lun),
        owner: Some(sensor.owner),
        entity: Some(format!("{}.{}", sensor.entity_id, sensor.entity_instance)),
        sensor_type: sensor.type_name.to_lowercase(),
        quantity: sensor.quantity,
        unit: sensor.unit.clone(),
        value: sensor.value,
        absent: sensor.absent,
        why: sensor.why.clone(),
        states: sensor.states.clone(),
        status,
        thresholds: sensor.thresholds,
        at: sensor.at,
    }
}
