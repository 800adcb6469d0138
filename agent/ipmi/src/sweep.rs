//! What to ask next, and when: every readable sensor once an interval, the bus idle for its share, one
//! command at a time. Pure: time is an argument, in milliseconds of any monotonic clock.

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Read the sensor with this index.
    Sensor(usize),
    /// Chassis status, DCMI power, SEL info and the repository's stamp: once a sweep, before it ends.
    Summary,
    /// The sweep that began at this time is complete.
    Swept {
        /// When it began.
        began_ms: u64,
    },
    /// Nothing before this time.
    Wait {
        /// Absolute, in the caller's milliseconds.
        until_ms: u64,
    },
}

/// How a sensor answered last, for the pace it is asked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a reading, or with "unavailable".
    Answered,
    /// With a completion code that will not change soon (CBh, C1h, …).
    Refused,
    /// Not at all, or "busy": the bus needs rest.
    Silent,
}

/// A refused sensor is asked once in so many sweeps.
const RARELY: u32 = 20;
/// A sensor that alone is silent so often in a row counts as refused: each silence costs seconds.
const STRIKES: u8 = 3;
/// Rest after the first silence, in milliseconds; doubles up to [`LONGEST_REST_MS`].
const FIRST_REST_MS: u64 = 1_000;
/// Longest rest.
const LONGEST_REST_MS: u64 = 60_000;

#[derive(Debug, Clone, Copy)]
enum Stage {
    Sensors(usize),
    Summary,
    End,
    Idle,
}

/// The order and the pace of sweeps over a fixed number of sensors.
#[derive(Debug)]
pub struct Sweep {
    interval_ms: u64,
    bus_share: f64,
    refused_for: Vec<u32>,
    strikes: Vec<u8>,
    stage: Stage,
    began_ms: u64,
    not_before_ms: u64,
    rest_ms: u64,
}

impl Sweep {
    /// A first sweep that is due at once. `bus_share` is the part of the time the bus may be busy.
    #[must_use]
    pub fn new(sensors: usize, interval_ms: u64, bus_share: f64, now_ms: u64) -> Self {
        Sweep {
            interval_ms,
            bus_share: bus_share.clamp(0.01, 1.0),
            refused_for: vec![0; sensors],
            strikes: vec![0; sensors],
            stage: Stage::Sensors(0),
            began_ms: now_ms,
            not_before_ms: now_ms,
            rest_ms: 0,
        }
    }

    /// Changes the pace from the next command on.
    pub fn pace(&mut self, interval_ms: u64, bus_share: f64) {
        self.interval_ms = interval_ms;
        self.bus_share = bus_share.clamp(0.01, 1.0);
    }

    /// What is due now.
    pub fn next(&mut self, now_ms: u64) -> Due {
        if now_ms < self.not_before_ms {
            return Due::Wait { until_ms: self.not_before_ms };
        }
        if matches!(self.stage, Stage::Idle) {
            let due_ms = self.began_ms.saturating_add(self.interval_ms);
            if now_ms < due_ms {
                return Due::Wait { until_ms: due_ms };
            }
            self.began_ms = now_ms;
            self.stage = Stage::Sensors(0);
        }
        loop {
            match self.stage {
                Stage::Sensors(n) => {
                    let Some(refused) = self.refused_for.get_mut(n) else {
                        self.stage = Stage::Summary;
                        continue;
                    };
                    if *refused > 0 {
                        *refused -= 1;
                        self.stage = Stage::Sensors(n + 1);
                        continue;
                    }
                    return Due::Sensor(n);
                }
                Stage::Summary => return Due::Summary,
                Stage::End | Stage::Idle => {
                    self.stage = Stage::Idle;
                    return Due::Swept { began_ms: self.began_ms };
                }
            }
        }
    }

    /// Says how the last thing that was due went and how long the bus was busy with it. After silence
    /// the bus rests and the sweep goes on with the next thing; a sensor that is silent in three sweeps
    /// while its predecessor answered is asked as rarely as a refused one.
    pub fn done(&mut self, outcome: Outcome, took_ms: u64, now_ms: u64) {
        let rested = self.rest_ms > 0;
        match outcome {
            Outcome::Silent => {
                self.rest_ms = (self.rest_ms * 2).clamp(FIRST_REST_MS, LONGEST_REST_MS);
                self.not_before_ms = now_ms.saturating_add(self.rest_ms);
            }
            Outcome::Answered | Outcome::Refused => {
                self.rest_ms = 0;
                self.not_before_ms = now_ms.saturating_add(self.pause_ms(took_ms));
            }
        }
        self.stage = match self.stage {
            Stage::Sensors(n) => {
                self.judge(n, outcome, rested);
                Stage::Sensors(n + 1)
            }
            Stage::Summary | Stage::End => Stage::End,
            Stage::Idle => Stage::Idle,
        };
    }

