//! What is done apart from scrapes: reads that are too slow for one, and looking for devices. One source at
//! a time, each behind the scrape that came meanwhile.

use super::{Desk, Kit, Reader, Slot, lock};
use crate::pool::Pool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// When a source without reads of its own pace is asked again whether it has any.
const NO_PACE: Duration = Duration::from_secs(30);
/// When a source is tried again that a thread is away with.
const AWAY: Duration = Duration::from_secs(1);

impl Slot {
    /// Takes the source away for a read of its own pace, when its turn has come.
    fn leave_in_turn(&mut self) -> Option<Kit> {
        let now = Instant::now();
        if self.due > now {
            return None;
        }
        let kit = self.leave();
        if kit.is_none() {
            self.due = now + AWAY;
        }
        kit
    }
}

impl Reader {
    /// Does the next read of one source that has reads of its own pace and whose turn has come. Hands
    /// `done` the wait until the next turn of any.
    pub(crate) fn step(&self, done: impl FnOnce(Duration) + Send + 'static) {
        let desk = self.desk.clone();
        self.pool.queue(move || {
            // Not in the loop's head, where it would hold the desk to the loop's end.
            let sources = lock(&desk).slots.len();
            for index in 0..sources {
                let left = lock(&desk).slots.get_mut(index).and_then(Slot::leave_in_turn);
                let Some(mut kit) = left else { continue };
                let next = kit.source.step();
                let mut desk = lock(&desk);
                desk.progress += 1;
                if let Some(slot) = desk.slots.get_mut(index) {
                    slot.due = Instant::now() + next.unwrap_or(NO_PACE);
                    slot.back(kit);
                }
                if next.is_some() {
                    break;
                }
            }
            let next = lock(&desk).slots.iter().map(|slot| slot.due).min();
            let wait = next.map(|due| due.saturating_duration_since(Instant::now()));
            done(wait.unwrap_or(NO_PACE));
        });
    }

    /// Lets every source that is at home look for devices that came or went, off the scrape path: one
    /// after the other, each behind the scrape that came meanwhile.
    pub(crate) fn discover(&self) {
        discover_from(&self.pool, &self.desk, 0);
    }
}

fn discover_from(pool: &Arc<Pool>, desk: &Arc<Mutex<Desk>>, index: usize) {
    let (own_pool, own_desk) = (pool.clone(), desk.clone());
    pool.queue(move || {
        let left = lock(&own_desk).slots.get_mut(index).and_then(Slot::leave);
        if let Some(mut kit) = left {
            let outcome = kit.source.discover();
            let mut desk = lock(&own_desk);
            desk.progress += 1;
            if let Some(slot) = desk.slots.get_mut(index) {
                slot.back(kit);
                if let Err(failure) = outcome {
                    slot.report.failure = Some(failure);
                }
            }
        }
        let more = index + 1 < lock(&own_desk).slots.len();
        if more {
            discover_from(&own_pool, &own_desk, index + 1);
        }
    });
}
