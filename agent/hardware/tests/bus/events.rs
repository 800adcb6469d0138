//! The log over a restart, a log that is cleared, and sensors that its records name. The BMC is a script.

use crate::support::{Watched, pause};
use socle_hardware::bus::Opener;
use socle_hardware::settings::Settings;
use socle_ipmi::{Completion, Request, Response, Transport, TransportError};
use socle_model::bmc::{BmcData, SelRecord};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A BMC with temperatures numbered from 1 and a log.
#[derive(Debug)]
struct Script {
    sensors: u8,
    /// What each sensor reads but the one that fails.
    reading: u8,
    failing: Option<(u8, u8)>,
    log: Vec<(u16, [u8; 16])>,
    erased: u8,
    guid: u8,
    takes_ms: u64,
    /// When this sensor has been asked it fails, and the log says so.
    trap: Option<u8>,
    /// Commands for entries of the log, and questions for the sensor that fails.
    entries_asked: usize,
    trapped: Option<Instant>,
    asked_after: Option<Duration>,
}

impl Default for Script {
    fn default() -> Self {
        Script {
            sensors: 2,
            reading: 40,
            failing: None,
            log: Vec::new(),
            erased: 0,
            guid: 1,
            takes_ms: 0,
            trap: None,
            entries_asked: 0,
            trapped: None,
            asked_after: None,
        }
    }
}

/// A temperature's record: no thresholds that could be read.
fn temperature(number: u8) -> Vec<u8> {
    let mut record = vec![number, 0, 0x51, 1, 0x2f, 0x20, 0, number, 7, 1, 0x7f, 0x60, 1, 1];
    record.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1]);
    record.resize(47, 0);
    record.extend([0xc4, b'T', b'0' + number / 100, b'0' + number / 10 % 10, b'0' + number % 10]);
    record
}

/// "Upper critical going high" of a temperature, by a BMC without a clock.
fn hot(id: u16, number: u8) -> (u16, [u8; 16]) {
    let [low, high] = id.to_le_bytes();
    let raw = [low, high, 2, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 4, 1, number, 1, 0x59, 90, 80];
    (id, raw)
}

impl Script {
    fn answer(&mut self, request: &Request) -> Vec<u8> {
        match (request.netfn, request.cmd, request.data.as_slice()) {
            (0x06, 0x01, _) => vec![0, 0x20, 1, 2, 0x60, 2, 0x9f, 0xa2, 2, 0, 0, 1],
            (0x06, 0x08, _) => [&[0][..], &[self.guid; 16]].concat(),
            (0x0a, 0x20, _) => vec![0, 0x51, self.sensors, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            (0x0a, 0x22, _) => vec![0, 7, 0],
            (0x0a, 0x23, &[_, _, id, _, offset, length]) => {
                let number = id.max(1);
                let next = if number < self.sensors { [number + 1, 0] } else { [0xff, 0xff] };
                let record = temperature(number);
                let from = usize::from(offset).min(record.len());
                let to = (from + usize::from(length)).min(record.len());
                [&[0], &next[..], record.get(from..to).unwrap()].concat()
            }
            (0x0a, 0x40, _) => {
                let [low, high] = u16::try_from(self.log.len()).unwrap().to_le_bytes();
                vec![
                    0,
                    0x51,
                    low,
                    high,
                    0xff,
                    0xff,
                    0xff,
                    0xff,
                    0xff,
                    0xff,
                    self.erased,
                    0,
                    0,
                    0,
                    0,
                ]
            }
            (0x0a, 0x43, &[_, _, low, high, ..]) => self.entry(u16::from_le_bytes([low, high])),
            (0x04, 0x2d, &[number]) => {
                let reading = self.reading_of(number);
                vec![0, reading, 0xc0, 0xc0]
            }
            (0x00, 0x01, _) => vec![0, 1, 0, 0],
            _ => vec![0xc1],
        }
    }

    fn entry(&mut self, id: u16) -> Vec<u8> {
        self.entries_asked += 1;
        let place = self.log.iter().position(|(one, _)| *one == id || id == 0);
        let Some(place) = place else { return vec![0xcb] };
        let next = self.log.get(place + 1).map_or(0xffff, |(id, _)| *id);
        [&[0][..], &next.to_le_bytes(), &self.log.get(place).unwrap().1].concat()
    }

    fn reading_of(&mut self, number: u8) -> u8 {
        if self.trap.take_if(|trap| *trap == number).is_some() {
            self.failing = Some((number, 90));
            let id = u16::try_from(self.log.len()).unwrap() + 1;
            self.log.push(hot(id, number));
            self.trapped = Some(Instant::now());
            return self.reading;
        }
        let failing = self.failing.filter(|(one, _)| *one == number);
        if let (Some(_), Some(trapped)) = (failing, self.trapped) {
            self.asked_after.get_or_insert(trapped.elapsed());
        }
        failing.map_or(self.reading, |(_, reading)| reading)
    }
}

#[derive(Debug)]
struct Scripted(Arc<Mutex<Script>>);

impl Transport for Scripted {
    fn exchange(&mut self, request: &Request, _: Duration) -> Result<Response, TransportError> {
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if script.takes_ms > 0 {
            std::thread::park_timeout(Duration::from_millis(script.takes_ms));
        }
        let bytes = script.answer(request);
        let (&code, data) = bytes.split_first().unwrap();
        Ok(Response { completion: Completion(code), data: data.to_vec() })
    }
}

/// A root half's bus on that BMC; it may be restarted over the same state folder.
struct Bench {
    script: Arc<Mutex<Script>>,
    state: TempDir,
    watched: Watched,
}

impl Bench {
    fn start(script: Script) -> Bench {
        let (script, state) = (Arc::new(Mutex::new(script)), TempDir::new().unwrap());
        let watched = Bench::life(&script, state.path());
        Bench { script, state, watched }
    }

