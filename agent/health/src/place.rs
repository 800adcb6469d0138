//! Which component a sensor belongs to: from its name where the name tells, else from its entity.

use socle_model::ComponentPath;
use socle_model::bmc::Sensor;

/// The component of a sensor. It depends on this sensor alone, never on its neighbours, so the same
/// sensor has the same place in every sweep and after every restart.
///
/// The module of a BullSequana comes from the name (`M0_FAN3` is in `module/0`). A part's number comes
/// from the name if that carries kind and number (`FAN3`, `PSU1`, `CPU0 Temp`), else from the entity
/// instance. What belongs to no part (board voltages, ambient temperatures) has a place by its name.
#[must_use]
pub fn place(sensor: &Sensor) -> ComponentPath {
    let (module, name) = module_prefix(&sensor.name);
    let root = ComponentPath::root();
    let base = module.map_or_else(|| root.clone(), |number| root.join("module").join(number));
    match part(sensor) {
        // Redundancy is said of all supplies or fans together.
        _ if sensor.event_type == 0x0B => base.join("redundancy").join(&tidy(name)),
        Some(kind) => {
            let number = number_after(name, words(kind))
                .or_else(|| {
                    (sensor.share > 0 || ends_numbered(name)).then(|| last_number(name)).flatten()
                })
                .unwrap_or_else(|| sensor.entity_instance.to_string());
            base.join(kind).join(&number)
        }
        None => base.join(&loose(sensor)).join(&tidy(name)),
    }
}

/// The kind of part that a sensor is about: by entity (table 43-13), else by sensor type.
fn part(sensor: &Sensor) -> Option<&'static str> {
    match (sensor.entity_id, sensor.sensor_type) {
        (0x03, _) => Some("cpu"),
        (0x08 | 0x20, _) => Some("dimm"),
        (0x0A, _) => Some("psu"),
        (0x1D | 0x1E, _) => Some("fan"),
        (0x04 | 0x1A, _) => Some("drive"),
        (0x0B | 0x31, _) => Some("pcie"),
        (0x28, _) => Some("battery"),
        (_, 0x04) => Some("fan"),
        (_, 0x07) => Some("cpu"),
        (_, 0x08) => Some("psu"),
        (_, 0x0D) => Some("drive"),
        _ => None,
    }
}

/// Words in names that stand before a part's number.
fn words(kind: &str) -> &'static [&'static str] {
    match kind {
        "cpu" => &["CPU", "PROCESSOR", "PROC", "P"],
        "dimm" => &["DIMM", "DDR", "MEM"],
        "psu" => &["PSU", "POWER SUPPLY", "PWR SUPPLY", "PS"],
        "fan" => &["FAN", "SYSFAN"],
        "drive" => &["HDD", "NVME", "DRIVE", "DISK", "SSD", "SLOT", "BAY"],
        "pcie" => &["PCIE", "PCI", "RISER", "SLOT"],
        _ => &["BATTERY", "BAT"],
    }
}

/// The folder of a sensor that belongs to no part.
fn loose(sensor: &Sensor) -> String {
    let word = match sensor.sensor_type {
        0x01 => "temperature",
        0x02 => "voltage",
        0x03 => "current",
        0x05 => "chassis",
        0x06 | 0x2A => "security",
        0x09 => "power_unit",
        0x0A => "cooling",
        0x0B => match sensor.quantity {
            socle_model::Quantity::Power => "power",
            _ => "other",
        },
        0x0C | 0x0E => "memory",
        0x0F | 0x1D..=0x20 | 0x22 => "system",
        0x10 | 0x11 | 0x23 | 0x24 | 0x28 | 0x2B => "management",
        0x12 | 0x13 => "system",
        0x15 | 0x17..=0x1A => "board",
        0x1B | 0x21 => "slot",
        0x25 | 0x2C => "presence",
        0x29 => "battery",
        _ => "other",
    };
    word.to_owned()
}

/// `M0_FAN3` is module 0 and `FAN3`. Other names begin with an M and digits too (`M01 VDDQ PG` of a
/// Dell is memory), so the number has no leading zero and an underscore follows.
fn module_prefix(name: &str) -> (Option<&str>, &str) {
    let Some(rest) = name.strip_prefix(['M', 'm']) else { return (None, name) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (Some(number), Some(rest)) = (rest.get(..digits), rest.get(digits..)) else {
        return (None, name);
    };
    let plain = number == "0" || !number.starts_with('0');
    match rest.strip_prefix('_') {
        Some(rest) if (1..=2).contains(&digits) && plain && !rest.is_empty() => {
            (Some(number), rest)
        }
        _ => (None, name),
    }
}

/// The number behind one of the words, `FAN3`, `FAN 3A` and `Fan_3` alike; the word must begin where a
/// word begins.
fn number_after(name: &str, words: &[&str]) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    for word in words {
        for (at, _) in upper.match_indices(word) {
            let before = upper.get(..at).and_then(|text| text.chars().next_back());
            let rest = upper.get(at + word.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches([' ', '_', '-', '#']);
            let number: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
            let digits = number.bytes().take_while(u8::is_ascii_digit).count();
            let short = digits > 0 && number.len() - digits <= 1;
            if short && !before.is_some_and(|c| c.is_ascii_alphanumeric()) {
                return Some(number);
            }
        }
    }
    None
}

fn ends_numbered(name: &str) -> bool {
    name.contains([' ', '_']) && name.ends_with(|c: char| c.is_ascii_digit())
}

/// `HDD 0` is 0.
fn last_number(name: &str) -> Option<String> {
    let last = name.rsplit([' ', '_']).next()?;
    last.bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then(|| last.to_owned())
        .filter(|n| !n.is_empty())
}

/// A name as a path segment: outer blanks go, inner ones become `_`.
fn tidy(name: &str) -> String {
    name.trim().replace(' ', "_")
}
