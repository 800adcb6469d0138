//! What the kernel says of the hardware: memory errors, the clock source, hwmon sensors.

use crate::finding::Finding;
use crate::memory::{ErrorCount, Memory};
use crate::observations::Observations;
use crate::words::amount;
use socle_model::documents::SensorLine;
use socle_model::facts::{Clocksource, EdacCount, HwmonSensor};
use socle_model::{ComponentPath, Status, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Corrected errors within a day that make a DIMM a warning. Ten is what Intel's BIOS tolerates
/// before it logs one SEL record.
const CORRECTED_A_DAY: u64 = 10;
const DAY_S: i64 = 86_400;
/// Growths kept per counter: more say nothing new.
const GROWTHS: usize = 64;

/// Judges everything of the kernel.
pub(crate) fn judge(
    seen: &Observations<'_>,
    memory: &mut Memory,
    findings: &mut Vec<Finding>,
    lines: &mut Vec<SensorLine>,
) {
    let Some(kernel) = seen.kernel else { return };
    if let Some(clock) = &kernel.clocksource {
        findings.push(clocksource(clock));
    }
    let mut errors = BTreeMap::new();
    for count in &kernel.edac {
        let before = memory.errors.get(&count.file);
        let after = grown(before, count, seen.now);
        findings.push(edac(count, &after));
        errors.insert(count.file.clone(), after);
    }
    memory.errors = errors;
    for sensor in &kernel.hwmon {
        let path = hwmon_place(sensor);
        let key = format!("hwmon {} {}", sensor.chip, sensor.sensor);
        let (status, cause) = match sensor.value {
            None if sensor.alarms.is_empty() && !memory.answered.contains_key(&key) => {
                lines.push(hwmon_line(sensor, &path, Status::Unknown, seen.now));
                continue;
            }
            None if sensor.alarms.is_empty() => (
                Status::Unknown,
                Some(format!("{} cannot be read; it once could", hwmon_name(sensor))),
            ),
            _ => hwmon(sensor),
        };
        if sensor.value.is_some() {
            memory.answers(key, &path, seen.now);
        }
        lines.push(hwmon_line(sensor, &path, status, seen.now));
        let name = hwmon_name(sensor);
        findings.push(match cause {
            Some(cause) => Finding::bad(path, "kernel", status, cause).named(name),
            None => Finding::ok(path, "kernel").named(name),
        });
    }
}

/// A machine with a stable TSC that runs on another clock is slow for SAP HANA (SAP Note 2753418):
/// critical at once. Clocks of hypervisors are their machines' best and no loss.
fn clocksource(clock: &Clocksource) -> Finding {
    let path = ComponentPath::root().join("clocksource");
    let fallback = matches!(
        clock.current.as_str(),
        "hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" | "pit"
    );
    if !(clock.tsc_expected && fallback) {
        return Finding::ok(path, "kernel").named(clock.current.clone());
    }
    let cause = format!("{} instead of tsc: the kernel has given the TSC up", clock.current);
    Finding::bad(path, "kernel", Status::Critical, cause)
        .named(clock.current.clone())
        .remedy("dmesg | grep -i tsc says why; after repair reboot (SAP Note 2753418)")
}

/// The counter's memory after this look. A count that fell was reset: what it shows is new.
fn grown(before: Option<&ErrorCount>, count: &EdacCount, now: Timestamp) -> ErrorCount {
    let mut grew = before.map_or_else(VecDeque::new, |before| before.grew.clone());
    grew.retain(|(at, _)| now.duration_since(*at).as_secs() < DAY_S);
    let more = match before {
        Some(before) if count.corrected >= before.corrected => count.corrected - before.corrected,
        Some(_) => count.corrected,
        // At first sight nobody knows when they came.
        None => 0,
    };
    if more > 0 {
        grew.push_back((now, more));
        while grew.len() > GROWTHS {
            grew.pop_front();
        }
    }
    ErrorCount { corrected: count.corrected, uncorrected: count.uncorrected, grew }
}

fn edac(count: &EdacCount, memory: &ErrorCount) -> Finding {
    let path = edac_place(count);
    let name = count.label.clone().or_else(|| count.location.clone());
    let today: u64 = memory.grew.iter().fold(0, |sum, (_, more)| sum.saturating_add(*more));
    let finding = if count.uncorrected > 0 {
        let cause = format!("{} uncorrected memory errors since boot", count.uncorrected);
        Finding::bad(path, "kernel", Status::Critical, cause).remedy("replace the DIMM")
    } else if today >= CORRECTED_A_DAY {
        let cause = format!("{today} corrected memory errors within a day");
        Finding::bad(path, "kernel", Status::Warning, cause).remedy("plan to replace the DIMM")
    } else {
        Finding::ok(path, "kernel")
    };
    match name {
        Some(name) => finding.named(name),
        None => finding,
    }
}

/// `memory/mc0/dimm3`; what a controller could place nowhere is `memory/mc0`.
pub(crate) fn edac_place(count: &EdacCount) -> ComponentPath {
    let controller = ComponentPath::root().join("memory").join(&format!("mc{}", count.controller));
    count.dimm.as_ref().map_or_else(|| controller.clone(), |dimm| controller.join(dimm))
}

/// coretemp's chips are CPUs, NVMe's are drives; the rest has its own folder.
fn hwmon_place(sensor: &HwmonSensor) -> ComponentPath {
    let root = ComponentPath::root();
    let number =
        || sensor.chip.rsplit('_').next().filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
    match (sensor.chip_name.as_deref(), number()) {
        (Some("coretemp"), Some(number)) => root.join("cpu").join(number),
        (Some("nvme"), _) => {
            let drive = sensor.chip.rsplit('_').find(|part| part.starts_with("nvme"));
            let number = drive.map_or("0", |drive| drive.trim_start_matches("nvme"));
            root.join("nvme").join(number)
        }
        _ => root.join("hwmon").join(&sensor.chip).join(&sensor.sensor),
    }
}

fn hwmon_name(sensor: &HwmonSensor) -> String {
    let chip = sensor.chip_name.as_deref().unwrap_or(&sensor.chip);
    format!("{chip} {}", sensor.label.as_deref().unwrap_or(&sensor.sensor))
}

/// Alarms of the driver, and the value against its limits where limits make sense.
fn hwmon(sensor: &HwmonSensor) -> (Status, Option<String>) {
    let (unit, name, limits) = (&sensor.unit, hwmon_name(sensor), &sensor.thresholds);
    let value = sensor.value.map_or_else(|| "no value".to_owned(), |value| amount(value, unit));
    // Drivers without a limit leave it at 0.
    let over = |limit: Option<f64>| {
        limit.filter(|limit| *limit > 0.0 && sensor.value.is_some_and(|value| value >= *limit))
    };
    let under = |limit: Option<f64>| {
        limit.filter(|limit| *limit > 0.0 && sensor.value.is_some_and(|value| value <= *limit))
    };
    let fan = sensor.quantity == socle_model::Quantity::FanSpeed;
    let passed = [
        (over(limits.upper_nonrecoverable), Status::Critical, "emergency"),
        (over(limits.upper_critical), Status::Critical, "critical"),
        (under(limits.lower_critical), Status::Critical, "lower critical"),
        (under(limits.lower_noncritical).filter(|_| fan), Status::Warning, "minimum"),
    ];
    for (limit, status, word) in passed {
        if let Some(limit) = limit {
            return (status, Some(format!("{name}: {value}, {word} {}", amount(limit, unit))));
        }
    }
    let cause = format!("{name}: {value}, {}", sensor.alarms.join(", "));
    match sensor.alarms.iter().any(|alarm| alarm.contains("crit") || alarm.contains("fault")) {
        _ if sensor.alarms.is_empty() => (Status::Ok, None),
        true => (Status::Critical, Some(cause)),
        false => (Status::Warning, Some(cause)),
    }
}

fn hwmon_line(
    sensor: &HwmonSensor,
    path: &ComponentPath,
    status: Status,
    now: Timestamp,
) -> SensorLine {
    SensorLine {
        name: hwmon_name(sensor),
        component: path.clone(),
        source: "kernel".to_owned(),
        record_id: None,
        number: None,
        lun: None,
        owner: None,
        entity: None,
        sensor_type: match sensor.quantity {
            socle_model::Quantity::FanSpeed => "fan".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        },
        quantity: sensor.quantity,
        unit: sensor.unit.clone(),
        value: sensor.value,
        absent: sensor.value.is_none().then_some(socle_model::Absent::NotReadable),
        why: None,
        states: sensor.alarms.clone(),
        status,
        thresholds: sensor.thresholds,
        at: Some(now),
    }
}
