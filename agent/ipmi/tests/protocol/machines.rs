//! Real machines, as captured: their records are read without loss. Found through SOCLE_CORPUS.

use crate::shared::{Bmc, Quirks};
use socle_ipmi::sdr::walk::Walk;
use socle_ipmi::sdr::{SensorRecord, locator, sensors};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("SOCLE_CORPUS").map(|path| PathBuf::from(path).join("ipmi"));
    if path.is_none() {
        println!("skipped: SOCLE_CORPUS not set, no captured machines to read");
    }
    path
}

/// The SDR records of an ipmi_sim command file: `main_sdr_add 0x20 BYTES`, lines joined by `\`.
fn repository(path: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(path).unwrap().replace("\\\n", " ").replace("\\\r\n", " ");
    let lines = text.lines().map(str::split_whitespace);
    let adds = lines.filter_map(|mut words| {
        (words.next() == Some("main_sdr_add")).then(|| words.skip(1).map(byte).collect())
    });
    adds.collect()
}

fn byte(word: &str) -> u8 {
    match word.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16).unwrap(),
        None => word.parse().unwrap(),
    }
}

/// A walk through the machine's repository, its sensors, and how many records have neither.
fn machine(name: &str) -> Option<(usize, Vec<SensorRecord>, usize)> {
    let records = repository(&corpus()?.join(name));
    let mut records = records;
    // ipmi_sim numbers the records itself, from 1 on.
    for (n, record) in records.iter_mut().enumerate() {
        record[..2].copy_from_slice(&u16::try_from(n + 1).unwrap().to_le_bytes());
    }
    let mut bmc = Bmc::new(records.clone(), Quirks { most: Some(32), ..Quirks::default() });
    let mut walk = Walk::default();
    while let Some(request) = walk.next() {
        walk.feed(&bmc.answer(&request)).unwrap();
    }
    assert!(walk.bad.is_empty());
    assert_eq!(walk.records.len(), records.len());
    let mut all = Vec::new();
    let mut others = 0;
    for record in &walk.records {
        let found = sensors(record).unwrap();
        others += usize::from(found.is_empty() && locator(record).unwrap().is_none());
        all.extend(found);
    }
    Some((walk.records.len(), all, others))
}

fn counts(sensors: &[SensorRecord]) -> (usize, usize) {
    let records: BTreeSet<_> =
        sensors.iter().map(|it| (it.record_id, it.threshold_based())).collect();
    (records.iter().filter(|it| it.1).count(), records.iter().filter(|it| !it.1).count())
}

#[test]
fn dell_r730() {
    let Some((records, sensors, _)) = machine("dell_r730.emu") else { return };
    assert_eq!(records, 187);
    assert_eq!(counts(&sensors), (19, 150));
    let software = sensors.iter().filter(|it| it.owner == 0xB1).count();
    assert!(software >= 57 && sensors.iter().all(|it| it.owner != 0xB1 || !it.readable()));
}

#[test]
fn quanta_d51() {
    let Some((records, sensors, _)) = machine("quanta_d51.emu") else { return };
    assert_eq!(records, 112);
    assert_eq!(counts(&sensors), (48, 59));
    let analog = sensors.iter().filter(|it| it.threshold_based());
    assert_eq!(analog.filter(|it| it.units[0] >> 6 == 2).count(), 21, "two's complement");
}

#[test]
fn intel_s2600wtt() {
    let Some((records, sensors, others)) = machine("s2600wtt.emu") else { return };
    assert_eq!((records, others), (198, 94));
    assert_eq!(counts(&sensors), (40, 54));
}