    fn life(script: &Arc<Mutex<Script>>, state: &Path) -> Watched {
        let shared = Arc::clone(script);
        let opener: Opener =
            Box::new(move |_| Ok(Box::new(Scripted(Arc::clone(&shared))) as Box<_>));
        let device = "/dev/test".into();
        let settings = Settings { device, interval_s: 1, bus_share: 1.0 };
        Watched::keeping(opener, settings, Some(state))
    }

    /// Ends the bus; `meanwhile` happens; another one starts.
    fn restart(self, meanwhile: impl FnOnce(&mut Script, &Path)) -> Bench {
        let Bench { script, state, watched } = self;
        watched.bus.stop(Duration::from_secs(5));
        {
            let mut script = script.lock().unwrap();
            script.entries_asked = 0;
            meanwhile(&mut script, &state.path().join("sel.json"));
        }
        let watched = Bench::life(&script, state.path());
        Bench { script, state, watched }
    }

    fn now(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn until(&self, wanted: impl Fn(&Script) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !wanted(&self.now()) {
            assert!(Instant::now() < end, "{:?}", self.now());
            pause(20);
        }
    }

    /// The records once there are so many.
    fn records(&self, head: u64) -> Vec<SelRecord> {
        let has = |data: &BmcData| data.sel.is_some_and(|sel| sel.head == head);
        self.watched.present(20, has);
        self.watched.records.lock().unwrap().all()
    }
}

fn ids(records: &[SelRecord]) -> Vec<(u16, u32)> {
    records.iter().map(|record| (record.record_id, record.epoch)).collect()
}

fn three() -> Script {
    Script { log: (1..=3).map(|id| hot(id, 1)).collect(), ..Script::default() }
}

#[test]
fn after_a_restart_only_new_records_are_read_and_the_ring_is_whole() {
    let bench = Bench::start(three());
    let first = bench.records(3);
    assert!(first.iter().all(|record| record.backlog), "nobody knows when they came");
    let bench = bench.restart(|script, _| script.log.push(hot(4, 2)));
    let second = bench.records(4);
    assert_eq!(bench.now().entries_asked, 2, "the last known one, and the new one");
    assert_eq!(second.get(..3).unwrap(), first);
    assert_eq!(second.iter().map(|one| one.head).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(second.last().unwrap().sensor.as_deref(), Some("T002"));
    bench.now().log.push(hot(5, 2));
    let third = bench.records(5);
    assert!(third.get(3).is_some_and(|one| one.backlog) && !third.get(4).unwrap().backlog);
    // Once more, with nothing new.
    let bench = bench.restart(|_, _| ());
    bench.until(|script| script.entries_asked > 0);
    pause(1500);
    assert_eq!(ids(&bench.records(5)), ids(&third));
    assert_eq!(bench.now().entries_asked, 1);
}

#[test]
fn what_cannot_be_trusted_is_read_whole() {
    type Change = fn(&mut Script, &Path);
    let changes: [(Change, u32, &[u16]); 5] = [
        (|_, file| std::fs::write(file, "{\"version\":1").unwrap(), 0, &[1, 2, 3]),
        (|_, file| std::fs::write(file, "{\"version\":2,\"more\":[]}").unwrap(), 0, &[1, 2, 3]),
        (|_, file| std::fs::remove_file(file).unwrap(), 0, &[1, 2, 3]),
        (|script, _| script.guid = 9, 1, &[1, 2, 3]),
        // Cleared while nobody looked, and filled again with the same bytes.
        (|script, _| script.erased = 9, 1, &[1, 2, 3, 1, 2, 3]),
    ];
    for (n, (change, epoch, expected)) in changes.into_iter().enumerate() {
        let bench = Bench::start(three());
        bench.records(3);
        let bench = bench.restart(change);
        let records = bench.records(expected.len() as u64);
        assert_eq!(records.iter().map(|one| one.record_id).collect::<Vec<_>>(), expected, "{n}");
        assert_eq!(records.last().unwrap().epoch, epoch, "change {n}");
    }
}

#[test]
fn the_file_is_written_when_something_changed_and_not_else() {
    let bench = Bench::start(three());
    bench.records(3);
    let file = bench.state.path().join("sel.json");
    let inode = || {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(&file).map_or(0, |meta| meta.ino())
    };
    let has = |text: &str| std::fs::read_to_string(&file).is_ok_and(|had| had.contains(text));
    bench.until(|_| has("[3,0,\"0300"));
    let before = inode();
    pause(2500);
    assert!(before != 0 && inode() == before, "written again though nothing changed");
    bench.now().log.push(hot(4, 1));
    bench.until(|_| has("[4,0,\"0400"));
}

#[test]
fn a_sensor_that_the_log_names_is_read_at_once() {
    // 200 sensors of 4 ms: 4 s a sweep at a fifth of the bus.
    let bench = Bench::start(Script { sensors: 200, takes_ms: 4, ..three() });
    bench.records(3);
    let device = "/dev/test".into();
    bench.watched.bus.reload(Settings { device, interval_s: 1, bus_share: 0.2 });
    bench.watched.present(20, |data| data.sweep_s.is_some_and(|took| took > 3.0));
    bench.now().trap = Some(150);
    let seen = |data: &BmcData| data.sensors.get(149).is_some_and(|one| one.value == Some(90.0));
    bench.watched.present(20, seen);
    let shown = bench.now().trapped.unwrap().elapsed();
    let asked = bench.now().asked_after.unwrap();
    assert!(asked < Duration::from_millis(2000), "asked after {asked:?}");
    assert!(shown < Duration::from_millis(2200), "shown after {shown:?}");
}
