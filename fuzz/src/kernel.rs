//! Text tables of /proc as no sound kernel would write them. Also run by agent/kernel/tests/corpus_replay.rs.

use socle_kernel::texts::{FILES, PARTS, pages, takes};
use std::collections::BTreeSet;

/// A label is on every series of its line, so what is held grows with the square of this.
const MOST: usize = 8192;

/// The first byte chooses the table, the rest is its content.
pub fn text(data: &[u8]) {
    let Some((which, content)) = data.split_first() else { return };
    let content = content.get(..MOST).unwrap_or(content);
    let which = usize::from(*which) % (FILES.len() + PARTS.len());
    let Some(file) = FILES.get(which) else {
        if let Some(part) = PARTS.get(which - FILES.len()) {
            takes(part, content);
        }
        return;
    };
    let Some([first, second]) = pages(file, content) else { return };
    assert_eq!(first.as_str(), second.as_str(), "{file}: a second reading is as the first");
    clean(first.as_str());
}

/// No family and no series twice, each sample beneath its own family's head.
fn clean(page: &str) {
    let (mut families, mut series, mut family) = (BTreeSet::new(), BTreeSet::new(), "");
    for line in page.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            family = head.split(' ').next().unwrap_or_default();
            assert!(families.insert(family), "{family} twice");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            assert_eq!(name, family, "{line:?} beneath another family");
            let (name, value) = line.rsplit_once(' ').unwrap_or_default();
            assert!(series.insert(name), "{name} twice");
            assert!(value.parse::<f64>().is_ok(), "{line:?} has no value");
        }
    }
}
