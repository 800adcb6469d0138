//! See `socle_fuzz::model::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socle_fuzz::bounded(
    data,
    1024,
    socle_fuzz::model::config
));
