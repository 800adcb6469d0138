//! What the page says of a BMC: `ipmi_*` as ipmi_exporter has them, everything else in `socle_*`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]

mod common;

use common::host::{Host, fan, snapshot, without};
use common::{Gate, sample};
use socle_model::bmc::{Bmc, Sensor, SourceState};
use socle_model::metrics::parse::{Parsed, Sample, parse};
use socle_model::{Absent, Quantity};
use std::time::Duration;

/// A gate whose root half says this, once it is on the page.
fn gate_with(sensors: Vec<Sensor>) -> (Gate, Host) {
    let mut gate = Gate::prepare();
    let host = Host::start(&gate.link());
    host.say(|said| said.snapshot = snapshot(sensors));
    gate.spawn();
    gate.until("/metrics", "the BMC", |page| page.contains("ipmi_bmc_info"));
    (gate, host)
}

fn page(gate: &Gate) -> Parsed {
    let parsed = parse(gate.get("/metrics").text()).unwrap();
    assert_eq!(parsed.series().len(), parsed.samples.len(), "no series twice");
    parsed
}

/// The samples of a family that belong to sensor `name`.
fn of<'a>(page: &'a Parsed, family: &str, name: &str) -> Vec<&'a Sample> {
    let named = |one: &&Sample| one.labels.get("name").is_some_and(|label| label == name);
    page.samples.iter().filter(|one| one.name == family).filter(named).collect()
}

fn value(page: &Parsed, family: &str, name: &str) -> f64 {
    match of(page, family, name)[..] {
        [one] => one.value,
        ref found => unreachable!("{family} of {name}: {found:?}"),
    }
}

/// Every family that has a sample of this name, sorted.
fn families(page: &Parsed, name: &str) -> Vec<String> {
    let named = |one: &&Sample| one.labels.get("name").is_some_and(|label| label == name);
    let mut found: Vec<_> = page.samples.iter().filter(named).map(|one| one.name.clone()).collect();
    found.sort();
    found
}

fn analog(name: &str, id: u16, kind: &str, unit: &str, quantity: Quantity, value: f64) -> Sensor {
    let sensor_type = if kind == "Fan" { 4 } else { 1 };
    Sensor {
        type_name: kind.into(),
        sensor_type,
        unit: unit.into(),
        quantity,
        value: Some(value),
        thresholds: socle_model::Thresholds::default(),
        ..fan(name, id)
    }
}

fn discrete(name: &str, id: u16, sensor_type: u8, kind: &str, asserted: u16) -> Sensor {
    let states = (0..15).filter(|bit| asserted >> bit & 1 == 1);
    Sensor {
        type_name: kind.into(),
        sensor_type,
        event_type: 0x6F,
        unit: "unspecified".into(),
        quantity: Quantity::Other,
        asserted,
        states: states.map(|bit| format!("state {bit}")).collect(),
        ..without(fan(name, id), Absent::Discrete)
    }
}

