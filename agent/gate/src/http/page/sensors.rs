//! The sensors by quantity: value, bar, thresholds; what is not ok first, the rest folded when long.

use super::bar;
use super::html::{Html, NAME, SENTENCE};
use super::mark;
use socle_model::Status;
use socle_model::documents::SensorLine;
use socle_model::reading::{Absent, Quantity};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most sensors that are written; a machine of 32 sockets has about 400 with a value.
const MOST: usize = 1_500;
/// A group with more healthy sensors than this has them folded.
const OPEN: usize = 16;

/// The groups in the order of the page.
const GROUPS: [(&str, Quantity); 13] = [
    ("Temperatures", Quantity::Temperature),
    ("Fans", Quantity::FanSpeed),
    ("Powers", Quantity::Power),
    ("Voltages", Quantity::Voltage),
    ("Currents", Quantity::Current),
    ("Energy", Quantity::Energy),
    ("Humidity", Quantity::Humidity),
    ("Airflow", Quantity::Airflow),
    ("Frequencies", Quantity::Frequency),
    ("Times", Quantity::Time),
    ("Shares", Quantity::Ratio),
    ("Counts", Quantity::Count),
    ("Others", Quantity::Other),
];

/// Writes all sensors, as far as there is room.
pub(super) fn write(html: &mut Html, sensors: &[SensorLine]) {
    if sensors.is_empty() {
        html.raw("<p class=q>No sensor was read: see the sources below.</p>");
        return;
    }
    legend(html);
    let mut left = MOST;
    for (title, quantity) in GROUPS {
        let here = |one: &&SensorLine| one.value.is_some() && one.quantity == quantity;
        group(html, title, sensors.iter().filter(here), &mut left);
    }
    let states = |one: &&SensorLine| one.value.is_none() && one.absent == Some(Absent::Discrete);
    group(html, "States", sensors.iter().filter(states), &mut left);
    silent(html, sensors, &mut left);
}

/// Sensors that say nothing: folded, counted by reason. Where that is a fault, a component says so.
fn silent(html: &mut Html, sensors: &[SensorLine], left: &mut usize) {
    let silent = |one: &&SensorLine| one.value.is_none() && one.absent != Some(Absent::Discrete);
    let silent: Vec<_> = sensors.iter().filter(silent).collect();
    if silent.is_empty() {
        return;
    }
    html.raw("<h3>Without a reading <span class=q>").count(silent.len()).raw("</span></h3>");
    html.raw("<details><summary>");
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &silent {
        *reasons.entry(reason(one)).or_default() += 1;
    }
    for (at, (reason, n)) in reasons.into_iter().enumerate() {
        html.raw(if at == 0 { "" } else { ", " }).count(n).raw(" ").text(reason, NAME);
    }
    html.raw("</summary>");
    rows(html, &silent, left);
    html.raw("</details>");
}

/// Why a sensor has no value.
const fn reason(sensor: &SensorLine) -> &'static str {
    match sensor.absent {
        Some(Absent::Unavailable) => "unavailable",
        Some(Absent::ScanningDisabled) => "with scanning disabled",
        Some(Absent::NotReadable) => "not readable",
        Some(Absent::NotAnswered) => "not answered",
        Some(Absent::Refused) => "refused",
        Some(Absent::Discrete) | None => "with states",
    }
}

fn legend(html: &mut Html) {
    html.raw(
        "<p class=\"q legend\"><svg class=key aria-hidden=true><line x1=3 x2=3 y1=9 y2=17 class=tn />\
         <line x1=11 x2=11 y1=6 y2=17 class=tc /><line x1=19 x2=19 y1=2 y2=17 class=tr /></svg>\
         Ticks: non-critical (lnc, unc), critical (lcr, ucr), non-recoverable (lnr, unr); the sign \
         is the value.</p>",
    );
}

