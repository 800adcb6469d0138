//! Whole stories: a fan that fails and returns, a supply that is pulled, an empty slot, a BMC and a root
//! half that go away, a restart.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use socle_health::{Judgement, Link, Memory, Observations, judge, place};
use socle_model::bmc::{Bmc, BmcData, SelRecord, Sensor, Snapshot, Source, SourceState};
use socle_model::documents::Component;
use socle_model::event::{Kind, Severity};
use socle_model::facts::{Clocksource, EdacCount, HwmonSensor, KernelFacts};
use socle_model::{Absent, Quantity, Status, Thresholds, Timestamp};
use std::time::Duration;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn sensor(name: &str, sensor_type: u8, entity: (u8, u8), event_type: u8) -> Sensor {
    Sensor {
        name: name.into(),
        id_string: name.into(),
        record_id: 1,
        share: 0,
        number: u8::try_from(name.bytes().map(u32::from).sum::<u32>() % 256).unwrap(),
        lun: 0,
        owner: 0x20,
        entity_id: entity.0,
        entity_instance: entity.1,
        sensor_type,
        type_name: "Fan".into(),
        event_type,
        exported: true,
        quantity: Quantity::FanSpeed,
        unit: "rpm".into(),
        compound_unit: false,
        value: None,
        absent: Some(Absent::Discrete),
        why: None,
        step: None,
        asserted: 0,
        states: vec![],
        rising: true,
        thresholds: Thresholds::default(),
        at: Some(at(0)),
    }
}

fn fan(value: f64, asserted: u16) -> Sensor {
    let thresholds = Thresholds {
        lower_critical: Some(1125.0),
        lower_noncritical: Some(1500.0),
        ..Thresholds::default()
    };
    Sensor {
        value: Some(value),
        absent: None,
        asserted,
        thresholds,
        ..sensor("M0_FAN3", 0x04, (29, 4), 0x01)
    }
}

fn supply(asserted: u16, words: &[&str]) -> Sensor {
    let states = words.iter().map(|&word| word.into()).collect();
    Sensor { asserted, states, ..sensor("PSU1 Status", 0x08, (10, 1), 0x6F) }
}

fn snapshot(second: i64, sensors: Vec<Sensor>) -> Snapshot {
    let data =
        BmcData { sensors, swept_at: Some(at(second)), sweep_s: Some(1.0), ..BmcData::default() };
    Snapshot {
        started: at(-100),
        at: at(second),
        bmc: Bmc::Present(Box::new(data)),
        sources: vec![],
        degraded: vec![],
        checks: vec![],
        drives: vec![],
    }
}

fn look(second: i64, snapshot: Option<&Snapshot>, before: &Memory) -> Judgement {
    judge(&observed(second, snapshot), before)
}

fn observed(second: i64, snapshot: Option<&Snapshot>) -> Observations<'_> {
    Observations {
        now: at(second),
        elapsed: Duration::from_secs(1),
        snapshot,
        link: Link::Connected,
        kernel: None,
        sources: &[],
        new_sel: &[],
        interval_s: 1.0,
    }
}

fn component<'a>(judgement: &'a Judgement, path: &str) -> Option<&'a Component> {
    judgement.components.iter().find(|component| component.path.as_str() == path)
}

