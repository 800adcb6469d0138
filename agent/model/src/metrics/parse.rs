//! Reads a page of text format 0.0.4 or OpenMetrics back: names, types, label sets, values.

use std::collections::{BTreeMap, BTreeSet};

/// One sample line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Metric name.
    pub name: String,
    /// Labels, unescaped, sorted by name.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// A page that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parsed {
    /// Family name to type, from the `# TYPE` lines.
    pub types: BTreeMap<String, String>,
    /// All samples in their order.
    pub samples: Vec<Sample>,
}

impl Parsed {
    /// Name and label set of every sample.
    #[must_use]
    pub fn series(&self) -> BTreeSet<(&str, &BTreeMap<String, String>)> {
        self.samples.iter().map(|sample| (sample.name.as_str(), &sample.labels)).collect()
    }
}

/// A line that is no line of the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}: {text:?}")]
pub struct ParseError {
    /// Line number from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
    /// The line, at most 120 characters of it.
    pub text: String,
}

/// Reads a page.
///
/// # Errors
/// The first line that does not follow the format.
pub fn parse(page: &str) -> Result<Parsed, ParseError> {
    let mut parsed = Parsed::default();
    for (n, line) in page.lines().enumerate() {
        let fault = |what| ParseError { line: n + 1, what, text: line.chars().take(120).collect() };
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_whitespace();
            if words.next() == Some("TYPE") {
                let (Some(name), Some(kind)) = (words.next(), words.next()) else {
                    return Err(fault("a TYPE line without name and type"));
                };
                parsed.types.insert(name.into(), kind.into());
            }
        } else if !line.trim().is_empty() {
            parsed.samples.push(sample(line).map_err(fault)?);
        }
    }
    Ok(parsed)
}

pub(super) fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ', '\t']).ok_or("no value")?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("no metric name");
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next().ok_or("no value")?;
    let value = value.parse().map_err(|_| "the value is no number")?;
    Ok(Sample { name: name.into(), labels, value })
}

type Labels<'a> = (BTreeMap<String, String>, &'a str);

fn labels(mut rest: &str) -> Result<Labels<'_>, &'static str> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, after) = rest.split_once("=\"").ok_or("labels without =\"")?;
        let (value, after) = quoted(after)?;
        labels.insert(name.trim().into(), value);
        rest = after;
    }
}

fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c)) => value.push(c),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a label value without end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_page_writes() {
        use super::super::{Family, Kind, Page};
        let family = Family::new("m", Kind::Gauge, "h");
        let mut page = Page::default();
        page.family(&family);
        page.sample(&family.series(&[("b", "x\"y\\z\nw,}"), ("a", "")]), 2.5);
        let parsed = parse(page.as_str()).unwrap();
        let sample = &parsed.samples[0];
        assert_eq!(parsed.types["m"], "gauge");
        assert_eq!((sample.labels["b"].as_str(), sample.value), ("x\"y\\z\nw,}", 2.5));
    }

    #[test]
    fn a_torn_page_is_an_error() {
        for bad in ["x", "x{a=\"b", "x{a} 1", "x one", "{a=\"b\"} 1", "# TYPE x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("x{a=\"b\"} NaN 1700000000000\n# EOF\n").is_ok());
    }
}
