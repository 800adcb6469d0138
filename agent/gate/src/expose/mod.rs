//! What stands on the page besides the kernel's sources: `ipmi_*` and `socle_*`.

pub(crate) mod ipmi;
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

/// The first part of `text` that holds at most `most` samples, without the head of a family that lost
/// all of its own, and how many there are in all.
pub(crate) fn cut(text: &str, most: usize) -> (&str, usize) {
    let (mut samples, mut at, mut end) = (0usize, 0usize, 0usize);
    for line in text.split_inclusive('\n') {
        at += line.len();
        if !line.starts_with('#') {
            samples += 1;
            if samples <= most {
                end = at;
            }
        }
    }
    if samples <= most {
        return (text, samples);
    }
    (text.get(..end).unwrap_or_default(), samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_cut_at_its_limit() {
        let kept = "# HELP a x\n# TYPE a gauge\na 1\nb{x=\"# \"} 2\n";
        let text = format!("{kept}# TYPE c gauge\nc 3\n");
        assert_eq!(cut(&text, 3), (text.as_str(), 3));
        assert_eq!(cut(&text, 2), (kept, 3));
        assert_eq!(cut("", 0), ("", 0));
    }
}
