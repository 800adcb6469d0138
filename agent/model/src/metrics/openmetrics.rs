//! Text format 0.0.4 turned into OpenMetrics 1.0, family by family, so that one page serves both and a
//! scraper that changes the format stores the same names and labels.
//!
//! OpenMetrics asks more of a type than the older format does: a counter's samples end in `_total`, a
//! histogram is whole, no two families share a name. A family that does not keep to that is written as
//! type `unknown` under the names of its samples: it loses the word for its type and nothing else.

use super::strict;
use std::collections::{HashMap, HashSet};

/// What ends a page, once, after everything else.
pub const EOF: &str = "# EOF\n";

/// The type of a family as text format 0.0.4 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Untyped,
}

impl Type {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "counter" => Type::Counter,
            "gauge" => Type::Gauge,
            "histogram" => Type::Histogram,
            "summary" => Type::Summary,
            _ => Type::Untyped,
        }
    }

    /// What the names of its samples end in, beyond the family's name.
    pub(super) const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Type::Histogram => &["_bucket", "_sum", "_count"],
            Type::Summary => &["", "_sum", "_count"],
            Type::Counter | Type::Gauge | Type::Untyped => &[""],
        }
    }
}

/// Lines of one family that stand together.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    name: &'a str,
    kind: Option<Type>,
    help: Option<&'a str>,
    samples: &'a str,
    /// The next run of the same family, where something else stands between the two.
    next: Option<usize>,
}

impl<'a> Run<'a> {
    const fn new(name: &'a str) -> Self {
        Run { name, kind: None, help: None, samples: "", next: None }
    }

    /// Takes a line of metadata: its own, or another family's, which then begins. Other remarks say
    /// nothing: samples may go on behind them.
    fn told(&mut self, line: &'a str) {
        let (name, kind, help) = match meta(line) {
            Some(Meta::Type(name, kind)) => (name, Some(kind), None),
            Some(Meta::Help(name, help)) => (name, None, Some(help)),
            None => return,
        };
        if self.name != name {
            *self = Run::new(name);
        }
        self.kind = kind.or(self.kind);
        self.help = help.or(self.help);
    }
}

/// Appends the families of `page` to `out`, without the [`EOF`].
///
/// `page` is written as [`super::Page`] does it: `name{labels} value` with single spaces, each sample
/// under the head of its family. For text of another hand see [`super::strict::tidy`].
pub fn append(out: &mut String, page: &str) {
    let mut runs = runs(page);
    let mut last = HashMap::with_capacity(runs.len());
    let mut families = Vec::with_capacity(runs.len());
    for index in 0..runs.len() {
        let Some(name) = runs.get(index).map(|run| run.name) else { break };
        match last.insert(name, index).and_then(|before| runs.get_mut(before)) {
            Some(before) => before.next = Some(index),
            None => families.push(index),
        }
    }
    let mut names = Names::default();
    runs.iter().for_each(|run| names.own(run.name));
    out.reserve(page.len() + page.len() / 64);
    for index in families {
        Family { runs: &runs, index }.write(out, &mut names);
    }
}

/// Cuts a page into runs; one without samples is left out.
fn runs(page: &str) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let (mut at, mut start) = (0, 0);
    let mut current = Run::new("");
    for line in page.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        if !line.starts_with(['#', '\n']) {
            continue;
        }
        // The ends of lines are ends of characters.
        let samples = page.get(start..begin).unwrap_or_default();
        if !samples.is_empty() {
            runs.push(Run { samples, ..current });
        }
        start = at;
        current.told(line.strip_suffix('\n').unwrap_or(line));
    }
    let samples = page.get(start..).unwrap_or_default();
    if !samples.is_empty() {
        runs.push(Run { samples, ..current });
    }
    runs
}

/// A line of metadata.
enum Meta<'a> {
    Type(&'a str, Type),
    Help(&'a str, &'a str),
}

