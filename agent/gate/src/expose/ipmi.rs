//! `ipmi_*` as ipmi_exporter's default page has them, from the last snapshot.

use super::Rows;
use crate::link::Hardware;
use jiff::Timestamp;
use socle_health::exporter::ipmi_state;
use socle_model::Absent;
use socle_model::bmc::{Bmc, BmcData, Chassis, Sensor, Up};
use socle_model::documents::SensorLine;
use socle_model::metrics::{Page, escape_into};
use std::collections::{HashMap, HashSet};

/// What tells two sensors of one BMC apart: owner, LUN, number, record id. Hostile records repeat
/// even that.
type SensorKey = (u8, u8, u8, u16);

/// The sensors that the page's `ipmi_*` show; the others belong into the `socle_*` families.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Whether the readings are of now. Old ones stand nowhere on the page.
    pub(crate) live: bool,
    /// How many sensors of each key are there.
    sensors: HashMap<SensorKey, usize>,
}

impl Shown {
    /// Takes back the sensors whose values are not in `text`, what `series_max` left of the page.
    pub(crate) fn keep(&mut self, text: &str, data: &BmcData) {
        if !self.live {
            return;
        }
        let value = |line: &'_ str| {
            let (family, rest) = line.split_once('{')?;
            let labels = rest.rsplit_once(' ')?.0;
            (!family.ends_with("_state")).then(|| labels.to_owned())
        };
        let there: HashSet<String> = text.lines().filter_map(value).collect();
        self.sensors.clear();
        for sensor in shown_ones(&data.sensors) {
            let mut labels = format!("id=\"{}\",name=\"", sensor.record_id);
            escape_into(&mut labels, sensor.shown_name());
            let mut typed = format!("{labels}\",type=\"");
            escape_into(&mut typed, &sensor.type_name);
            labels.push_str("\"}");
            typed.push_str("\"}");
            if there.contains(&labels) || there.contains(&typed) {
                *self.sensors.entry(key(sensor)).or_default() += 1;
            }
        }
    }

    /// Whether `ipmi_*` show this sensor. To be asked once for each sensor, in the snapshot's order:
    /// of several with one key the first ones are there.
    pub(crate) fn take(&mut self, sensor: &SensorLine) -> bool {
        let (Some(owner), Some(lun), Some(number), Some(record)) =
            (sensor.owner, sensor.lun, sensor.number, sensor.record_id)
        else {
            return false;
        };
        match self.sensors.get_mut(&(owner, lun, number, record)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

/// Whether ipmi_exporter's default page has this sensor: its record qualifies, and it gives a value
/// or, being discrete and read, states.
fn shown(sensor: &Sensor) -> bool {
    let answers =
        sensor.value.is_some() || (sensor.absent == Some(Absent::Discrete) && sensor.at.is_some());
    sensor.exported && sensor.share == 0 && answers
}

/// Longer than this, and three sweeps, nothing that was said of the BMC stands any more.
const SILENCE_S: f64 = 60.0;

/// Writes what the link told last: nothing on a host without BMC, `ipmi_up` 0 for one that is known to
/// be there and does not answer. `interval_s` is the configured time between two sweeps.
pub(crate) fn from_link(
    page: &mut Page,
    hardware: &Hardware,
    interval_s: f64,
    now: Timestamp,
) -> Shown {
    let Some(snapshot) = &hardware.snapshot else { return Shown::default() };
    match &snapshot.bmc {
        Bmc::Present(data) if !link_gone(hardware, now) => {
            write(page, data, stale(data, interval_s, now))
        }
        Bmc::Present(_) | Bmc::Unknown { .. } => {
            up(page, Up::default());
            duration(page, snapshot.bmc.data());
            Shown::default()
        }
        Bmc::Starting | Bmc::Absent => Shown::default(),
    }
}

fn older(at: Timestamp, seconds: f64, now: Timestamp) -> bool {
    now.duration_since(at).as_secs_f64() > seconds
}

fn link_gone(hardware: &Hardware, now: Timestamp) -> bool {
    !hardware.link.up
        && hardware.link.since.is_some_and(|since| older(since.shown(now), SILENCE_S, now))
}

/// Whether the root half is heard and yet has read no sensor for long.
pub(crate) fn stale(data: &BmcData, interval_s: f64, now: Timestamp) -> bool {
    let patience = SILENCE_S.max(3.0 * interval_s).max(3.0 * data.sweep_s.unwrap_or(0.0));
    data.swept_at.is_some_and(|at| older(at, patience, now))
}

/// Writes the families of a BMC that answers; of `stale` sensors only that they are.
fn write(page: &mut Page, data: &BmcData, stale: bool) -> Shown {
    up(page, Up { ipmi: data.up.ipmi && !stale, ..data.up });
    bmc(page, data);
    if let Some(chassis) = &data.chassis {
        write_chassis(page, chassis);
    }
    if let Some(watts) = data.dcmi_power_watts {
        single(page, "ipmi_dcmi_power_consumption_watts", "Power by DCMI in watts.", watts);
    }
    if let Some(sel) = &data.sel {
        let help = "Records in the System Event Log.";
        single(page, "ipmi_sel_logs_count", help, f64::from(sel.entries));
        let help = "Free space of the System Event Log in bytes.";
        single(page, "ipmi_sel_free_space_bytes", help, f64::from(sel.free_bytes));
    }
    duration(page, Some(data));
    if stale { Shown::default() } else { sensors(page, &data.sensors) }
}

/// There always, as with the original; 0 before a sweep has ended.
fn duration(page: &mut Page, data: Option<&BmcData>) {
    let help = "Seconds that the last full reading of all sensors took.";
    let seconds = data.and_then(|data| data.sweep_s).unwrap_or(0.0);
    single(page, "ipmi_scrape_duration_seconds", help, seconds);
}

fn single(page: &mut Page, name: &str, help: &str, value: f64) {
    let mut rows = Rows::gauge(name, help);
    rows.push(&[], value);
    rows.write(page);
}

fn up(page: &mut Page, up: Up) {
    let mut rows =
        Rows::gauge("ipmi_up", "Whether the collector worked the last time it was tried.");
    for (collector, works) in [
        ("bmc", up.bmc),
        ("chassis", up.chassis),
        ("dcmi", up.dcmi),
        ("ipmi", up.ipmi),
        ("sel", up.sel),
    ] {
        rows.push(&[("collector", collector)], works);
    }
    rows.write(page);
}

fn bmc(page: &mut Page, data: &BmcData) {
    let Some(info) = &data.info else { return };
    let mut rows = Rows::gauge("ipmi_bmc_info", "Constant 1 with what the BMC says of itself.");
    rows.push(
        &[
            ("bmc_url", "N/A"),
            ("firmware_revision", decimal(&info.firmware_revision)),
            ("manufacturer_id", &info.manufacturer_id),
            ("system_firmware_version", info.system_firmware_version.as_deref().unwrap_or("N/A")),
        ],
        1u64,
    );
    rows.write(page);
}

/// A minor revision that is not BCD ends the label, as the original's pattern `[0-9.]*` does.
fn decimal(revision: &str) -> &str {
    let end = revision.find(|c: char| !c.is_ascii_digit() && c != '.');
    end.and_then(|end| revision.get(..end)).unwrap_or(revision)
}

/// As the original has it, the fault states are 1 when there is *no* fault.
fn write_chassis(page: &mut Page, chassis: &Chassis) {
    for (name, help, value) in [
        ("ipmi_chassis_power_state", "Whether system power is on.", chassis.power_on),
        ("ipmi_chassis_drive_fault_state", "1: no drive fault, 0: fault.", !chassis.drive_fault),
        (
            "ipmi_chassis_cooling_fault_state",
            "1: no cooling or fan fault, 0: fault.",
            !chassis.cooling_fault,
        ),
    ] {
        single(page, name, help, f64::from(u8::from(value)));
    }
}

/// The two families of one quantity.
struct Pair {
    value: Rows,
    state: Rows,
}

impl Pair {
    fn new(value: &str, state: &str, what: &str) -> Self {
        let help = "State of the sensor: 0 nominal, 1 warning, 2 critical, NaN none.";
        Pair { value: Rows::gauge(value, what), state: Rows::gauge(state, help) }
    }
}

fn sensors(page: &mut Page, sensors: &[Sensor]) -> Shown {
    let mut pairs = Families::new();
    let mut shown = Shown { live: true, ..Shown::default() };
    for sensor in shown_ones(sensors) {
        *shown.sensors.entry(key(sensor)).or_default() += 1;
        pairs.push(sensor);
    }
    pairs.write(page);
    shown
}

/// Two records with one id and one name would be one series twice: the first one counts.
fn shown_ones(sensors: &[Sensor]) -> impl Iterator<Item = &Sensor> {
    let mut names = HashSet::new();
    sensors.iter().filter(move |&sensor| {
        shown(sensor) && names.insert((sensor.record_id, sensor.shown_name()))
    })
}

/// What tells this sensor apart.
fn key(sensor: &Sensor) -> SensorKey {
    (sensor.owner, sensor.lun, sensor.number, sensor.record_id)
}

struct Families {
    temperature: Pair,
    fan_rpm: Pair,
    fan_ratio: Rows,
    voltage: Pair,
    current: Pair,
    power: Pair,
    generic: Pair,
}

impl Families {
    fn new() -> Self {
        Families {
            temperature: Pair::new(
                "ipmi_temperature_celsius",
                "ipmi_temperature_state",
                "Temperature in degrees Celsius.",
            ),
            fan_rpm: Pair::new(
                "ipmi_fan_speed_rpm",
                "ipmi_fan_speed_state",
                "Fan speed in rotations per minute.",
            ),
            fan_ratio: Rows::gauge("ipmi_fan_speed_ratio", "Fan speed as a share of the maximum."),
            voltage: Pair::new("ipmi_voltage_volts", "ipmi_voltage_state", "Voltage in volts."),
            current: Pair::new("ipmi_current_amperes", "ipmi_current_state", "Current in amperes."),
            power: Pair::new("ipmi_power_watts", "ipmi_power_state", "Power in watts."),
            generic: Pair::new(
                "ipmi_sensor_value",
                "ipmi_sensor_state",
                "Value of any other sensor, NaN if it has states only.",
            ),
        }
    }

    /// The family is chosen by the unit, as the original does; states only is generic.
    fn push(&mut self, sensor: &Sensor) {
        let id = sensor.record_id.to_string();
        let labels = [("id", id.as_str()), ("name", sensor.shown_name())];
        let state = ipmi_state(sensor).map_or(f64::NAN, f64::from);
        let unit = if sensor.compound_unit { "" } else { sensor.unit.as_str() };
        let (pair, value) = match (sensor.value, unit) {
            (Some(value), "celsius") => (&mut self.temperature, value),
            (Some(value), "rpm") => (&mut self.fan_rpm, value),
            (Some(value), "volts") => (&mut self.voltage, value),
            (Some(value), "amperes") => (&mut self.current, value),
            (Some(value), "watts") => (&mut self.power, value),
            (Some(value), "percent") if sensor.type_name == "Fan" => {
                self.fan_ratio.push(&labels, value / 100.0);
                self.fan_rpm.state.push(&labels, state);
                return;
            }
            (value, _) => {
                let labels = [labels[0], labels[1], ("type", sensor.type_name.as_str())];
                self.generic.value.push(&labels, value.unwrap_or(f64::NAN));
                self.generic.state.push(&labels, state);
                return;
            }
        };
        pair.value.push(&labels, value);
        pair.state.push(&labels, state);
    }

    fn write(&self, page: &mut Page) {
        for pair in [
            &self.temperature,
            &self.fan_rpm,
            &self.voltage,
            &self.current,
            &self.power,
            &self.generic,
        ] {
            pair.value.write(page);
            pair.state.write(page);
        }
        self.fan_ratio.write(page);
    }
}