#[test]
fn a_fan_fails_and_returns() {
    let ok = look(0, Some(&snapshot(0, vec![fan(9000.0, 0)])), &Memory::default());
    assert_eq!((ok.status, ok.events.len()), (Status::Ok, 0));
    assert_eq!(component(&ok, "module/0/fan/3").unwrap().name, "M0_FAN3");
    let dead = look(1, Some(&snapshot(1, vec![fan(0.0, 0b11)])), &ok.memory);
    let part = component(&dead, "module/0/fan/3").unwrap();
    assert_eq!((part.status, part.kind.as_str()), (Status::Critical, "fan"));
    assert_eq!(part.cause.as_deref(), Some("0 RPM, lower critical 1125 RPM"));
    assert_eq!(component(&dead, "module/0").unwrap().cause.as_deref(), Some("see module/0/fan/3"));
    assert_eq!((dead.status, part.since), (Status::Critical, Some(at(1))));
    assert_eq!(dead.events.len(), 1);
    assert_eq!(
        (dead.events[0].severity, dead.events[0].component.as_str()),
        (Severity::Critical, "module/0/fan/3")
    );
    let slow = look(2, Some(&snapshot(2, vec![fan(1300.0, 0b01)])), &dead.memory);
    assert_eq!(slow.status, Status::Warning);
    let back = look(3, Some(&snapshot(3, vec![fan(9000.0, 0)])), &slow.memory);
    assert_eq!((back.status, back.events.len()), (Status::Ok, 1));
    let still = look(4, Some(&snapshot(4, vec![fan(9000.0, 0)])), &back.memory);
    assert_eq!(still.events.len(), 0);
    assert_eq!(component(&still, "module/0/fan/3").unwrap().since, Some(at(3)));
}

#[test]
fn a_status_byte_that_lies_is_not_believed() {
    let judgement = look(0, Some(&snapshot(0, vec![fan(100.0, 0)])), &Memory::default());
    let cause = component(&judgement, "module/0/fan/3").unwrap().cause.clone().unwrap();
    assert_eq!(judgement.status, Status::Critical);
    assert!(cause.contains("status byte does not say so"), "{cause}");
}

#[test]
fn an_empty_slot_is_no_alarm_and_a_pulled_supply_is_one() {
    let empty = Sensor {
        asserted: 1,
        states: vec!["device removed / device absent".into()],
        ..sensor("HDD 4", 0x0D, (4, 4), 0x08)
    };
    let start = look(
        0,
        Some(&snapshot(0, vec![empty.clone(), supply(1, &["presence detected"])])),
        &Memory::default(),
    );
    assert_eq!(start.status, Status::Ok, "{:?}", start.components);
    let pulled = look(1, Some(&snapshot(1, vec![empty.clone(), supply(0, &[])])), &start.memory);
    let part = component(&pulled, "psu/1").unwrap();
    assert_eq!(
        (pulled.status, part.cause.as_deref()),
        (Status::Critical, Some("PSU1 Status: was here and is gone"))
    );
    assert!(part.remedy.is_some());
    // The memory survives a restart as JSON.
    let text = serde_json::to_string(&pulled.memory).unwrap();
    let restarted: Memory = serde_json::from_str(&text).unwrap();
    let after = look(2, Some(&snapshot(2, vec![empty, supply(0, &[])])), &restarted);
    assert_eq!((after.status, after.events.len()), (Status::Critical, 0));
    assert_eq!(component(&after, "psu/1").unwrap().since, Some(at(1)));
}

#[test]
fn what_never_answered_is_no_alarm_and_what_once_did_is_unknown() {
    let gone = Sensor { value: None, absent: Some(Absent::Unavailable), ..fan(0.0, 0) };
    let never = look(0, Some(&snapshot(0, vec![gone.clone()])), &Memory::default());
    assert_eq!(component(&never, "module/0/fan/3"), None);
    assert_eq!(never.sensors[0].status, Status::Unknown);
    let once = look(1, Some(&snapshot(1, vec![fan(9000.0, 0)])), &never.memory);
    let lost = look(2, Some(&snapshot(2, vec![gone])), &once.memory);
    assert_eq!(component(&lost, "module/0/fan/3").unwrap().status, Status::Unknown);
    assert_eq!(lost.status, Status::Unknown);
}

