//! How often the same thing may be said: at most N times a minute, then only counted. Pure: time is
//! an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(60);
/// Most keys that are remembered; strangers beyond it share nothing and are left out.
const KEYS_MAX: usize = 1024;

/// A limit per key: a place in the code, a peer.
#[derive(Debug)]
pub struct RateLimit<K> {
    a_minute: u32,
    keys: HashMap<K, Window>,
}

#[derive(Debug)]
struct Window {
    began: Duration,
    admitted: u32,
    left_out: u64,
}

/// What to do with one occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Say it. `left_out` occurrences before it were not said: say that too when it is not 0.
    Say {
        /// How many were left out since the last one that was said.
        left_out: u64,
    },
    /// Only count it.
    LeaveOut,
}

impl<K: Eq + Hash> RateLimit<K> {
    /// At most `a_minute` per key.
    #[must_use]
    pub fn new(a_minute: u32) -> Self {
        RateLimit { a_minute, keys: HashMap::new() }
    }

    /// Judges one occurrence of `key` at `now`, a time that never goes back.
    pub fn judge(&mut self, key: K, now: Duration) -> Verdict {
        if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(&key) {
            self.keys.retain(|_, window| now.saturating_sub(window.began) < WINDOW);
            if self.keys.len() >= KEYS_MAX {
                return Verdict::LeaveOut;
            }
        }
        let fresh = Window { began: now, admitted: 0, left_out: 0 };
        let window = self.keys.entry(key).or_insert(fresh);
        if now.saturating_sub(window.began) >= WINDOW {
            window.began = now;
            window.admitted = 0;
        }
        if window.admitted >= self.a_minute {
            window.left_out = window.left_out.saturating_add(1);
            return Verdict::LeaveOut;
        }
        window.admitted = window.admitted.saturating_add(1);
        Verdict::Say { left_out: std::mem::take(&mut window.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAY: Verdict = Verdict::Say { left_out: 0 };

    #[test]
    fn a_key_speaks_so_often_and_then_counts() {
        let mut limit = RateLimit::new(2);
        let at = Duration::from_secs;
        let said = [1, 1, 1, 2, 59].map(|second| limit.judge("a", at(second)));
        assert_eq!(said, [SAY, SAY, Verdict::LeaveOut, Verdict::LeaveOut, Verdict::LeaveOut]);
        assert_eq!(limit.judge("b", at(59)), SAY);
        assert_eq!(limit.judge("a", at(61)), Verdict::Say { left_out: 3 });
        assert_eq!(limit.judge("a", at(62)), SAY);
    }

    #[test]
    fn many_keys_do_not_cost_memory() {
        let mut limit = RateLimit::new(1);
        for key in 0..5000u32 {
            limit.judge(key, Duration::ZERO);
        }
        assert_eq!(limit.keys.len(), KEYS_MAX);
        assert_eq!(limit.judge(9999, Duration::from_secs(61)), SAY);
        assert_eq!(limit.keys.len(), 1);
    }
}
