//! `os`: the distribution, os-release(5). The file is read when it is opened and at each discovery.

use crate::lines::{Fault, Lines, Text};
use crate::{ReadError, Root, Source};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::PathBuf;

/// Keys of the file and labels of the information, in node_exporter's order.
const KEYS: [(&str, &str); 12] = [
    ("BUILD_ID", "build_id"),
    ("ID", "id"),
    ("ID_LIKE", "id_like"),
    ("IMAGE_ID", "image_id"),
    ("IMAGE_VERSION", "image_version"),
    ("NAME", "name"),
    ("PRETTY_NAME", "pretty_name"),
    ("VARIANT", "variant"),
    ("VARIANT_ID", "variant_id"),
    ("VERSION", "version"),
    ("VERSION_CODENAME", "version_codename"),
    ("VERSION_ID", "version_id"),
];
/// The labels of the version.
const SHORT: [&str; 3] = ["id", "id_like", "name"];

/// What a file says.
pub(crate) struct Release {
    info: Family,
    version: Family,
    support_end: Family,
    texts: [String; KEYS.len()],
    end: Option<i64>,
    series: Option<(Series, Option<(Series, f64)>)>,
}

pub(crate) struct Os {
    files: [PathBuf; 2],
    release: Release,
    read: bool,
}

impl Os {
    pub(crate) fn new(root: &Root) -> Self {
        let file = |name| root.rootfs().join(name);
        Os {
            files: [file("etc/os-release"), file("usr/lib/os-release")],
            release: Release::new(),
            read: false,
        }
    }
}

impl Release {
    pub(crate) fn new() -> Self {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        let labels = KEYS.map(|(_, label)| label).join(", ");
        let help = format!("A metric with a constant '1' value labeled by {labels}.");
        Release {
            info: gauge("node_os_info", &help),
            version: gauge(
                "node_os_version",
                "Metric containing the major.minor part of the OS version.",
            ),
            support_end: gauge(
                "node_os_support_end_timestamp_seconds",
                "Metric containing the end-of-life date timestamp of the OS.",
            ),
            texts: Default::default(),
            end: None,
            series: None,
        }
    }

    fn text(&self, label: &str) -> &str {
        let mut texts = KEYS.iter().zip(&self.texts);
        texts.find(|((_, name), _)| *name == label).map_or("", |(_, text)| text)
    }
}

impl Text for Release {
    fn begin(&mut self) {
        self.texts = Default::default();
        self.end = None;
        self.series = None;
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let fault = |expected| Fault::new(line, expected);
        let (key, value) = text.split_once('=').ok_or_else(|| fault("KEY=VALUE"))?;
        let key = key.trim();
        let key = key.strip_prefix("export ").map_or(key, str::trim);
        let value = unquoted(value.trim()).ok_or_else(|| fault("a value in whole quotes"))?;
        if key == "SUPPORT_END" {
            let date = value.parse::<Date>().ok();
            let at = date.and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
            self.end = Some(at.ok_or_else(|| fault("a date"))?.as_second());
        }
        for (_, slot) in KEYS.iter().zip(&mut self.texts).filter(|((name, _), _)| *name == key) {
            slot.clone_from(&value);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let mut labels = [("", ""); KEYS.len()];
        for ((label, (_, name)), text) in labels.iter_mut().zip(KEYS).zip(&self.texts) {
            *label = (name, text);
        }
        let info = self.info.series(&labels);
        let version = major_minor(self.text("version_id")).map(|version| {
            let labels = SHORT.map(|label| (label, self.text(label)));
            (self.version.series(&labels), version)
        });
        self.series = Some((info, version));
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        let Some((info, version)) = &self.series else { return };
        page.family(&self.info);
        page.sample(info, 1u64);
        if let Some((series, version)) = version {
            page.family(&self.version);
            page.sample(series, *version);
        }
        if let Some(end) = self.end {
            page.single(&self.support_end, end);
        }
    }
}

/// The number that a version begins with, `22.04` of `22.04.3`; none for 0.
fn major_minor(version: &str) -> Option<f64> {
    let mut points = 0;
    let end = version.find(|c: char| {
        points += usize::from(c == '.');
        !(c.is_ascii_digit() || c == '.' && points == 1)
    });
    let number = version.get(..end.unwrap_or(version.len()))?;
    let number: f64 = number.strip_suffix('.').unwrap_or(number).parse().ok()?;
    (number > 0.0).then_some(number)
}

/// A value as a shell takes it: bare, in '…', or in "…" with backslashes. None where a quote is not closed.
fn unquoted(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = value.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ' ' | '\t') if chars.as_str().trim_start().starts_with('#') => break,
            (None | Some('"'), '\\') => match chars.next()? {
                'n' if quote.is_some() => out.push('\n'),
                c => out.push(c),
            },
            (_, c) => out.push(c),
        }
    }
    quote.is_none().then_some(out)
}

impl Source for Os {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if !self.read {
            self.discover()?;
        }
        self.release.write(page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        // Opened anew: an upgrade puts another file in its place.
        self.read = false;
        let mut missing = Ok(());
        for file in &self.files {
            match Lines::new(file.clone()).read_into(&mut self.release) {
                Ok(()) => {
                    self.read = true;
                    return Ok(());
                }
                Err(error @ ReadError::NoData(_)) => missing = Err(error),
                Err(error) => return Err(error),
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_values() {
        for (text, number) in [
            ("22.04", Some(22.04)),
            ("12", Some(12.0)),
            ("15.6.1", Some(15.6)),
            ("9.", Some(9.0)),
            ("", None),
            ("rolling", None),
            ("0", None),
        ] {
            assert_eq!(major_minor(text), number, "{text:?}");
        }
        for (text, value) in [
            ("Ubuntu", Some("Ubuntu")),
            (r#""A \"B\" \\ \$""#, Some(r#"A "B" \ $"#)),
            ("'a\\n b'", Some("a\\n b")),
            ("a # comment", Some("a")),
            ("a#b", Some("a#b")),
            ("\"open", None),
            ("open\\", None),
        ] {
            assert_eq!(unquoted(text).as_deref(), value, "{text:?}");
        }
    }
}