#[test]
fn a_bmc_that_goes_silent_is_unknown_with_its_remedy() {
    let seen = snapshot(0, vec![fan(9000.0, 0)]);
    let ok = look(0, Some(&seen), &Memory::default());
    let silent = Snapshot {
        bmc: Bmc::Unknown {
            cause: "SMBIOS announces a BMC but /dev/ipmi0 is missing".into(),
            remedy: "modprobe ipmi_devintf".into(),
            last: seen.bmc.data().cloned().map(Box::new),
        },
        ..seen.clone()
    };
    let lost = look(1, Some(&silent), &ok.memory);
    let bmc = component(&lost, "bmc").unwrap();
    assert_eq!(
        (lost.status, bmc.remedy.as_deref()),
        (Status::Unknown, Some("modprobe ipmi_devintf"))
    );
    assert_eq!(component(&lost, "module/0/fan/3").unwrap().status, Status::Unknown);
    let absent = look(2, Some(&Snapshot { bmc: Bmc::Absent, ..seen.clone() }), &lost.memory);
    assert_eq!(component(&absent, "bmc").unwrap().status, Status::Unknown);
    let never = look(0, Some(&Snapshot { bmc: Bmc::Absent, ..seen }), &Memory::default());
    assert_eq!(component(&never, "bmc"), None);
}

#[test]
fn a_root_half_that_dies_is_given_ten_seconds() {
    let seen = snapshot(0, vec![fan(9000.0, 0)]);
    let ok = look(0, Some(&seen), &Memory::default());
    let link = Link::Lost { since: at(0), error: "connection refused" };
    let soon = judge(&Observations { link, ..observed(9, Some(&seen)) }, &ok.memory);
    assert_eq!(soon.status, Status::Ok);
    let late = judge(&Observations { link, ..observed(11, Some(&seen)) }, &soon.memory);
    assert_eq!(late.status, Status::Unknown);
    assert!(component(&late, "bmc").unwrap().cause.as_ref().unwrap().contains("root half"));
    let back = look(12, Some(&snapshot(12, vec![fan(9000.0, 0)])), &late.memory);
    assert_eq!(back.status, Status::Ok);
}

#[test]
fn nothing_heard_yet_is_not_ok_and_no_event() {
    let start = look(0, None, &Memory::default());
    assert_eq!((start.status, start.events.len()), (Status::Unknown, 0));
    let ok = look(1, Some(&snapshot(1, vec![fan(9000.0, 0)])), &start.memory);
    assert_eq!((ok.status, ok.events.len()), (Status::Ok, 0));
}

#[test]
fn silence_from_the_start_is_not_ok() {
    let refused = Sensor {
        value: None,
        absent: Some(Absent::Refused),
        why: Some("CBh".into()),
        ..fan(0.0, 0)
    };
    let mute = look(0, Some(&snapshot(0, vec![refused])), &Memory::default());
    assert_eq!(mute.status, Status::Unknown);
    let empty = look(0, Some(&snapshot(0, vec![])), &Memory::default());
    assert_eq!(empty.status, Status::Unknown);
    let unasked =
        Sensor { value: None, absent: Some(Absent::NotAnswered), at: None, ..fan(0.0, 0) };
    let mut first = snapshot(0, vec![unasked.clone()]);
    let Bmc::Present(data) = &mut first.bmc else { panic!("made present above") };
    data.swept_at = None;
    let early = look(0, Some(&first), &Memory::default());
    assert_eq!((early.status, early.events.len()), (Status::Unknown, 0));
    // A sensor that was not asked yet says nothing, even if it once answered.
    let ok = look(1, Some(&snapshot(1, vec![fan(9000.0, 0)])), &early.memory);
    let again = look(2, Some(&first), &ok.memory);
    assert_eq!(component(&again, "module/0/fan/3"), None);
    assert_eq!(again.events.len(), 0);
}

#[test]
fn a_restart_of_the_root_half_keeps_verdicts_and_their_age() {
    let dead = look(0, Some(&snapshot(0, vec![fan(0.0, 0b11)])), &Memory::default());
    let starting = Snapshot { bmc: Bmc::Starting, ..snapshot(1, vec![]) };
    let gap = look(1, Some(&starting), &dead.memory);
    assert_eq!((gap.status, gap.events.len()), (Status::Unknown, 0));
    let back = look(5, Some(&snapshot(5, vec![fan(0.0, 0b11)])), &gap.memory);
    assert_eq!(back.events.len(), 0, "{:?}", back.events);
    assert_eq!(component(&back, "module/0/fan/3").unwrap().since, Some(at(0)));
}

