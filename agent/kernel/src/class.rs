//! Devices of a class of /sys: their names, the words that describe one, and whole numbers in the bases
//! that the kernel writes.

use crate::ReadError;
use crate::attr::{Attr, AttrFamily, entries};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The devices of a class, by name, each with its directory; none where the class does not exist. Names
/// that are the same once shown (what is not UTF-8 becomes U+FFFD) are given once.
pub(crate) fn devices(dir: &Path) -> Result<Vec<(String, PathBuf)>, ReadError> {
    let mut names = BTreeSet::new();
    let named = |path: PathBuf| Some((path.file_name()?.to_string_lossy().into_owned(), path));
    let found = entries(dir)?.into_iter().filter_map(named);
    Ok(found.filter(|(name, _)| names.insert(name.clone())).collect())
}

/// The error of a class that this machine does not have; a class without devices is none.
pub(crate) fn must_exist(dir: &Path) -> Result<(), ReadError> {
    if dir.exists() { Ok(()) } else { Err(ReadError::NoData(dir.to_owned())) }
}

/// A signed number as `strconv.ParseInt(…, 0, 64)` takes it: `0x10`, `010` and `16` are the same.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.strip_prefix('-') {
        Some(rest) => 0i64.checked_sub_unsigned(unsigned(rest.as_bytes())?),
        None => unsigned(text.strip_prefix('+').unwrap_or(text).as_bytes())?.try_into().ok(),
    }
}

/// An unsigned number in the same bases.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, base) = match text.get(..2) {
        Some("0x" | "0X") => (text.get(2..)?, 16),
        Some("0o" | "0O") => (text.get(2..)?, 8),
        Some("0b" | "0B") => (text.get(2..)?, 2),
        _ if text.len() > 1 && text.starts_with('0') => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    // A sign here would be a second one.
    digits.starts_with(|c: char| c.is_ascii_hexdigit()).then_some(())?;
    u64::from_str_radix(digits, base).ok()
}

/// One kind of file that a device of a class may have, and the family that its numbers are.
pub(crate) struct Column {
    pub(crate) file: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

impl Column {
    /// The family, still without devices.
    pub(crate) fn family(&self, prefix: &str) -> AttrFamily {
        AttrFamily::new(&format!("{prefix}{}", self.name), self.kind, self.help)
    }
}

/// Adds the file of a device where it is there.
pub(crate) fn add_existing(family: &mut AttrFamily, labels: &[(&str, &str)], file: PathBuf) {
    if file.exists() {
        family.add(labels, file);
    }
}

/// What becomes of a word before it is shown.
pub(crate) type Cut = fn(&[u8]) -> &[u8];

/// A word out of a file, kept as it was last read.
struct Word {
    label: &'static str,
    file: Attr,
    /// What is shown where there is no such file; `None`: no label then, nor for an empty word.
    absent: Option<&'static str>,
    cut: Cut,
    raw: Vec<u8>,
    there: bool,
}

impl Word {
    /// Reads it; returns whether it is another one.
    fn refresh(&mut self) -> bool {
        let Word { file, cut, raw, there, .. } = self;
        let changed = file.parsed(|text| {
            let text = cut(text);
            let changed = !*there || raw != text;
            if changed {
                raw.clear();
                raw.extend_from_slice(text);
            }
            *there = true;
            Some(changed)
        });
        changed.unwrap_or_else(|| std::mem::take(there))
    }
}

/// The series of an `_info` family: labels that are the words of a device's files. It is rendered when a
/// word has changed.
pub(crate) struct Words {
    fixed: Vec<(&'static str, String)>,
    words: Vec<Word>,
    series: Option<Series>,
}

impl Words {
    /// With the labels that no file has.
    pub(crate) fn new(fixed: &[(&'static str, &str)]) -> Self {
        let fixed = fixed.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
        Words { fixed, words: Vec::new(), series: None }
    }

    /// Adds the word of a file; where there is no such file the label is `absent`. With `None` there is
    /// no such label then, nor for an empty word.
    pub(crate) fn add(&mut self, label: &'static str, file: PathBuf, absent: Option<&'static str>) {
        self.add_cut(label, file, absent, |word| word);
    }

    /// The same for a word that is not shown as it stands.
    pub(crate) fn add_cut(
        &mut self,
        label: &'static str,
        file: PathBuf,
        absent: Option<&'static str>,
        cut: Cut,
    ) {
        let file = Attr::new(file);
        self.words.push(Word { label, file, absent, cut, raw: Vec::new(), there: false });
    }

    /// Reads the files. Returns whether any is there.
    pub(crate) fn refresh(&mut self) -> bool {
        for word in &mut self.words {
            if word.refresh() {
                self.series = None;
            }
        }
        self.words.iter().any(|word| word.there)
    }

    /// Changes a label that no file has.
    pub(crate) fn set(&mut self, label: &'static str, value: &str) {
        match self.fixed.iter_mut().find(|(known, _)| *known == label) {
            Some((_, kept)) if kept == value => return,
            Some((_, kept)) => value.clone_into(kept),
            None => self.fixed.push((label, value.to_owned())),
        }
        self.series = None;
    }

    /// The word of a label, as it was last read.
    pub(crate) fn word(&self, label: &str) -> Option<&[u8]> {
        self.words.iter().find(|word| word.label == label && word.there).map(|word| &*word.raw)
    }

    /// Writes the series with the value 1.
    pub(crate) fn write(&mut self, page: &mut Page, family: &Family) {
        let series = match self.series.take() {
            Some(series) => series,
            None => self.render(family),
        };
        page.sample(&series, 1u64);
        self.series = Some(series);
    }

    fn render(&self, family: &Family) -> Series {
        let words = self.words.iter().filter_map(|word| {
            let raw = match (word.there, word.absent) {
                (true, absent) if absent.is_some() || !word.raw.is_empty() => &*word.raw,
                (true, _) => return None,
                (false, absent) => absent?.as_bytes(),
            };
            Some((word.label, String::from_utf8_lossy(raw)))
        });
        let words: Vec<_> = words.collect();
        let mut labels: Vec<_> =
            self.fixed.iter().map(|(label, text)| (*label, text.as_str())).collect();
        labels.extend(words.iter().map(|(label, text)| (*label, &**text)));
        labels.sort_unstable();
        family.series(&labels)
    }
}

/// Two are the same when they read the same files, whatever they read.
impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.words.iter().map(|word| &word.file).eq(other.words.iter().map(|word| &word.file))
    }
}

/// What the last reading gave: no part of what a discovery found, so any two are the same.
#[derive(Debug, Default)]
pub(crate) struct Latest<T>(pub(crate) T);

impl<T> PartialEq for Latest<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_base() {
        for (text, value) in [
            ("0", Some(0)),
            ("16", Some(16)),
            ("0x1003", Some(0x1003)),
            ("0X1f", Some(31)),
            ("010", Some(8)),
            ("0b11", Some(3)),
            ("-1", Some(-1)),
            ("+5", Some(5)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("0x", None),
            ("0x+1", None),
            ("--1", None),
            ("08", None),
            ("", None),
            ("1 2", None),
        ] {
            assert_eq!(signed(text.as_bytes()), value, "{text}");
        }
        assert_eq!(unsigned(b"0xffffffffffffffff"), Some(u64::MAX));
        assert_eq!(unsigned(b"-1"), None);
    }
}
