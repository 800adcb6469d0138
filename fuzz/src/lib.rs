//! What the fuzz targets run: one file per room, shared with the rooms' replay tests.

pub mod ipmi;
pub mod kernel;
pub mod model;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Runs a target and panics where it held more memory than its input allows: `per_byte` times its bytes,
/// whatever it says of itself, and a constant. The decoded form of a byte is larger than the byte: a JSON value
/// of two characters takes 32, a key of one character in TOML, with its place and the fault about it, some hundreds.
pub fn bounded(data: &[u8], per_byte: usize, target: fn(&[u8])) {
    bounded_above(data, per_byte, CONSTANT, target);
}

/// As [`bounded`], of a target that holds `constant` bytes for no input at all.
pub fn bounded_above(data: &[u8], per_byte: usize, constant: usize, target: fn(&[u8])) {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    target(data);
    let held = HEAP.peak_usage().saturating_sub(before);
    let allowed = per_byte * data.len() + constant;
    assert!(held <= allowed, "{held} bytes held for an input of {} bytes", data.len());
}

const CONSTANT: usize = 128 * 1024;
