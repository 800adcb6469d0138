//! Names of chips, sensors and metrics, as node_exporter forms them.

use crate::ReadError;
use crate::attr::{Attr, entries};
use socle_model::metrics::Kind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A chip.
#[derive(Debug)]
pub(crate) struct Chip {
    pub(crate) dir: PathBuf,
    /// The label `chip`: unique and stable.
    pub(crate) label: String,
    /// The label `chip_name`: the chip's `name` file, cleaned.
    pub(crate) human: Option<String>,
}

/// The chips below `/sys/class/hwmon`, with unique labels.
pub(crate) fn chips(dir: &Path) -> Result<Vec<Chip>, ReadError> {
    let mut found = Vec::new();
    let (mut bases, mut pairs) = (BTreeMap::new(), BTreeMap::new());
    for path in entries(dir)?.into_iter().filter(|path| path.is_dir()) {
        let name = Attr::new(path.join("name")).text().unwrap_or_default();
        let Some(base) = base_name(&path, &name) else { continue };
        *bases.entry(base.clone()).or_insert(0) += 1;
        *pairs.entry((base.clone(), name.clone())).or_insert(0) += 1;
        found.push((path, base, name));
    }
    // Several chips of one device: told apart by their name file, else by hwmonN.
    let chip = |(dir, base, name): (PathBuf, String, String)| {
        let human = Some(clean(&name)).filter(|name| !name.is_empty());
        let label = if bases.get(&base).is_none_or(|count| *count == 1) {
            base
        } else {
            let alone = pairs.get(&(base.clone(), name)).is_some_and(|count| *count == 1);
            let suffix = human.clone().filter(|_| alone).unwrap_or_else(|| clean(&last(&dir)));
            format!("{base}_{suffix}")
        };
        Chip { dir, label, human }
    };
    Ok(found.into_iter().map(chip).collect())
}

/// From the device's path, which is stable; else from the chip's name; else `hwmonN`.
fn base_name(dir: &Path, name: &str) -> Option<String> {
    if let Ok(device) = dir.join("device").canonicalize() {
        let kind = device.parent().map(last).unwrap_or_default();
        let (kind, device) = (clean(&kind), clean(&last(&device)));
        match (kind.is_empty(), device.is_empty()) {
            (false, false) => return Some(format!("{kind}_{device}")),
            (true, false) => return Some(device),
            _ => {}
        }
    }
    let own = || dir.canonicalize().ok().map(|dir| clean(&last(&dir)));
    Some(clean(name)).filter(|name| !name.is_empty()).or_else(own).filter(|name| !name.is_empty())
}

fn last(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Lower case, other characters as `_`, none of them at the ends.
pub(crate) fn clean(name: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':' || c == '_';
    let text: String = name.to_lowercase().chars().map(|c| if fits(c) { c } else { '_' }).collect();
    text.trim_matches('_').to_owned()
}

/// `temp12_crit_alarm` is ("temp", 12, "crit_alarm"); a missing number is 0, a missing element empty.
pub(crate) fn split(file: &str) -> Option<(&str, u32, &str)> {
    let digits = file.find(|c: char| c.is_ascii_digit());
    // The type is all but digits; greedy, so `beep_enable` without a number is a type of its own.
    let Some(digits) = digits else { return (!file.is_empty()).then_some((file, 0, "")) };
    let (kind, rest) = file.split_at_checked(digits)?;
    if kind.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, element) = rest.split_at_checked(end)?;
    let number = number.parse().ok()?;
    match element.strip_prefix('_') {
        Some(element) if !element.is_empty() => Some((kind, number, element)),
        None if element.is_empty() => Some((kind, number, "")),
        _ => None,
    }
}

/// How a file's number becomes a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scale {
    /// As it stands.
    One,
    /// Thousandths of the unit.
    Thousandths,
    /// Millionths of the unit.
    Millionths,
    /// 1, or anything else for 0.
    Flag,
}

