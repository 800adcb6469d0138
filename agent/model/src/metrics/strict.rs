//! What OpenMetrics asks of a page beyond text format 0.0.4: whole histograms and summaries, and lines
//! written in one way only.

use super::openmetrics::Type;
use super::parse::{Sample, sample};
use std::collections::{BTreeMap, HashSet};

/// The last label set without `le` or `quantile`, and those before it: samples of one stand together.
#[derive(Default)]
struct Groups {
    now: Option<BTreeMap<String, String>>,
    before: HashSet<Vec<(String, String)>>,
}

impl Groups {
    /// Takes the next sample's labels. Says whether another group began; an error when it was there
    /// before.
    fn enter(&mut self, labels: BTreeMap<String, String>) -> Option<bool> {
        if self.now.as_ref() == Some(&labels) {
            return Some(false);
        }
        let fresh = self.before.insert(labels.clone().into_iter().collect());
        self.now = Some(labels);
        fresh.then_some(true)
    }
}

/// What was seen of one group of a histogram.
#[derive(Default)]
struct Buckets {
    bound: Option<f64>,
    value: f64,
    negative: bool,
    sum: bool,
    count: Option<f64>,
}

impl Buckets {
    fn whole(&self) -> bool {
        self.bound == Some(f64::INFINITY)
            && self.count.is_none_or(|count| count == self.value)
            && self.count.is_some() == self.sum
            && !(self.negative && self.sum)
    }

    /// Takes one bucket; its bound and value must grow.
    fn bucket(&mut self, le: &str, value: f64) -> Option<()> {
        let bound: f64 = le.parse().ok().filter(|bound: &f64| !bound.is_nan())?;
        let written = !bound.is_infinite() || le == "+Inf" || le == "-Inf";
        let grows = self.bound.is_none_or(|before| before < bound) && self.value <= value;
        (written && grows && value.fract() == 0.0).then_some(())?;
        (self.bound, self.value) = (Some(bound), value);
        self.negative |= bound < 0.0;
        Some(())
    }
}

fn suffix<'a>(name: &str, sample: &'a Sample) -> &'a str {
    sample.name.strip_prefix(name).unwrap_or_default()
}

/// Whether these lines are a histogram as OpenMetrics wants it: in each group the buckets in order, the
/// last one `+Inf`, count and sum both or neither, and all of one group together.
pub(super) fn histogram<'a>(name: &str, lines: impl Iterator<Item = &'a str>) -> bool {
    let (mut groups, mut buckets) = (Groups::default(), None::<Buckets>);
    let mut check = |line: &str| -> Option<()> {
        let mut sample = sample(line).ok()?;
        let le = match suffix(name, &sample) {
            "_bucket" => Some(sample.labels.remove("le")?),
            _ => None,
        };
        if groups.enter(std::mem::take(&mut sample.labels))?
            && buckets.replace(Buckets::default()).is_some_and(|last| !last.whole())
        {
            return None;
        }
        let group = buckets.as_mut()?;
        let value = Some(sample.value).filter(|value| *value >= 0.0)?;
        match (suffix(name, &sample), le) {
            ("_bucket", Some(le)) => group.bucket(&le, value),
            ("_sum", _) => {
                group.sum = true;
                Some(())
            }
            ("_count", _) => {
                group.count = Some(value);
                (value.fract() == 0.0).then_some(())
            }
            _ => None,
        }
    };
    let good = lines.map(&mut check).all(|checked| checked.is_some());
    good && buckets.is_some_and(|last| last.whole())
}

/// Whether these lines are a summary as OpenMetrics wants it.
pub(super) fn summary<'a>(name: &str, lines: impl Iterator<Item = &'a str>) -> bool {
    let mut groups = Groups::default();
    let mut check = |line: &str| -> Option<()> {
        let mut sample = sample(line).ok()?;
        let good = match suffix(name, &sample) {
            "" => {
                let quantile: f64 = sample.labels.remove("quantile")?.parse().ok()?;
                (0.0..=1.0).contains(&quantile) && (sample.value >= 0.0 || sample.value.is_nan())
            }
            "_sum" => sample.value >= 0.0,
            "_count" => sample.value >= 0.0 && sample.value.fract() == 0.0,
            _ => false,
        };
        groups.enter(std::mem::take(&mut sample.labels))?;
        good.then_some(())
    };
    lines.map(&mut check).all(|checked| checked.is_some())
}

/// A page of another hand with each line as [`super::Page`] would write it: single spaces, no remarks, a
/// head over every family, times in seconds as OpenMetrics has them. What is no line of the format is left
/// out: no scraper could read the page with it.
#[must_use]
pub fn tidy(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut family = (String::new(), Type::Untyped);
    for line in page.split('\n') {
        let line = line.trim_matches([' ', '\t']);
        let before = out.len();
        let written = match line.strip_prefix('#') {
            Some(remark) => meta(&mut out, remark, &mut family),
            None => sample_line(&mut out, line, &mut family),
        };
        if written.is_none() {
            out.truncate(before);
        }
    }
    out
}

/// Writes a sample, with a head where the last one is another family's.
fn sample_line(out: &mut String, line: &str, family: &mut (String, Type)) -> Option<()> {
    let name = line.get(..line.find(['{', ' ', '\t'])?)?;
    let rest = name.strip_prefix(family.0.as_str());
    if !rest.is_some_and(|rest| family.1.suffixes().contains(&rest)) {
        out.push_str(&format!("# TYPE {name} untyped\n"));
    }
    series(out, line)?;
    if !rest.is_some_and(|rest| family.1.suffixes().contains(&rest)) {
        *family = (name.to_owned(), Type::Untyped);
    }
    Some(())
}

fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn meta(out: &mut String, remark: &str, family: &mut (String, Type)) -> Option<()> {
    let (keyword, rest) = word(remark)?;
    let (name, rest) = word(rest)?;
    if !matches!(keyword, "HELP" | "TYPE") || !is_name(name, true) {
        return None;
    }
    let text = rest.strip_prefix([' ', '\t']).unwrap_or(rest);
    let text = match keyword {
        "TYPE" => Some(text.trim_matches([' ', '\t'])).filter(|kind| !kind.is_empty())?,
        _ => text,
    };
    for part in ["# ", keyword, " ", name, " ", text, "\n"] {
        out.push_str(part);
    }
    if family.0 != name {
        *family = (name.to_owned(), Type::Untyped);
    }
    if keyword == "TYPE" {
        family.1 = Type::of(text);
    }
    Some(())
}

/// Whether it may name a metric (with colons) or a label.
fn is_name(text: &str, colons: bool) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() && text.chars().all(good)
}

fn series(out: &mut String, line: &str) -> Option<()> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(end);
    if !is_name(name, true) {
        return None;
    }
    out.push_str(name);
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = match rest.strip_prefix('{') {
        Some(inside) => labels(out, inside)?,
        None => rest,
    };
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = words.next().filter(|value| value.parse::<f64>().is_ok())?;
    out.push(' ');
    out.push_str(value);
    if let Some(time) = words.next() {
        let milliseconds: i64 = time.parse().ok()?;
        out.push(' ');
        if milliseconds < 0 {
            out.push('-');
        }
        let (seconds, rest) =
            (milliseconds.unsigned_abs() / 1000, milliseconds.unsigned_abs() % 1000);
        out.push_str(&format!("{seconds}.{rest:03}"));
    }
    out.push('\n');
    words.next().is_none().then_some(())
}

/// Writes the labels behind a brace; what follows them is returned.
fn labels<'a>(out: &mut String, mut rest: &'a str) -> Option<&'a str> {
    let blank = [' ', '\t'];
    let mut before = '{';
    loop {
        rest = rest.trim_start_matches(blank);
        if let Some(after) = rest.strip_prefix('}') {
            if before == ',' {
                out.push('}');
            }
            return Some(after);
        }
        if before == ',' {
            // A comma parts two labels, and one may follow the last.
            if let Some(after) = rest.strip_prefix(',') {
                rest = after.trim_start_matches(blank);
            } else {
                return None;
            }
            if rest.starts_with('}') {
                continue;
            }
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_end_matches(blank);
        let value = after.trim_start_matches(blank).strip_prefix('"')?;
        let end = quote(value).filter(|_| is_name(name, false))?;
        out.push(before);
        before = ',';
        out.push_str(name);
        out.push_str("=\"");
        out.push_str(value.get(..=end)?);
        rest = value.get(end + 1..)?;
    }
}

/// Where the quote is that ends a label's value.
fn quote(value: &str) -> Option<usize> {
    let mut escaped = false;
    value.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_another_hand_are_written_in_one_way() {
        let page = "  # TYPE  a\tgauge \n#a remark\n\n#HELP a  two  words\r\na\t{ b = \"x, y\" , c=\"}\\\"\",} 1\t1700000000123\n\
                    a{} -1e3 -5\na{b=\"c\"d=\"e\"} 1\na{b} 1\na one\n1a 1\na 1 2 3\nb 2";
        let tidied = "# TYPE a gauge\n# HELP a  two  words\r\na{b=\"x, y\",c=\"}\\\"\"} 1 1700000000.123\n\
                      a -1e3 -0.005\n# TYPE b untyped\nb 2\n";
        assert_eq!(tidy(page), tidied);
    }

    #[test]
    fn a_histogram_is_whole_or_none() {
        let good = "h_bucket{a=\"x\",le=\"1\"} 1\nh_bucket{a=\"x\",le=\"+Inf\"} 2\nh_sum{a=\"x\"} 3.5\nh_count{a=\"x\"} 2";
        assert!(histogram("h", good.lines()));
        for (from, to) in [
            ("le=\"+Inf\"", "le=\"inf\""),
            ("le=\"+Inf\"", "le=\"0.5\""),
            ("le=\"1\"", "le=\"NaN\""),
            ("le=\"1\"", "le=\"-1\""),
            ("} 1\n", "} 1.5\n"),
            ("} 1\n", "} 3\n"),
            ("3.5", "-3.5"),
            ("3.5", "NaN"),
            ("h_sum", "h_other"),
            ("_count{a=\"x\"} 2", "_count{a=\"x\"} 3"),
            ("h_sum{a=\"x\"}", "h_sum{a=\"y\"}"),
        ] {
            assert!(!histogram("h", good.replacen(from, to, 1).lines()), "{from} -> {to}");
        }
        assert!(!histogram("h", "".lines()), "nothing");
    }

    #[test]
    fn a_summary_has_quantiles_that_are_shares() {
        let good = "s{quantile=\"0.5\"} NaN\ns_sum 1\ns_count 0";
        assert!(summary("s", good.lines()));
        for (from, to) in [
            ("0.5", "1.5"),
            ("quantile", "other"),
            ("NaN", "-1"),
            ("_sum 1", "_sum -1"),
            ("t 0", "t 0.5"),
        ] {
            assert!(!summary("s", good.replacen(from, to, 1).lines()), "{from} -> {to}");
        }
    }
}
