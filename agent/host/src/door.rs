//! What the doors have in common: what they show, and how many may stand in them.

use crate::asks::Asks;
use socle_hardware::sel_ring::SelRing;
use socle_model::Timestamp;
use socle_model::link::{RECORDS_LIMIT, Records};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Connections that one user may hold at one door.
const CONNECTIONS_PER_UID: usize = 16;

/// What is shown: the latest snapshot as a ready frame, the SEL's records, and what is read when asked.
#[derive(Debug)]
pub(crate) struct Hall {
    pub(crate) frames: watch::Receiver<Arc<[u8]>>,
    pub(crate) records: Arc<Mutex<SelRing>>,
    pub(crate) started: Timestamp,
    pub(crate) asks: Asks,
}

impl Hall {
    /// A subscription to the latest snapshot.
    pub(crate) fn latest(&self) -> watch::Receiver<Arc<[u8]>> {
        self.frames.clone()
    }

    /// The answer to `Events`.
    pub(crate) fn records(&self, after: u64) -> Records {
        let ring = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let (records, more) = ring.after(after, RECORDS_LIMIT);
        Records { started: self.started, records, more }
    }
}

/// Connections per uid at one door: one cap for all would let one user lock another out.
#[derive(Debug, Default)]
pub(crate) struct Cap {
    taken: Arc<Mutex<HashMap<u32, usize>>>,
}

/// One connection's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    uid: u32,
    taken: Arc<Mutex<HashMap<u32, usize>>>,
}

impl Cap {
    /// A place for `uid`, if it has one left.
    pub(crate) fn take(&self, uid: u32) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(uid).or_insert(0);
        if *count >= CONNECTIONS_PER_UID {
            return None;
        }
        *count += 1;
        Some(Place { uid, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.uid) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_lock_another_out() {
        let cap = Cap::default();
        let mut held: Vec<_> = (0..CONNECTIONS_PER_UID).filter_map(|_| cap.take(1)).collect();
        assert_eq!(held.len(), CONNECTIONS_PER_UID);
        assert!(cap.take(1).is_none());
        assert!(cap.take(2).is_some());
        held.pop();
        assert!(cap.take(1).is_some());
    }
}
