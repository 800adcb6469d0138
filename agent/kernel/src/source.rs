//! The table of sources.

use crate::{ReadError, Root, Settings, loadavg::Loadavg, meminfo::Meminfo, stat::Stat};
use socle_model::metrics::Page;

/// A source of metric families, open.
pub trait Source: Send {
    /// Writes the current samples. What was written before an error is the caller's to rewind.
    ///
    /// # Errors
    /// A file was not there, was refused or was not understood.
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError>;

    /// Looks for new devices; slow, so never called within a scrape.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn discover(&mut self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Opens a source under a root, filtered as the settings say.
pub type Open = fn(&Root, &Settings) -> Result<Box<dyn Source>, ReadError>;

/// One line of the table.
#[derive(Debug)]
pub struct Entry {
    /// node_exporter's name of the collector.
    pub name: &'static str,
    /// Whether it runs unless excluded.
    pub on_by_default: bool,
    /// Opens it.
    pub open: Open,
}

/// Every source of this room, by name.
pub const SOURCES: &[Entry] = &[
    Entry { name: "loadavg", on_by_default: true, open: |r, _| Ok(Box::new(Loadavg::new(r))) },
    Entry { name: "meminfo", on_by_default: true, open: |r, _| Ok(Box::new(Meminfo::new(r))) },
    Entry { name: "stat", on_by_default: true, open: |r, _| Ok(Box::new(Stat::new(r))) },
];
