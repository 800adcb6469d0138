//! Rows of a /proc table, one per device, with their series rendered when a device is first seen.

/// The devices of a table, in the order they were first seen.
#[derive(Debug)]
pub(crate) struct Table<R> {
    rows: Vec<Row<R>>,
    next: usize,
    round: u64,
}

#[derive(Debug)]
struct Row<R> {
    key: Box<[u8]>,
    round: u64,
    value: R,
}

/// When a device was last listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Never, or not in the reading before this one.
    Anew,
    /// In the reading before this one.
    Before,
    /// In this reading already: a line that is there twice.
    Twice,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        // The round of a new row is 0, which is no neighbour of the first reading's.
        Table { rows: Vec::new(), next: 0, round: 1 }
    }
}

impl<R> Table<R> {
    /// Begins a new reading of the table.
    pub(crate) fn begin(&mut self) {
        self.next = 0;
        self.round += 1;
    }

    /// The row of a device; `make` renders its series at first sight. The kernel lists devices in the
    /// same order each time, so the next row is nearly always the one.
    pub(crate) fn row(&mut self, key: &[u8], make: impl FnOnce() -> R) -> Option<(&mut R, Seen)> {
        let at = match self.rows.get(self.next) {
            Some(row) if &*row.key == key => Some(self.next),
            _ => self.rows.iter().position(|row| &*row.key == key),
        };
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row { key: key.into(), round: 0, value: make() });
            self.rows.len() - 1
        });
        self.next = at + 1;
        let row = self.rows.get_mut(at)?;
        let seen = match self.round - row.round {
            0 => Seen::Twice,
            1 => Seen::Before,
            _ => Seen::Anew,
        };
        row.round = self.round;
        Some((&mut row.value, seen))
    }

    /// The row that was asked for last, if it is this device's.
    pub(crate) fn current_mut(&mut self, key: &[u8]) -> Option<&mut R> {
        let row = self.rows.get_mut(self.next.checked_sub(1)?)?;
        (*row.key == *key).then_some(&mut row.value)
    }

    /// The devices of this reading, to be changed.
    pub(crate) fn present_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.rows.iter_mut().filter(|row| row.round == self.round).map(|row| &mut row.value)
    }

    /// The devices of this reading.
    pub(crate) fn present(&self) -> impl Iterator<Item = &R> {
        self.rows.iter().filter(|row| row.round == self.round).map(|row| &row.value)
    }

    /// Forgets devices that the last reading did not list.
    pub(crate) fn sweep(&mut self) {
        self.rows.retain(|row| row.round == self.round);
    }
}
