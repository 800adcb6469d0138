//! One memory error that the log and the kernel both report: one event, whichever comes first.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use socle_health::{Judgement, Link, Memory, Observations, judge};
use socle_model::Timestamp;
use socle_model::bmc::SelRecord;
use socle_model::event::Kind;
use socle_model::facts::{EdacCount, KernelFacts};
use std::time::Duration;

/// A story: verdict after verdict, with a clock that may be set.
struct Story {
    memory: Memory,
    wall: i64,
    records: u16,
    counts: Vec<EdacCount>,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

impl Story {
    /// Two DIMMs, looked at once.
    fn begin() -> Story {
        let count = |n: u8, label: &str| EdacCount {
            controller: "0".into(),
            dimm: Some(format!("dimm{n}")),
            label: Some(label.into()),
            location: None,
            corrected: 0,
            uncorrected: 0,
            file: format!("mc0/dimm{n}"),
        };
        let counts = vec![count(0, "CPU1_B4"), count(1, "CPU1_B5")];
        let memory = Memory::default();
        let mut story = Story { memory, wall: 1_700_000_000, records: 0, counts };
        assert_eq!(story.look(1, &[]).events.len(), 0);
        story
    }

    fn look(&mut self, after_s: u64, new_sel: &[SelRecord]) -> Judgement {
        self.wall += i64::try_from(after_s).unwrap();
        let facts = KernelFacts { edac: self.counts.clone(), ..KernelFacts::default() };
        let mut judgement = judge(
            &Observations {
                now: at(self.wall),
                elapsed: Duration::from_secs(after_s),
                snapshot: None,
                link: Link::Connected,
                kernel: Some(&facts),
                sources: &[],
                new_sel,
                interval_s: 1.0,
            },
            &self.memory,
        );
        // Verdicts that turn are not what this is about.
        judgement.events.retain(|event| event.kind != Kind::Agent);
        self.memory = judgement.memory.clone();
        judgement
    }

    /// An ECC record of a sensor; offset 0 corrected, 1 not.
    fn record(&mut self, sensor: &str, offset: u8) -> SelRecord {
        self.records += 1;
        SelRecord {
            head: self.records.into(),
            record_id: self.records,
            at: Some(at(self.wall)),
            record_type: 2,
            sensor: (!sensor.is_empty()).then(|| sensor.into()),
            entity_id: 0x20,
            entity_instance: 1,
            sensor_type: 0x0C,
            event_type: 0x6F,
            offset,
            asserted: true,
            text: "ECC".into(),
            raw: format!("{:x}", self.records),
            epoch: 0,
            backlog: false,
        }
    }

