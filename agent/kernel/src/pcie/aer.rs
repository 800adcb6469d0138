//! The error counts of one PCI Express device (ABI/testing/sysfs-bus-pci-devices-aer_stats).

use crate::attr::Attr;
use crate::file::{number, words};
use socle_model::metrics::{Family, Page, Series};
use std::path::Path;

/// More than a file has: 30 rows of 30 characters.
const SIZE: usize = 2048;
/// Most kinds of errors of one file; PCI Express has 32 bits for them.
const ROWS: usize = 40;

/// Severity and file.
const FILES: [(&str, &str); 3] = [
    ("correctable", "aer_dev_correctable"),
    ("nonfatal", "aer_dev_nonfatal"),
    ("fatal", "aer_dev_fatal"),
];

/// The counts of one severity.
#[derive(PartialEq)]
pub(super) struct Errors {
    file: Attr,
    rows: Vec<Row>,
}

#[derive(PartialEq)]
struct Row {
    name: Vec<u8>,
    series: Series,
    /// The sum of all is shown also while it is 0.
    total: bool,
}

impl Errors {
    /// The files of a device that has them, with the rows that they have.
    pub(super) fn find(device: &str, dir: &Path, family: &Family) -> Vec<Self> {
        let one = |(severity, file): &(&str, &str)| {
            let mut file = Attr::new(dir.join(file));
            let rows = file.parsed_into(&mut [0; SIZE], |text| {
                let mut rows: Vec<Row> = Vec::new();
                for (name, _) in counts(text).take(ROWS) {
                    let row = Row::new(device, severity, name, family);
                    if !rows.iter().any(|known| known.series == row.series) {
                        rows.push(row);
                    }
                }
                Some(rows)
            })?;
            (!rows.is_empty()).then_some(Errors { file, rows })
        };
        FILES.iter().filter_map(one).collect()
    }

    /// Writes the kinds that have occurred, and the total.
    pub(super) fn write(&mut self, page: &mut Page) {
        let Errors { file, rows } = self;
        file.parsed_into(&mut [0; SIZE], |text| {
            let mut rows = rows.iter();
            for (name, count) in counts(text) {
                // The kernel has them in the same order each time.
                let Some(row) = rows.by_ref().find(|row| row.name == name) else { break };
                if count > 0 || row.total {
                    page.sample(&row.series, count);
                }
            }
            Some(())
        });
    }
}

impl Row {
    fn new(device: &str, severity: &str, name: &[u8], family: &Family) -> Self {
        let total = name.starts_with(b"TOTAL_ERR");
        let shown = String::from_utf8_lossy(name);
        let error = if total { "total" } else { &*shown };
        let labels = [("device", device), ("error", error), ("severity", severity)];
        Row { name: name.to_owned(), series: family.series(&labels), total }
    }
}

/// Name and count of each row.
fn counts(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut words = words(line);
        Some((words.next()?, number(words.next())?))
    })
}
