//! `socle_*`: verdicts, the readings that `ipmi_*` leaves out, and how the sources fare.

use super::Rows;
use super::ipmi::Shown;
use crate::sources::Line;
use jiff::Timestamp;
use socle_model::Status;
use socle_model::bmc::SourceState;
use socle_model::documents::{SensorLine, StatusDocument};
use socle_model::event::{Kind, Severity};
use socle_model::metrics::Page;
use std::collections::{BTreeMap, HashSet};

/// Writes what changes with the verdict only.
pub(crate) fn verdict(
    page: &mut Page,
    status: &StatusDocument,
    sensors: &[SensorLine],
    shown: Shown,
) {
    let mut info = Rows::gauge("socle_node_info", "Constant 1 with the host's name and model.");
    info.push(
        &[("host", &status.host), ("model", status.model.as_deref().unwrap_or_default())],
        1u64,
    );
    info.write(page);
    components(page, status);
    readings(page, sensors, shown);
    if let Some(clock) = status.components.iter().find(|one| one.kind == "clocksource") {
        let help = "Whether the kernel uses the clock source that this machine should have.";
        let mut rows = Rows::gauge("socle_clocksource_ok", help);
        rows.push(&[], clock.status == Status::Ok);
        rows.write(page);
    }
    let mut rows =
        Rows::gauge("socle_degraded", "1 for each feature that is weaker here than designed.");
    for one in &status.degraded {
        rows.push(&[("feature", &one.feature)], 1u64);
    }
    rows.write(page);
}

fn components(page: &mut Page, status: &StatusDocument) {
    let help = "The verdict on each part: 1 for the status it has, 0 for the others.";
    let mut rows = Rows::gauge("socle_component_status", help);
    for one in &status.components {
        for verdict in Status::ALL {
            let labels = [
                ("component", one.path.as_str()),
                ("kind", one.kind.as_str()),
                ("status", verdict.word()),
            ];
            rows.push(&labels, one.status == verdict);
        }
    }
    rows.write(page);
}

fn readings(page: &mut Page, sensors: &[SensorLine], mut shown: Shown) {
    let mut families = Readings::new();
    let mut names = HashSet::new();
    for sensor in sensors {
        let name = name(sensor, &mut names);
        // The kernel's sensors are in node_hwmon_*.
        let elsewhere = match sensor.source.as_str() {
            "kernel" => true,
            // And the drives' are in socle_nvme_*.
            "nvme" => true,
            "ipmi" => shown.take(sensor) || !shown.live,
            _ => false,
        };
        families.push(sensor, &name, elsewhere);
    }
    families.write(page);
}

/// Component, source and name of a series.
type Place<'a> = (&'a str, &'a str, String);

/// The sensor's name, made longer when another one of the same component has it: names repeat on real
/// machines, and two sensors must not become one series.
fn name<'a>(sensor: &'a SensorLine, names: &mut HashSet<Place<'a>>) -> String {
    let mut fresh = |name: &str| {
        names.insert((sensor.component.as_str(), sensor.source.as_str(), name.to_owned()))
    };
    let mut name = sensor.name.clone();
    let parts = [
        sensor.record_id.map(|id| format!(" #{id}")),
        sensor.number.map(|number| format!(".{number}")),
    ];
    for part in parts.into_iter().flatten() {
        if fresh(&name) {
            return name;
        }
        name.push_str(&part);
    }
    let stem = name.clone();
    for n in 2u32.. {
        if fresh(&name) {
            break;
        }
        name = format!("{stem} ({n})");
    }
    name
}

struct Readings {
    status: Rows,
    temperature: Rows,
    fan_rpm: Rows,
    fan_ratio: Rows,
    voltage: Rows,
    current: Rows,
    power: Rows,
    generic: Rows,
}