#[test]
fn the_family_is_chosen_by_the_unit() {
    let (gate, _host) = gate_with(vec![
        analog("T", 1, "Temperature", "celsius", Quantity::Temperature, -12.5),
        analog("R", 2, "Fan", "rpm", Quantity::FanSpeed, 1500.0),
        analog("P", 3, "Fan", "percent", Quantity::FanSpeed, 37.0),
        analog("V", 4, "Voltage", "volts", Quantity::Voltage, 1.065),
        analog("A", 5, "Current", "amperes", Quantity::Current, 0.25),
        analog("W", 6, "Power Supply", "watts", Quantity::Power, 310.0),
        analog("H", 7, "Humidity", "percent", Quantity::Humidity, 40.0),
        analog("G", 8, "Temperature", "kelvin", Quantity::Other, 300.0),
        Sensor {
            compound_unit: true,
            ..analog("C", 9, "Other", "watts per minute", Quantity::Other, 5.0)
        },
    ]);
    let page = page(&gate);
    for (name, family, expected) in [
        ("T", "ipmi_temperature", -12.5),
        ("R", "ipmi_fan_speed", 1500.0),
        ("P", "ipmi_fan_speed", 0.37),
        ("V", "ipmi_voltage", 1.065),
        ("A", "ipmi_current", 0.25),
        ("W", "ipmi_power", 310.0),
        ("H", "ipmi_sensor", 40.0),
        ("G", "ipmi_sensor", 300.0),
        ("C", "ipmi_sensor", 5.0),
    ] {
        let unit = match name {
            "T" => "celsius",
            "R" => "rpm",
            "P" => "ratio",
            "V" => "volts",
            "A" => "amperes",
            "W" => "watts",
            _ => "value",
        };
        assert_eq!(value(&page, &format!("{family}_{unit}"), name), expected, "{name}");
        assert_eq!(value(&page, &format!("{family}_state"), name), 0.0, "{name}");
        let labels = &of(&page, &format!("{family}_state"), name)[0].labels;
        let expected: &[&str] = match unit {
            "value" => &["id", "name", "type"],
            _ => &["id", "name"],
        };
        assert_eq!(labels.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{name}");
        // In ipmi_* already: of the rest only the verdict.
        assert_eq!(of(&page, "socle_sensor_status", name).len(), 1);
        let ours = families(&page, name);
        assert_eq!(ours.iter().filter(|one| one.starts_with("socle_")).count(), 1, "{ours:?}");
    }
}

#[test]
fn what_ipmi_exporter_leaves_out_is_ours() {
    let shared = |name: &str, share| Sensor { share, ..fan(name, 30) };
    let (gate, _host) = gate_with(vec![
        shared("HDD 0", 0),
        shared("HDD 1", 1),
        Sensor { lun: 1, exported: false, ..fan("LUN 1", 2) },
        Sensor { owner: 0x2C, exported: false, ..fan("SATELLITE", 3) },
        without(fan("AWAY", 4), Absent::Unavailable),
        without(fan("OFF", 5), Absent::ScanningDisabled),
        Sensor { exported: false, ..without(fan("EVENT ONLY", 6), Absent::NotReadable) },
        without(fan("MUTE", 7), Absent::NotAnswered),
        without(fan("REFUSED", 8), Absent::Refused),
        Sensor { at: None, ..discrete("NOT READ", 9, 0x08, "Power Supply", 0) },
    ]);
    let page = page(&gate);
    let of_name = |name| families(&page, name);
    assert_eq!(of_name("HDD 0"), ["ipmi_fan_speed_rpm", "ipmi_fan_speed_state", STATUS]);
    for name in ["HDD 1", "LUN 1", "SATELLITE"] {
        assert_eq!(of_name(name), ["socle_fan_speed_rpm", STATUS], "{name}");
        assert_eq!(value(&page, "socle_fan_speed_rpm", name), 1500.0, "{name}");
    }
    for name in ["AWAY", "OFF", "EVENT ONLY", "MUTE", "REFUSED", "NOT READ"] {
        assert_eq!(of_name(name), [STATUS], "{name}: no value, so a verdict only");
        assert_eq!(value(&page, STATUS, name), 3.0, "{name}");
    }
}

const STATUS: &str = "socle_sensor_status";

#[test]
fn states_are_freeipmis() {
    let threshold = |name: &str, id, asserted| Sensor { asserted, ..fan(name, id) };
    let (gate, _host) = gate_with(vec![
        threshold("NOMINAL", 1, 0),
        threshold("NON-CRITICAL", 2, 0b1),
        threshold("CRITICAL", 3, 0b11),
        threshold("NON-RECOVERABLE", 4, 0b11_1000),
        discrete("PSU PRESENT", 5, 0x08, "Power Supply", 0b1),
        discrete("PSU FAILED", 6, 0x08, "Power Supply", 0b11),
        discrete("PSU QUIET", 7, 0x08, "Power Supply", 0),
        discrete("CONFIG", 8, 0x08, "Power Supply", 0b1000_0000),
        Sensor { event_type: 0x70, ..discrete("OEM", 9, 0xC1, "OEM Reserved", 0b1) },
    ]);
    let page = page(&gate);
    // FreeIPMI calls non-critical nominal; the verdict does not.
    for (name, state, verdict) in [
        ("NOMINAL", 0.0, 0.0),
        ("NON-CRITICAL", 0.0, 1.0),
        ("CRITICAL", 2.0, 2.0),
        ("NON-RECOVERABLE", 2.0, 2.0),
    ] {
        assert_eq!(value(&page, "ipmi_fan_speed_state", name), state, "{name}");
        assert_eq!(value(&page, STATUS, name), verdict, "{name}");
    }
    for (name, state) in
        [("PSU PRESENT", 0.0), ("PSU FAILED", 2.0), ("PSU QUIET", 0.0), ("CONFIG", 1.0)]
    {
        assert!(value(&page, "ipmi_sensor_value", name).is_nan(), "{name}");
        assert_eq!(value(&page, "ipmi_sensor_state", name), state, "{name}");
    }
    assert!(value(&page, "ipmi_sensor_value", "OEM").is_nan());
    assert!(value(&page, "ipmi_sensor_state", "OEM").is_nan(), "no rule, no state");
}

#[test]
fn hostile_names_and_records_lose_no_reading() {
    let hostile = "a\"b\\c\nd{e=\"f\"} 7 \u{fffd}é";
    let rpm = |value: f64, sensor: Sensor| Sensor { value: Some(value), ..sensor };
    let twin = |number, value| Sensor { number, ..rpm(value, fan("TWIN", 9)) };
    let (gate, _host) = gate_with(vec![
        rpm(1.0, fan(hostile, 1)),
        rpm(2.0, fan("", 2)),
        rpm(3.0, fan("SAME", 3)),
        rpm(4.0, fan("SAME", 4)),
        twin(1, 11.0),
        twin(1, 12.0),
        twin(1, 13.0),
        twin(2, 14.0),
    ]);
    let text = gate.get("/metrics").text().to_owned();
    assert!(text.contains("{id=\"1\",name=\"a\\\"b\\\\c\\nd{e=\\\"f\\\"} 7 \u{fffd}é\"} 1\n"));
    let page = page(&gate);
    assert_eq!(value(&page, "ipmi_fan_speed_rpm", hostile), 1.0);
    assert_eq!(value(&page, "ipmi_fan_speed_rpm", ""), 2.0);
    let same: Vec<_> =
        of(&page, "ipmi_fan_speed_rpm", "SAME").iter().map(|one| one.value).collect();
    assert_eq!(same, [3.0, 4.0], "two records, two ids");
    // One id and one name: the first is shown, the others are readings that ipmi_* leaves out.
    assert_eq!(value(&page, "ipmi_fan_speed_rpm", "TWIN"), 11.0);
    let ours = page.samples.iter().filter(|one| one.name == "socle_fan_speed_rpm");
    let mut ours: Vec<_> = ours.map(|one| one.value).collect();
    ours.sort_by(f64::total_cmp);
    assert_eq!(ours, [12.0, 13.0, 14.0]);
    let verdicts = page.samples.iter().filter(|one| one.name == STATUS).count();
    assert_eq!(verdicts, 8, "one for each sensor");
}

#[test]
fn what_the_bmc_says_of_itself() {
    let (gate, host) = gate_with(Vec::new());
    let text = gate.get("/metrics/ipmi").text().to_owned();
    for (series, expected) in [
        ("ipmi_up{collector=\"bmc\"}", 1.0),
        ("ipmi_up{collector=\"sel\"}", 1.0),
        ("ipmi_chassis_power_state", 1.0),
        ("ipmi_chassis_drive_fault_state", 1.0),
        ("ipmi_chassis_cooling_fault_state", 0.0),
        ("ipmi_dcmi_power_consumption_watts", 321.0),
        ("ipmi_sel_logs_count", 3.0),
        ("ipmi_sel_free_space_bytes", 1000.0),
        ("ipmi_scrape_duration_seconds", 0.25),
        (
            "ipmi_bmc_info{bmc_url=\"N/A\",firmware_revision=\"2.60\",manufacturer_id=\"Bull (43)\",system_firmware_version=\"N/A\"}",
            1.0,
        ),
    ] {
        assert_eq!(sample(&text, series), Some(expected), "{series}\n{text}");
    }
    host.say(|said| {
        let Bmc::Present(data) = &mut said.snapshot.bmc else { return };
        (data.dcmi_power_watts, data.up.dcmi) = (None, false);
    });
    let text = gate.until("/metrics/ipmi", "no DCMI", |text| !text.contains("ipmi_dcmi"));
    assert_eq!(sample(&text, "ipmi_up{collector=\"dcmi\"}"), Some(0.0));
}

#[test]
fn the_landing_page_is_plain_and_escapes_what_it_shows() {
    let hostile = Sensor {
        asserted: 0b1,
        states: vec!["<script>alert(\"1\")</script>".into()],
        event_type: 0x07,
        ..discrete("FAN <b>", 1, 0x04, "Fan", 0b100)
    };
    let (gate, host) = gate_with(vec![Sensor { asserted: 0b100, ..hostile }]);
    host.say(|said| {
        said.snapshot.degraded =
            vec![socle_model::bmc::Degraded { feature: "root".into(), why: "uid 1000".into() }];
    });
    let text = gate.until("/", "the fan", |text| text.contains("alert("));
    assert!(text.contains("&lt;script&gt;alert(&quot;1&quot;)"), "{text}");
    assert!(!text.contains("<script") && !text.contains("FAN <b>"), "{text}");
    let answer = gate.get("/");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").is_some_and(|it| it.contains("'none'")));
    let degraded = "socle_degraded{feature=\"root\"}";
    gate.until("/metrics", "degraded", |page| sample(page, degraded) == Some(1.0));
}

#[test]
fn the_bmc_too_is_limited_to_series_max() {
    let mut gate = Gate::prepare();
    gate.configure("[metrics]\nseries_max = 100\n");
    let host = Host::start(&gate.link());
    host.say(|said| said.snapshot = snapshot((1..=200).map(|id| fan("FAN", id)).collect()));
    gate.spawn();
    let dropped = "socle_source_dropped_series{source=\"ipmi\"}";
    let text = gate.until("/metrics", "the limit", |page| {
        sample(page, dropped).is_some_and(|dropped| dropped > 300.0)
    });
    let shown = text.lines().filter(|line| line.starts_with("ipmi_")).count();
    assert_eq!(shown, 100);
    let fans = |family: &str| text.lines().filter(|line| line.starts_with(family)).count();
    let there = fans("ipmi_fan_speed_rpm{");
    assert!(there > 50, "{there}");
    assert_eq!(there + fans("socle_fan_speed_rpm{"), 200, "what was cut stands elsewhere");
}

#[test]
fn no_bmc_makes_nothing_unknown_and_no_series() {
    let mut gate = Gate::prepare();
    let host = Host::start(&gate.link());
    host.say(|said| {
        said.snapshot.bmc = Bmc::Absent;
        said.snapshot.sources[0].state = SourceState::Absent;
    });
    gate.spawn();
    gate.until("/v1/status", "ok", |text| text.contains("\"status\":\"ok\",\"components\""));
    let text = gate.get("/metrics").text().to_owned();
    assert!(!text.contains("ipmi_"), "{text}");
    assert!(!text.contains("source=\"ipmi\""), "{text}");
}

#[test]
fn a_bmc_that_fails_is_down_and_unknown() {
    let failing = |said: &mut common::host::Said| {
        let last = match &said.snapshot.bmc {
            Bmc::Present(data) => Some(data.clone()),
            _ => None,
        };
        said.snapshot.bmc = Bmc::Unknown {
            cause: "SMBIOS announces a BMC, /dev/ipmi0 is missing".into(),
            remedy: "modprobe ipmi_devintf".into(),
            last,
        };
        said.snapshot.sources[0].state = SourceState::Failing;
        said.snapshot.sources[0].error = Some("/dev/ipmi0 is missing".into());
    };
    let off_page = |sensor: Sensor| Sensor { exported: false, ..sensor };
    let (gate, host) = gate_with(vec![fan("FAN 7", 7), off_page(fan("FAN 8", 8))]);
    gate.until("/metrics", "both fans", |page| page.contains("socle_fan_speed_rpm"));
    host.say(failing);
    let text = gate.until("/metrics", "the failure", |page| !page.contains("ipmi_bmc_info"));
    for collector in ["ipmi", "dcmi", "bmc", "chassis", "sel"] {
        let series = format!("ipmi_up{{collector=\"{collector}\"}}");
        assert_eq!(sample(&text, &series), Some(0.0), "{text}");
    }
    assert_eq!(sample(&text, "ipmi_scrape_duration_seconds"), Some(0.25));
    assert_eq!(sample(&text, "socle_source_up{source=\"ipmi\"}"), Some(0.0));
    assert!(!text.contains("fan_speed_rpm"), "old values are not shown as new ones");
    let verdicts = parse(&text).unwrap();
    assert_eq!(value(&verdicts, STATUS, "FAN 7"), 3.0);
    let status = gate.json("/v1/status");
    assert_eq!(status["status"], "unknown");
    let bmc = status["components"].as_array().unwrap().iter().find(|one| one["path"] == "bmc");
    let bmc = bmc.unwrap();
    assert!(bmc["cause"].as_str().unwrap().contains("/dev/ipmi0 is missing"), "{bmc}");
    assert!(bmc["remedy"].as_str().unwrap().contains("modprobe ipmi_devintf"), "{bmc}");
}

#[test]
fn sensors_that_nobody_reads_any_more_are_not_shown_as_good() {
    let (gate, host) = gate_with(vec![fan("FAN 7", 7)]);
    gate.until("/metrics", "the fan", |page| page.contains("ipmi_fan_speed_rpm{"));
    host.say(|said| {
        let long_ago = socle_model::Timestamp::now() - Duration::from_secs(600);
        if let Bmc::Present(data) = &mut said.snapshot.bmc {
            data.swept_at = Some(long_ago);
        }
    });
    let text = gate.until("/metrics", "no fan", |page| !page.contains("ipmi_fan_speed_rpm{"));
    assert_eq!(sample(&text, "ipmi_up{collector=\"ipmi\"}"), Some(0.0));
    assert_eq!(sample(&text, "ipmi_up{collector=\"bmc\"}"), Some(1.0));
}