#[test]
fn a_record_that_vanishes_is_missed_for_a_day() {
    let other = Sensor { number: 9, ..supply(1, &["presence detected"]) };
    let dead = look(0, Some(&snapshot(0, vec![fan(0.0, 0b11), other.clone()])), &Memory::default());
    let gone = look(1, Some(&snapshot(1, vec![other.clone()])), &dead.memory);
    let part = component(&gone, "module/0/fan/3").unwrap();
    assert_eq!(part.status, Status::Unknown);
    assert!(part.cause.as_ref().unwrap().contains("record is gone"));
    let later = look(90_000, Some(&snapshot(90_000, vec![other])), &gone.memory);
    assert_eq!(component(&later, "module/0/fan/3"), None);
}

#[test]
fn generic_states_mean_the_same_for_every_type() {
    for (sensor_type, event_type, offset, status) in [
        (0x04, 0x04, 1, Status::Critical),
        (0x08, 0x04, 1, Status::Critical),
        (0x07, 0x07, 2, Status::Critical),
        (0x0A, 0x07, 6, Status::Critical),
        (0x03, 0x05, 1, Status::Critical),
        (0x0D, 0x0B, 5, Status::Critical),
        (0x08, 0x0A, 6, Status::Critical),
        (0x10, 0x6F, 3, Status::Critical),
        (0x10, 0x6F, 2, Status::Ok),
    ] {
        let bad = Sensor {
            asserted: 1 << offset,
            states: vec!["word".into()],
            ..sensor("X", sensor_type, (7, 1), event_type)
        };
        let judgement = look(0, Some(&snapshot(0, vec![bad])), &Memory::default());
        assert_eq!(judgement.status, status, "{sensor_type:02x} {event_type:02x} {offset}");
    }
}

#[test]
fn a_state_that_was_always_asserted_is_no_warning_and_a_new_one_is() {
    let state = |asserted| Sensor {
        asserted,
        states: vec!["state asserted".into()],
        ..sensor("Fan Mode", 0x04, (7, 1), 0x03)
    };
    let always = look(0, Some(&snapshot(0, vec![state(0b10)])), &Memory::default());
    assert_eq!(always.status, Status::Ok);
    let calm = look(1, Some(&snapshot(1, vec![state(0b01)])), &always.memory);
    let news = look(2, Some(&snapshot(2, vec![state(0b10)])), &calm.memory);
    assert_eq!((calm.status, news.status), (Status::Ok, Status::Warning));
}

#[test]
fn hwmon_alarms_and_limits_count() {
    let fan = HwmonSensor {
        chip: "platform_nct".into(),
        chip_name: Some("nct6779".into()),
        sensor: "fan1".into(),
        label: None,
        quantity: Quantity::FanSpeed,
        unit: "rpm".into(),
        value: Some(0.0),
        alarms: vec![],
        thresholds: Thresholds::default(),
    };
    let low = Thresholds { lower_noncritical: Some(500.0), ..Thresholds::default() };
    let mut memory = Memory::default();
    for (sensor, status) in [
        (HwmonSensor { value: None, ..fan.clone() }, Status::Ok),
        (fan.clone(), Status::Ok),
        (HwmonSensor { alarms: vec!["alarm".into()], ..fan.clone() }, Status::Warning),
        (HwmonSensor { thresholds: low, ..fan.clone() }, Status::Warning),
        (HwmonSensor { alarms: vec!["fault".into()], ..fan.clone() }, Status::Critical),
        (HwmonSensor { value: None, ..fan.clone() }, Status::Unknown),
    ] {
        let facts = KernelFacts { hwmon: vec![sensor], ..KernelFacts::default() };
        let seen = healthy(0);
        let judgement =
            judge(&Observations { kernel: Some(&facts), ..observed(0, Some(&seen)) }, &memory);
        assert_eq!(judgement.status, status, "{facts:?}");
        memory = judgement.memory;
    }
}

