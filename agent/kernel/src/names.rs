//! Families whose names come from a file: only names that a metric may have, each of them once.

use socle_model::metrics::{Family, Kind};
use std::collections::BTreeSet;

/// The names that are taken.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<Box<str>>);

impl Names {
    /// The family; none where no metric may have the name, or where it is taken.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) -> Option<Family> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(legal) || self.0.contains(name) {
            return None;
        }
        self.0.insert(name.into());
        Some(Family::new(name, kind, help))
    }

    /// Gives the name of a family back.
    pub(crate) fn free(&mut self, family: &Family) {
        self.0.remove(family.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once_until_it_is_free_again() {
        let mut names = Names::default();
        let family = names.family("node_x_Y1", Kind::Gauge, "x").unwrap();
        assert_eq!(names.family("node_x_Y1", Kind::Gauge, "x"), None);
        names.free(&family);
        assert!(names.family("node_x_Y1", Kind::Gauge, "x").is_some());
        for illegal in ["node_x y", "node_x\n", "node_x{", "node_ü", "node_x:"] {
            assert_eq!(names.family(illegal, Kind::Gauge, "x"), None, "{illegal:?}");
        }
    }
}
