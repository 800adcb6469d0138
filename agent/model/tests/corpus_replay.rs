//! Every seed of the fuzz targets of this room, through the targets' own functions.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

#[expect(unreachable_pub, reason = "public in the fuzz crate, which owns the file")]
#[path = "../../../fuzz/src/model.rs"]
mod model;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        run(&bytes);
        // What a fuzzer tries first: every cut, and every byte at its extremes.
        for n in 0..bytes.len() {
            run(bytes.get(..n).unwrap());
            for value in [0x00, b'"', b'[', 0x7F, 0xFF] {
                let mut changed = bytes.clone();
                *changed.get_mut(n).unwrap() = value;
                run(&changed);
            }
        }
        seeds += 1;
    }
    assert!(seeds > 0, "{target} has no seeds");
}

#[test]
fn link() {
    replay("link", model::link);
}

#[test]
fn config() {
    replay("config", model::config);
}

#[test]
fn openmetrics() {
    replay("openmetrics", model::openmetrics);
}

#[test]
fn textfile() {
    replay("textfile", model::textfile);
}
