//! See `socle_fuzz::ipmi::sensor_response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socle_fuzz::bounded(
    data,
    64,
    socle_fuzz::ipmi::sensor_response
));