fn group<'a>(
    html: &mut Html,
    title: &'static str,
    sensors: impl Iterator<Item = &'a SensorLine>,
    left: &mut usize,
) {
    let mut sensors: Vec<_> = sensors.collect();
    if sensors.is_empty() {
        return;
    }
    sensors.sort_by_key(|one| Reverse(one.status));
    let split = sensors.iter().position(|one| one.status == Status::Ok).unwrap_or(sensors.len());
    let (bad, good) = sensors.split_at(split);
    html.raw("<h3>").raw(title).raw(" <span class=q>").count(sensors.len()).raw("</span></h3>");
    rows(html, bad, left);
    if good.is_empty() {
        return;
    }
    let valued = good.iter().any(|one| one.value.is_some());
    if good.len() <= OPEN && valued {
        rows(html, good, left);
        return;
    }
    html.raw("<details><summary>");
    mark::sign(html, Status::Ok);
    html.count(good.len()).raw(" ok</summary>");
    rows(html, good, left);
    html.raw("</details>");
}

fn rows(html: &mut Html, sensors: &[&SensorLine], left: &mut usize) {
    if sensors.is_empty() {
        return;
    }
    html.raw("<table class=sensors>");
    for sensor in sensors.iter().take(*left) {
        row(html, sensor);
    }
    html.raw("</table>");
    if sensors.len() > *left {
        html.raw("<p class=q>… and ").count(sensors.len() - *left).raw(" more: socle sensors</p>");
    }
    *left = left.saturating_sub(sensors.len());
}

fn row(html: &mut Html, sensor: &SensorLine) {
    html.raw("<tr><td class=st>");
    let silent = sensor.value.is_none() && sensor.absent != Some(Absent::Discrete);
    if silent {
        html.raw("<span class=q>no reading</span>");
    } else {
        mark::word(html, sensor.status);
    }
    html.raw("<td class=nm><b>").text(&sensor.name, NAME).raw("</b> <span class=q>");
    html.text(sensor.component.as_str(), 2 * NAME).raw("</span>");
    let Some(value) = sensor.value else {
        html.raw("<td class=said colspan=3>");
        said(html, sensor);
        return;
    };
    html.raw("<td class=val>").value(value).raw(" ");
    html.text(unit(&sensor.unit), NAME).raw("<td class=lim>");
    bar::draw(html, value, sensor.status, &sensor.thresholds);
    html.raw("<td class=\"q ths\">");
    let mut between = "";
    let (mut lower, upper) = (bar::lower(&sensor.thresholds), bar::upper(&sensor.thresholds));
    lower.reverse();
    for (name, limit) in lower.into_iter().chain(upper) {
        if let Some(limit) = limit {
            html.raw(between).raw("<span>").raw(name).raw(" ").value(limit).raw("</span>");
            between = " ";
        }
    }
    if between.is_empty() {
        html.raw("no thresholds");
    }
    // Each state of a limit holds the milder ones: the last is what the BMC says.
    if let Some(state) = sensor.states.last().filter(|_| sensor.status != Status::Ok) {
        html.raw("<br>").text(state, SENTENCE);
    }
}

/// What a sensor without a value says instead.
fn said(html: &mut Html, sensor: &SensorLine) {
    match sensor.absent {
        Some(Absent::Discrete) if sensor.states.is_empty() => {
            html.raw("<span class=q>no state asserted</span>");
        }
        Some(Absent::Discrete) | None => states(html, sensor),
        Some(_) => {
            html.raw("<span class=q>").raw(reason(sensor));
            if let Some(why) = &sensor.why {
                html.raw(": ").text(why, SENTENCE);
            }
            html.raw("</span>");
        }
    }
}

fn states(html: &mut Html, sensor: &SensorLine) {
    for (at, state) in sensor.states.iter().take(15).enumerate() {
        html.raw(if at == 0 { "" } else { ", " }).text(state, SENTENCE);
    }
}

/// How people write the field's word.
fn unit(word: &str) -> &str {
    match word {
        "celsius" => "°C",
        "fahrenheit" => "°F",
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
}
