//! Since when the bus thread has been inside one call, for whoever watches it from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The mark of a bus that waits for its time.
const IDLE: u64 = u64::MAX;

/// Since when the thread has been inside a call.
#[derive(Debug)]
pub(crate) struct Beat {
    began: Instant,
    busy_since_ms: AtomicU64,
}

impl Beat {
    pub(crate) fn start() -> Self {
        Beat { began: Instant::now(), busy_since_ms: AtomicU64::new(IDLE) }
    }

    /// How long the thread has been inside a call, if it is.
    pub(crate) fn inside(&self) -> Option<Duration> {
        let since = self.busy_since_ms.load(Ordering::Relaxed);
        (since != IDLE).then(|| Duration::from_millis(self.now_ms().saturating_sub(since)))
    }
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(IDLE - 1)
    }

    pub(crate) fn busy(&self) {
        self.busy_since_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    pub(crate) fn idle(&self) {
        self.busy_since_ms.store(IDLE, Ordering::Relaxed);
    }
}
