//! Reading a repository from a BMC that misbehaves in every way seen in the field.

use crate::shared::{Bmc, Full, Quirks, compact, event_only, record};
use socle_ipmi::sdr::walk::{Walk, WalkError};

fn repository() -> Vec<Vec<u8>> {
    vec![
        Full { id: 3, ..Full::default() }.bytes(),
        compact(4, 4, 0, 0, b"HDD"),
        record(9, 0xC0, &[1, 2, 3]),
        event_only(10, b"CPU"),
        Full { id: 300, name: b"sixteen letters.", ..Full::default() }.bytes(),
    ]
}

const IDS: [u16; 5] = [3, 4, 9, 10, 300];

/// Walks to the end; fails where a walk takes more commands than any misbehaviour explains.
fn walk(bmc: &mut Bmc) -> (Walk, Result<(), WalkError>) {
    let mut walk = Walk::default();
    while let Some(request) = walk.next() {
        assert!(bmc.commands < 2000, "the walk has no end");
        let response = bmc.answer(&request);
        if let Err(error) = walk.feed(&response) {
            assert!(walk.next().is_none(), "a failed walk is over");
            return (walk, Err(error));
        }
    }
    (walk, Ok(()))
}

fn complete(records: Vec<Vec<u8>>, quirks: Quirks) -> usize {
    let mut bmc = Bmc::new(records.clone(), quirks.clone());
    let (walk, result) = walk(&mut bmc);
    assert_eq!(result, Ok(()), "{quirks:?}");
    let ids: Vec<_> = walk.records.iter().map(|record| record.id).collect();
    assert_eq!(ids, IDS, "{quirks:?}");
    for (got, sent) in walk.records.iter().zip(&records) {
        assert_eq!(got.body, sent[5..], "{quirks:?}");
    }
    assert_eq!(walk.stamp().is_none(), quirks.device_only, "only device SDRs have no stamp");
    assert!(walk.bad.is_empty(), "{quirks:?}");
    bmc.commands
}

#[test]
fn an_honest_bmc() {
    assert_eq!(complete(repository(), Quirks::default()), 15);
}

#[test]
fn whole_records_whatever_is_asked() {
    let commands = complete(repository(), Quirks { whole: true, ..Quirks::default() });
    assert_eq!(commands, 3 + IDS.len());
}

#[test]
fn short_answers_only_and_the_size_is_remembered() {
    let all = |most| complete(repository(), Quirks { most: Some(most), ..Quirks::default() });
    assert_eq!(all(32), 15);
    // One refusal each at 32, then at 20 or less, never again.
    let refusals = |most: u8| {
        let mut bmc = Bmc::new(repository(), Quirks { most: Some(most), ..Quirks::default() });
        walk(&mut bmc).1.unwrap();
        bmc.asked.iter().filter(|ask| ask.data.get(5).is_some_and(|length| *length > most)).count()
    };
    assert_eq!((refusals(16), refusals(8), refusals(4)), (1, 2, 1));
}

#[test]
fn device_sdrs_where_there_is_no_repository() {
    complete(repository(), Quirks { device_only: true, ..Quirks::default() });
}

#[test]
fn a_lost_reservation_a_busy_bmc_and_a_short_limit_at_every_step() {
    let steps = complete(repository(), Quirks::default());
    for step in 1..=steps {
        for code in [0xC0, 0xC3, 0xCE, 0xD0] {
            complete(repository(), Quirks { faults: vec![(step, code)], ..Quirks::default() });
        }
        // C5h, CAh and FFh are answers to reading a record.
        if (3..steps).contains(&step) {
            for code in [0xC5, 0xCA, 0xC8, 0xFF] {
                complete(repository(), Quirks { faults: vec![(step, code)], ..Quirks::default() });
            }
        }
    }
}

#[test]
fn a_repository_that_changes_at_every_step_is_read_again() {
    let steps = complete(repository(), Quirks::default());
    for step in 2..=steps {
        let commands = complete(repository(), Quirks { changes: vec![step], ..Quirks::default() });
        assert!(commands >= 2 * steps - 3, "{step}: {commands}");
    }
}

