//! See `socle_fuzz::model::openmetrics`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    socle_fuzz::bounded(data, 400, socle_fuzz::model::openmetrics);
});
