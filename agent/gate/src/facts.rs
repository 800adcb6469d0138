//! What the kernel tells about the hardware: read on the reading thread, and opened there too, so that
//! a /sys that hangs holds up nobody.

use crate::kernel::{Facts, Root};
use crate::pool::Pool;
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

/// The last look, and the one under way.
pub(crate) struct FactsDesk {
    root: Root,
    kit: Option<Kit>,
    away: Option<oneshot::Receiver<(Kit, KernelFacts)>>,
    last: Option<KernelFacts>,
    read_at: Option<Instant>,
}

/// What travels to the reading thread and back.
struct Kit {
    facts: Facts,
    looked_at: Instant,
}

impl FactsDesk {
    /// Nothing opened yet.
    pub(crate) fn new(root: Root) -> Self {
        FactsDesk { root, kit: None, away: None, last: None, read_at: None }
    }

    /// What was seen last.
    pub(crate) fn last(&self) -> Option<&KernelFacts> {
        self.last.as_ref()
    }

    /// Reads, at most every [`PACE`], or gives what was read last when that takes too long.
    pub(crate) async fn read(&mut self, pool: &Arc<Pool>) {
        if self.away.is_none() && self.read_at.is_none_or(|at| at.elapsed() >= PACE) {
            self.read_at = Some(Instant::now());
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