    /// Whether sensor `n` is asked rarely from now on. Silence after silence is the bus's, not its own.
    fn judge(&mut self, n: usize, outcome: Outcome, rested: bool) {
        let (Some(refused), Some(strikes)) = (self.refused_for.get_mut(n), self.strikes.get_mut(n))
        else {
            return;
        };
        match outcome {
            Outcome::Answered => *strikes = 0,
            Outcome::Refused => *refused = RARELY,
            Outcome::Silent if rested => {}
            Outcome::Silent => {
                *strikes = strikes.saturating_add(1);
                if *strikes >= STRIKES {
                    *refused = RARELY;
                }
            }
        }
    }

    /// The pause that keeps the bus at its share after a command of `took_ms`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "milliseconds of one command, at most a minute, times at most 99"
    )]
    fn pause_ms(&self, took_ms: u64) -> u64 {
        (took_ms.min(60_000) as f64 * (1.0 / self.bus_share - 1.0)).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_asks_everything_once_and_then_rests() {
        let mut sweep = Sweep::new(3, 1000, 0.5, 0);
        let mut now = 0;
        for n in 0..3 {
            assert_eq!(sweep.next(now), Due::Sensor(n));
            now += 10;
            sweep.done(Outcome::Answered, 10, now);
            assert_eq!(sweep.next(now), Due::Wait { until_ms: now + 10 });
            now += 10;
        }
        assert_eq!(sweep.next(now), Due::Summary);
        sweep.done(Outcome::Answered, 0, now);
        assert_eq!(sweep.next(now), Due::Swept { began_ms: 0 });
        assert_eq!(sweep.next(now), Due::Wait { until_ms: 1000 });
        assert_eq!(sweep.next(1000), Due::Sensor(0));
    }

    #[test]
    fn a_refused_sensor_is_asked_rarely() {
        let mut sweep = Sweep::new(1, 1000, 1.0, 0);
        let mut asked = 0;
        for round in 0..42u64 {
            let now = round * 1000;
            if sweep.next(now) == Due::Sensor(0) {
                asked += 1;
                sweep.done(Outcome::Refused, 1, now);
            }
            assert_eq!(sweep.next(now), Due::Summary);
            sweep.done(Outcome::Answered, 0, now);
            assert!(matches!(sweep.next(now), Due::Swept { .. }));
        }
        assert_eq!(asked, 2);
    }

    #[test]
    fn a_sensor_that_alone_is_silent_is_asked_rarely_and_the_others_are_not() {
        let mut sweep = Sweep::new(3, 1000, 1.0, 0);
        let (mut now, mut asked) = (0, [0; 3]);
        while asked[0] < 10 {
            match sweep.next(now) {
                Due::Wait { until_ms } => now = until_ms,
                Due::Swept { .. } => {}
                Due::Summary => sweep.done(Outcome::Answered, 0, now),
                Due::Sensor(n) => {
                    asked[n] += 1;
                    let outcome = if n == 1 { Outcome::Silent } else { Outcome::Answered };
                    sweep.done(outcome, 0, now);
                }
            }
        }
        assert_eq!((asked[1], asked[2]), (3, 9));
    }

    #[test]
    fn a_silent_bmc_that_comes_back_is_asked_everything_at_once() {
        let mut sweep = Sweep::new(50, 1000, 1.0, 0);
        let (mut now, mut answers, mut swept) = (0, 0, 0);
        while swept < 12 {
            match sweep.next(now) {
                Due::Wait { until_ms } => now = until_ms,
                Due::Swept { .. } => {
                    swept += 1;
                    assert!(swept <= 10 || answers == 50, "sweep {swept}: {answers}");
                    answers = 0;
                }
                _ if swept < 10 => sweep.done(Outcome::Silent, 0, now),
                Due::Summary => sweep.done(Outcome::Answered, 0, now),
                Due::Sensor(_) => {
                    answers += 1;
                    sweep.done(Outcome::Answered, 0, now);
                }
            }
        }
    }

    #[test]
    fn a_silent_bus_rests_longer_and_longer() {
        let mut sweep = Sweep::new(100, 1000, 1.0, 0);
        let (mut now, mut rests) = (0, Vec::new());
        for _ in 0..9 {
            assert!(matches!(sweep.next(now), Due::Sensor(_)));
            sweep.done(Outcome::Silent, 5000, now);
            let Due::Wait { until_ms } = sweep.next(now) else { panic!("no rest") };
            rests.push((until_ms - now) / 1000);
            now = until_ms;
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
