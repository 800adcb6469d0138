//! Drives by their SMART log: verdicts, causes, and media errors that grow.

#![expect(clippy::unwrap_used, reason = "a broken set-up may fail the tests loudly")]

use socle_health::{Judgement, Link, Memory, Observations, judge};
use socle_model::bmc::{Bmc, Snapshot};
use socle_model::documents::Component;
use socle_model::drives::{Drive, DriveState, Identity, SmartLog};
use socle_model::event::Severity;
use socle_model::facts::{EdacCount, HwmonSensor, KernelFacts};
use socle_model::{Quantity, Status, Thresholds, Timestamp};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn good() -> SmartLog {
    SmartLog {
        kelvin: Some(310),
        spare_percent: 100,
        spare_threshold_percent: 10,
        used_percent: 3,
        ..SmartLog::default()
    }
}

fn drive(device: &str, log: SmartLog) -> Drive {
    let identity = Identity {
        model: "ACME 1T".into(),
        firmware: "1".into(),
        warning_kelvin: Some(343),
        critical_kelvin: None,
        endurance_groups: false,
        fingerprint: 7,
    };
    Drive {
        identity: Some(identity),
        log: Some(log),
        at: Some(at(0)),
        ..Drive::new(device, DriveState::Answers)
    }
}

fn snapshot(drives: Vec<Drive>) -> Snapshot {
    Snapshot {
        started: at(-100),
        at: at(0),
        bmc: Bmc::Absent,
        sources: vec![],
        degraded: vec![],
        checks: vec![],
        drives,
    }
}

fn observed(snapshot: &Snapshot) -> Observations<'_> {
    Observations {
        now: at(0),
        elapsed: std::time::Duration::from_secs(1),
        snapshot: Some(snapshot),
        link: Link::Connected,
        kernel: None,
        sources: &[],
        new_sel: &[],
        interval_s: 30.0,
    }
}

fn look(drives: Vec<Drive>, before: &Memory) -> Judgement {
    judge(&observed(&snapshot(drives)), before)
}

fn part<'a>(judgement: &'a Judgement, path: &str) -> &'a Component {
    judgement.components.iter().find(|part| part.path.as_str() == path).unwrap()
}

