//! A BMC of our own making behind ipmi_sim: values, thresholds, states, LUNs, the log, and a BMC that
//! dies and comes back as another one.

use crate::support::{Sim, Watched, over_tcp};
use socle_model::Absent;
use socle_model::bmc::{Bmc, BmcData, Sensor};
use std::fmt::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// A full record (IPMI 2.0 section 43.1): M, B, exponents, units and an 8-bit name.
fn full(number: u8, lun: u8, kind: (u8, u8), units: [u8; 3], m: u8, name: &str) -> String {
    let (sensor_type, event_type) = kind;
    let mut body = vec![0x20, lun, number, 29, number, 0x7f, 0x68, sensor_type, event_type];
    body.extend([0x15, 0x7a, 0x15, 0x7a, 0x3f, 0x3f]);
    body.extend(units);
    body.extend([0, m, 0, 0, 0, 0, 0, 0x07, 0, 0, 0, 0xff, 0]);
    body.extend([0xfe, 0xf0, 0xe0, 0x01, 0x08, 0x10, 2, 2, 0, 0, 0]);
    record(1, body, name)
}

fn record(kind: u8, mut body: Vec<u8>, name: &str) -> String {
    body.push(0xc0 | u8::try_from(name.len()).unwrap());
    body.extend(name.as_bytes());
    let head = [0, 0, 0x51, kind, u8::try_from(body.len()).unwrap()];
    let mut line = String::from("main_sdr_add 0x20");
    for byte in head.iter().chain(&body) {
        write!(line, " 0x{byte:02x}").unwrap();
    }
    line + "\n"
}

/// A fan, a temperature on LUN 1, a power supply, a sensor without anything behind it.
fn machine(product: u16, fan: &str) -> String {
    let mut emu = format!(
        "mc_setbmc 0x20\nmc_add 0x20 32 no-device-sdrs 01 02 60 0x9f 0x00009d 0x{product:04x}\n\
         sel_enable 0x20 1000 0x0a\n"
    );
    for (lun, number, kind) in [(0, 1, "4 1"), (1, 2, "1 1"), (0, 3, "8 0x6f")] {
        writeln!(emu, "sensor_add 0x20 {lun} {number} {kind}").unwrap();
        if kind.ends_with(" 1") {
            writeln!(
                emu,
                "sensor_set_threshold 0x20 {lun} {number} settable 111111 240 230 220 10 20 30\n\
                 sensor_set_event_support 0x20 {lun} {number} enable scanning per-state \
                 000111111111111 000111111111111 000111111111111 000111111111111\n\
                 sensor_set_value 0x20 {lun} {number} 100 0"
            )
        } else {
            writeln!(
                emu,
                "sensor_set_event_support 0x20 {lun} {number} enable scanning per-state \
                 111111111111111 111111111111111 111111111111111 111111111111111\n\
                 sensor_set_bit 0x20 {lun} {number} 0 1 0"
            )
        }
        .unwrap();
    }
    emu += &full(1, 0, (4, 1), [0, 18, 0], 60, fan);
    emu += &full(2, 1, (1, 1), [0, 1, 0], 1, "T on \"LUN\" 1");
    let supply = [0x20, 0, 3, 10, 1, 0x67, 0x40, 8, 0x6f, 0xff, 0, 0xff, 0, 0xff, 0, 0xc0, 0, 0];
    emu += &record(2, [&supply[..], &[1, 0, 0, 0, 0, 0, 0, 0]].concat(), "PSU1");
    emu += &full(9, 0, (1, 1), [0, 1, 0], 1, "NONE");
    emu + "mc_enable 0x20\n"
}

fn written(dir: &TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("bmc.emu");
    std::fs::write(&path, text).unwrap();
    path
}

fn sensor<'a>(data: &'a BmcData, name: &str) -> &'a Sensor {
    let found = data.sensors.iter().find(|sensor| sensor.name == name);
    found.unwrap_or_else(|| panic!("no sensor {name}: {data:#?}"))
}

