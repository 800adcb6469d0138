//! A BMC whose repository, thresholds and manners change while it is watched. The BMC is a script.

use crate::support::{Watched, pause};
use socle_hardware::bus::{Opener, Seen};
use socle_hardware::device::OpenError;
use socle_hardware::settings::Settings;
use socle_ipmi::{Completion, Request, Response, Transport, TransportError};
use socle_model::bmc::{Bmc, BmcData, SourceState};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What the BMC says now. The status byte of its sensors is always "well".
#[derive(Debug, Default)]
struct Script {
    records: Vec<Vec<u8>>,
    /// Time of the last addition to the repository.
    added: u8,
    /// Reads of a record that are lost before one is answered.
    lost: u32,
    /// The record that is never told, by its id.
    lost_id: Option<u8>,
    /// After this record was told, the first question for a reading is the last.
    dies_after: Option<u8>,
    doomed: bool,
    dead: bool,
    refuses_readings: bool,
    reading: u8,
    upper_critical: u8,
    /// How long each command takes.
    takes_ms: u64,
    /// Commands, when they were asked and answered.
    log: Vec<(u8, u8, Instant, Instant)>,
}

/// A full record of a threshold temperature in celsius with M 1.
fn temperature(number: u8) -> Vec<u8> {
    let mut record = vec![number, 0, 0x51, 1, 0x2d, 0x20, 0, number, 7, 1, 0x7f, 0x68, 1, 1];
    record.extend([0, 0, 0, 0, 0x3f, 0x3f, 0, 1, 0, 0, 1]);
    record.resize(47, 0);
    record.extend([0xc2, b'T', b'0' + number]);
    record
}

/// A compact record of fifteen sensors that software owns.
fn shared(id: u16) -> Vec<u8> {
    let [low, high] = id.to_le_bytes();
    let mut record = vec![low, high, 0x51, 2, 30, 0xb1, 0, 1, 7, 1, 0, 0, 7, 0x6f];
    record.resize(23, 0);
    record.extend([0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0xc2, b'S', b'W']);
    record
}

impl Script {
    /// `None` is silence.
    fn answer(&mut self, request: &Request) -> Option<Vec<u8>> {
        self.dead |= self.doomed && (request.netfn, request.cmd) == (4, 0x2d);
        if self.dead {
            return None;
        }
        Some(match (request.netfn, request.cmd, request.data.as_slice()) {
            (0x06, 0x01, _) => vec![0, 0x20, 1, 2, 0x60, 2, 0x9f, 0xa2, 2, 0, 0, 1],
            (0x0a, 0x20, _) => {
                let [low, high] = u16::try_from(self.records.len()).unwrap().to_le_bytes();
                vec![0, 0x51, low, high, 0, 0, self.added, 0, 0, 0, 0, 0, 0, 0, 0]
            }
            (0x0a, 0x22, _) => vec![0, 7, 0],
            (0x0a, 0x23, &[_, _, low, high, offset, length]) => {
                if self.lost > 0 || self.lost_id == Some(low) {
                    self.lost = self.lost.saturating_sub(1);
                    return None;
                }
                self.doomed |= self.dies_after == Some(low);
                self.record(u16::from_le_bytes([low, high]), offset, length)
            }
            (0x04, 0x2d, _) if self.refuses_readings => vec![0xcb],
            (0x04, 0x2d, _) => vec![0, self.reading, 0xc0, 0xc0],
            (0x04, 0x27, _) => vec![0, 0x10, 0, 0, 0, 0, self.upper_critical, 0],
            (0x00, 0x01, _) => vec![0, 1, 0, 0],
            (0x0a, 0x40, _) => vec![0, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            _ => vec![0xc1],
        })
    }

    fn record(&self, id: u16, offset: u8, length: u8) -> Vec<u8> {
        let place = usize::from(id.max(1)) - 1;
        let record = self.records.get(place).unwrap();
        let next = u16::try_from(place + 2).unwrap();
        let next = if place + 1 < self.records.len() { next } else { 0xffff };
        let from = usize::from(offset).min(record.len());
        let to = (from + usize::from(length)).min(record.len());
        [&[0], &next.to_le_bytes()[..], record.get(from..to).unwrap()].concat()
    }
}

#[derive(Debug)]
struct Scripted(Arc<Mutex<Script>>);

impl Transport for Scripted {
    fn exchange(&mut self, request: &Request, _: Duration) -> Result<Response, TransportError> {
        let asked = Instant::now();
        let mut script = self.0.lock().unwrap();
        if script.takes_ms > 0 {
            std::thread::park_timeout(Duration::from_millis(script.takes_ms));
        }
        script.log.push((request.netfn, request.cmd, asked, Instant::now()));
        let silence = TransportError::TimedOut(Duration::ZERO);
        let bytes = script.answer(request).ok_or(silence)?;
        let (&code, data) = bytes.split_first().unwrap();
        Ok(Response { completion: Completion(code), data: data.to_vec() })
    }
}

struct Bench {
    script: Arc<Mutex<Script>>,
    watched: Watched,
}

impl Bench {
    fn start(script: Script) -> Bench {
        Bench::start_shared(script, 1.0)
    }