#[test]
fn a_repository_without_rest_ends_the_walk() {
    let mut bmc = Bmc::new(repository(), Quirks { restless: true, ..Quirks::default() });
    assert_eq!(walk(&mut bmc).1, Err(WalkError::Restless));
    assert!(bmc.commands < 100);
}

#[test]
fn busy_for_ever_and_lost_for_ever_end_the_walk() {
    for code in [0xC0, 0xC5] {
        for from in 1..8 {
            let faults = (from..2000).map(|n| (n, code)).collect();
            let mut bmc = Bmc::new(repository(), Quirks { faults, ..Quirks::default() });
            let (_, result) = walk(&mut bmc);
            assert!(result.is_err(), "{code:02X} from {from}");
            assert!(bmc.commands < 40, "{code:02X} from {from}: {}", bmc.commands);
        }
    }
}

#[test]
fn the_id_asked_counts_not_the_one_in_the_head() {
    let mut bmc = Bmc::new(repository(), Quirks::default());
    bmc.records[0][..2].copy_from_slice(&[1, 0]);
    let quirks = Quirks { wrong_id: Some(1), ..Quirks::default() };
    bmc.quirks = quirks;
    let (walk, result) = walk(&mut bmc);
    assert_eq!(result, Ok(()));
    let ids: Vec<_> = walk.records.iter().map(|record| record.id).collect();
    assert_eq!(ids, [1, 4, 9, 10, 300]);
}

#[test]
fn a_record_that_is_refused_is_skipped_and_counted() {
    for code in [0xC9, 0xCB, 0xCC, 0xFF] {
        // Ids 9 and 10: the next one is found by trying. 3: the first, by its number.
        for refused in [9u16, 10] {
            let quirks = Quirks { refused: vec![(refused, code)], ..Quirks::default() };
            let mut records = repository();
            records[4][..2].copy_from_slice(&[11, 0]);
            let mut bmc = Bmc::new(records, quirks);
            let (walk, result) = walk(&mut bmc);
            assert_eq!(result, Ok(()), "{code:02X}");
            let mut ids = vec![3, 4, 9, 10, 11];
            ids.retain(|id| *id != refused);
            let got: Vec<_> = walk.records.iter().map(|record| record.id).collect();
            assert_eq!(got, ids, "{code:02X}");
            let bad: Vec<_> = walk.bad.iter().map(|(id, _)| *id).collect();
            assert_eq!(bad, [refused], "{code:02X}");
            // A record that fails at every length does not make the others slow.
            let smallest = bmc.asked.iter().rev().find(|ask| ask.cmd == 0x23).unwrap();
            assert!(smallest.data[5] > 4, "{code:02X}");
        }
    }
}

#[test]
fn every_circle_is_seen() {
    for from in IDS {
        for to in [0].into_iter().chain(IDS) {
            let quirks = Quirks { jump: Some((from, to)), ..Quirks::default() };
            let mut bmc = Bmc::new(repository(), quirks);
            let (walk, result) = walk(&mut bmc);
            let mut ids: Vec<_> = walk.records.iter().map(|record| record.id).collect();
            if to <= from {
                assert_eq!(result, Err(WalkError::Circle(to)), "{from} to {to}");
            }
            let count = ids.len();
            ids.dedup();
            assert_eq!(ids.len(), count, "{from} to {to}: no record twice");
        }
    }
}

#[test]
fn torn_and_empty_answers_at_every_step_end_without_a_panic() {
    let steps = complete(repository(), Quirks::default());
    for step in 1..=steps {
        for length in 0..9 {
            let mut bmc = Bmc::new(repository(), Quirks::default());
            let mut walk = Walk::default();
            while let Some(request) = walk.next() {
                assert!(bmc.commands < 200, "no end after a torn answer at {step}");
                let mut response = bmc.answer(&request);
                if bmc.commands == step {
                    response.data.truncate(length);
                }
                if walk.feed(&response).is_err() {
                    break;
                }
            }
        }
    }
}
