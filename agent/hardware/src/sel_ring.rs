//! The last SEL records, each with a number that grows while this process lives, so that a reader
//! who was away knows what it missed.

use socle_model::bmc::SelRecord;
use std::collections::VecDeque;

/// Records kept.
pub const CAPACITY: usize = 4096;

/// A ring of records, oldest first.
#[derive(Debug, Default)]
pub struct SelRing {
    records: VecDeque<SelRecord>,
    head: u64,
}

impl SelRing {
    /// The number of the youngest record; 0 before the first.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Appends a record and numbers it.
    pub fn push(&mut self, mut record: SelRecord) {
        self.head += 1;
        record.head = self.head;
        if self.records.len() >= CAPACITY {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    /// All records, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<SelRecord> {
        self.records.iter().cloned().collect()
    }

    /// At most `most` records with a number greater than `after`, oldest first, and whether there
    /// are more.
    #[must_use]
    pub fn after(&self, after: u64, most: usize) -> (Vec<SelRecord>, bool) {
        let from = self.records.partition_point(|record| record.head <= after);
        let found = self.records.iter().skip(from);
        let more = self.records.len() - from > most;
        (found.take(most).cloned().collect(), more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_numbered_and_the_oldest_leave() {
        let mut ring = SelRing::default();
        assert_eq!(ring.after(0, 9), (Vec::new(), false));
        let record = SelRecord {
            head: 0,
            record_id: 1,
            at: None,
            record_type: 2,
            sensor: None,
            entity_id: 0,
            entity_instance: 0,
            sensor_type: 0,
            event_type: 0,
            offset: 0,
            asserted: true,
            text: String::new(),
            raw: String::new(),
            epoch: 0,
            backlog: false,
        };
        for _ in 0..CAPACITY + 10 {
            ring.push(record.clone());
        }
        let (first, more) = ring.after(0, 2);
        assert_eq!(first.iter().map(|record| record.head).collect::<Vec<_>>(), [11, 12]);
        assert!(more);
        let last = u64::try_from(CAPACITY + 10).unwrap();
        let (rest, more) = ring.after(last - 2, 2);
        assert_eq!((rest.len(), more, ring.head()), (2, false, last));
        assert_eq!(ring.after(last + 5, 2), (Vec::new(), false));
    }
}
