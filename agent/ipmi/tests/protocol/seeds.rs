//! The seeds in fuzz/corpus, made here. SOCLE_SEEDS=write writes them; otherwise they must be the same.

use crate::shared::{Full, compact, event, event_only, record};
use std::path::Path;

type Seed = (&'static str, Vec<u8>);

/// One answer of a script: completion code, length, data.
fn answer(code: u8, data: &[u8]) -> Vec<u8> {
    [&[code, u8::try_from(data.len()).unwrap()], data].concat()
}

fn part(next: u16, bytes: &[u8]) -> Vec<u8> {
    answer(0, &[&next.to_le_bytes()[..], bytes].concat())
}

fn opening(count: u8) -> Vec<u8> {
    let info = answer(0, &[0x51, count, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0x22]);
    [info, answer(0, &[1, 0])].concat()
}

fn sdr() -> Vec<Seed> {
    let full = Full::default().bytes();
    let packed = Full { encoding: 2, name: &[0x29, 0xDC, 0xA6], ..Full::default() }.bytes();
    let digits = Full { encoding: 1, name: &[0x12, 0x3A], ..Full::default() }.bytes();
    let walk = [
        opening(1),
        part(0xFFFF, &full[..5]),
        part(0xFFFF, &full[5..37]),
        part(0xFFFF, &full[37..]),
    ];
    let whole = [opening(2), part(4, &full), part(0xFFFF, &compact(4, 4, 0, 0, b"HDD"))];
    let faults =
        [opening(2), answer(0xC5, &[]), answer(0, &[2, 0]), answer(0xCA, &[]), answer(0xCB, &[])];
    let fru = [0x20, 3, 0x80, 0, 0, 0x10, 1, 10, 2, 0, 0xC3, b'P', b'S', b'1'];
    let mc = [0x2C, 0, 0, 0x0F, 0, 0, 0, 46, 1, 0, 0xC2, b'M', b'E'];
    vec![
        ("full", full),
        ("full-packed", packed),
        ("full-digits", digits),
        ("compact-shared", compact(4, 15, 0x10, 0x99, b"Slot")),
        ("event-only", event_only(5, b"CPU")),
        ("fru-locator", record(6, 0x11, &fru)),
        ("mc-locator", record(7, 0x12, &mc)),
        ("oem", record(8, 0xC0, &[1, 2, 3])),
        ("walk-chunks", walk.concat()),
        ("walk-whole", whole.concat()),
        ("walk-faults", faults.concat()),
    ]
}

fn sel() -> Vec<Seed> {
    let threshold = event(1, 0x6000_0000, 2, 0, 15);
    let mut timed = [0xAA; 16];
    timed[2] = 0xC0;
    let mut untimed = [0xAA; 16];
    untimed[2] = 0xE0;
    let info = |entries: u8| answer(0, &[0x51, entries, 0, 0, 0x40, 1, 0, 0, 0, 2, 0, 0, 0, 2]);
    let tail = [info(2), part(2, &threshold), part(0xFFFF, &event(2, 5, 9, 255, 250)), info(3)];
    let circle = [info(9), part(2, &threshold), part(1, &timed), part(1, &threshold), info(1)];
    vec![
        ("threshold", threshold.to_vec()),
        ("oem-timed", timed.to_vec()),
        ("oem-untimed", untimed.to_vec()),
        ("tail", tail.concat()),
        ("tail-circle", circle.concat()),
    ]
}

fn sensor_response() -> Vec<Seed> {
    let with = |record: &[u8], answers: &[&[u8]]| {
        let mut seed = vec![u8::try_from(record.len()).unwrap()];
        seed.extend(record);
        for data in answers {
            seed.extend(answer(0, data));
        }
        seed
    };
    let reading: &[u8] = &[100, 0xC0, 0xC0];
    let thresholds: &[u8] = &[0x3F, 20, 15, 10, 240, 250, 255];
    let factors: &[u8] = &[0xFF, 2, 0, 5, 0, 0, 0];
    let all = [reading, thresholds, factors];
    vec![
        ("fan", with(&Full::default().bytes(), &all)),
        ("inverse", with(&Full { linearization: 7, ..Full::default() }.bytes(), &all)),
        ("non-linear", with(&Full { linearization: 0x70, ..Full::default() }.bytes(), &all)),
        ("discrete", with(&compact(4, 4, 0, 0, b"HDD"), &[&[0, 0xC0, 3, 0x80]])),
        ("torn", with(&Full::default().bytes(), &[&[100]])),
    ]
}

#[test]
fn the_seeds_are_what_is_made_here() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let write = std::env::var_os("SOCLE_SEEDS").is_some_and(|word| word == "write");
    for (target, seeds) in [("sdr", sdr()), ("sel", sel()), ("sensor_response", sensor_response())]
    {
        for (name, bytes) in seeds {
            let path = corpus.join(target).join(name);
            if write {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &bytes).unwrap();
            }
            let found = std::fs::read(&path).unwrap_or_default();
            assert_eq!(found, bytes, "{target}/{name}: SOCLE_SEEDS=write makes it anew");
        }
    }
}
