//! What to ask next, and when: every readable sensor once an interval, one that an event names at once,
//! the log in between, the bus idle for its share, one command at a time. Pure: time is an argument, in
//! milliseconds of any monotonic clock.

use std::collections::VecDeque;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Read the sensor with this index.
    Sensor(usize),
    /// Look at SEL info: about once a second between the summaries, seldomer where a command takes long.
    Log,
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
/// Shortest time between two looks at SEL info.
const LOG_EVERY_MS: u64 = 1_000;
/// A look at SEL info, with the pause after it, takes at most one part in so many of our time.
const LOG_SHARE: u64 = 10;
/// Sensors that wait to be asked at once; more wait for the sweep to come to them.
const HURRIED: usize = 32;

#[derive(Debug, Clone, Copy)]
enum Stage {
    Sensors(usize),
    Summary,
    End,
    Idle,
}

/// What was last due.
#[derive(Debug, Clone, Copy)]
enum Asking {
    /// What the sweep has next.
    InOrder,
    Hurried(usize),
    Log,
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
    hurried: VecDeque<usize>,
    asking: Asking,
    log_due_ms: u64,
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
            hurried: VecDeque::new(),
            asking: Asking::InOrder,
            // A summary looks at the log, too: the first one has to come first.
            log_due_ms: u64::MAX,
        }
    }

    /// Has sensor `n` asked before those whose turn it is, because an event names it. While a sweep is
    /// under way every other command stays the sweep's own.
    pub fn hurry(&mut self, n: usize) {
        let room = self.hurried.len() < HURRIED && n < self.refused_for.len();
        if room && !self.hurried.contains(&n) {
            self.hurried.push_back(n);
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
        let due_ms = self.began_ms.saturating_add(self.interval_ms);
        let idle = matches!(self.stage, Stage::Idle) && now_ms < due_ms;
        // Every other command is the sweep's own, whatever hurries.
        if idle || matches!(self.asking, Asking::InOrder) {
            if now_ms >= self.log_due_ms {
                self.asking = Asking::Log;
                return Due::Log;
            }
            if let Some(n) = self.hurried.pop_front() {
                self.asking = Asking::Hurried(n);
                return Due::Sensor(n);
            }
        }
        self.asking = Asking::InOrder;
        if matches!(self.stage, Stage::Idle) {
            if idle {
                return Due::Wait { until_ms: due_ms.min(self.log_due_ms) };
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
        match self.asking {
            Asking::InOrder => self.advance(outcome, rested, took_ms, now_ms),
            Asking::Hurried(n) => self.judge(n, outcome, rested),
            Asking::Log => self.log_was_seen(took_ms, now_ms),
        }
    }

    fn advance(&mut self, outcome: Outcome, rested: bool, took_ms: u64, now_ms: u64) {
        self.stage = match self.stage {
            Stage::Sensors(n) => {
                self.judge(n, outcome, rested);
                Stage::Sensors(n + 1)
            }
            Stage::Summary => {
                self.log_was_seen(took_ms, now_ms);
                Stage::End
            }
            Stage::End => Stage::End,
            Stage::Idle => Stage::Idle,
        };
    }

    /// A BMC that answers slowly is not asked for its log instead of for its sensors.
    fn log_was_seen(&mut self, took_ms: u64, now_ms: u64) {
        let cost_ms = took_ms.saturating_add(self.pause_ms(took_ms));
        let wait_ms = cost_ms.saturating_mul(LOG_SHARE).max(LOG_EVERY_MS);
        self.log_due_ms = now_ms.saturating_add(wait_ms);
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
mod tests;
