//! `timex`: how far the clock is disciplined, adjtimex(2). The clock is this machine's whatever the root.

use crate::{ReadError, Source};
use rtime_clock::adjtime::{Timex as Answer, adjtimex};
use socle_model::metrics::{Family, Kind, Page};
use std::io::ErrorKind;
use std::path::PathBuf;

/// adjtimex's answer for a clock that nothing keeps right.
const TIME_ERROR: i32 = 5;
/// The status bit that says that offset and jitter are in nanoseconds.
const STA_NANO: i32 = 0x2000;
/// Parts per million with 16 bits behind the point.
const PPM: f64 = 1e6 * 65536.0;

/// Name, type and help; the values come in the same order.
const FAMILIES: [(&str, Kind, &str); 17] = [
    ("sync_status", Kind::Gauge, "Is clock synchronized to a reliable server (1 = yes, 0 = no)."),
    ("offset_seconds", Kind::Gauge, "Time offset in between local system and reference clock."),
    ("frequency_adjustment_ratio", Kind::Gauge, "Local clock frequency adjustment."),
    ("maxerror_seconds", Kind::Gauge, "Maximum error in seconds."),
    ("estimated_error_seconds", Kind::Gauge, "Estimated error in seconds."),
    ("status", Kind::Gauge, "Value of the status array bits."),
    ("loop_time_constant", Kind::Gauge, "Phase-locked loop time constant."),
    ("tick_seconds", Kind::Gauge, "Seconds between clock ticks."),
    ("pps_frequency_hertz", Kind::Gauge, "Pulse per second frequency."),
    ("pps_jitter_seconds", Kind::Gauge, "Pulse per second jitter."),
    ("pps_shift_seconds", Kind::Gauge, "Pulse per second interval duration."),
    (
        "pps_stability_hertz",
        Kind::Gauge,
        "Pulse per second stability, average of recent frequency changes.",
    ),
    ("pps_jitter_total", Kind::Counter, "Pulse per second count of jitter limit exceeded events."),
    ("pps_calibration_total", Kind::Counter, "Pulse per second count of calibration intervals."),
    ("pps_error_total", Kind::Counter, "Pulse per second count of calibration errors."),
    (
        "pps_stability_exceeded_total",
        Kind::Counter,
        "Pulse per second count of stability limit exceeded events.",
    ),
    ("tai_offset_seconds", Kind::Gauge, "International Atomic Time (TAI) offset."),
];

pub(crate) struct Timex {
    families: [Family; FAMILIES.len()],
}

impl Timex {
    pub(crate) fn new() -> Self {
        let families = FAMILIES
            .map(|(name, kind, help)| Family::new(&format!("node_timex_{name}"), kind, help));
        Timex { families }
    }
}

/// The values of what adjtimex answered, with the state that it returned.
fn values(state: i32, answer: &Answer) -> [f64; FAMILIES.len()] {
    let Answer(timex) = answer;
    let micro = |value: i64| value as f64 / 1e6;
    let unit = if timex.status & STA_NANO == 0 { 1e6 } else { 1e9 };
    let fine = |value: i64| value as f64 / unit;
    let ppm = |value: i64| value as f64 / PPM;
    [
        f64::from(u8::from(state != TIME_ERROR)),
        fine(timex.offset),
        1.0 + ppm(timex.freq),
        micro(timex.maxerror),
        micro(timex.esterror),
        f64::from(timex.status),
        timex.constant as f64,
        micro(timex.tick),
        ppm(timex.ppsfreq),
        fine(timex.jitter),
        f64::from(timex.shift),
        ppm(timex.stabil),
        timex.jitcnt as f64,
        timex.calcnt as f64,
        timex.errcnt as f64,
        timex.stbcnt as f64,
        f64::from(timex.tai),
    ]
}

impl Source for Timex {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        // All zero: nothing is to be changed.
        let mut answer = Answer::new();
        let path = || PathBuf::from("adjtimex");
        let state = adjtimex(&mut answer).map_err(|source| match source.kind() {
            // A sandbox may forbid the call.
            ErrorKind::PermissionDenied | ErrorKind::Unsupported => ReadError::NoData(path()),
            _ => ReadError::Failed { path: path(), source },
        })?;
        let values = values(state, &answer);
        self.families.iter().zip(values).for_each(|(family, value)| page.single(family, value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_the_status() {
        let mut answer = Answer::new();
        answer.0.offset = -1500;
        answer.0.freq = 65536 * 100;
        answer.0.tick = 10_000;
        answer.0.status = 0x40;
        answer.0.tai = 37;
        let found = values(TIME_ERROR, &answer);
        let of = |name: &str, values: [f64; 17]| {
            let at = FAMILIES.iter().position(|(family, ..)| *family == name).unwrap();
            values[at]
        };
        assert_eq!((of("sync_status", found), of("status", found)), (0.0, 64.0));
        assert_eq!(of("offset_seconds", found), -0.0015);
        assert_eq!(of("frequency_adjustment_ratio", found), 1.0001);
        assert_eq!((of("tick_seconds", found), of("tai_offset_seconds", found)), (0.01, 37.0));
        answer.0.status = STA_NANO;
        let found = values(0, &answer);
        assert_eq!((of("sync_status", found), of("offset_seconds", found)), (1.0, -0.000_001_5));
    }
}
