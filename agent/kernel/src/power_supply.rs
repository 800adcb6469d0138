//! `powersupplyclass`: batteries and mains of `/sys/class/power_supply`. The supplies of a server are the
//! BMC's and not here.

use crate::attr::AttrFamily;
use crate::class::{Words, add_existing, devices, must_exist, signed};
use crate::settings::{Flag, Takes};
use crate::{ReadError, Root, Settings, Source};
use regex::Regex;
use socle_model::metrics::{Family, Kind, Page};
use std::path::PathBuf;

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[("powersupply.ignored-supplies", Takes::Regex)];

/// File, name, and what the file's number is divided by.
const COLUMNS: [(&str, &str, f64); 49] = [
    ("authentic", "authentic", 1.0),
    ("calibrate", "calibrate", 1.0),
    ("capacity", "capacity", 1.0),
    ("capacity_alert_max", "capacity_alert_max", 1.0),
    ("capacity_alert_min", "capacity_alert_min", 1.0),
    ("cycle_count", "cyclecount", 1.0),
    ("online", "online", 1.0),
    ("present", "present", 1.0),
    ("time_to_empty_now", "time_to_empty_seconds", 1.0),
    ("time_to_full_now", "time_to_full_seconds", 1.0),
    // Micro-amperes, -volts, -watts and the hours of them.
    ("current_boot", "current_boot", 1e6),
    ("current_max", "current_max", 1e6),
    ("current_now", "current_ampere", 1e6),
    ("energy_empty", "energy_empty", 1e6),
    ("energy_empty_design", "energy_empty_design", 1e6),
    ("energy_full", "energy_full", 1e6),
    ("energy_full_design", "energy_full_design", 1e6),
    ("energy_now", "energy_watthour", 1e6),
    ("voltage_boot", "voltage_boot", 1e6),
    ("voltage_max", "voltage_max", 1e6),
    ("voltage_max_design", "voltage_max_design", 1e6),
    ("voltage_min", "voltage_min", 1e6),
    ("voltage_min_design", "voltage_min_design", 1e6),
    ("voltage_now", "voltage_volt", 1e6),
    ("voltage_ocv", "voltage_ocv", 1e6),
    ("charge_control_limit", "charge_control_limit", 1e6),
    ("charge_control_limit_max", "charge_control_limit_max", 1e6),
    ("charge_counter", "charge_counter", 1e6),
    ("charge_empty", "charge_empty", 1e6),
    ("charge_empty_design", "charge_empty_design", 1e6),
    ("charge_full", "charge_full", 1e6),
    ("charge_full_design", "charge_full_design", 1e6),
    ("charge_now", "charge_ampere", 1e6),
    ("charge_term_current", "charge_term_current", 1e6),
    ("constant_charge_current", "constant_charge_current", 1e6),
    ("constant_charge_current_max", "constant_charge_current_max", 1e6),
    ("constant_charge_voltage", "constant_charge_voltage", 1e6),
    ("constant_charge_voltage_max", "constant_charge_voltage_max", 1e6),
    ("precharge_current", "precharge_current", 1e6),
    ("input_current_limit", "input_current_limit", 1e6),
    ("power_now", "power_watt", 1e6),
    // Tenths of a degree.
    ("temp", "temp_celsius", 10.0),
    ("temp_alert_max", "temp_alert_max_celsius", 10.0),
    ("temp_alert_min", "temp_alert_min_celsius", 10.0),
    ("temp_ambient", "temp_ambient_celsius", 10.0),
    ("temp_ambient_max", "temp_ambient_max_celsius", 10.0),
    ("temp_ambient_min", "temp_ambient_min_celsius", 10.0),
    ("temp_max", "temp_max_celsius", 10.0),
    ("temp_min", "temp_min_celsius", 10.0),
];

/// Labels of `node_power_supply_info`, each a file's name.
const WORDS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];

#[derive(Default, PartialEq)]
struct Found {
    supplies: Vec<Words>,
    columns: Vec<(AttrFamily, f64)>,
}

pub(crate) struct PowerSupply {
    dir: PathBuf,
    ignored: Option<Regex>,
    info: Family,
    found: Found,
}

impl PowerSupply {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let mut supply = PowerSupply {
            dir: root.sysfs.join("class/power_supply"),
            ignored: settings.pattern("powersupply.ignored-supplies"),
            info: Family::new(
                "node_power_supply_info",
                Kind::Gauge,
                "info of /sys/class/power_supply/<power_supply>.",
            ),
            found: Found::default(),
        };
        supply.discover()?;
        Ok(supply)
    }
}

fn column(name: &str) -> AttrFamily {
    let help = format!("{name} value of /sys/class/power_supply/<power_supply>.");
    AttrFamily::new(&format!("node_power_supply_{name}"), Kind::Gauge, &help)
}

impl Source for PowerSupply {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Found { supplies, columns } = &mut self.found;
        if supplies.is_empty() {
            return must_exist(&self.dir);
        }
        for (column, divisor) in columns {
            column.write(page, |text| signed(text).map(|value| value as f64 / *divisor));
        }
        page.family_of(&self.info, |page| {
            for words in supplies {
                if words.refresh() {
                    words.write(page, &self.info);
                }
            }
        });
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let columns = COLUMNS.iter().map(|(_, name, divisor)| (column(name), *divisor)).collect();
        let mut found = Found { supplies: Vec::new(), columns };
        for (name, dir) in devices(&self.dir)? {
            if self.ignored.as_ref().is_some_and(|ignored| ignored.is_match(&name)) {
                continue;
            }
            let label = [("power_supply", name.as_str())];
            for ((file, ..), (column, _)) in COLUMNS.iter().zip(&mut found.columns) {
                add_existing(column, &label, dir.join(file));
            }
            let mut words = Words::new(&label);
            WORDS.iter().for_each(|word| words.add(word, dir.join(word), None));
            found.supplies.push(words);
        }
        if self.found != found {
            self.found = found;
        }
        Ok(())
    }
}