fn healthy(second: i64) -> Snapshot {
    snapshot(second, vec![fan(9000.0, 0)])
}

fn record(id: u16, raw: &str) -> SelRecord {
    SelRecord {
        head: id.into(),
        record_id: id,
        at: Some(at(5)),
        record_type: 2,
        sensor: Some("M0_FAN3".into()),
        entity_id: 29,
        entity_instance: 4,
        sensor_type: 4,
        event_type: 1,
        offset: 2,
        asserted: true,
        text: "M0_FAN3: lower critical going low asserted".into(),
        raw: raw.into(),
        epoch: 0,
        backlog: false,
    }
}

#[test]
fn log_records_are_told_once_across_restarts() {
    let seen = healthy(0);
    let news = [record(1, "aa"), record(2, "bb")];
    let first =
        judge(&Observations { new_sel: &news, ..observed(0, Some(&seen)) }, &Memory::default());
    assert_eq!(first.events.len(), 2);
    assert_eq!((first.events[0].kind, first.events[0].severity), (Kind::Sel, Severity::Critical));
    assert_eq!(first.events[0].component.as_str(), "module/0/fan/3");
    let again = [record(1, "aa"), record(2, "bb"), record(3, "cc")];
    let second =
        judge(&Observations { new_sel: &again, ..observed(1, Some(&seen)) }, &first.memory);
    assert_eq!(second.events.len(), 1);
}

fn dimm(corrected: u64, uncorrected: u64) -> KernelFacts {
    let count = EdacCount {
        controller: "0".into(),
        dimm: Some("dimm3".into()),
        label: Some("CPU1_B4".into()),
        location: None,
        corrected,
        uncorrected,
        file: "mc0/dimm3".into(),
    };
    KernelFacts { edac: vec![count], ..KernelFacts::default() }
}

#[test]
fn memory_errors_by_rate_and_weight() {
    let see = |second, facts: &KernelFacts, before: &Memory| {
        let seen = healthy(second);
        judge(&Observations { kernel: Some(facts), ..observed(second, Some(&seen)) }, before)
    };
    let old = see(0, &dimm(3, 0), &Memory::default());
    assert_eq!((old.status, old.events.len()), (Status::Ok, 0));
    let some = see(1, &dimm(5, 0), &old.memory);
    assert_eq!((some.status, some.events.len()), (Status::Ok, 1));
    assert_eq!(some.events[0].severity, Severity::Info);
    let many = see(2, &dimm(30, 0), &some.memory);
    assert_eq!(component(&many, "memory/mc0/dimm3").unwrap().status, Status::Warning);
    let day_later = see(90_000, &dimm(30, 0), &many.memory);
    assert_eq!(day_later.status, Status::Ok);
    let dead = see(90_001, &dimm(30, 1), &day_later.memory);
    assert_eq!(dead.status, Status::Critical);
}

#[test]
fn a_lost_tsc_is_critical_and_a_hypervisors_clock_is_not() {
    for (current, tsc_expected, status) in [
        ("tsc", true, Status::Ok),
        ("hpet", true, Status::Critical),
        ("acpi_pm", true, Status::Critical),
        ("kvm-clock", true, Status::Ok),
        ("hpet", false, Status::Ok),
    ] {
        let clocksource = Clocksource { current: current.into(), available: vec![], tsc_expected };
        let facts = KernelFacts { clocksource: Some(clocksource), ..KernelFacts::default() };
        let seen = healthy(0);
        let judgement = judge(
            &Observations { kernel: Some(&facts), ..observed(0, Some(&seen)) },
            &Memory::default(),
        );
        assert_eq!(component(&judgement, "clocksource").unwrap().status, status, "{current}");
    }
}

