//! `socle metrics diff`: what one page has that another lacks or has otherwise; values never count.

use super::print;
use crate::cli::DiffArgs;
use crate::client;
use anyhow::{Context, Result};
use regex::Regex;
use socle_model::metrics::parse::{Parsed, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;

/// Prints the difference; exit 1 if there is any.
pub(crate) fn run(args: &DiffArgs) -> Result<ExitCode> {
    let (left, right) = (page(&args.left)?, page(&args.right)?);
    let lines = difference(&left, &right, &args.ignore);
    print(&lines.iter().fold(String::new(), |text, line| text + line + "\n"))?;
    Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn page(place: &str) -> Result<Parsed> {
    let text = if place.contains("://") {
        client::block(client::url(place))?
    } else {
        fs::read_to_string(place).with_context(|| format!("reading {place}"))?
    };
    read(&text).with_context(|| format!("{place} is no metrics page"))
}

/// A page as Prometheus stores it: a label without a value is none.
fn read(text: &str) -> Result<Parsed> {
    let mut page = parse(text)?;
    for sample in &mut page.samples {
        sample.labels.retain(|_, value| !value.is_empty());
    }
    Ok(page)
}

/// The lines, sorted: a name that is missing once, else each type and label set that differs.
fn difference(left: &Parsed, right: &Parsed, ignore: &[Regex]) -> Vec<String> {
    let (ours, theirs) = (left.series(), right.series());
    let names: BTreeSet<_> = theirs.iter().map(|(name, _)| *name).collect();
    let mut lines = BTreeSet::new();
    for (name, kind) in &left.types {
        match right.types.get(name) {
            Some(other) if other != kind => {
                lines.insert(format!("type {name} {kind}, not {other}"));
            }
            None if names.contains(name.as_str()) => {
                lines.insert(format!("type {name} {kind}, not given"));
            }
            Some(_) | None => {}
        }
    }
    for (name, labels) in ours.difference(&theirs) {
        lines.insert(if names.contains(name) {
            format!("labels {}", series(name, labels))
        } else {
            format!("name {name}")
        });
    }
    lines.into_iter().filter(|line| !ignore.iter().any(|regex| regex.is_match(line))).collect()
}

fn series(name: &str, labels: &BTreeMap<String, String>) -> String {
    let mut text = name.to_owned();
    for (n, (label, value)) in labels.iter().enumerate() {
        // Debug escapes quotes and control characters; a write to a String cannot fail.
        let _ = write!(text, "{}{label}={value:?}", if n == 0 { '{' } else { ',' });
    }
    text + if labels.is_empty() { "" } else { "}" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(left: &str, right: &str, ignore: &[&str]) -> Vec<String> {
        let ignore: Vec<_> = ignore.iter().map(|regex| Regex::new(regex).unwrap()).collect();
        difference(&read(left).unwrap(), &read(right).unwrap(), &ignore)
    }

    #[test]
    fn values_and_what_only_the_right_has_never_count() {
        let left = "# TYPE a gauge\na{x=\"1\"} 1\n";
        let right = "# TYPE a gauge\na{x=\"1\"} 2\na{x=\"2\"} 2\nb 1\n";
        assert!(lines(left, right, &[]).is_empty());
    }

    #[test]
    fn a_label_without_a_value_is_none() {
        assert!(lines("a{x=\"\",y=\"1\"} 1\n", "a{y=\"1\"} 1\n", &[]).is_empty());
        assert!(lines("a{y=\"1\"} 1\n", "a{y=\"1\",z=\"\"} 1\n", &[]).is_empty());
        assert_eq!(lines("a{x=\"\",y=\"1\"} 1\n", "a 1\n", &[]), ["labels a{y=\"1\"}"]);
    }

    #[test]
    fn names_types_and_label_sets_count_each_once() {
        let left = "# TYPE a gauge\na{x=\"1\"} 1\na{x=\"\\n\"} 1\n# TYPE b counter\nb 1\nc 1\nc{y=\"1\"} 1\n";
        let right = "# TYPE a counter\na{x=\"1\"} 1\nb 1\n";
        let all = [
            "labels a{x=\"\\n\"}",
            "name c",
            "type a gauge, not counter",
            "type b counter, not given",
        ];
        assert_eq!(lines(left, right, &[]), all);
        assert_eq!(lines(left, right, &["^type ", "^name c$"]), all[..1]);
    }
}
