//! What the fuzz targets run: one file per room, shared with the rooms' replay tests.

pub mod ipmi;
pub mod model;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes that one execution may hold at once, whatever its input says of itself: the decoded form of a byte
/// (a JSON value of two characters is 32 bytes) and a constant.
const PER_INPUT_BYTE: usize = 64;
const CONSTANT: usize = 128 * 1024;

/// Runs a target and panics where it held more memory than its input allows.
pub fn bounded(data: &[u8], target: fn(&[u8])) {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    target(data);
    let held = HEAP.peak_usage().saturating_sub(before);
    let allowed = PER_INPUT_BYTE * data.len() + CONSTANT;
    assert!(held <= allowed, "{held} bytes held for an input of {} bytes", data.len());
}
