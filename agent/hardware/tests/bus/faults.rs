//! What no simulator does: silence, a busy driver for ever, torn answers, a record that changes while it
//! is read, a device that goes and comes. The BMC here is a function.

use crate::support::{Watched, pause};
use socle_hardware::bus::{Opener, Seen};
use socle_hardware::device::OpenError;
use socle_ipmi::{Completion, Request, Response, Transport, TransportError};
use socle_model::Absent;
use socle_model::bmc::{Bmc, SourceState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the BMC behaves now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Silent,
    Busy,
    Updating,
    Unspecified,
    Torn,
    Gone,
    /// Opening fails, too.
    Missing,
    /// The reservation is lost with each read.
    Restless,
    /// Sensor 2 does not answer, everything else does.
    OneDeaf,
    /// No sensor answers, everything else does.
    AllDeaf,
    /// The policy forbids chassis status.
    Restricted,
}

/// A BMC with two temperatures.
#[derive(Debug)]
struct Fake {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<u64>>,
}

const RECORDS: [&[u8]; 2] = [
    b"\x01\x00\x51\x01\x2d\x20\x00\x01\x07\x01\x7f\x68\x01\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\
      \x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
      \x00\xc2T1",
    b"\x02\x00\x51\x01\x2d\x20\x00\x02\x07\x01\x7f\x68\x01\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\
      \x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
      \x00\xc2T2",
];