#[test]
fn values_states_and_the_log_follow_within_a_sweep() {
    let dir = TempDir::new().unwrap();
    let Some(sim) = Sim::start(&written(&dir, &machine(1, "FAN1"))) else { return };
    let watched = Watched::start(over_tcp(sim.address()));
    let data = watched.present(20, |data| data.swept_at.is_some());
    assert_eq!(data.sensors.len(), 4, "{}", sim.log());
    let fan = sensor(&data, "FAN1");
    assert_eq!((fan.value, fan.unit.as_str(), fan.step), (Some(6000.0), "rpm", Some(60.0)));
    assert_eq!(fan.thresholds.lower_critical, Some(1200.0));
    assert_eq!(fan.thresholds.upper_nonrecoverable, Some(14400.0));
    assert!(fan.exported && fan.states.is_empty());
    let warm = sensor(&data, "T on \"LUN\" 1");
    assert_eq!((warm.lun, warm.value, warm.exported), (1, Some(100.0), false));
    assert_eq!(sensor(&data, "PSU1").absent, Some(Absent::Discrete));
    assert_eq!(sensor(&data, "PSU1").asserted, 1);
    assert_eq!(sensor(&data, "NONE").absent, Some(Absent::Refused));
    let why = sensor(&data, "NONE").why.as_deref().unwrap();
    assert!(why.contains("the BMC answers C"), "{why}");
    assert!(data.up.ipmi && data.up.bmc && data.up.chassis && data.up.sel && !data.up.dcmi);
    assert_eq!(data.info.as_ref().unwrap().firmware_revision, "2.3c");

    sim.console("sensor_set_value 0x20 0 1 15 1").unwrap();
    let data = watched.present(3, |data| sensor(data, "FAN1").value == Some(900.0));
    assert_eq!(
        sensor(&data, "FAN1").states,
        ["at or below lower non-critical", "at or below lower critical"]
    );
    sim.console("sensor_set_bit 0x20 0 3 1 1 1").unwrap();
    let data = watched.present(3, |data| sensor(data, "PSU1").asserted == 3);
    assert_eq!(sensor(&data, "PSU1").states.len(), 2);

    // The events of both are in the log, with their sensors.
    watched.present(5, |data| data.sel.is_some_and(|sel| sel.entries >= 2 && sel.head >= 2));
    let (records, _) = watched.records.lock().unwrap().after(0, 100);
    assert!(records.iter().any(|record| record.sensor.as_deref() == Some("FAN1")), "{records:?}");
    assert!(records.iter().any(|record| record.sensor.as_deref() == Some("PSU1")), "{records:?}");
    let before = records.len();
    sim.console("sel_add 0x20 2 0 0 0 0 0x20 0 4 8 3 0x6f 0xa1 0 0").unwrap();
    watched.present(5, |data| data.sel.is_some_and(|sel| sel.head > before as u64));
    watched.bus.stop(std::time::Duration::from_secs(2));
}

#[test]
fn a_bmc_that_dies_and_comes_back_as_another_is_read_anew() {
    let dir = TempDir::new().unwrap();
    let emu = written(&dir, &machine(1, "FAN1"));
    let Some(mut sim) = Sim::start(&emu) else { return };
    let watched = Watched::start(over_tcp(sim.address()));
    watched.present(20, |data| data.swept_at.is_some());
    sim.kill();
    let seen = watched.until(10, |seen| matches!(seen.bmc, Bmc::Unknown { .. }));
    let Bmc::Unknown { last, .. } = &seen.bmc else { return };
    assert_eq!(last.as_ref().unwrap().sensors.len(), 4);
    assert!(seen.source.error.is_some());
    sim.start_again(&written(&dir, &machine(2, "FAN7")));
    let data =
        watched.present(20, |data| data.info.as_ref().is_some_and(|info| info.product_id == 2));
    assert_eq!(sensor(&data, "FAN7").value, Some(6000.0));
    assert!(data.sensors.iter().all(|sensor| sensor.name != "FAN1"));
}
