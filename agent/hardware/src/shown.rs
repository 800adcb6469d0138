//! What a session shows, and when: a sweep that ended, a first one as far as it is, what an event brought.

use crate::session::Session;
use socle_model::Timestamp;
use std::time::{Duration, Instant};

/// How often what a storm of events brings is shown.
const SHOW_HASTE: Duration = Duration::from_millis(250);
/// How often a first sweep that takes long is shown in part.
const SHOW_EVERY: Duration = Duration::from_secs(20);

impl Session<'_> {
    pub(crate) fn swept(&mut self, began_ms: u64) {
        let answered = std::mem::take(&mut self.answered);
        self.data.up.ipmi = match self.sensors.readable() {
            0 => self.walked.is_some(),
            _ => answered > 0,
        };
        self.data.swept_at = Some(Timestamp::now());
        self.data.sweep_s =
            Some(Duration::from_millis(self.now_ms().saturating_sub(began_ms)).as_secs_f64());
        self.whole_sweep = true;
        self.known = true;
        let fault = self.fault.take();
        self.present(fault);
        self.shown = Instant::now();
        self.unshown = false;
        self.worker.save_place();
    }

    /// Publishes what is known, and with it that the records are known in part only.
    pub(crate) fn present(&mut self, fault: Option<String>) {
        self.worker.present(&self.data, fault, self.incomplete.as_deref());
    }

    /// A first sweep that takes long is shown as far as it is.
    pub(crate) fn show_progress(&mut self) {
        if !self.known && self.shown.elapsed() > SHOW_EVERY {
            self.shown = Instant::now();
            self.worker.progress(&self.data);
        }
    }

    /// What an event brought is shown at once; of a storm a few times a second.
    pub(crate) fn show_hurried(&mut self, n: usize) {
        self.unshown |= self.haste.remove(&n);
        let due = self.haste.is_empty() || self.shown.elapsed() > SHOW_HASTE;
        if self.unshown && due && self.whole_sweep {
            self.unshown = false;
            self.shown = Instant::now();
            self.show();
        }
    }

    /// Publishes what is known between two sweeps.
    pub(crate) fn show(&mut self) {
        self.worker.progress(&self.data);
    }
}
