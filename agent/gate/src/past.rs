//! A moment that has passed, whose age stays true when somebody sets the clock.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// The clock was set when it moved by more than this beside the one that nobody sets.
const STEP: Duration = Duration::from_secs(2);

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past {
    /// By the wall clock as it was then.
    pub(crate) on: Timestamp,
    /// By the clock that nobody sets.
    pub(crate) at: Instant,
}

impl Past {
    /// This moment.
    pub(crate) fn now() -> Self {
        Past { on: Timestamp::now(), at: Instant::now() }
    }

    /// A moment of which another process tells.
    pub(crate) fn told(on: Timestamp) -> Self {
        let age = Duration::try_from(Timestamp::now().duration_since(on)).unwrap_or_default();
        let now = Instant::now();
        Past { on, at: now.checked_sub(age).unwrap_or(now) }
    }

    /// By how much the clock was set since; zero while it runs as it should.
    pub(crate) fn step(&self, now: Timestamp) -> SignedDuration {
        let ran = SignedDuration::try_from(self.at.elapsed()).unwrap_or(SignedDuration::MAX);
        let step = now.duration_since(self.on).saturating_sub(ran);
        if step.unsigned_abs() > STEP { step } else { SignedDuration::ZERO }
    }

    /// The moment as the clock would have shown it, had it always been as it is now.
    pub(crate) fn shown(&self, now: Timestamp) -> Timestamp {
        self.on.checked_add(self.step(now)).unwrap_or(self.on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_true_whatever_the_clock_shows() {
        let past = Past { at: Instant::now() - Duration::from_secs(100), ..Past::now() };
        let age = |now: Timestamp| now.duration_since(past.shown(now)).as_secs();
        let run = past.on + SignedDuration::from_secs(100);
        assert_eq!(past.shown(run), past.on, "nobody set it");
        for hours in [-30, -1, 1, 30] {
            let set = run + SignedDuration::from_hours(hours);
            assert!((99..=101).contains(&age(set)), "{hours}: {}", age(set));
        }
    }
}
