//! Once warm, no source allocates: neither on this host nor on our own tree.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops where it fails")]

use allocation_counter::{AllocationInfo, measure};
use socle_kernel::facts::Facts;
use socle_kernel::{ReadError, Root, SOURCES, Settings, Source};
use socle_model::metrics::Page;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a warm source three times. What another process changed meanwhile (a mount, a process more)
/// costs its rendering once, so the best of several tries counts.
fn steady(source: &mut Box<dyn Source>, page: &mut Page) -> AllocationInfo {
    let mut tries = (0..5).map(|_| {
        measure(|| {
            for _ in 0..3 {
                page.clear();
                source.read(page).unwrap();
            }
        })
    });
    let mut best = tries.next().unwrap();
    for next in tries {
        if next.count_total < best.count_total {
            best = next;
        }
    }
    best
}

fn check(root: &Root, settings: &Settings) {
    let mut sources = 0;
    for entry in SOURCES {
        let mut page = Page::default();
        let opened = (entry.open)(root, settings);
        let Ok(mut source) = opened else { panic!("{}", entry.name) };
        match source.read(&mut page) {
            Ok(()) => sources += 1,
            Err(ReadError::NoData(_) | ReadError::RootOnly(_)) => continue,
            Err(error) => panic!("{}: {error}", entry.name),
        }
        source.discover().unwrap();
        // Room for longer numbers than those of the first page.
        let grown = page.as_str().len() * 2;
        while page.as_str().len() < grown {
            source.read(&mut page).unwrap();
        }
        let info = steady(&mut source, &mut page);
        assert_eq!(info.count_total, 0, "{}: {info:?}", entry.name);
    }
    assert!(sources >= 7, "{sources} sources to measure");
}

fn rack() -> Root {
    Root::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rack"))
}

fn everything() -> Settings {
    let on = [("cpu.info", "true"), ("cpu.info.flags-include", "."), ("stat.softirq", "true")];
    let on = on.map(|(flag, value)| (flag.to_owned(), value.to_owned()));
    Settings::new(BTreeMap::from(on)).unwrap()
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn our_tree() {
    check(&rack(), &Settings::default());
    check(&rack(), &everything());
}

#[test]
fn this_host() {
    check(&Root::host(), &Settings::default());
    check(&Root::host(), &everything());
}

#[test]
fn a_reading_after_a_discovery_costs_no_more() {
    let mut page = Page::default();
    for entry in SOURCES {
        let mut source = (entry.open)(&rack(), &Settings::default()).unwrap();
        source.read(&mut page).unwrap();
        source.discover().unwrap();
        let info = measure(|| {
            page.clear();
            source.read(&mut page).unwrap();
        });
        assert_eq!(info.count_total, 0, "{}: {info:?}", entry.name);
    }
}

#[test]
fn facts_allocate_what_they_hand_out() {
    let mut facts = Facts::open(&rack());
    let found = facts.read();
    let info = measure(|| drop(facts.read()));
    // A few strings for each sensor and counter, none of them long.
    let parts = u64::try_from(found.hwmon.len() + found.edac.len()).unwrap();
    assert!(info.count_total <= parts * 8 + 20, "{parts} parts: {info:?}");
    assert!(info.bytes_total <= (parts + 1) * 1000, "{parts} parts: {info:?}");
}
