//! See `socle_fuzz::ipmi::sdr`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socle_fuzz::bounded(data, 64, socle_fuzz::ipmi::sdr));
