//! Following a log that grows, is cleared, wraps, and goes round in circles.

use crate::shared::{Bmc, Full, Quirks, event, record};
use socle_ipmi::sdr::{Record, sensors};
use socle_ipmi::sel::{Body, Entry, GetSelInfo, Position, Step, Tail, TailError, Time};
use socle_ipmi::{CallError, Command, Completion, Transport};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

fn log(ids: impl IntoIterator<Item = u16>) -> Vec<(u16, [u8; 16])> {
    ids.into_iter().map(|id| (id, event(id, 0x6000_0000 + u32::from(id), 2, 0, 15))).collect()
}

fn bmc(ids: impl IntoIterator<Item = u16>) -> Bmc {
    let mut bmc = Bmc::new(Vec::new(), Quirks::default());
    bmc.log = log(ids);
    bmc
}

fn call<C: Command>(bmc: &mut Bmc, command: &C) -> Result<C::Reply, CallError> {
    let response = bmc.exchange(&command.request(), SOON)?;
    match response.completion {
        Completion::OK => Ok(command.reply(&response.data)?),
        code => Err(CallError::Completion(code)),
    }
}

/// One look at the log, as the bus does it: info, then entries until idle.
fn pass(tail: &mut Tail, bmc: &mut Bmc) -> (Vec<u16>, Option<TailError>) {
    if let Ok(info) = call(bmc, &GetSelInfo) {
        tail.look(info);
    }
    let mut ids = Vec::new();
    for _ in 0..500 {
        let Step::Ask(command) = tail.step() else { return (ids, None) };
        let answer = call(bmc, &command);
        match tail.feed(answer) {
            Ok(entry) => ids.extend(entry.map(|entry| entry.id)),
            Err(error) => return (ids, Some(error)),
        }
    }
    panic!("the pass has no end");
}

#[test]
fn everything_once_then_only_what_is_new() {
    let (mut tail, mut bmc) = (Tail::default(), bmc(1..=3));
    assert_eq!(pass(&mut tail, &mut bmc), (vec![1, 2, 3], None));
    let commands = bmc.commands;
    assert_eq!(pass(&mut tail, &mut bmc), (vec![], None));
    assert_eq!(bmc.commands, commands + 1, "an unchanged log costs one command");
    bmc.log.extend(log(4..=5));
    assert_eq!(pass(&mut tail, &mut bmc), (vec![4, 5], None));
}

#[test]
fn goes_on_where_an_earlier_follower_stopped() {
    let (mut first, mut bmc) = (Tail::default(), bmc(1..=3));
    pass(&mut first, &mut bmc);
    let kept = first.position();
    let (id, raw) = kept.last.unwrap();
    let resumed = |last| Tail::resume(Position { last: Some(last), ..kept });
    bmc.log.extend(log([4]));
    assert_eq!(pass(&mut Tail::resume(kept), &mut bmc), (vec![4], None));
    for last in [(77, raw), (id, [0; 16])] {
        let mut tail = resumed(last);
        assert!(!tail.caught_up());
        assert_eq!(pass(&mut tail, &mut bmc), (vec![1, 2, 3, 4], None));
        assert_eq!((tail.position().epoch, tail.caught_up()), (kept.epoch + 1, true));
    }
    let mut other = Tail::resume(kept);
    other.another();
    assert_eq!(pass(&mut other, &mut bmc), (vec![1, 2, 3, 4], None));
    assert_eq!(other.position().epoch, kept.epoch + 1);
}

/// Records of a BMC without a clock: of one id the bytes are always the same.
fn timeless(ids: impl IntoIterator<Item = u16>) -> Vec<(u16, [u8; 16])> {
    ids.into_iter().map(|id| (id, event(id, u32::MAX, 2, 0, 15))).collect()
}

#[test]
fn a_log_without_a_clock_that_was_cleared_is_another_one_though_its_bytes_be_the_same() {
    // Seen empty; refilled unseen: as long, longer, shorter; and over a restart of the follower.
    for restarted in [false, true] {
        for (emptied, length) in [(true, 3u16), (false, 5), (false, 3), (false, 2), (false, 1)] {
            let (mut tail, mut bmc) = (Tail::default(), bmc([]));
            bmc.log = timeless(1..=3);
            assert_eq!(pass(&mut tail, &mut bmc), (vec![1, 2, 3], None));
            let before = tail.position();
            bmc.log.clear();
            bmc.erased += 1;
            if emptied {
                pass(&mut tail, &mut bmc);
            }
            if restarted {
                tail = Tail::resume(tail.position());
            }
            bmc.log = timeless(1..=length);
            assert_eq!(pass(&mut tail, &mut bmc), ((1..=length).collect(), None));
            assert_eq!(tail.position().epoch, before.epoch + 1, "{restarted} {emptied} {length}");
            assert_eq!(pass(&mut tail, &mut bmc), (vec![], None));
        }
    }
}

