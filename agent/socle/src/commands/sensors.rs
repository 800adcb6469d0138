//! `socle sensors`: every reading as a table.

use super::{print, print_json};
use crate::agent;
use crate::cli::ReadArgs;
use crate::paint::{Paint, Tone};
use anyhow::Result;
use socle_health::words::{amount, number};
use socle_model::documents::{SensorLine, SensorsDocument};
use socle_model::reading::{Absent, Thresholds};
use std::process::ExitCode;

/// Prints the sensors.
pub(crate) fn run(args: &ReadArgs) -> Result<ExitCode> {
    let (text, document): (_, SensorsDocument) = agent::ask(args.state.as_deref(), "/v1/sensors")?;
    if args.json {
        print_json(&text)?;
    } else {
        print(&table(&document, Paint::stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The columns: what a sensor is called, where it is, and last, as long as they are, its states.
const HEAD: [&str; COLUMNS] = ["SENSOR", "READING", "STATUS", "LIMITS", "COMPONENT", "STATES"];
const COLUMNS: usize = 6;
/// Columns that go first when the terminal is narrow, and what room the last one needs.
const SPARED: [usize; 2] = [4, 3];
const STATES_ROOM: usize = 24;

/// The table; columns as wide as their longest cell.
pub(crate) fn table(document: &SensorsDocument, paint: Paint) -> String {
    if document.sensors.is_empty() {
        return "no sensor is known on this host\n".into();
    }
    let head = HEAD.map(String::from);
    let rows: Vec<_> = document.sensors.iter().map(|sensor| row(sensor, paint)).collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|n| {
        let cells = std::iter::once(&head).chain(&rows).filter_map(|row| row.get(n));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let shown = shown(widths, paint.width);
    let mut out = String::new();
    for (n, row) in std::iter::once(&head).chain(&rows).enumerate() {
        let tone = match n.checked_sub(1).and_then(|n| document.sensors.get(n)) {
            None => Tone::Quiet,
            Some(sensor) => Tone::of(sensor.status),
        };
        let mut lead = String::new();
        let columns = row.iter().zip(widths).zip(shown).enumerate();
        for (column, ((cell, width), _)) in columns.filter(|(n, (_, shown))| *shown && *n < LAST) {
            let fill = " ".repeat(width.saturating_sub(cell.chars().count()));
            let tinted = if n == 0 || column == 2 { paint.tone(tone, cell) } else { cell.clone() };
            // Readings are right-aligned, so that they compare at a glance.
            lead += &if column == 1 { fill + &tinted } else { tinted + &fill };
            lead += "  ";
        }
        let states = row.last().map(String::as_str).unwrap_or_default();
        if states.is_empty() {
            out.push_str(lead.trim_end());
            out.push('\n');
        } else {
            paint.paragraph(&mut out, &lead, states, (n == 0).then_some(Tone::Quiet));
        }
    }
    out
}

const LAST: usize = COLUMNS - 1;

/// Which columns a terminal has room for.
fn shown(widths: [usize; COLUMNS], room: Option<usize>) -> [bool; COLUMNS] {
    let mut shown = [true; COLUMNS];
    let Some(room) = room else { return shown };
    for spared in SPARED {
        let used = widths.iter().zip(shown).take(LAST).filter(|(_, shown)| *shown);
        let used: usize = used.map(|(width, _)| width + 2).sum();
        if used + STATES_ROOM > room
            && let Some(column) = shown.get_mut(spared)
        {
            *column = false;
        }
    }
    shown
}

fn row(sensor: &SensorLine, paint: Paint) -> [String; COLUMNS] {
    [
        paint.clean(&sensor.name),
        reading(sensor, paint),
        sensor.status.word().into(),
        limits(&sensor.thresholds),
        sensor.component.as_str().into(),
        paint.clean(&sensor.states.join(", ")),
    ]
}

fn reading(sensor: &SensorLine, paint: Paint) -> String {
    match (sensor.value, sensor.absent) {
        // A locale without the degree sign gets the letter alone.
        (Some(value), _) => paint.clean(&amount(value, &sensor.unit)),
        (None, Some(absent)) => absence(absent).into(),
        (None, None) => "-".into(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, PAINTS};

    #[test]
    fn readings_stand_in_columns_and_long_states_below_their_start() {
        let document: SensorsDocument = golden::document("sensors");
        for (name, paint) in PAINTS {
            golden::check(&format!("sensors.{name}"), &table(&document, paint));
        }
        let none = SensorsDocument { sensors: Vec::new(), ..document };
        assert_eq!(table(&none, golden::PLAIN), "no sensor is known on this host\n");
    }

    #[test]
    fn a_thousand_sensors_are_a_thousand_lines() {
        let mut document: SensorsDocument = golden::document("sensors");
        let one = document.sensors.first().unwrap().clone();
        document.sensors = (0..1000)
            .map(|n| SensorLine {
                name: format!("FAN{n}"),
                value: Some(f64::from(n)),
                ..one.clone()
            })
            .collect();
        let text = table(&document, golden::PLAIN);
        assert_eq!(text.lines().count(), 1001);
        let column = text.lines().next().unwrap().find("STATUS").unwrap();
        assert!(text.lines().skip(1).all(|line| line[column..].starts_with(one.status.word())));
    }
}
