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

impl<R> Default for Table<R> {
    fn default() -> Self {
        Table { rows: Vec::new(), next: 0, round: 0 }
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
    pub(crate) fn row(&mut self, key: &[u8], make: impl FnOnce() -> R) -> Option<&mut R> {
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
        row.round = self.round;
        Some(&mut row.value)
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