#[test]
fn a_drive_is_judged_by_what_it_warns_of() {
    let with = |change: fn(&mut SmartLog)| {
        let mut log = good();
        change(&mut log);
        log
    };
    for (log, status, words) in [
        (good(), Status::Ok, ""),
        (with(|log| log.critical_warning = 1 << 0), Status::Warning, "spare is below"),
        (with(|log| log.critical_warning = 1 << 1), Status::Warning, "temperature"),
        (with(|log| log.critical_warning = 1 << 2), Status::Critical, "reliability"),
        (with(|log| log.critical_warning = 1 << 3), Status::Critical, "read-only"),
        (with(|log| log.critical_warning = 1 << 4), Status::Critical, "volatile memory"),
        (with(|log| log.critical_warning = 1 << 5), Status::Critical, "persistent memory"),
        (with(|log| log.critical_warning = 0b1001), Status::Critical, "read-only; the available"),
        (with(|log| log.critical_warning = 0b1100_0000), Status::Ok, ""),
        (with(|log| log.spare_percent = 9), Status::Warning, "spare 9 %, threshold 10 %"),
        (with(|log| log.spare_percent = 10), Status::Ok, ""),
        (with(|log| log.used_percent = 99), Status::Ok, ""),
        (with(|log| log.used_percent = 100), Status::Warning, "100 % of its endurance"),
        // An emulated drive that reports neither.
        (SmartLog::default(), Status::Ok, ""),
    ] {
        let judgement = look(vec![drive("nvme0", log.clone())], &Memory::default());
        let found = part(&judgement, "nvme/0");
        assert_eq!((found.status, &*found.kind), (status, "drive"), "{log:?}");
        assert!(found.cause.as_deref().unwrap_or_default().contains(words), "{found:?}");
        assert_eq!(found.cause.is_some(), status != Status::Ok, "{found:?}");
        assert_eq!(found.remedy.is_some(), status != Status::Ok, "{found:?}");
        assert_eq!((&*found.name, &found.sources[..]), ("nvme0 ACME 1T", &["nvme".into()][..]));
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_what_is_not_asked_is_nothing() {
    let state = |state| vec![Drive { state, ..drive("nvme3", good()) }];
    let silent = look(state(DriveState::Failing("EIO".into())), &Memory::default());
    assert_eq!(part(&silent, "nvme/3").status, Status::Unknown);
    assert!(part(&silent, "nvme/3").cause.as_ref().unwrap().contains("EIO"));
    let dead = look(state(DriveState::Dead), &Memory::default());
    assert_eq!(part(&dead, "nvme/3").status, Status::Critical);
    let remote = look(state(DriveState::NotAsked("over tcp".into())), &Memory::default());
    assert!(remote.components.iter().all(|part| !part.path.as_str().starts_with("nvme")));

    let drives = snapshot(vec![drive("nvme3", good())]);
    let lost = |seconds: i64| Link::Lost { since: at(-seconds), error: "gone" };
    for (seconds, status) in [(100, Status::Ok), (200, Status::Unknown)] {
        let observations = Observations { link: lost(seconds), ..observed(&drives) };
        let judgement = judge(&observations, &Memory::default());
        assert_eq!(part(&judgement, "nvme/3").status, status, "{seconds}");
    }
}

#[test]
fn media_errors_that_grow_are_an_event_also_over_a_restart_of_the_root_half() {
    let errors = |media_errors| vec![drive("nvme0", SmartLog { media_errors, ..good() })];
    let told = |judgement: &Judgement| {
        let media = judgement.events.iter().filter(|event| event.text.contains("media errors"));
        media.map(|event| event.text.clone()).collect::<Vec<_>>()
    };
    let first = look(errors(5), &Memory::default());
    assert!(told(&first).is_empty(), "nobody knows when they came");
    let more = look(errors(7), &first.memory);
    assert_eq!(told(&more), ["2 unrecovered media errors on nvme0, 7 in its life"]);
    let event = more.events.iter().find(|event| event.text.contains("media")).unwrap();
    assert_eq!((event.component.as_str(), event.severity), ("nvme/0", Severity::Warning));
    assert!(told(&look(errors(7), &more.memory)).is_empty(), "told once");

    // The kernel's rule has counts of its own; neither takes the other's away.
    let edac = EdacCount {
        controller: "0".into(),
        dimm: None,
        label: None,
        location: None,
        corrected: 1,
        uncorrected: 0,
        file: "mc0".into(),
    };
    let facts = KernelFacts { edac: vec![edac], ..KernelFacts::default() };
    let nothing = snapshot(vec![]);
    let starting =
        judge(&Observations { kernel: Some(&facts), ..observed(&nothing) }, &more.memory);
    let back = snapshot(errors(8));
    let back = Observations { kernel: Some(&facts), ..observed(&back) };
    assert_eq!(told(&judge(&back, &starting.memory)).len(), 1);

    // Another drive in the same slot has a history of its own.
    let mut other = drive("nvme0", SmartLog { media_errors: 900, ..good() });
    other.identity.as_mut().unwrap().fingerprint = 8;
    assert!(told(&look(vec![other], &more.memory)).is_empty());
}

#[test]
fn the_temperature_is_a_sensor_unless_the_kernel_has_it() {
    let drives = snapshot(vec![drive("nvme0", good()), drive("nvme1", good())]);
    let kernel = KernelFacts {
        hwmon: vec![HwmonSensor {
            chip: "nvme_nvme1".into(),
            chip_name: Some("nvme".into()),
            sensor: "temp1".into(),
            label: Some("Composite".into()),
            quantity: Quantity::Temperature,
            unit: "celsius".into(),
            value: Some(36.85),
            alarms: vec![],
            thresholds: Thresholds::default(),
        }],
        ..KernelFacts::default()
    };
    let seen = Observations { kernel: Some(&kernel), ..observed(&drives) };
    let judgement = judge(&seen, &Memory::default());
    let lines: Vec<_> = judgement
        .sensors
        .iter()
        .map(|line| (line.component.as_str(), &*line.source, line.value))
        .collect();
    assert_eq!(lines, [("nvme/1", "kernel", Some(36.85)), ("nvme/0", "nvme", Some(36.85))]);
    assert_eq!(judgement.sensors[1].thresholds.upper_noncritical, Some(69.85));
    assert_eq!(part(&judgement, "nvme/1").sources, ["kernel", "nvme"]);
}