impl Fake {
    fn answer(&self, request: &Request, mood: Mood) -> Vec<u8> {
        match (request.netfn, request.cmd, request.data.as_slice()) {
            _ if mood == Mood::Unspecified => vec![0xff],
            (0x06, 0x01, _) => {
                let updating = if mood == Mood::Updating { 0x80 } else { 0 };
                vec![0, 0x20, 1, 2 | updating, 0x60, 2, 0x9f, 0xa2, 2, 0, 0, 1]
            }
            _ if mood == Mood::Updating => vec![0xd1],
            _ if mood == Mood::Torn => vec![0],
            (0x0a, 0x20, _) => vec![0, 0x51, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0],
            (0x0a, 0x22, _) => vec![0, 7, 0],
            (0x0a, 0x23, _) if mood == Mood::Restless => vec![0xc5],
            (0x0a, 0x23, &[_, _, id, _, offset, length]) => {
                let (next, record) = match id {
                    0 | 1 => ([0, 2, 0], RECORDS[0]),
                    _ => ([0, 0xff, 0xff], RECORDS[1]),
                };
                let from = usize::from(offset).min(record.len());
                let to = (from + usize::from(length)).min(record.len());
                [&next, record.get(from..to).unwrap()].concat()
            }
            (0x04, 0x2d, &[number]) => vec![0, 40 + number, 0xc0, 0],
            (0x00, 0x01, _) if mood == Mood::Restricted => vec![0xd4],
            (0x00, 0x01, _) => vec![0, 1, 0, 0],
            (0x0a, 0x40, _) => vec![0, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            _ => vec![0xc1],
        }
    }
}

impl Transport for Fake {
    fn exchange(&mut self, request: &Request, _: Duration) -> Result<Response, TransportError> {
        let mood = *self.mood.lock().unwrap();
        *self.asked.lock().unwrap() += 1;
        let reading = request.cmd == 0x2d;
        let silent =
            reading && (mood == Mood::AllDeaf || mood == Mood::OneDeaf && request.data == [2]);
        match mood {
            Mood::Silent => return Err(TransportError::TimedOut(Duration::ZERO)),
            Mood::Busy => return Err(TransportError::Busy),
            Mood::Gone | Mood::Missing => return Err(TransportError::Gone("unplugged".into())),
            _ if silent => return Err(TransportError::TimedOut(Duration::ZERO)),
            _ => {}
        }
        let bytes = self.answer(request, mood);
        let (&code, data) = bytes.split_first().unwrap();
        Ok(Response { completion: Completion(code), data: data.to_vec() })
    }
}

struct Bench {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<u64>>,
    watched: Watched,
}

impl Bench {
    fn start(mood: Mood) -> Bench {
        let mood = Arc::new(Mutex::new(mood));
        let asked = Arc::new(Mutex::new(0));
        let (moods, counter) = (Arc::clone(&mood), Arc::clone(&asked));
        let opener: Opener = Box::new(move |_| {
            if *moods.lock().unwrap() == Mood::Missing {
                return Err(OpenError::Missing);
            }
            let (mood, asked) = (Arc::clone(&moods), Arc::clone(&counter));
            Ok(Box::new(Fake { mood, asked }) as Box<dyn Transport + Send>)
        });
        Bench { mood, asked, watched: Watched::start(opener) }
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Waits until the BMC is of unknown state, and gives the cause.
    fn unknown(&self) -> (String, Seen) {
        let seen = self.watched.until(20, |seen| matches!(seen.bmc, Bmc::Unknown { .. }));
        let Bmc::Unknown { cause, .. } = &seen.bmc else { panic!("just matched") };
        (cause.clone(), seen)
    }

    fn well(&self) {
        let data = self.watched.present(20, |data| {
            data.sensors.len() == 2 && data.sensors.iter().all(|sensor| sensor.value.is_some())
        });
        let values: Vec<_> = data.sensors.iter().filter_map(|sensor| sensor.value).collect();
        assert_eq!(values, [41.0, 42.0]);
    }
}

#[test]
fn every_kind_of_silence_is_unknown_with_its_cause_and_ends() {
    let bench = Bench::start(Mood::Well);
    bench.well();
    for (mood, word) in [
        (Mood::Silent, "no answer"),
        (Mood::Busy, "busy"),
        (Mood::Updating, "update"),
        (Mood::Unspecified, "FFh"),
        (Mood::Gone, "unplugged"),
        (Mood::Missing, "missing"),
    ] {
        bench.becomes(mood);
        let cause = loop {
            let (cause, seen) = bench.unknown();
            assert_eq!(seen.source.state, SourceState::Failing);
            assert!(seen.source.error.is_some() && seen.source.errors > 0);
            // What it said before stays, so that nothing disappears.
            assert_eq!(seen.bmc.data().unwrap().sensors.len(), 2, "{mood:?}");
            if cause.contains(word) {
                break cause;
            }
        };
        assert!(cause.contains(word), "{mood:?}: {cause}");
        bench.becomes(Mood::Well);
        bench.well();
    }
}

#[test]
fn a_silent_bmc_is_asked_less_and_less() {
    let bench = Bench::start(Mood::Silent);
    bench.unknown();
    let before = *bench.asked.lock().unwrap();
    pause(4000);
    let asked = *bench.asked.lock().unwrap() - before;
    assert!((1..=4).contains(&asked), "{asked} questions in 4 s");
}

#[test]
fn torn_answers_are_no_values() {
    let bench = Bench::start(Mood::Well);
    bench.well();
    bench.becomes(Mood::Torn);
    let data = bench.watched.present(10, |data| {
        data.sensors.iter().all(|sensor| sensor.absent == Some(Absent::NotReadable))
    });
    assert!(data.sensors.iter().all(|sensor| sensor.value.is_none() && sensor.why.is_some()));
    assert!(!data.up.chassis && data.chassis.is_none());
}

#[test]
fn a_repository_that_cannot_be_read_is_said_and_tried_again() {
    let bench = Bench::start(Mood::Restless);
    let seen = bench.watched.until(10, |seen| seen.source.error.is_some());
    assert!(matches!(&seen.bmc, Bmc::Present(data) if data.sensors.is_empty()));
    assert!(seen.source.error.unwrap().contains("SDR repository"));
    bench.becomes(Mood::Well);
    bench.well();
}

#[test]
fn one_deaf_sensor_does_not_silence_the_others() {
    let bench = Bench::start(Mood::OneDeaf);
    for _ in 0..5 {
        let data = bench.watched.present(10, |data| data.swept_at.is_some());
        assert_eq!(data.sensors.first().and_then(|sensor| sensor.value), Some(41.0));
        let deaf = data.sensors.get(1).unwrap();
        assert_eq!((deaf.value, deaf.absent), (None, Some(Absent::NotAnswered)));
    }
}

#[test]
fn an_end_is_quick_even_while_it_waits() {
    let bench = Bench::start(Mood::Silent);
    bench.unknown();
    let asked = std::time::Instant::now();
    bench.watched.bus.stop(Duration::from_secs(5));
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[test]
fn deaf_sensors_are_no_deaf_bmc() {
    let bench = Bench::start(Mood::AllDeaf);
    for _ in 0..2 {
        let data = bench.watched.present(20, |_| true);
        assert!(data.sensors.iter().all(|sensor| sensor.absent == Some(Absent::NotAnswered)));
        assert!(data.up.bmc && data.up.chassis);
    }
}

#[test]
fn what_the_policy_forbids_is_named() {
    let bench = Bench::start(Mood::Restricted);
    let seen = bench.watched.until(10, |seen| !seen.degraded.is_empty());
    assert!(matches!(&seen.bmc, Bmc::Present(data) if !data.up.chassis && data.up.sel));
    assert!(seen.degraded.first().is_some_and(|degraded| degraded.why.contains("00h/01h")));
}
