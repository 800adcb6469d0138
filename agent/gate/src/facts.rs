//! What the kernel tells about the hardware: read on the reading thread, and opened there too, so that
//! a /sys that hangs holds up nobody.

use crate::kernel::{Facts, Root};
use crate::pool::Pool;
use jiff::Timestamp;
use socle_model::bmc::{Source, SourceState};
use socle_model::facts::KernelFacts;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// How long is waited for a look; later the last one counts.
const PATIENCE: Duration = Duration::from_secs(1);
/// The shortest time between two looks.
const PACE: Duration = Duration::from_secs(4);
/// How often chips that came are looked for.
const DISCOVERY: Duration = Duration::from_secs(30);

/// Older than this, what was seen is no longer of now: three of the usual times between two looks.
const OLD: Duration = Duration::from_secs(15);

/// The last look, and the one under way.
pub(crate) struct FactsDesk {
    root: Root,
    kit: Option<Kit>,
    away: Option<oneshot::Receiver<(Kit, KernelFacts)>>,
    last: Option<KernelFacts>,
    /// When the look under way, or else the last one, began.
    began: Option<Instant>,
    /// When the last look ended; before that, when this desk was made.
    read_at: Instant,
    /// The same by the wall clock.
    read_on: Option<Timestamp>,
    took: Duration,
    /// Whether the look under way counts as failed already.
    counted: bool,
    errors: u64,
}

/// What travels to the reading thread and back.
struct Kit {
    facts: Facts,
    looked_at: Instant,
}

impl FactsDesk {
    /// Nothing opened yet.
    pub(crate) fn new(root: Root) -> Self {
        FactsDesk {
            root,
            kit: None,
            away: None,
            last: None,
            began: None,
            read_at: Instant::now(),
            read_on: None,
            took: Duration::ZERO,
            counted: false,
            errors: 0,
        }
    }

    /// What was seen last.
    pub(crate) fn last(&self) -> Option<&KernelFacts> {
        self.last.as_ref()
    }

    /// When that was read.
    pub(crate) fn read_on(&self) -> Option<Timestamp> {
        self.read_on
    }

    /// How the looks fare as of `now`; `None` before the first one ended, while that takes no longer
    /// than it may.
    pub(crate) fn source(&mut self, now: Instant) -> Option<Source> {
        let age = now.saturating_duration_since(self.read_at);
        let error = (age > OLD).then(|| {
            let seconds = age.as_secs();
            format!(
                "reading /proc and /sys hangs: host facts and hwmon were last read {seconds} s ago"
            )
        });
        if error.is_none() && self.read_on.is_none() {
            return None;
        }
        if error.is_some() && !std::mem::replace(&mut self.counted, true) {
            self.errors += 1;
        }
        Some(Source {
            name: "facts".into(),
            state: if error.is_some() { SourceState::Failing } else { SourceState::Ok },
            last_data: self.read_on,
            duration_s: Some(self.took.as_secs_f64()),
            errors: self.errors,
            error,
        })
    }

    /// Reads, at most every [`PACE`], or gives what was read last when that takes too long.
    pub(crate) async fn read(&mut self, pool: &Arc<Pool>) {
        if self.away.is_none() && self.began.is_none_or(|at| at.elapsed() >= PACE) {
            self.began = Some(Instant::now());
            let (sender, away) = oneshot::channel();
            let (root, kit) = (self.root.clone(), self.kit.take());
            pool.queue(move || {
                let mut kit = kit.unwrap_or_else(|| Kit::open(&root));
                let read = kit.read();
                // Nobody waits any more when the process is ending.
                let _ = sender.send((kit, read));
            });
            self.away = Some(away);
        }
        if let Some(away) = &mut self.away
            && let Ok(answer) = timeout(PATIENCE, away).await
        {
            self.away = None;
            if let Ok((kit, read)) = answer {
                (self.kit, self.last) = (Some(kit), Some(read));
                (self.read_at, self.read_on) = (Instant::now(), Some(Timestamp::now()));
                self.took = self.began.map_or(Duration::ZERO, |began| began.elapsed());
                self.counted = false;
            }
        }
    }
}

impl Kit {
    fn open(root: &Root) -> Self {
        Kit { facts: Facts::open(root), looked_at: Instant::now() }
    }

    fn read(&mut self) -> KernelFacts {
        if self.looked_at.elapsed() >= DISCOVERY {
            self.looked_at = Instant::now();
            self.facts.discover();
        }
        self.facts.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn facts_that_are_not_read_again_are_a_failing_source() {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("proc/sys/kernel");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("hostname"), "node7\n").unwrap();
        let root = Root::with(
            tree.path().join("proc"),
            tree.path().join("sys"),
            tree.path(),
            tree.path().join("run"),
        );
        let mut desk = FactsDesk::new(root);
        assert_eq!(desk.source(Instant::now()), None, "not read yet");
        let late = Instant::now() + OLD + PATIENCE;
        let never = desk.source(late).unwrap();
        assert_eq!((never.state, never.last_data), (SourceState::Failing, None));
        while desk.last().is_none() {
            desk.read(&Arc::default()).await;
        }
        let good = desk.source(Instant::now()).unwrap();
        assert_eq!((good.state, good.last_data), (SourceState::Ok, desk.read_on()));
        let old = desk.source(Instant::now() + OLD + PATIENCE).unwrap();
        assert_eq!((old.state, old.errors), (SourceState::Failing, 2));
        assert!(old.error.unwrap().contains("16 s ago"));
    }
}
