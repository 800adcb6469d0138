//! See `socle_fuzz::kernel::text`. A series repeats the labels that a line has once, so that more is held than
//! for a message: for a byte of a mount's name, its series in 60 families and on the page.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socle_fuzz::bounded(
    data,
    4096,
    socle_fuzz::kernel::text
));
