//! `node_systemd_*` as node_exporter names them, from one look at systemd.

use super::bus::{Bus, Property, Unit};
use super::wire::Value;
use crate::expose::Rows;
use socle_kernel::Settings;
use socle_model::metrics::Page;
use std::collections::{BTreeMap, HashMap};
use std::io::{Error, Result};
use std::time::{Duration, Instant};

/// The states that are always shown.
const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];
/// A unit's `Type=` changes only when its file does: it is asked for again after so long.
const TYPES_KEPT: Duration = Duration::from_secs(600);

/// node_exporter's flags.
pub(super) struct Choice {
    wanted: Box<dyn Fn(&str) -> bool + Send>,
    tasks: bool,
    restarts: bool,
    start_times: bool,
}

impl Choice {
    pub(super) fn new(settings: &Settings) -> Self {
        let excluded = r".+\.(automount|device|mount|scope|slice)";
        let include = settings.matcher("systemd.unit-include", ".+");
        let exclude = settings.matcher("systemd.unit-exclude", excluded);
        Choice {
            wanted: Box::new(move |name| include(name) && !exclude(name)),
            tasks: settings.on("systemd.enable-task-metrics", false),
            restarts: settings.on("systemd.enable-restarts-metrics", false),
            start_times: settings.on("systemd.enable-start-time-metrics", false),
        }
    }
}

/// What is kept from one look to the next.
pub(super) struct Looker {
    choice: Choice,
    types: HashMap<String, String>,
    types_at: Option<Instant>,
}

impl Looker {
    pub(super) fn new(choice: Choice) -> Self {
        Looker { choice, types: HashMap::new(), types_at: None }
    }

    /// Asks systemd and writes every family.
    ///
    /// # Errors
    /// The bus does not answer in time, or refuses.
    pub(super) fn look(&mut self, bus: &mut Bus, page: &mut Page) -> Result<()> {
        let version = text(bus.manager("Version")).unwrap_or_default();
        let virtualization = text(bus.manager("Virtualization"));
        let all = bus.units()?;
        let state = text(bus.manager("SystemState"));
        about(page, &version, virtualization);
        summary(page, &all);
        let loaded = |unit: &&Unit| unit.load_state == "loaded" && (self.choice.wanted)(&unit.name);
        let units: Vec<&Unit> = all.iter().filter(loaded).collect();
        self.states(bus, page, &units)?;
        self.opt_in(bus, page, &units)?;
        timers(bus, page, &units)?;
        sockets(bus, page, &units)?;
        // The last one, as the original has it: without it everything above is shown, and the collector
        // failed.
        let state = state.ok_or_else(|| Error::other("systemd does not tell its SystemState"))?;
        let help = "Whether the system is operational (see 'systemctl is-system-running')";
        let mut rows = Rows::gauge("node_systemd_system_running", help);
        rows.push(&[], state == "running");
        rows.write(page);
        Ok(())
    }