#[test]
fn the_same_log_has_the_same_epoch() {
    for records in [log, timeless] as [fn(std::ops::RangeInclusive<u16>) -> _; 2] {
        let (mut tail, mut bmc) = (Tail::default(), bmc([]));
        bmc.log = records(1..=4);
        pass(&mut tail, &mut bmc);
        // An old entry is deleted; the oldest are overwritten; a new one comes.
        bmc.log.remove(1);
        bmc.erased += 1;
        assert_eq!(pass(&mut tail, &mut bmc), (vec![], None));
        bmc.log.remove(0);
        bmc.log.extend(records(5..=6));
        assert_eq!(pass(&mut tail, &mut bmc), (vec![5, 6], None));
        assert_eq!(tail.position().epoch, 0);
    }
    // With a clock nothing is read again that is the same: an entry was deleted while another came.
    let (mut tail, mut bmc) = (Tail::default(), bmc(1..=4));
    pass(&mut tail, &mut bmc);
    bmc.erased += 1;
    assert_eq!(pass(&mut tail, &mut bmc), (vec![], None));
    assert_eq!(tail.position().epoch, 0);
}

#[test]
fn a_cleared_log_is_read_from_its_beginning() {
    // Emptied and looked at while empty; emptied and refilled unseen, shorter, as long, and longer.
    let (mut tail, mut bmc) = (Tail::default(), bmc(1..=3));
    pass(&mut tail, &mut bmc);
    bmc.log.clear();
    assert_eq!(pass(&mut tail, &mut bmc), (vec![], None));
    for (n, length) in [(1u32, 1u16), (2, 3), (3, 7)] {
        bmc.erased = n;
        bmc.log = (1..=length).map(|id| (id, event(id, 0x6100_0000 + n, 2, 1, 15))).collect();
        assert_eq!(pass(&mut tail, &mut bmc), ((1..=length).collect(), None));
    }
}

#[test]
fn erasing_one_old_entry_brings_nothing_twice() {
    let (mut tail, mut bmc) = (Tail::default(), bmc(1..=4));
    pass(&mut tail, &mut bmc);
    bmc.log.remove(1);
    bmc.erased += 1;
    assert_eq!(pass(&mut tail, &mut bmc), (vec![], None));
}

#[test]
fn a_log_that_wraps_gives_what_is_new() {
    let (mut tail, mut bmc) = (Tail::default(), bmc(1..=4));
    pass(&mut tail, &mut bmc);
    bmc.log.drain(..2);
    bmc.log.extend(log(5..=6));
    assert_eq!(pass(&mut tail, &mut bmc), (vec![5, 6], None));
    bmc.log = log(20..=23);
    assert_eq!(pass(&mut tail, &mut bmc), (vec![20, 21, 22, 23], None));
}

#[test]
fn a_circle_ends_the_pass_and_loses_no_entry() {
    for (from, to) in [(3, 1), (3, 2), (3, 3), (2, 1), (1, 1)] {
        let (mut tail, mut bmc) = (Tail::default(), bmc(1..=3));
        bmc.quirks.jump = Some((from, to));
        let (ids, error) = pass(&mut tail, &mut bmc);
        assert_eq!(ids, (1..=from).collect::<Vec<_>>(), "{from} to {to}");
        assert_eq!(error, Some(TailError::Circle(to)), "{from} to {to}");
    }
}

#[test]
fn a_fault_at_any_step_loses_and_repeats_nothing() {
    // Each pass: info, then entries. A cleared log refused with CCh is empty to OpenBMC.
    for step in 1..=5 {
        for code in [0xC0, 0x81, 0xCB, 0xCC, 0xFF] {
            let (mut tail, mut bmc) = (Tail::default(), bmc(1..=4));
            bmc.quirks.faults = vec![(step, code)];
            let mut ids = Vec::new();
            for round in 0..3u16 {
                ids.extend(pass(&mut tail, &mut bmc).0);
                bmc.log.extend(log([5 + round]));
            }
            ids.extend(pass(&mut tail, &mut bmc).0);
            assert_eq!(ids, (1..=7).collect::<Vec<_>>(), "{code:02X} at {step}");
        }
    }
}