    fn grows(&mut self, dimm: usize, uncorrected: bool) {
        let count = self.counts.get_mut(dimm).unwrap();
        *(if uncorrected { &mut count.uncorrected } else { &mut count.corrected }) += 1;
    }
}

fn told(judgement: &Judgement) -> (usize, usize) {
    (judgement.events.len(), judgement.joined.len())
}

#[test]
fn the_kernel_after_the_log_and_the_log_after_the_kernel() {
    for uncorrected in [false, true] {
        let mut story = Story::begin();
        let record = story.record("CPU1 DIMM B4", uncorrected.into());
        assert_eq!(told(&story.look(1, &[record])), (1, 0));
        story.grows(0, uncorrected);
        let second = story.look(299, &[]);
        assert_eq!(told(&second), (0, 1));
        let joined = second.joined.first().unwrap();
        assert_eq!(
            (joined.to.record.as_str(), joined.origin.record.as_str()),
            ("SEL 1", "mc0/dimm0")
        );

        let mut story = Story::begin();
        story.grows(0, uncorrected);
        assert_eq!(told(&story.look(1, &[])), (1, 0));
        story.look(200, &[]);
        let record = story.record("", uncorrected.into());
        let second = story.look(99, &[record]);
        assert_eq!(told(&second), (0, 1));
        let joined = second.joined.first().unwrap();
        assert_eq!(
            (joined.to.record.as_str(), joined.origin.record.as_str()),
            ("mc0/dimm0", "SEL 1")
        );
    }
}

#[test]
fn both_in_one_verdict_are_one_event() {
    let mut story = Story::begin();
    story.grows(0, true);
    let record = story.record("P1-DIMMB4", 1);
    let seen = story.look(1, &[record]);
    assert_eq!(told(&seen), (1, 0));
    assert_eq!(seen.events.first().unwrap().origins.len(), 2);
}

#[test]
fn two_dimms_two_weights_and_two_times_are_no_one_fault() {
    // The log names another DIMM than the kernel.
    let mut story = Story::begin();
    let record = story.record("CPU1 DIMM B5", 0);
    story.look(1, &[record]);
    story.grows(0, false);
    assert_eq!(told(&story.look(1, &[])), (1, 0));
    // Corrected and uncorrected.
    let mut story = Story::begin();
    let record = story.record("", 0);
    story.look(1, &[record]);
    story.grows(0, true);
    assert_eq!(told(&story.look(1, &[])), (1, 0));
    // More than five minutes apart.
    let mut story = Story::begin();
    let record = story.record("", 0);
    story.look(1, &[record]);
    story.grows(0, false);
    assert_eq!(told(&story.look(301, &[])), (1, 0));
    // The log does not tell which: it is the first DIMM's that counts, and then not the second's.
    let mut story = Story::begin();
    let record = story.record("", 0);
    story.look(1, &[record]);
    story.grows(0, false);
    assert_eq!(told(&story.look(1, &[])), (0, 1));
    story.grows(1, false);
    assert_eq!(told(&story.look(1, &[])), (1, 0));
}

#[test]
fn what_the_log_summed_up_is_not_told_again_and_lost_data_is() {
    for (uncorrected, again) in [(false, 0), (true, 1)] {
        let mut story = Story::begin();
        let record = story.record("", uncorrected.into());
        story.grows(0, uncorrected);
        assert_eq!(told(&story.look(1, &[record])), (1, 0));
        for _ in 0..3 {
            story.grows(0, uncorrected);
            assert_eq!(told(&story.look(1, &[])), (again, 0), "{uncorrected}");
        }
        story.look(300, &[]);
        story.grows(0, uncorrected);
        assert_eq!(told(&story.look(1, &[])), (1, 0));
    }
}

#[test]
fn a_clock_that_is_set_joins_and_parts_nothing() {
    for step in [-86_400, 86_400] {
        let mut story = Story::begin();
        let record = story.record("", 0);
        story.look(1, &[record]);
        story.wall += step;
        story.grows(0, false);
        assert_eq!(told(&story.look(60, &[])), (0, 1), "{step}");
        // A BMC whose clock is a day off: what comes while we watch is of now.
        let mut story = Story::begin();
        story.grows(0, false);
        story.look(1, &[]);
        let late = SelRecord { at: Some(at(story.wall + step)), ..story.record("", 0) };
        assert_eq!(told(&story.look(1, &[late])), (0, 1), "{step}");
    }
}

#[test]
fn an_old_record_is_no_fault_of_now() {
    let mut story = Story::begin();
    story.grows(0, false);
    story.look(1, &[]);
    let old = story.record("", 0);
    let old = SelRecord { at: Some(at(story.wall - 3600)), backlog: true, ..old };
    assert_eq!(told(&story.look(1, &[old])), (1, 0));
    // Read late, but of now by its time.
    let late = SelRecord { backlog: true, ..story.record("", 0) };
    assert_eq!(told(&story.look(1, &[late])), (0, 1));
}

#[test]
fn identical_records_of_a_log_that_was_cleared_are_news() {
    let mut story = Story::begin();
    let timeless = SelRecord { at: None, ..story.record("", 2) };
    assert_eq!(told(&story.look(1, std::slice::from_ref(&timeless))), (1, 0));
    assert_eq!(told(&story.look(1, std::slice::from_ref(&timeless))), (0, 0));
    let again = SelRecord { epoch: 1, ..timeless };
    assert_eq!(told(&story.look(1, std::slice::from_ref(&again))), (1, 0));
    assert_eq!(told(&story.look(1, &[again])), (0, 0));
    // With a time of its own it is the same record, read again.
    let timed = story.record("", 2);
    assert_eq!(told(&story.look(1, std::slice::from_ref(&timed))), (1, 0));
    assert_eq!(told(&story.look(1, &[SelRecord { epoch: 7, ..timed }])), (0, 0));
}

#[test]
fn a_restart_in_between_changes_nothing() {
    let mut story = Story::begin();
    let record = story.record("", 0);
    story.look(1, &[record]);
    let text = serde_json::to_string(&story.memory).unwrap();
    story.memory = serde_json::from_str(&text).unwrap();
    story.grows(0, false);
    assert_eq!(told(&story.look(1, &[])), (0, 1));
    // A memory of the agent before this one knows of no faults.
    let older = text.split(",\"faults\"").next().unwrap().to_owned() + "}";
    assert!(serde_json::from_str::<Memory>(&older).is_ok(), "{older}");
}
