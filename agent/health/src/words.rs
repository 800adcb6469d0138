//! Values and units as people write them.

/// A value: at most three decimals.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The sign of a unit that the documents name by its word; nothing for one that has none.
#[must_use]
pub fn sign(unit: &str) -> &str {
    match unit {
        "celsius" => "°C",
        "rpm" => "RPM",
        "volts" => "V",
        "amperes" => "A",
        "watts" => "W",
        "joules" => "J",
        "percent" => "%",
        "hertz" => "Hz",
        "seconds" => "s",
        "unspecified" => "",
        other => other,
    }
}

/// A value with its unit: `41.5 °C`.
#[must_use]
pub fn amount(value: f64, unit: &str) -> String {
    match sign(unit) {
        "" => number(value),
        sign => format!("{} {sign}", number(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_never_minus_nothing() {
        for (value, unit, text) in [
            (41.5, "celsius", "41.5 °C"),
            (9000.0, "rpm", "9000 RPM"),
            (-0.0001, "volts", "0 V"),
            (0.1 + 0.2, "unspecified", "0.3"),
            (3.0, "hertz per minute", "3 hertz per minute"),
            (f64::INFINITY, "", "inf"),
        ] {
            assert_eq!(amount(value, unit), text);
        }
    }
}