#[test]
fn a_fault_is_made_good_though_the_log_stays_the_same() {
    for step in 1..=5 {
        for code in [0xC0, 0x81, 0xCB, 0xCC, 0xFF] {
            let (mut tail, mut bmc) = (Tail::default(), bmc(1..=4));
            bmc.quirks.faults = vec![(step, code)];
            let mut ids = pass(&mut tail, &mut bmc).0;
            ids.extend(pass(&mut tail, &mut bmc).0);
            assert_eq!(ids, [1, 2, 3, 4], "{code:02X} at {step}");
        }
    }
}

#[test]
fn an_answer_nobody_asked_for_changes_nothing() {
    let mut tail = Tail::default();
    assert_eq!(tail.feed(Err(CallError::Completion(Completion::BUSY))), Ok(None));
    assert_eq!(tail.feed(Ok((1, [0; 16]))), Ok(None));
    assert!(matches!(tail.step(), Step::Idle));
}

#[test]
fn a_threshold_event_in_words() {
    let bytes = Full::default().bytes();
    let sensor = &sensors(&Record::parse(1, &bytes).unwrap()).unwrap()[0];
    let entry = Entry::parse(event(1, 0x6000_0000, 2, 0, 15)).unwrap();
    assert_eq!(entry.time, Time::Absolute(0x6000_0000));
    let text = "M0_FAN3: at or below lower critical asserted (reading 0 RPM, threshold 1125 RPM)";
    assert_eq!(entry.text(Some(sensor)), text);
    assert_eq!(
        entry.text(None),
        "Fan sensor 30h: at or below lower critical asserted",
        "without the record neither name nor values"
    );
    let mut raw = event(1, 5, 9, 255, 250);
    raw[12] |= 0x80;
    let entry = Entry::parse(raw).unwrap();
    assert_eq!(entry.time, Time::Relative(5));
    let text =
        "M0_FAN3: at or above upper critical deasserted (reading 19125 RPM, threshold 18750 RPM)";
    assert_eq!(entry.text(Some(sensor)), text);
}

#[test]
fn an_event_belongs_to_a_sensor_by_owner_lun_number_and_type() {
    let sensor =
        |full: Full<'_>| sensors(&Record::parse(1, &full.bytes()).unwrap()).unwrap().remove(0);
    let Body::Event(event) = Entry::parse(event(1, 5, 2, 0, 15)).unwrap().body else { panic!() };
    assert!(event.is_of(&sensor(Full::default())));
    assert!(!event.is_of(&sensor(Full { lun: 1, ..Full::default() })));
    assert!(!event.is_of(&sensor(Full { number: 0x31, ..Full::default() })));
    assert!(!event.is_of(&sensor(Full { sensor_type: 1, ..Full::default() })));
    let mut other = sensor(Full::default());
    other.owner = 0x2C;
    assert!(!event.is_of(&other));
}

#[test]
fn oem_records_and_times() {
    let mut raw = [0xAA; 16];
    raw[2] = 0xDF;
    raw[7..10].copy_from_slice(&[0xA2, 0x02, 0x00]);
    let entry = Entry::parse(raw).unwrap();
    assert_eq!(entry.time, Time::Absolute(0xAAAA_AAAA));
    assert_eq!(entry.body, Body::Oem { manufacturer: Some(674), data: vec![0xAA; 6] });
    assert!(entry.text(None).starts_with("OEM record DFh of manufacturer 674: aa"));
    for kind in [0xE0, 0xFF, 0x00, 0x03, 0xBF] {
        raw[2] = kind;
        let entry = Entry::parse(raw).unwrap();
        assert_eq!(entry.time, Time::Unknown, "{kind:02X}");
        assert!(matches!(entry.body, Body::Oem { manufacturer: None, data } if data.len() == 13));
    }
    let mut raw = event(1, u32::MAX, 2, 0, 15);
    assert_eq!(Entry::parse(raw).unwrap().time, Time::Unknown);
    raw[3..7].copy_from_slice(&0x1FFF_FFFFu32.to_le_bytes());
    assert_eq!(Entry::parse(raw).unwrap().time, Time::Relative(0x1FFF_FFFF));
    // A record of another type in the repository has no sensors.
    let other = Record::parse(9, &record(9, 0xC0, &[1, 2, 3])).unwrap();
    assert_eq!(sensors(&other), Ok(vec![]));
}