fn meta(line: &str) -> Option<Meta<'_>> {
    // By bytes: half of a page's time would go into comparing the words.
    let (help, rest) = match line.as_bytes() {
        [b'#', b' ', b'T', b'Y', b'P', b'E', b' ', ..] => (false, line.get(7..)?),
        [b'#', b' ', b'H', b'E', b'L', b'P', b' ', ..] => (true, line.get(7..)?),
        _ => return None,
    };
    let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(if help { Meta::Help(name, text) } else { Meta::Type(name, Type::of(text.trim())) })
}

/// Every name that is taken, by its hash: two that share one cost a type, never a name.
#[derive(Debug, Default)]
struct Names(HashSet<u64>);

impl Names {
    /// FNV-1a over the two parts.
    fn hash(name: &str, suffix: &str) -> u64 {
        let bytes = name.bytes().chain(suffix.bytes());
        bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        })
    }

    fn own(&mut self, name: &str) {
        self.0.insert(Self::hash(name, ""));
    }

    /// Takes all of these, or none when one is taken.
    fn claim(&mut self, name: &str, suffixes: &[&str]) -> bool {
        let hashes = suffixes.iter().map(|suffix| Self::hash(name, suffix));
        if hashes.clone().any(|hash| self.0.contains(&hash)) {
            return false;
        }
        self.0.extend(hashes);
        true
    }
}

/// All runs of one family, from the first.
#[derive(Clone, Copy)]
struct Family<'a> {
    runs: &'a [Run<'a>],
    index: usize,
}

impl<'a> Family<'a> {
    fn each(self) -> impl Iterator<Item = &'a Run<'a>> {
        let mut next = Some(self.index);
        std::iter::from_fn(move || {
            let run = self.runs.get(next?)?;
            next = run.next;
            Some(run)
        })
    }

    fn lines(self) -> impl Iterator<Item = &'a str> {
        self.each().flat_map(|run| run.samples.lines())
    }

    fn write(self, out: &mut String, names: &mut Names) {
        let Some(name) = self.each().next().map(|run| run.name) else { return };
        if self.each().all(|run| run.samples.is_empty()) {
            return;
        }
        let kind = self.each().find_map(|run| run.kind).unwrap_or(Type::Untyped);
        match kind {
            Type::Gauge => self.whole(out, name, "gauge"),
            Type::Untyped => self.whole(out, name, "unknown"),
            Type::Counter => match name.strip_suffix("_total") {
                Some(stem)
                    if !stem.is_empty()
                        && self.lines().all(counts)
                        && names.claim(stem, &["", "_created"]) =>
                {
                    self.whole(out, stem, "counter");
                }
                _ => self.whole(out, name, "unknown"),
            },
            Type::Histogram
                if strict::histogram(name, self.lines())
                    && names.claim(name, &["_bucket", "_sum", "_count", "_created"]) =>
            {
                self.whole(out, name, "histogram");
            }
            Type::Summary
                if strict::summary(name, self.lines())
                    && names.claim(name, &["_sum", "_count", "_created"]) =>
            {
                self.whole(out, name, "summary");
            }
            Type::Histogram | Type::Summary => self.apart(out, name, kind),
        }
    }

    fn head(self, out: &mut String, name: &[&str], word: &str) {
        if let Some(help) = self.each().find_map(|run| run.help) {
            out.push_str("# HELP ");
            name.iter().for_each(|part| out.push_str(part));
            out.push(' ');
            escape_help(out, help);
            out.push('\n');
        }
        out.push_str("# TYPE ");
        name.iter().for_each(|part| out.push_str(part));
        out.push(' ');
        out.push_str(word);
        out.push('\n');
    }

    /// Head and samples as they are.
    fn whole(self, out: &mut String, name: &str, word: &str) {
        self.head(out, &[name], word);
        for run in self.each() {
            out.push_str(run.samples);
            if !run.samples.is_empty() && !run.samples.ends_with('\n') {
                out.push('\n');
            }
        }
    }

    /// Each sample name as a family of its own.
    fn apart(self, out: &mut String, name: &str, kind: Type) {
        for suffix in kind.suffixes() {
            let mine = |line: &&str| {
                let rest = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(suffix));
                rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            };
            for (n, line) in self.lines().filter(mine).enumerate() {
                if n == 0 {
                    self.head(out, &[name, suffix], "unknown");
                }
                out.push_str(line);
                out.push('\n');
            }
        }
    }
}

