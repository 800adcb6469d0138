//! `socle sensors`: every reading as a table.

use super::print;
use crate::agent;
use crate::cli::ReadArgs;
use crate::paint::{Paint, Tone};
use anyhow::Result;
use socle_model::documents::{SensorLine, SensorsDocument};
use socle_model::reading::{Absent, Thresholds};
use std::process::ExitCode;

/// Prints the sensors.
pub(crate) fn run(args: &ReadArgs) -> Result<ExitCode> {
    let (text, document): (_, SensorsDocument) = agent::ask(args.state.as_deref(), "/v1/sensors")?;
    print(&if args.json {
        text.trim_end().to_owned() + "\n"
    } else {
        table(&document, Paint::stdout())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The table; columns as wide as their longest cell.
pub(crate) fn table(document: &SensorsDocument, paint: Paint) -> String {
    if document.sensors.is_empty() {
        return "no sensor is known on this host\n".into();
    }
    let head = ["SENSOR", "READING", "STATUS", "LIMITS", "STATES", "COMPONENT"].map(String::from);
    let rows: Vec<_> = document.sensors.iter().map(|sensor| row(sensor, paint)).collect();
    let widths: [usize; 6] = std::array::from_fn(|n| {
        let cells = std::iter::once(&head).chain(&rows).filter_map(|row| row.get(n));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let mut out = String::new();
    for (n, row) in std::iter::once(&head).chain(&rows).enumerate() {
        let tone = match n.checked_sub(1).and_then(|n| document.sensors.get(n)) {
            None => Tone::Quiet,
            Some(sensor) => Tone::of(sensor.status),
        };
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let fill = " ".repeat(width.saturating_sub(cell.chars().count()));
            let tinted = if n == 0 || column == 2 { paint.tone(tone, cell) } else { cell.clone() };
            // Readings are right-aligned, so that they compare at a glance.
            line += &if column == 1 { fill + &tinted } else { tinted + &fill };
            line += "  ";
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn row(sensor: &SensorLine, paint: Paint) -> [String; 6] {
    [
        paint.clean(&sensor.name),
        reading(sensor, paint),
        sensor.status.word().into(),
        limits(&sensor.thresholds),
        paint.clean(&sensor.states.join(", ")),
        sensor.component.as_str().into(),
    ]
}

fn reading(sensor: &SensorLine, paint: Paint) -> String {
    match (sensor.value, sensor.absent) {
        (Some(value), _) => format!("{} {}", number(value), paint.clean(&unit(&sensor.unit))),
        (None, Some(absent)) => absence(absent).into(),
        (None, None) => "-".into(),
    }
}

/// A value as a person writes it: at most three decimals.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.into()
}

fn unit(word: &str) -> String {
    match word {
        "celsius" => "°C",
        "rpm" => "RPM",
        "volts" => "V",
        "amperes" => "A",
        "watts" => "W",
        "joules" => "J",
        "percent" => "%",
        "hertz" => "Hz",
        "seconds" => "s",
        other => other,
    }
    .into()
}

const fn absence(absent: Absent) -> &'static str {
    match absent {
        Absent::Unavailable => "unavailable",
        Absent::ScanningDisabled => "not scanned",
        Absent::NotReadable => "not readable",
        Absent::NotAnswered => "no answer",
        Absent::Refused => "refused",
        Absent::Discrete => "-",
    }
}

/// The critical limits, low and high, with the non-critical ones where there are no others.
fn limits(limits: &Thresholds) -> String {
    let low = limits.lower_critical.or(limits.lower_noncritical).or(limits.lower_nonrecoverable);
    let high = limits.upper_critical.or(limits.upper_noncritical).or(limits.upper_nonrecoverable);
    match (low, high) {
        (None, None) => String::new(),
        (low, high) => {
            let show = |limit: Option<f64>| limit.map_or_else(String::new, number);
            format!("{}..{}", show(low), show(high))
        }
    }
}