impl Readings {
    fn new() -> Self {
        let left_out = "that ipmi_* and node_* leave out";
        let gauge = |name, what: &str| Rows::gauge(name, &format!("{what} {left_out}."));
        Readings {
            status: Rows::gauge(
                "socle_sensor_status",
                "The verdict on each sensor: 0 ok, 1 warning, 2 critical, 3 unknown.",
            ),
            temperature: gauge("socle_temperature_celsius", "Temperatures in degrees Celsius"),
            fan_rpm: gauge("socle_fan_speed_rpm", "Fan speeds in rotations per minute"),
            fan_ratio: gauge("socle_fan_speed_ratio", "Fan speeds as a share of the maximum"),
            voltage: gauge("socle_voltage_volts", "Voltages in volts"),
            current: gauge("socle_current_amperes", "Currents in amperes"),
            power: gauge("socle_power_watts", "Powers in watts"),
            generic: gauge("socle_sensor_value", "Values of other sensors"),
        }
    }

    fn push(&mut self, sensor: &SensorLine, name: &str, elsewhere: bool) {
        let labels = [
            ("component", sensor.component.as_str()),
            ("source", sensor.source.as_str()),
            ("name", name),
        ];
        self.status.push(&labels, u64::from(sensor.status.number()));
        let Some(value) = sensor.value.filter(|_| !elsewhere) else { return };
        match sensor.unit.as_str() {
            "celsius" => self.temperature.push(&labels, value),
            "rpm" => self.fan_rpm.push(&labels, value),
            "percent" if sensor.sensor_type == "fan" => {
                self.fan_ratio.push(&labels, value / 100.0);
            }
            "volts" => self.voltage.push(&labels, value),
            "amperes" => self.current.push(&labels, value),
            "watts" => self.power.push(&labels, value),
            _ => self.generic.push(&labels, value),
        }
    }

    fn write(&self, page: &mut Page) {
        for rows in [
            &self.status,
            &self.temperature,
            &self.fan_rpm,
            &self.fan_ratio,
            &self.voltage,
            &self.current,
            &self.power,
            &self.generic,
        ] {
            rows.write(page);
        }
    }
}

/// Writes what changes from scrape to scrape: sources and event counts.
pub(crate) fn live(
    page: &mut Page,
    sources: &[Line],
    events: &BTreeMap<(Kind, Severity), u64>,
    now: Timestamp,
) {
    let mut rows = Rows::gauge("socle_build_info", "Constant 1 with the agent's version.");
    rows.push(&[("version", env!("CARGO_PKG_VERSION"))], 1u64);
    rows.write(page);
    let mut up = Rows::gauge("socle_source_up", "Whether the source gives data.");
    let mut age = Rows::gauge("socle_source_age_seconds", "Seconds since it last gave data.");
    let mut duration =
        Rows::gauge("socle_source_duration_seconds", "Seconds its last collection took.");
    let mut errors = Rows::counter("socle_source_errors_total", "Collections that failed.");
    let mut dropped = Rows::gauge(
        "socle_source_dropped_series",
        "Series left out of the last page for metrics.series_max.",
    );
    let there = |line: &&Line| line.source.state != SourceState::Absent;
    for line in sources.iter().filter(there) {
        let source = &line.source;
        let labels = [("source", source.name.as_str())];
        up.push(&labels, source.state == SourceState::Ok);
        if let Some(seconds) = line.age_s(now) {
            age.push(&labels, seconds);
        }
        if let Some(seconds) = source.duration_s {
            duration.push(&labels, seconds);
        }
        errors.push(&labels, source.errors);
        dropped.push(&labels, u64::try_from(line.dropped).unwrap_or(u64::MAX));
    }
    let mut rows = Rows::counter("socle_events_total", "Events since the agent's start.");
    for ((kind, severity), count) in events {
        rows.push(&[("kind", kind.word()), ("severity", severity.word())], *count);
    }
    for rows in [&up, &age, &duration, &errors, &dropped, &rows] {
        rows.write(page);
    }
}