    /// `Type=` of services and of mounts.
    fn types(&mut self, bus: &mut Bus, units: &[&Unit]) -> Result<()> {
        if self.types_at.is_none_or(|at| at.elapsed() >= TYPES_KEPT) {
            self.types.clear();
            self.types_at = Some(Instant::now());
        }
        let interface = |unit: &Unit| match unit.name.rsplit_once('.')?.1 {
            "service" => Some("Service"),
            "mount" => Some("Mount"),
            _ => None,
        };
        let new: Vec<(&Unit, &'static str)> = units
            .iter()
            .filter(|unit| !self.types.contains_key(&unit.name))
            .filter_map(|unit| Some((*unit, interface(unit)?)))
            .collect();
        let asked: Vec<_> = new
            .iter()
            .map(|(unit, interface)| Property { path: &unit.path, interface, name: "Type" })
            .collect();
        for ((unit, _), value) in new.iter().zip(bus.properties(&asked)?) {
            if let Some(Value::Text(kind)) = value {
                self.types.insert(unit.name.clone(), kind);
            }
        }
        Ok(())
    }

    fn states(&mut self, bus: &mut Bus, page: &mut Page, units: &[&Unit]) -> Result<()> {
        self.types(bus, units)?;
        let mut rows = Rows::gauge("node_systemd_unit_state", "Systemd unit");
        for unit in units {
            let kind = self.types.get(&unit.name).map_or("", String::as_str);
            for state in STATES {
                let labels = [("name", unit.name.as_str()), ("state", state), ("type", kind)];
                rows.push(&labels, unit.active_state == state);
            }
        }
        rows.write(page);
        Ok(())
    }

    /// What is off unless a flag asks for it.
    fn opt_in(&self, bus: &mut Bus, page: &mut Page, units: &[&Unit]) -> Result<()> {
        let services = with_ending(units, ".service");
        if self.choice.restarts {
            let help = "Service unit count of Restart triggers";
            let mut rows = Rows::counter("node_systemd_service_restart_total", help);
            numbers(bus, &mut rows, &services, "Service", "NRestarts")?;
            rows.write(page);
        }
        if self.choice.tasks {
            for (name, help, property) in [
                ("current", "Current number of tasks per Systemd unit", "TasksCurrent"),
                ("max", "Maximum number of tasks per Systemd unit", "TasksMax"),
            ] {
                let mut rows = Rows::gauge(&format!("node_systemd_unit_tasks_{name}"), help);
                numbers(bus, &mut rows, &services, "Service", property)?;
                rows.write(page);
            }
        }
        if self.choice.start_times {
            start_times(bus, page, units)?;
        }
        Ok(())
    }
}

fn text(value: Result<Value>) -> Option<String> {
    match value {
        Ok(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn with_ending<'a>(units: &[&'a Unit], ending: &str) -> Vec<&'a Unit> {
    units.iter().copied().filter(|unit| unit.name.ends_with(ending)).collect()
}

fn about(page: &mut Page, version: &str, virtualization: Option<String>) {
    let mut rows = Rows::gauge("node_systemd_version", "Detected systemd version");
    let (number, version) = match number_of(version) {
        Some(number) => (number, version),
        None => (0.0, ""),
    };
    rows.push(&[("version", version)], number);
    rows.write(page);
    let help = "Detected virtualization technology";
    let mut rows = Rows::gauge("node_systemd_virtualization_info", help);
    let kind = match &virtualization {
        None => "unknown",
        Some(kind) if kind.is_empty() => "none",
        Some(kind) => kind,
    };
    rows.push(&[("virtualization_type", kind)], 1u64);
    rows.write(page);
}

/// The first number of at least three digits, with its decimals: 252.39 of `252.39-1~deb12u1`.
fn number_of(version: &str) -> Option<f64> {
    let digit = |c: char| c.is_ascii_digit();
    let mut rest = version;
    loop {
        rest = rest.get(rest.find(digit)?..)?;
        let whole = rest.find(|c| !digit(c)).unwrap_or(rest.len());
        if whole < 3 {
            rest = rest.get(whole..)?;
            continue;
        }
        let after = rest.get(whole..)?.strip_prefix('.').unwrap_or_default();
        let decimals = after.find(|c| !digit(c)).unwrap_or(after.len());
        let end = if decimals == 0 { whole } else { whole + 1 + decimals };
        return rest.get(..end)?.parse().ok();
    }
}

fn summary(page: &mut Page, units: &[Unit]) {
    let mut counts: BTreeMap<&str, u64> = STATES.iter().map(|state| (*state, 0)).collect();
    for unit in units {
        *counts.entry(&unit.active_state).or_default() += 1;
    }
    let mut rows = Rows::gauge("node_systemd_units", "Summary of systemd unit states");
    for (state, count) in counts {
        rows.push(&[("state", state)], count);
    }
    rows.write(page);
}

/// One numeric property of each unit; what systemd does not count is no sample.
fn numbers(
    bus: &mut Bus,
    rows: &mut Rows,
    units: &[&Unit],
    interface: &'static str,
    name: &'static str,
) -> Result<()> {
    let asked: Vec<_> =
        units.iter().map(|unit| Property { path: &unit.path, interface, name }).collect();
    for (unit, value) in units.iter().zip(bus.properties(&asked)?) {
        match value {
            Some(Value::U32(count)) => rows.push(&[("name", &unit.name)], u64::from(count)),
            Some(Value::U64(count)) if count != u64::MAX => {
                rows.push(&[("name", &unit.name)], count)
            }
            _ => {}
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "node_exporter's values are floats too")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

fn start_times(bus: &mut Bus, page: &mut Page, units: &[&Unit]) -> Result<()> {
    let help = "Start time of the unit since unix epoch in seconds.";
    let mut rows = Rows::gauge("node_systemd_unit_start_time_seconds", help);
    let active: Vec<&Unit> =
        units.iter().copied().filter(|unit| unit.active_state == "active").collect();
    let name = "ActiveEnterTimestamp";
    let asked: Vec<_> =
        active.iter().map(|unit| Property { path: &unit.path, interface: "", name }).collect();
    for (unit, value) in active.iter().zip(bus.properties(&asked)?) {
        if let Some(Value::U64(at)) = value {
            rows.push(&[("name", &unit.name)], seconds(at));
        }
    }
    for unit in units.iter().filter(|unit| unit.active_state != "active") {
        rows.push(&[("name", &unit.name)], 0u64);
    }
    rows.write(page);
    Ok(())
}

fn timers(bus: &mut Bus, page: &mut Page, units: &[&Unit]) -> Result<()> {
    let help = "Seconds since epoch of last trigger.";
    let mut rows = Rows::gauge("node_systemd_timer_last_trigger_seconds", help);
    let timers = with_ending(units, ".timer");
    let (interface, name) = ("Timer", "LastTriggerUSec");
    let asked: Vec<_> =
        timers.iter().map(|unit| Property { path: &unit.path, interface, name }).collect();
    for (unit, value) in timers.iter().zip(bus.properties(&asked)?) {
        if let Some(Value::U64(at)) = value {
            rows.push(&[("name", &unit.name)], seconds(at));
        }
    }
    rows.write(page);
    Ok(())
}

fn sockets(bus: &mut Bus, page: &mut Page, units: &[&Unit]) -> Result<()> {
    let sockets = with_ending(units, ".socket");
    // The refused ones are a gauge with the original, whatever the name says.
    for (mut rows, property) in [
        (
            Rows::counter(
                "node_systemd_socket_accepted_connections_total",
                "Total number of accepted socket connections",
            ),
            "NAccepted",
        ),
        (
            Rows::gauge(
                "node_systemd_socket_current_connections",
                "Current number of socket connections",
            ),
            "NConnections",
        ),
        (
            Rows::gauge(
                "node_systemd_socket_refused_connections_total",
                "Total number of refused socket connections",
            ),
            "NRefused",
        ),
    ] {
        numbers(bus, &mut rows, &sockets, "Socket", property)?;
        rows.write(page);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_node_exporter_reads_it() {
        for (text, number) in [
            ("252.39-1~deb12u1", Some(252.39)),
            ("v257", Some(257.0)),
            ("239 (239-82.el8)", Some(239.0)),
            ("12.249.5", Some(249.5)),
            ("255.", Some(255.0)),
            ("12", None),
            ("", None),
        ] {
            assert_eq!(number_of(text), number, "{text}");
        }
    }
}
