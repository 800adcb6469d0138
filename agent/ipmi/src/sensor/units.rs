//! Units (section 43.17): the words, and whether a rate or a second unit makes them compound.

/// What a sensor's three unit bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The unit in the field's words: "celsius", "rpm", "percent", "hertz per minute".
    pub text: String,
    /// Base unit code, 0 when it is out of the table.
    pub base: u8,
    /// Whether the percentage bit is set.
    pub percent: bool,
    /// Whether there is a rate or a modifier unit.
    pub compound: bool,
}

const BASE: [&str; 93] = [
    "unspecified",
    "celsius",
    "fahrenheit",
    "kelvin",
    "volts",
    "amperes",
    "watts",
    "joules",
    "coulombs",
    "volt_amperes",
    "nits",
    "lumens",
    "lux",
    "candelas",
    "kilopascals",
    "psi",
    "newtons",
    "cfm",
    "rpm",
    "hertz",
    "microseconds",
    "milliseconds",
    "seconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "mils",
    "inches",
    "feet",
    "cubic_inches",
    "cubic_feet",
    "millimeters",
    "centimeters",
    "meters",
    "cubic_centimeters",
    "cubic_meters",
    "liters",
    "fluid_ounces",
    "radians",
    "steradians",
    "revolutions",
    "cycles",
    "gravities",
    "ounces",
    "pounds",
    "foot_pounds",
    "ounce_inches",
    "gauss",
    "gilberts",
    "henries",
    "millihenries",
    "farads",
    "microfarads",
    "ohms",
    "siemens",
    "moles",
    "becquerels",
    "ppm",
    "reserved",
    "decibels",
    "dba",
    "dbc",
    "grays",
    "sieverts",
    "color_temperature_kelvin",
    "bits",
    "kilobits",
    "megabits",
    "gigabits",
    "bytes",
    "kilobytes",
    "megabytes",
    "gigabytes",
    "words",
    "dwords",
    "qwords",
    "lines",
    "hits",
    "misses",
    "retries",
    "resets",
    "overruns",
    "underruns",
    "collisions",
    "packets",
    "messages",
    "characters",
    "errors",
    "correctable_errors",
    "uncorrectable_errors",
    "fatal_errors",
    "grams",
];

const RATES: [&str; 8] = ["", "microsecond", "millisecond", "second", "minute", "hour", "day", ""];

impl Unit {
    /// From units 1, base unit and modifier unit.
    #[must_use]
    pub fn parse([units1, base, modifier]: [u8; 3]) -> Self {
        let word = |code: u8| BASE.get(usize::from(code)).copied();
        let percent = units1 & 0x01 != 0;
        let rate = RATES.get(usize::from(units1 >> 3 & 0x07)).copied().unwrap_or_default();
        let joined = match units1 >> 1 & 0x03 {
            1 => " per ",
            2 => " times ",
            _ => "",
        };
        let mut text = match (percent, base) {
            (true, _) => "percent".to_owned(),
            (false, _) => word(base).unwrap_or("unspecified").to_owned(),
        };
        if !joined.is_empty() {
            text.push_str(joined);
            text.push_str(word(modifier).unwrap_or("unspecified"));
        }
        if !rate.is_empty() {
            text.push_str(" per ");
            text.push_str(rate);
        }
        let base = if word(base).is_some() { base } else { 0 };
        Unit { text, base, percent, compound: !joined.is_empty() || !rate.is_empty() }
    }
}

/// What is measured, as far as the unit tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the contract")]
pub enum Quantity {
    Temperature,
    FanSpeed,
    Voltage,
    Current,
    Power,
    Energy,
    Airflow,
    Frequency,
    Time,
    Ratio,
    Count,
    Other,
}

impl Unit {
    /// What is measured. The unit decides, not the sensor type; a rate or a second unit makes it other.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        match (self.compound, self.percent, self.base) {
            (true, ..) => Quantity::Other,
            (_, true, _) => Quantity::Ratio,
            (.., 1..=3) => Quantity::Temperature,
            (.., 4) => Quantity::Voltage,
            (.., 5) => Quantity::Current,
            (.., 6) => Quantity::Power,
            (.., 7) => Quantity::Energy,
            (.., 17) => Quantity::Airflow,
            (.., 18) => Quantity::FanSpeed,
            (.., 19) => Quantity::Frequency,
            (.., 20..=26) => Quantity::Time,
            (.., 41 | 42 | 66..=91) => Quantity::Count,
            _ => Quantity::Other,
        }
    }

    /// The sign people read: "RPM", "°C", "%"; the words where there is no common one.
    #[must_use]
    pub fn symbol(&self) -> &str {
        match (self.compound, self.percent, self.base) {
            (true, ..) => &self.text,
            (_, true, _) => "%",
            (.., 0) => "",
            (.., 1) => "°C",
            (.., 2) => "°F",
            (.., 3) => "K",
            (.., 4) => "V",
            (.., 5) => "A",
            (.., 6) => "W",
            (.., 7) => "J",
            (.., 17) => "CFM",
            (.., 18) => "RPM",
            (.., 19) => "Hz",
            _ => &self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Quantity, Unit};

    #[test]
    fn quantities_follow_the_unit() {
        for (bytes, quantity, symbol) in [
            ([0x80, 1, 0], Quantity::Temperature, "°C"),
            ([0x00, 18, 0], Quantity::FanSpeed, "RPM"),
            ([0x01, 18, 0], Quantity::Ratio, "%"),
            ([0x20, 19, 0], Quantity::Other, "hertz per minute"),
            ([0x00, 17, 0], Quantity::Airflow, "CFM"),
            ([0x00, 22, 0], Quantity::Time, "seconds"),
            ([0x00, 88, 0], Quantity::Count, "errors"),
            ([0x00, 200, 0], Quantity::Other, ""),
        ] {
            let unit = Unit::parse(bytes);
            assert_eq!((unit.quantity(), unit.symbol()), (quantity, symbol), "{bytes:?}");
        }
    }

    #[test]
    fn words_of_units() {
        for (bytes, text, compound) in [
            ([0x00, 1, 0], "celsius", false),
            ([0x80, 18, 0], "rpm", false),
            ([0x01, 0, 0], "percent", false),
            ([0x20, 19, 0], "hertz per minute", true),
            ([0x02, 70, 22], "bytes per seconds", true),
            ([0x00, 92, 0], "grams", false),
            ([0x00, 93, 0], "unspecified", false),
            ([0x00, 255, 0], "unspecified", false),
        ] {
            let unit = Unit::parse(bytes);
            assert_eq!((unit.text.as_str(), unit.compound), (text, compound));
        }
    }
}