    /// The device /dev/test answers by the script, no other one is there.
    fn start_shared(script: Script, bus_share: f64) -> Bench {
        let script = Arc::new(Mutex::new(script));
        let shared = Arc::clone(&script);
        let opener: Opener = Box::new(move |settings: &Settings| {
            if settings.device.ends_with("test") {
                return Ok(Box::new(Scripted(Arc::clone(&shared))) as Box<dyn Transport + Send>);
            }
            Err(OpenError::Missing)
        });
        Bench { script, watched: Watched::start_shared(opener, bus_share) }
    }

    fn now(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn seen(&self, wanted: impl Fn(&Seen, &BmcData) -> bool) -> (Seen, Box<BmcData>) {
        let seen = self.watched.until(20, |seen| match &seen.bmc {
            Bmc::Present(data) => wanted(seen, data),
            _ => false,
        });
        let Bmc::Present(data) = seen.bmc.clone() else { panic!("just matched") };
        (seen, data)
    }

    fn names(&self, names: &[&str]) -> (Seen, Box<BmcData>) {
        self.seen(|_, data| data.sensors.iter().map(|sensor| &sensor.name).eq(names))
    }
}

fn two() -> Script {
    let records = vec![temperature(1), temperature(2)];
    Script { records, added: 1, reading: 41, upper_critical: 50, ..Script::default() }
}

#[test]
fn nothing_is_ok_before_it_was_looked_at() {
    let source = Seen::starting().source;
    assert_eq!((source.state, source.errors), (SourceState::Failing, 0));
    assert!(source.error.is_some_and(|error| error.contains("first sweep has not ended")));
    let bench = Bench::start(two());
    let (seen, data) = bench.names(&["T1", "T2"]);
    assert!(data.swept_at.is_some() && data.up.ipmi);
    assert_eq!(
        (seen.source.state, seen.source.error, seen.source.errors),
        (SourceState::Ok, None, 0)
    );
}

#[test]
fn an_empty_repository_that_is_filled_is_read() {
    let bench = Bench::start(Script { records: Vec::new(), ..Script::default() });
    let (seen, _) = bench.seen(|_, data| data.swept_at.is_some() && data.sensors.is_empty());
    assert_eq!(seen.source.state, SourceState::Ok);
    {
        let mut script = bench.now();
        script.records = vec![temperature(1)];
        script.added = 9;
    }
    bench.names(&["T1"]);
}

#[test]
fn a_single_lost_answer_ends_no_walk() {
    let bench = Bench::start(Script { lost: 1, ..two() });
    let (seen, _) = bench.seen(|_, data| data.swept_at.is_some());
    assert_eq!(seen.bmc.data().unwrap().sensors.len(), 2);
    assert_eq!((seen.source.state, seen.source.error), (SourceState::Ok, None));
}

#[test]
fn a_walk_that_fails_keeps_the_sensors_and_says_so() {
    let bench = Bench::start(two());
    bench.names(&["T1", "T2"]);
    {
        let mut script = bench.now();
        script.records.push(temperature(3));
        (script.added, script.lost_id) = (2, Some(2));
    }
    let (seen, data) = bench.seen(|seen, _| seen.source.error.is_some());
    assert_eq!(seen.source.state, SourceState::Failing);
    assert!(seen.source.error.is_some_and(|error| error.contains("SDR repository")));
    assert_eq!(data.sensors.len(), 2);
    assert!(data.sensors.iter().all(|sensor| sensor.value == Some(41.0)));
    // It stays failing in the sweeps between two attempts, and each attempt counts once.
    let errors = seen.source.errors;
    let (seen, _) = bench.seen(|_, _| true);
    assert_eq!((seen.source.state, seen.source.errors), (SourceState::Failing, errors));
    bench.now().lost_id = None;
    let (seen, _) = bench.names(&["T1", "T2", "T3"]);
    assert_eq!((seen.source.state, seen.source.error), (SourceState::Ok, None));
}

#[test]
fn a_first_walk_that_fails_shows_what_it_read_and_is_failing() {
    let bench = Bench::start(Script { lost_id: Some(2), ..two() });
    let (seen, data) = bench.names(&["T1"]);
    assert_eq!(seen.source.state, SourceState::Failing);
    assert_eq!(data.sensors.first().unwrap().value, Some(41.0));
    bench.now().lost_id = None;
    bench.names(&["T1", "T2"]);
}

#[test]
fn readings_outlive_a_repository_that_is_read_again() {
    let records = (1..=4).map(temperature).collect();
    let bench = Bench::start(Script { records, ..two() });
    bench.names(&["T1", "T2", "T3", "T4"]);
    {
        let mut script = bench.now();
        script.records.push(temperature(5));
        (script.added, script.dies_after) = (2, Some(5));
    }
    let seen = bench.watched.until(20, |seen| matches!(seen.bmc, Bmc::Unknown { .. }));
    let sensors = &seen.bmc.data().unwrap().sensors;
    let read: Vec<_> = sensors.iter().map(|sensor| (sensor.value, sensor.at.is_some())).collect();
    // The first ones were asked in vain, the others not yet: of the last there is no reading at all.
    assert_eq!(read.get(2..).unwrap(), [(Some(41.0), true), (Some(41.0), true), (None, false)]);
    assert_eq!(sensors.last().unwrap().why.as_deref(), Some("not asked yet"));
}

#[test]
fn a_threshold_that_was_moved_is_no_false_alarm() {
    let bench = Bench::start(two());
    let (_, data) = bench.names(&["T1", "T2"]);
    assert_eq!(data.sensors.first().unwrap().thresholds.upper_critical, Some(50.0));
    {
        let mut script = bench.now();
        (script.reading, script.upper_critical) = (60, 70);
    }
    // Every snapshot that shows the new value shows the new limit with it.
    let (_, data) = bench.seen(|_, data| data.sensors.iter().any(|one| one.value == Some(60.0)));
    for sensor in data.sensors.iter().filter(|sensor| sensor.value == Some(60.0)) {
        assert_eq!(sensor.thresholds.upper_critical, Some(70.0));
    }
    // A BMC whose status byte never agrees is asked once a sensor and sweep, not more.
    bench.now().reading = 80;
    bench.seen(|_, data| data.sensors.iter().all(|one| one.value == Some(80.0)));
    bench.now().log.clear();
    pause(2500);
    let script = bench.now();
    let count = |command| script.log.iter().filter(|&&(_, cmd, ..)| cmd == command).count();
    assert!(count(0x27) >= 2 && count(0x27) <= count(0x2d), "{} {}", count(0x27), count(0x2d));
}

#[test]
fn thresholds_are_asked_again_after_silence() {
    let bench = Bench::start(two());
    bench.names(&["T1", "T2"]);
    bench.now().dead = true;
    bench.watched.until(20, |seen| matches!(seen.bmc, Bmc::Unknown { .. }));
    {
        let mut script = bench.now();
        (script.dead, script.upper_critical) = (false, 90);
    }
    let (_, data) = bench.seen(|_, _| true);
    assert!(data.sensors.iter().all(|sensor| sensor.thresholds.upper_critical == Some(90.0)));
}

#[test]
fn ipmi_is_up_only_if_a_sensor_answers() {
    let bench = Bench::start(Script { refuses_readings: true, ..two() });
    let (_, data) = bench.names(&["T1", "T2"]);
    assert!(!data.up.ipmi && data.up.chassis);
}

#[test]
fn the_bus_rests_after_the_summary() {
    let bench = Bench::start_shared(Script { takes_ms: 60, ..two() }, 0.5);
    bench.names(&["T1", "T2"]);
    let script = bench.now();
    let summary = script.log.iter().position(|&(netfn, cmd, ..)| (netfn, cmd) == (0x0a, 0x40));
    let (.., answered) = *script.log.get(summary.unwrap()).unwrap();
    // Chassis, power and log took 180 ms: as long the bus is left alone, at half its time.
    let swept = Instant::now();
    assert!(swept - answered >= Duration::from_millis(170), "{:?}", swept - answered);
}

#[test]
fn another_device_knows_nothing_of_the_former() {
    let bench = Bench::start(two());
    bench.names(&["T1", "T2"]);
    let device = "/dev/other".into();
    bench.watched.bus.reload(Settings { device, interval_s: 1, bus_share: 1.0 });
    let seen = bench.watched.until(20, |seen| matches!(seen.bmc, Bmc::Starting));
    assert_eq!((seen.source.state, seen.source.last_data), (SourceState::Failing, None));
    let seen = bench.watched.until(20, |seen| matches!(seen.bmc, Bmc::Unknown { .. }));
    assert_eq!(seen.bmc.data(), None);
}

#[test]
fn sensors_that_are_left_out_are_said() {
    let records = (1..=274).map(shared).collect();
    let bench = Bench::start(Script { records, ..Script::default() });
    let (seen, data) = bench.seen(|_, data| data.swept_at.is_some());
    assert_eq!(data.sensors.len(), 4096);
    let said = seen.degraded.iter().find(|degraded| degraded.feature == "ipmi_sensors");
    assert!(said.is_some_and(|degraded| degraded.why.contains("4110")), "{:?}", seen.degraded);
    // A repository that fits again is no longer weaker.
    {
        let mut script = bench.now();
        script.records = vec![temperature(1)];
        script.added = 7;
    }
    let (seen, _) = bench.names(&["T1"]);
    assert!(seen.degraded.is_empty(), "{:?}", seen.degraded);
}
