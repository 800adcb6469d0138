//! The documents of `/v1/` against their schemas in `docs/schema/`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on fails loudly")]

mod common;

use common::host::{Host, fan, record, snapshot, without};
use common::schema::{faults, hold, load};
use common::{Gate, write};
use serde_json::{Value, json};
use socle_model::Absent;
use socle_model::bmc::{Bmc, Degraded, Sensor};

/// A host with something of everything: good and bad sensors, every reason for no value, hostile
/// names, log records, a kernel with hwmon and memory errors.
fn everything() -> (Gate, Host) {
    let mut gate = Gate::prepare();
    for (path, text) in [
        ("sys/class/hwmon/hwmon0/name", "coretemp\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", "41000\n"),
        ("sys/class/hwmon/hwmon0/temp1_crit", "100000\n"),
        ("sys/class/hwmon/hwmon0/temp2_input", "nonsense\n"),
        ("sys/devices/system/edac/mc/mc0/ce_count", "12\n"),
        ("sys/devices/system/edac/mc/mc0/ue_count", "1\n"),
        ("sys/devices/system/edac/mc/mc0/ce_noinfo_count", "0\n"),
        ("sys/devices/system/edac/mc/mc0/ue_noinfo_count", "0\n"),
        ("sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count", "12\n"),
        ("sys/devices/system/edac/mc/mc0/dimm0/dimm_ue_count", "1\n"),
        ("sys/devices/system/edac/mc/mc0/dimm0/dimm_label", "CPU0_DIMM_A1\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"),
        ("sys/devices/system/clocksource/clocksource0/available_clocksource", "hpet\n"),
        ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc\n"),
    ] {
        write(&gate.root().join(path), text);
    }
    let host = Host::start(&gate.link());
    let absent = [
        Absent::Unavailable,
        Absent::ScanningDisabled,
        Absent::NotReadable,
        Absent::NotAnswered,
        Absent::Refused,
        Absent::Discrete,
    ];
    let mut sensors = vec![fan("FAN 1", 1), fan("a\"b\\c\nd/\u{fffd}", 2)];
    sensors.push(Sensor { value: Some(0.0), asserted: 0b11, ..fan("FAN 3", 3) });
    sensors.extend((10..).zip(absent).map(|(id, why)| without(fan("NONE", id), why)));
    host.say(|said| {
        said.snapshot = snapshot(sensors);
        said.snapshot.degraded =
            vec![Degraded { feature: "root".into(), why: "runs as uid 1000".into() }];
        said.records = (1..=3).map(|n| record(n, "Fan lower critical going low")).collect();
        said.records[1].at = None;
        if let Bmc::Present(data) = &mut said.snapshot.bmc {
            data.sel.as_mut().unwrap().head = 3;
        }
    });
    gate.spawn();
    gate.until("/v1/events", "the log", |text| text.matches("going low").count() == 3);
    (gate, host)
}

#[test]
fn what_is_served_follows_the_schemas() {
    let (gate, host) = everything();
    let status = gate.json("/v1/status");
    hold("status", &status);
    let critical = |path: &str| {
        let components = status["components"].as_array().unwrap();
        components.iter().any(|one| one["path"] == path && one["status"] == "critical")
    };
    assert!(critical("clocksource"), "{status:#}");
    assert!(status["degraded"].as_array().unwrap().iter().any(|one| one["feature"] == "root"));
    let sensors = gate.json("/v1/sensors");
    hold("sensors", &sensors);
    let lines = sensors["sensors"].as_array().unwrap();
    let by = |source: &str| lines.iter().filter(|line| line["source"] == source).count();
    assert_eq!(by("ipmi"), 9, "{sensors:#}");
    assert!(by("kernel") >= 1, "{sensors:#}");
    let events = gate.get("/v1/events").text().to_owned();
    let mut kinds = std::collections::BTreeSet::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        hold("event", &event);
        kinds.insert(event["kind"].as_str().unwrap().to_owned());
    }
    assert!(kinds.contains("sel") && kinds.contains("agent"), "{kinds:?}");
    hold("doctor", &gate.json("/v1/doctor"));

    host.die();
    gate.until("/v1/status", "the loss", |text| text.contains("since "));
    hold("status", &gate.json("/v1/status"));
    hold("doctor", &gate.json("/v1/doctor"));
}

#[test]
fn a_host_that_knows_nothing_follows_them_too() {
    let gate = Gate::start();
    hold("status", &gate.json("/v1/status"));
    hold("sensors", &gate.json("/v1/sensors"));
    hold("doctor", &gate.json("/v1/doctor"));
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let good = json!({
        "schema": "socle.event/1", "seq": 1, "at": "2026-01-02T03:04:05Z", "component": "fan/1",
        "severity": "info", "kind": "sel", "text": "x", "origins": [], "detail": {},
    });
    let schema = load("event");
    assert_eq!(faults(&schema, &good), Vec::<String>::new());
    for (key, wrong) in [
        ("schema", json!("socle.event/2")),
        ("seq", json!(0)),
        ("seq", json!("1")),
        ("at", json!("yesterday")),
        ("component", json!("/fan")),
        ("severity", json!("bad")),
        ("origins", json!([{ "source": "ipmi", "record": "SEL 1" }])),
        ("more", json!(1)),
    ] {
        let mut event = good.clone();
        event[key] = wrong;
        assert_eq!(faults(&schema, &event).len(), 1, "{event}");
    }
    let check = |remedy: Value| {
        json!({ "schema": "socle.doctor/1", "checks": [
            { "name": "n", "result": "failed", "text": "t", "remedy": remedy },
        ]})
    };
    assert_eq!(faults(&load("doctor"), &check(json!("do this"))), Vec::<String>::new());
    assert_eq!(faults(&load("doctor"), &check(Value::Null)).len(), 1, "failed without a remedy");
}
