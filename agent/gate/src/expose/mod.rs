//! What stands on the page besides the kernel's sources: `ipmi_*` and `socle_*`.

pub(crate) mod doors;
pub(crate) mod ipmi;
pub(crate) mod nvme;
pub(crate) mod own;

use socle_model::metrics::{Family, Kind, Page, Series, Value};
use std::collections::HashSet;

/// A family under construction: its samples are collected, because the sensors that feed several
/// families come mixed, and no series is given twice.
#[derive(Debug)]
pub(crate) struct Rows {
    family: Family,
    rows: Vec<(Series, Value)>,
}

impl Rows {
    /// An empty gauge.
    pub(crate) fn gauge(name: &str, help: &str) -> Self {
        Rows { family: Family::new(name, Kind::Gauge, help), rows: Vec::new() }
    }

    /// An empty counter.
    pub(crate) fn counter(name: &str, help: &str) -> Self {
        Rows { family: Family::new(name, Kind::Counter, help), rows: Vec::new() }
    }

    /// An empty family of no type.
    pub(crate) fn untyped(name: &str, help: &str) -> Self {
        Rows { family: Family::new(name, Kind::Untyped, help), rows: Vec::new() }
    }

    /// Adds a sample.
    pub(crate) fn push(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        self.rows.push((self.family.series(labels), value.into()));
    }

    /// Writes head and samples, unless there is none; the second of two equal series is left out.
    pub(crate) fn write(&self, page: &mut Page) {
        if self.rows.is_empty() {
            return;
        }
        page.family(&self.family);
        let mut seen = HashSet::with_capacity(self.rows.len());
        for (series, value) in &self.rows {
            if seen.insert(series) {
                page.sample(series, *value);
            }
        }
    }
}
