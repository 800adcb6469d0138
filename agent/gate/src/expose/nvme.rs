//! `socle_nvme_*`: the SMART log of each drive, in base units. Its serial number is not here.

use super::Rows;
use crate::link::Hardware;
use crate::past::Past;
use jiff::Timestamp;
use socle_model::drives::{Drive, DriveState, GROUP_WARNINGS, SmartLog, WARNINGS, celsius, set};
use socle_model::metrics::{Page, Value};

/// What is shown of drives without the root half is at most so old: three rounds.
const SILENCE_S: f64 = 180.0;

/// A gauge or counter with one sample for each drive.
type OfLog = (&'static str, &'static str, fn(&SmartLog) -> Option<Value>);

const GAUGES: [OfLog; 4] = [
    ("temperature_celsius", "Composite temperature.", |log| log.celsius().map(Value::Float)),
    ("available_spare_ratio", "Spare capacity that is left.", |log| {
        Some(percent(log.spare_percent))
    }),
    ("available_spare_threshold_ratio", "Spare capacity below which the drive warns.", |log| {
        Some(percent(log.spare_threshold_percent))
    }),
    ("percentage_used_ratio", "Endurance used of what the vendor promises; may exceed 1.", |log| {
        Some(percent(log.used_percent))
    }),
];

const COUNTERS: [OfLog; 12] = [
    ("data_units_read_bytes_total", "Bytes read by the host, in steps of 512,000.", |log| {
        Some(scaled(log.units_read, 512_000))
    }),
    ("data_units_written_bytes_total", "Bytes written by the host, in steps of 512,000.", |log| {
        Some(scaled(log.units_written, 512_000))
    }),
    ("host_read_commands_total", "Read commands completed.", |log| Some(log.read_commands.into())),
    ("host_write_commands_total", "Write commands completed.", |log| {
        Some(log.write_commands.into())
    }),
    ("controller_busy_seconds_total", "Time with commands outstanding.", |log| {
        Some(scaled(log.busy_minutes, 60))
    }),
    ("power_cycles_total", "Power cycles.", |log| Some(log.power_cycles.into())),
    ("power_on_seconds_total", "Time powered on, in steps of an hour.", |log| {
        Some(scaled(log.power_on_hours, 3600))
    }),
    ("unsafe_shutdowns_total", "Power losses without a shutdown notice.", |log| {
        Some(log.unsafe_shutdowns.into())
    }),
    ("media_errors_total", "Unrecovered data integrity errors.", |log| {
        Some(log.media_errors.into())
    }),
    ("error_log_entries_total", "Entries of the error log over the drive's life.", |log| {
        Some(log.error_log_entries.into())
    }),
    ("warning_temperature_seconds_total", "Time above the warning temperature.", |log| {
        log.warning_minutes.map(|minutes| scaled(minutes.into(), 60))
    }),
    ("critical_temperature_seconds_total", "Time above the critical temperature.", |log| {
        log.critical_minutes.map(|minutes| scaled(minutes.into(), 60))
    }),
];

/// Writes what the link told last of the drives.
pub(crate) fn from_link(page: &mut Page, hardware: &Hardware, now: Timestamp) {
    let Some(snapshot) = &hardware.snapshot else { return };
    let link = &hardware.link;
    let gone = |since: Past| now.duration_since(since.shown(now)).as_secs_f64() > SILENCE_S;
    if !link.up && link.since.is_some_and(gone) {
        return;
    }
    let asked = |drive: &&Drive| !matches!(drive.state, DriveState::NotAsked(_));
    let asked: Vec<&Drive> = snapshot.drives.iter().filter(asked).collect();
    up(page, &asked);
    info(page, &asked);
    // Of a drive that does not answer nothing is claimed to be of now.
    let answering = |drive: &&Drive| drive.state == DriveState::Answers;
    let answering: Vec<&Drive> = asked.into_iter().filter(answering).collect();
    warnings(page, &answering);
    group_warnings(page, &answering);
    thresholds(page, &answering);
    for (table, counter) in [(&GAUGES[..], false), (&COUNTERS[..], true)] {
        for (name, help, value) in table {
            let name = format!("socle_nvme_{name}");
            let mut rows = match counter {
                true => Rows::counter(&name, help),
                false => Rows::gauge(&name, help),
            };
            for (drive, log) in logs(&answering) {
                if let Some(value) = value(log) {
                    rows.push(&[("device", &drive.device)], value);
                }
            }
            rows.write(page);
        }
    }
}

fn logs<'a>(drives: &'a [&'a Drive]) -> impl Iterator<Item = (&'a Drive, &'a SmartLog)> {
    drives.iter().filter_map(|drive| Some((*drive, drive.log.as_ref()?)))
}

fn up(page: &mut Page, drives: &[&Drive]) {
    let mut rows = Rows::gauge("socle_nvme_up", "Whether the drive answered the last time.");
    for drive in drives {
        rows.push(&[("device", &drive.device)], drive.state == DriveState::Answers);
    }
    rows.write(page);
}

fn info(page: &mut Page, drives: &[&Drive]) {
    let help = "Constant 1 with the drive's model and firmware.";
    let mut rows = Rows::gauge("socle_nvme_info", help);
    for drive in drives {
        let Some(identity) = &drive.identity else { continue };
        let labels = [
            ("device", drive.device.as_str()),
            ("firmware", &identity.firmware),
            ("model", &identity.model),
        ];
        rows.push(&labels, 1u64);
    }
    rows.write(page);
}

fn warnings(page: &mut Page, drives: &[&Drive]) {
    let help = "What the drive warns of: 1 while it does.";
    let mut rows = Rows::gauge("socle_nvme_critical_warning", help);
    for (drive, log) in logs(drives) {
        for (bit, warning, _) in WARNINGS {
            rows.push(&[("device", &drive.device), ("warning", warning)], log.warns(bit));
        }
    }
    rows.write(page);
}

fn group_warnings(page: &mut Page, drives: &[&Drive]) {
    let help = "What one of the drive's endurance groups warns of: 1 while it does.";
    let mut rows = Rows::gauge("socle_nvme_endurance_group_warning", help);
    for (drive, log) in logs(drives) {
        let Some(bits) = log.endurance_group_warning else { continue };
        for (bit, warning) in GROUP_WARNINGS {
            rows.push(&[("device", &drive.device), ("warning", warning)], set(bits, bit));
        }
    }
    rows.write(page);
}

fn thresholds(page: &mut Page, drives: &[&Drive]) {
    let help = "Composite temperature from which the drive warns, and from which it may fail.";
    let mut rows = Rows::gauge("socle_nvme_temperature_threshold_celsius", help);
    for drive in drives {
        let Some(identity) = &drive.identity else { continue };
        let limits = [("critical", identity.critical_kelvin), ("warning", identity.warning_kelvin)];
        for (threshold, kelvin) in limits {
            if let Some(kelvin) = kelvin {
                let labels = [("device", drive.device.as_str()), ("threshold", threshold)];
                rows.push(&labels, celsius(kelvin));
            }
        }
    }
    rows.write(page);
}

fn percent(value: u8) -> Value {
    Value::Float(f64::from(value) / 100.0)
}

/// Beyond what 64 bits hold the value is a float, as Prometheus stores it anyway.
#[expect(clippy::cast_precision_loss, reason = "a count that does not fit is no longer exact")]
fn scaled(count: u64, each: u32) -> Value {
    count
        .checked_mul(u64::from(each))
        .map_or_else(|| Value::Float(count as f64 * f64::from(each)), Value::Int)
}
