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

#[cfg(test)]
mod tests {
    use super::Unit;

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