impl Scale {
    pub(crate) fn apply(self, value: f64) -> f64 {
        match self {
            Scale::One => value,
            Scale::Thousandths => value * 0.001,
            Scale::Millionths => value / 1e6,
            Scale::Flag => f64::from(u8::from((value - 1.0).abs() < f64::EPSILON)),
        }
    }
}

/// How an element of a sensor is shown.
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) scale: Scale,
    /// Another sensor label than the sensor's own (GPU frequencies).
    pub(crate) sensor: Option<String>,
}

/// `None` for an element that is not shown as a value.
pub(crate) fn metric(
    sensor: &str,
    element: &str,
    bare: bool,
    label: Option<&str>,
) -> Option<Metric> {
    let kind = sensor.trim_end_matches(|c: char| c.is_ascii_digit());
    let gauge = |name, help, scale| Metric { name, help, kind: Kind::Gauge, scale, sensor: None };
    if let Some((name, help, scale)) = chip_wide(kind) {
        return element.is_empty().then(|| gauge(name.to_owned(), help.to_owned(), scale));
    }
    if element == "label" {
        return None;
    }
    let (ending, help, scale) = unit(kind, element);
    let element = match element {
        "input" if bare => "_input".to_owned(),
        "input" | "" => String::new(),
        element => format!("_{}", clean(element)),
    };
    let mut metric = gauge(format!("node_hwmon_{kind}{element}{ending}"), help, scale);
    match ending {
        "_joule_total" => metric.kind = Kind::Counter,
        "_freq_mhz" => metric.sensor = Some(clean(label?)),
        _ => {}
    }
    Some(metric)
}

/// Name, help and scale of what a chip has once, without elements.
fn chip_wide(kind: &str) -> Option<(&'static str, &'static str, Scale)> {
    Some(match kind {
        "beep_enable" => ("node_hwmon_beep_enabled", "Hardware beep enabled", Scale::Flag),
        "vrm" => ("node_hwmon_voltage_regulator_version", "Hardware voltage regulator", Scale::One),
        "update_interval" => (
            "node_hwmon_update_interval_seconds",
            "Hardware monitor update interval",
            Scale::Thousandths,
        ),
        _ => return None,
    })
}

/// The ending of the name, the help and the scale, by sensor type and element.
fn unit(kind: &str, element: &str) -> (&'static str, String, Scale) {
    use Scale::{Millionths, One, Thousandths};
    match (kind, element) {
        (_, "fault" | "alarm") => ("", format!("Hardware sensor {element} status ({kind})"), One),
        (_, "beep") => ("_enabled", "Hardware monitor sensor has beeping enabled".to_owned(), One),
        ("in" | "cpu", _) => {
            ("_volts", format!("Hardware monitor for voltage ({element})"), Thousandths)
        }
        ("temp", element) if element != "type" => {
            let element = if element.is_empty() { "input" } else { element };
            ("_celsius", format!("Hardware monitor for temperature ({element})"), Thousandths)
        }
        ("curr", _) => ("_amps", format!("Hardware monitor for current ({element})"), Thousandths),
        ("energy", _) => {
            let help = format!("Hardware monitor for joules used so far ({element})");
            ("_joule_total", help, Millionths)
        }
        ("power", "accuracy") => {
            ("", "Hardware monitor power meter accuracy, as a ratio".to_owned(), Millionths)
        }
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            let help = format!("Hardware monitor power usage update interval ({element})");
            ("_seconds", help, Thousandths)
        }
        ("power", _) => {
            let help = format!("Hardware monitor for power usage in watts ({element})");
            ("_watt", help, Millionths)
        }
        ("humidity", _) => {
            let ratio = "multiply with 100.0 to get the humidity as a percentage";
            let help = format!("Hardware monitor for humidity, as a ratio ({ratio}) ({element})");
            ("", help, Millionths)
        }
        ("fan", "input" | "min" | "max" | "target") => {
            let help = format!("Hardware monitor for fan revolutions per minute ({element})");
            ("_rpm", help, One)
        }
        ("freq", "input") => {
            ("_freq_mhz", "Hardware monitor for GPU frequency in MHz".to_owned(), Millionths)
        }
        _ => ("", format!("Hardware monitor {kind} element {element}"), One),
    }
}
