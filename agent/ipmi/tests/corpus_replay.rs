//! Every seed of the fuzz targets of this room, through the targets' own functions.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

#[expect(unreachable_pub, reason = "public in the fuzz crate, which owns the file")]
#[path = "../../../fuzz/src/ipmi.rs"]
mod ipmi;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        run(&bytes);
        // What a fuzzer tries first: every cut, and every byte at its extremes.
        for n in 0..bytes.len() {
            run(bytes.get(..n).unwrap());
            for value in [0x00, 0x7F, 0x80, 0xFF] {
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
fn sdr() {
    replay("sdr", ipmi::sdr);
}

#[test]
fn sel() {
    replay("sel", ipmi::sel);
}

#[test]
fn sensor_response() {
    replay("sensor_response", ipmi::sensor_response);
}
