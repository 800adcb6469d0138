//! Whose turn it is where each question costs 10 to 20 ms and an interrupt.

use crate::Root;
use crate::attr::Attr;
use std::time::Duration;

/// Kernels, by major and minor number, on which `scaling_cur_freq` measures: it waits 10 ms and more and
/// sends an interrupt to the CPU asked (arch/x86/kernel/cpu/aperfmperf.c up to 5.17). Before, it gave
/// what was asked for; since 5.18 it gives what the tick has measured.
const MEASURING: std::ops::Range<(u64, u64)> = (4, 13)..(5, 18);

/// How old a value may become where there are few CPUs.
const ROUND: Duration = Duration::from_secs(15);
/// The shortest pause: at most a fifth of one CPU's time is spent on it, however many there are.
const SHORTEST: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Pace {
    next: usize,
}

impl Pace {
    /// `None` where asking costs nothing.
    pub(super) fn of(root: &Root) -> Option<Self> {
        let release = Attr::new(root.procfs.join("sys/kernel/osrelease")).text().ok()?;
        version(&release).filter(|version| MEASURING.contains(version)).map(|_| Pace::default())
    }

    /// Which of so many is next.
    pub(super) fn next(&mut self, count: usize) -> Option<usize> {
        let at = self.next.checked_rem(count)?;
        self.next = at + 1;
        Some(at)
    }

    /// How long to wait between two of so many.
    pub(super) fn pause(&self, count: usize) -> Duration {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        (ROUND / count).max(SHORTEST)
    }
}

/// Major and minor number of a release like `5.14.0-427.el9.x86_64`.
fn version(release: &str) -> Option<(u64, u64)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_that_measure_are_told_by_their_version() {
        for (release, measures) in [
            ("4.12.14-122-default", false),
            ("4.18.0-553.el8.x86_64", true),
            ("5.3.18-150300-default", true),
            ("5.14.0-427.el9.x86_64", true),
            ("5.18.0", false),
            ("6.1.0-30-amd64", false),
        ] {
            assert_eq!(MEASURING.contains(&version(release).unwrap()), measures, "{release}");
        }
        assert_eq!(version("next"), None);
    }

    #[test]
    fn everybody_has_a_turn_and_few_are_not_asked_often() {
        let mut pace = Pace::default();
        let turns: Vec<_> = (0..5).map(|_| pace.next(3)).collect();
        assert_eq!(turns, [Some(0), Some(1), Some(2), Some(0), Some(1)]);
        assert_eq!(pace.next(0), None);
        assert_eq!(pace.pause(1), ROUND);
        assert_eq!(pace.pause(1792), SHORTEST);
    }
}