/// Whether a counter may have this sample's value: neither negative nor NaN.
fn counts(line: &str) -> bool {
    // Neither value nor time holds a brace, and without labels there is none.
    let rest = match line.rfind('}') {
        Some(end) => line.get(end + 1..),
        None => line.split_once(' ').map(|(_, rest)| rest),
    };
    let value = rest.unwrap_or_default().trim_start();
    !value.starts_with(['-', 'n', 'N'])
}

/// HELP as 0.0.4 escapes it (`\\`, `\n`; any other backslash stands for itself), as OpenMetrics does.
fn escape_help(out: &mut String, help: &str) {
    let mut rest = help;
    while let Some(at) = rest.find(['\\', '"']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let (written, length) = match special.as_bytes() {
            [b'\\', b'\\', ..] => ("\\\\", 2),
            [b'\\', b'n', ..] => ("\\n", 2),
            [b'\\', ..] => ("\\\\", 1),
            _ => ("\\\"", 1),
        };
        out.push_str(written);
        rest = special.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(page: &str) -> String {
        let mut out = String::new();
        append(&mut out, page);
        out
    }

    #[test]
    fn types_and_names_as_openmetrics_has_them() {
        for (text, expected) in [
            (
                "# HELP a_total An \\ \"a\" \\x\\n\n# TYPE a_total counter\na_total{b=\"\\\"}\"} 1\n",
                "# HELP a An \\\\x \\\"a\\\" \\\\x\\n\n# TYPE a counter\na_total{b=\"\\\"}\"} 1\n",
            ),
            ("# TYPE a counter\na 1\n", "# TYPE a unknown\na 1\n"),
            ("# TYPE a untyped\na 1", "# TYPE a unknown\na 1\n"),
            ("# TYPE a_total counter\na_total -1\n", "# TYPE a_total unknown\na_total -1\n"),
            (
                "# TYPE a_total counter\na_total{b=\"c d\"} NaN\n",
                "# TYPE a_total unknown\na_total{b=\"c d\"} NaN\n",
            ),
            // The family `a` is there: the counter cannot be called so too.
            (
                "# TYPE a gauge\na 1\n# TYPE a_total counter\na_total 1\n",
                "# TYPE a gauge\na 1\n# TYPE a_total unknown\na_total 1\n",
            ),
            (
                "# TYPE a gauge\n# a remark\na{x=\"1\"} 1\n\n# TYPE b gauge\nb 1\n# TYPE a gauge\na{x=\"2\"} 2\n# TYPE c gauge\n",
                "# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n# TYPE b gauge\nb 1\n",
            ),
            ("", ""),
        ] {
            let text = text.replace("An \\ ", "An \\x ");
            assert_eq!(written(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_histogram_that_is_not_whole_loses_its_type_only() {
        let whole = "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";
        let head = "# HELP h x\n# TYPE h histogram\n";
        assert_eq!(written(&format!("{head}{whole}")), format!("{head}{whole}"));
        let torn = whole.replace("+Inf", "2");
        assert_eq!(
            written(&format!("{head}{torn}")),
            "# HELP h_bucket x\n# TYPE h_bucket unknown\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 2\n\
             # HELP h_sum x\n# TYPE h_sum unknown\nh_sum 3\n\
             # HELP h_count x\n# TYPE h_count unknown\nh_count 2\n"
        );
        let summary = "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\n";
        assert_eq!(written(summary), summary);
        let clash = format!("{summary}# TYPE s_created gauge\ns_created 1\n");
        assert!(written(&clash).starts_with("# TYPE s unknown\n"), "{}", written(&clash));
    }
}
