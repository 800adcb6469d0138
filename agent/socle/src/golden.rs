//! Texts as people saw and approved them, in tests/golden; SOCLE_GOLDEN=overwrite approves new ones.

use crate::paint::Paint;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};

/// Into a pipe, in a UTF-8 locale.
pub(crate) const PLAIN: Paint = Paint { colour: false, unicode: true, width: None };

/// The ways to write that differ.
pub(crate) const PAINTS: [(&str, Paint); 4] = [
    ("plain", PLAIN),
    ("ascii", Paint { unicode: false, ..PLAIN }),
    ("narrow", Paint { width: Some(60), ..PLAIN }),
    ("colour", Paint { colour: true, width: Some(100), ..PLAIN }),
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A document to write, `NAME.json`.
pub(crate) fn document<T: DeserializeOwned>(name: &str) -> T {
    let text = fs::read_to_string(file(&format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Compares with `NAME.txt`. Nothing in it may steer a terminal but colours, and those only where
/// they are wanted.
pub(crate) fn check(name: &str, text: &str) {
    let colours = text.matches("\x1b[").count();
    assert!(colours == 0 || name.ends_with(".colour"), "{name}: {text:?}");
    let control = |c: char| c.is_control() && c != '\n' && c != '\x1b';
    assert!(!text.contains(control) && text.matches('\x1b').count() == colours, "{text:?}");
    assert!(text.is_ascii() || !name.ends_with(".ascii"), "{text}");
    let file = file(&format!("{name}.txt"));
    if std::env::var_os("SOCLE_GOLDEN").is_some_and(|how| how == "overwrite") {
        fs::write(&file, text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{} differs (SOCLE_GOLDEN=overwrite):\n{text}", file.display());
}