#[test]
fn a_failing_source_is_seen() {
    let source = Source {
        name: "hwmon".into(),
        state: SourceState::Failing,
        last_data: None,
        duration_s: None,
        errors: 1,
        error: Some("/sys/class/hwmon: permission denied".into()),
    };
    let seen = healthy(0);
    let sources = [source];
    let judgement =
        judge(&Observations { sources: &sources, ..observed(0, Some(&seen)) }, &Memory::default());
    assert_eq!(component(&judgement, "agent/hwmon").unwrap().status, Status::Unknown);
}

#[test]
fn places() {
    for (name, sensor_type, entity, share, path) in [
        ("M0_FAN3", 0x04, (29, 4), 0, "module/0/fan/3"),
        ("M12_PSU1 Temp", 0x01, (10, 2), 0, "module/12/psu/1"),
        ("M01 VDDQ PG", 0x02, (7, 1), 0, "voltage/M01_VDDQ_PG"),
        ("Fan1A", 0x04, (29, 1), 0, "fan/1A"),
        ("Temp", 0x01, (3, 2), 0, "cpu/2"),
        ("P1 Therm Margin", 0x01, (3, 1), 0, "cpu/1"),
        ("HDD 2", 0x0D, (26, 1), 2, "drive/2"),
        ("System 3.3V", 0x02, (7, 1), 0, "voltage/System_3.3V"),
        ("Inlet\nTemp\"", 0x01, (55, 1), 0, "temperature/Inlet_Temp_"),
        ("Presence", 0x25, (29, 3), 0, "fan/3"),
        ("", 0x01, (7, 1), 0, "temperature/_"),
    ] {
        let sensor = Sensor { share, ..sensor(name, sensor_type, entity, 1) };
        assert_eq!(place(&sensor).as_str(), path, "{name}");
    }
}

#[test]
fn whatever_comes_the_tree_is_sound() {
    let mut state = 42u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let names =
        ["M0_FAN3", "PSU", "é\"\n", "", "CPU0 Temp", "DIMM A1", "M9_", "HDD 99999999999999999999"];
    let absents = [None, Some(Absent::Unavailable), Some(Absent::Discrete), Some(Absent::Refused)];
    let mut memory = Memory::default();
    for round in 0..300 {
        let sensors: Vec<_> = (0..random() % 40)
            .map(|_| {
                let pick = random();
                let byte = |n: u32| u8::try_from(pick >> (8 * n) & 0xFF).unwrap();
                let absent = absents[usize::from(byte(0)) % absents.len()];
                Sensor {
                    value: absent.is_none().then(|| f64::from(byte(1))),
                    absent,
                    asserted: u16::try_from(random() & 0xFFFF).unwrap(),
                    thresholds: Thresholds {
                        upper_critical: Some(f64::from(byte(2))),
                        ..Thresholds::default()
                    },
                    ..sensor(
                        names[usize::from(byte(3)) % names.len()],
                        byte(4),
                        (byte(5), byte(6)),
                        byte(7),
                    )
                }
            })
            .collect();
        let judgement = look(round, Some(&snapshot(round, sensors)), &memory);
        let worst = judgement.components.iter().map(|component| component.status).max().unwrap();
        assert_eq!(judgement.status, worst);
        for component in &judgement.components {
            assert_eq!(component.cause.is_none(), component.status == Status::Ok, "{component:?}");
            assert!(!component.sources.is_empty());
            for above in
                judgement.components.iter().filter(|other| other.path.holds(&component.path))
            {
                assert!(above.status >= component.status);
            }
            if component.path.as_str().starts_with("module/") {
                let module = component.path.segments().take(2).collect::<Vec<_>>().join("/");
                assert!(judgement.components.iter().any(|other| other.path.as_str() == module));
            }
        }
        memory = judgement.memory;
    }
}
