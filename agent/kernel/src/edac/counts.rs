//! The error counts that the verdict needs: per DIMM where the driver places errors, and what it could
//! not place.

use super::directory;
use crate::Root;
use crate::attr::{Attr, numbered};
use socle_model::facts::EdacCount;
use std::path::{Path, PathBuf};

#[derive(Debug, PartialEq)]
struct Counter {
    /// Without its counts.
    known: EdacCount,
    corrected: Attr,
    uncorrected: Attr,
}

/// The counters of all controllers, kept open.
#[derive(Debug, PartialEq)]
pub(crate) struct Counts(Vec<Counter>);

impl Counts {
    /// Looks for controllers and DIMMs; what cannot be read is not there.
    pub(crate) fn find(root: &Root) -> Self {
        let mut counters = Vec::new();
        for (number, path) in numbered(&directory(root), "mc").unwrap_or_default() {
            let before = counters.len();
            let dimms = dimms(&path).into_iter();
            counters.extend(dimms.filter_map(|(dimm, path)| Counter::of_dimm(number, dimm, &path)));
            // With DIMMs that count, the controller's own is the rest; without, it is all there is.
            let names = match counters.len() > before {
                true => ["ce_noinfo_count", "ue_noinfo_count"],
                false => ["ce_count", "ue_count"],
            };
            counters.push(Counter::new(number, &path, names));
        }
        Counts(counters)
    }

    /// Looks again; what is the same stays open.
    pub(crate) fn discover(&mut self, root: &Root) {
        let found = Self::find(root);
        if *self != found {
            *self = found;
        }
    }

    /// One look. A counter that cannot be read is left out: it is not 0.
    pub(crate) fn read(&mut self) -> Vec<EdacCount> {
        let one = |counter: &mut Counter| {
            let (corrected, uncorrected) =
                (counter.corrected.value()?, counter.uncorrected.value()?);
            Some(EdacCount { corrected, uncorrected, ..counter.known.clone() })
        };
        self.0.iter_mut().filter_map(one).collect()
    }
}

impl Counter {
    fn new(controller: u64, dir: &Path, [corrected, uncorrected]: [&str; 2]) -> Self {
        Counter {
            known: EdacCount {
                controller: controller.to_string(),
                dimm: None,
                label: None,
                location: None,
                corrected: 0,
                uncorrected: 0,
                file: dir.to_string_lossy().into_owned(),
            },
            corrected: Attr::new(dir.join(corrected)),
            uncorrected: Attr::new(dir.join(uncorrected)),
        }
    }

    /// `None` where the driver does not count by DIMM.
    fn of_dimm(controller: u64, dimm: String, dir: &Path) -> Option<Self> {
        let text = |file: &str| {
            let text = Attr::new(dir.join(file)).text().ok();
            text.filter(|text| !text.is_empty())
        };
        let mut counter = Counter::new(controller, dir, ["dimm_ce_count", "dimm_ue_count"]);
        counter.known.dimm = Some(dimm);
        counter.known.label = text("dimm_label");
        counter.known.location = text("dimm_location");
        let counts: Option<(u64, u64)> = counter.corrected.value().zip(counter.uncorrected.value());
        counts.map(|_| counter)
    }
}

/// `dimmN` or `rankN` directories of a controller.
pub(crate) fn dimms(controller: &Path) -> Vec<(String, PathBuf)> {
    let of = |prefix: &str| -> Vec<(String, PathBuf)> {
        let found = numbered(controller, prefix).unwrap_or_default().into_iter();
        found.map(|(number, path)| (format!("{prefix}{number}"), path)).collect()
    };
    [of("dimm"), of("rank")].concat()
}
