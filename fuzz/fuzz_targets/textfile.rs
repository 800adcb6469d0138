//! See `socle_fuzz::model::textfile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socle_fuzz::bounded(
    data,
    128,
    socle_fuzz::model::textfile
));
