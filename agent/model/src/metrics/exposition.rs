//! Reads text format 0.0.4 as Prometheus' own parser does (`expfmt.TextParser` of its Go libraries), for
//! text that other programs wrote: escapes, help, types, histograms and summaries, and whatever is not of
//! the format refused by its line. A family's samples may stand anywhere in the text.
//!
//! Timestamps are refused: who keeps a text to show it again and again has no use for them. So are names
//! in quotes, which older scrapers do not know.

use super::parse::ParseError;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the exposition format")]
pub enum Type {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Untyped,
}

/// What a sample is of its family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// The value of a counter, a gauge or an untyped family.
    Value,
    /// The `_count` of a histogram or a summary.
    Count,
    /// The `_sum` of a histogram or a summary.
    Sum,
    /// The count of a histogram's bucket up to this bound.
    Bucket(f64),
    /// The value of a summary at this quantile.
    Quantile(f64),
    /// A sample that a histogram or a summary does not have; it says only that the labels are there.
    Stray,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Where its labels are in [`Families::labels`]; without `le` and `quantile`, which are in the part.
    labels: Range<usize>,
    /// What it is.
    pub part: Part,
    /// Its value.
    pub value: f64,
}

/// A family and its samples, in the order of the text.
#[derive(Debug, PartialEq)]
pub struct Family<'a> {
    /// The name, as in its `# TYPE` line.
    pub name: &'a str,
    /// The text of its `# HELP` line, unescaped.
    pub help: Option<Cow<'a, str>>,
    /// What was declared before its first sample, else untyped.
    pub kind: Type,
    /// At least one.
    pub samples: Vec<Sample>,
}

/// A label's name and its value, unescaped.
pub type Label<'a> = (&'a str, Cow<'a, str>);

/// What a text holds.
#[derive(Debug, Default, PartialEq)]
pub struct Families<'a> {
    labels: Vec<Label<'a>>,
    /// In the order of the text.
    pub families: Vec<Family<'a>>,
}

impl<'a> Families<'a> {
    /// The labels of one of the samples, in the order of its line.
    #[must_use]
    pub fn labels(&self, sample: &Sample) -> &[Label<'a>] {
        self.labels.get(sample.labels.clone()).unwrap_or_default()
    }
}

/// Reads a text.
///
/// # Errors
/// The first line that is not of the format.
pub fn read(text: &[u8]) -> Result<Families<'_>, ParseError> {
    let mut reader = Reader::default();
    for (n, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let read = match line.strip_suffix(b"\n") {
            Some(line) => reader.line(line),
            // Blanks may stand behind the last line's end.
            None if Line(line).blanks().0.is_empty() => Ok(()),
            None => Err("the last line has no end"),
        };
        read.map_err(|what| {
            let text = String::from_utf8_lossy(line.get(..line.len().min(500)).unwrap_or(line));
            let text = text.trim_end_matches('\n').chars().take(120).collect();
            ParseError { line: n + 1, what, text }
        })?;
    }
    let mut found = reader.found;
    found.families.retain(|family| !family.samples.is_empty());
    Ok(found)
}

type Read<T> = Result<T, &'static str>;

#[derive(Default)]
struct Reader<'a> {
    found: Families<'a>,
    /// Where a family is in `found`, and what is known of its type.
    known: HashMap<&'a str, (usize, Option<Type>)>,
}

/// Which of a histogram's or summary's own names was met.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    Plain,
    Count,
    Sum,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8]) -> Read<()> {
        let mut line = Line(line).blanks();
        match line.0.first() {
            None => Ok(()),
            Some(b'#') => {
                line = Line(line.0.get(1..).unwrap_or_default());
                self.comment(line)
            }
            Some(_) => self.sample(line),
        }
    }

    fn comment(&mut self, line: Line<'a>) -> Read<()> {
        let mut line = line.blanks();
        let keyword = line.word();
        if keyword != b"HELP" && keyword != b"TYPE" {
            return Ok(());
        }
        line = line.blanks();
        let name = line.metric_name();
        // A line that ends here says nothing and is no fault.
        let Some(next) = line.0.first() else { return Ok(()) };
        if name.is_empty() || !is_blank(*next) {
            return Err("no metric name in a HELP or TYPE line");
        }
        let (name, _) = self.family(name);
        line = line.blanks();
        match (line.0.is_empty(), keyword) {
            (true, _) => Ok(()),
            (false, b"HELP") => self.help(name, line.0),
            (false, _) => self.declare(name, line.0),
        }
    }

    fn help(&mut self, name: &'a str, text: &'a [u8]) -> Read<()> {
        let text = unescaped(text)?;
        match self.at(name) {
            Some(family) if family.help.is_none() => family.help = Some(text),
            _ => return Err("a second HELP line of this name"),
        }
        Ok(())
    }

    fn declare(&mut self, name: &'a str, word: &[u8]) -> Read<()> {
        let kind = match word.to_ascii_lowercase().as_slice() {
            b"counter" => Type::Counter,
            b"gauge" => Type::Gauge,
            b"histogram" => Type::Histogram,
            b"summary" => Type::Summary,
            b"untyped" => Type::Untyped,
            _ => return Err("unknown metric type"),
        };
        match self.known.get_mut(name) {
            Some((_, known @ None)) => *known = Some(kind),
            _ => return Err("a second TYPE line of this name, or one behind its samples"),
        }
        if let Some(family) = self.at(name) {
            family.kind = kind;
        }
        Ok(())
    }

    fn at(&mut self, name: &str) -> Option<&mut Family<'a>> {
        let (at, _) = self.known.get(name)?;
        self.found.families.get_mut(*at)
    }

    /// The family that a name belongs to; a new one where there is none.
    fn family(&mut self, name: &'a str) -> (&'a str, Named) {
        if self.known.contains_key(name) {
            return (name, Named::Plain);
        }
        let is = |base: &str, kind| self.known.get(base).is_some_and(|(_, k)| *k == Some(kind));
        let ends = [("_count", Named::Count), ("_sum", Named::Sum), ("_bucket", Named::Plain)];
        for (end, named) in ends {
            let Some(base) = name.strip_suffix(end) else { continue };
            let summary = end != "_bucket" && is(base, Type::Summary);
            if summary || is(base, Type::Histogram) {
                return (base, named);
            }
        }
        self.known.insert(name, (self.found.families.len(), None));
        let family = Family { name, help: None, kind: Type::Untyped, samples: Vec::new() };
        self.found.families.push(family);
        (name, Named::Plain)
    }

    fn sample(&mut self, mut line: Line<'a>) -> Read<()> {
        let name = line.metric_name();
        if name.is_empty() {
            return Err("no metric name");
        }
        let (name, named) = self.family(name);
        let kind = match self.known.get_mut(name) {
            // Now is the time to fix it.
            Some((_, kind)) => *kind.get_or_insert(Type::Untyped),
            None => Type::Untyped,
        };
        line = line.blanks();
        let first = self.found.labels.len();
        let mut bound = None;
        if line.0.first() == Some(&b'{') {
            bound = self.labels(&mut line, kind)?;
        }
        let value = float(line.word()).ok_or("the value is no number")?;
        if !line.0.is_empty() {
            let is_time = |text: &[u8]| Line(text).blanks().word_is_integer();
            return Err(match is_time(line.0) {
                true => "a timestamp, which is not supported here",
                false => "more than a value",
            });
        }
        let (part, value) = part(kind, named, bound, value)?;
        let labels = first..self.found.labels.len();
        if let Some(family) = self.at(name) {
            family.samples.push(Sample { labels, part, value });
        }
        Ok(())
    }

    /// The labels from the brace on. Returns what `le` or `quantile` says, where it is no label of the
    /// series itself.
    fn labels(&mut self, line: &mut Line<'a>, kind: Type) -> Read<Option<f64>> {
        let own = match kind {
            Type::Histogram => "le",
            Type::Summary => "quantile",
            Type::Counter | Type::Gauge | Type::Untyped => "",
        };
        let first = self.found.labels.len();
        let mut bound = None;
        loop {
            // The brace, or a comma.
            *line = line.skip().blanks();
            if line.0.first() == Some(&b'}') {
                *line = line.skip().blanks();
                return Ok(bound);
            }
            let name = line.label_name();
            *line = line.blanks();
            if name.is_empty() || name == "__name__" {
                return Err("no label name, or a reserved one");
            }
            if line.0.first() != Some(&b'=') {
                return Err("no = behind a label name");
            }
            *line = line.skip().blanks();
            let value = line.quoted()?;
            if name == own {
                bound = Some(float(value.as_bytes()).ok_or("le or quantile is no number")?);
            } else {
                let before = self.found.labels.get(first..).unwrap_or_default();
                if before.iter().any(|(known, _)| *known == name) {
                    return Err("a label twice");
                }
                self.found.labels.push((name, value));
            }
            *line = line.blanks();
            if !matches!(line.0.first(), Some(b',' | b'}')) {
                return Err("neither , nor } behind a label");
            }
            if line.0.first() == Some(&b'}') {
                *line = line.skip().blanks();
                return Ok(bound);
            }
        }
    }
}

fn part(kind: Type, named: Named, bound: Option<f64>, value: f64) -> Read<(Part, f64)> {
    let bound = bound.filter(|bound| !bound.is_nan());
    let part = match (kind, named, bound) {
        (Type::Counter | Type::Gauge | Type::Untyped, ..) => Part::Value,
        (_, Named::Count, _) => Part::Count,
        (_, Named::Sum, _) => Part::Sum,
        (Type::Histogram, _, Some(bound)) => Part::Bucket(bound),
        (Type::Summary, _, Some(quantile)) => Part::Quantile(quantile),
        (Type::Histogram | Type::Summary, _, None) => Part::Stray,
    };
    match part {
        Part::Count | Part::Bucket(_) if value < 0.0 || value.is_nan() => Err("a negative count"),
        _ => Ok((part, value)),
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What is left of a line.
#[derive(Clone, Copy)]
struct Line<'a>(&'a [u8]);

impl<'a> Line<'a> {
    fn skip(self) -> Self {
        Line(self.0.get(1..).unwrap_or_default())
    }

    fn blanks(self) -> Self {
        let blanks = self.0.iter().take_while(|byte| is_blank(**byte)).count();
        Line(self.0.get(blanks..).unwrap_or_default())
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().take_while(|byte| wanted(**byte)).count();
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or_default();
        self.0 = rest;
        taken
    }

    fn word(&mut self) -> &'a [u8] {
        self.take(|byte| !is_blank(byte))
    }

    fn word_is_integer(mut self) -> bool {
        let word = std::str::from_utf8(self.word()).unwrap_or_default();
        word.parse::<i64>().is_ok()
    }

    /// Empty where there is none.
    fn name(&mut self, colons: bool) -> &'a str {
        if self.0.first().is_none_or(u8::is_ascii_digit) {
            return "";
        }
        let name = self.take(|b| b.is_ascii_alphanumeric() || b == b'_' || (colons && b == b':'));
        std::str::from_utf8(name).unwrap_or_default()
    }

    fn metric_name(&mut self) -> &'a str {
        self.name(true)
    }

    fn label_name(&mut self) -> &'a str {
        self.name(false)
    }

    /// A label's value, from its quote on.
    fn quoted(&mut self) -> Read<Cow<'a, str>> {
        if self.0.first() != Some(&b'"') {
            return Err("no quote at the start of a label's value");
        }
        let inner = self.skip().0;
        let (mut escaped, mut length) = (false, 0);
        for byte in inner {
            match byte {
                b'"' if !escaped => {
                    let (value, rest) = inner.split_at_checked(length).unwrap_or_default();
                    *self = Line(rest).skip();
                    std::str::from_utf8(value).map_err(|_| "a label's value is not UTF-8")?;
                    return unescaped(value);
                }
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
            length += 1;
        }
        Err("a label's value without end")
    }
}

/// Without its escapes. What is not UTF-8 becomes U+FFFD.
fn unescaped(text: &[u8]) -> Read<Cow<'_, str>> {
    let text = String::from_utf8_lossy(text);
    if !text.contains('\\') {
        return Ok(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(match chars.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') => '"',
                _ => return Err("an escape other than \\\\, \\n and \\\""),
            }),
            c => plain.push(c),
        }
    }
    Ok(Cow::Owned(plain))
}

/// A number as Go's `strconv.ParseFloat` takes it, but for its hexadecimal forms.
fn float(word: &[u8]) -> Option<f64> {
    let word = std::str::from_utf8(word).ok()?;
    let value: f64 = word.parse().ok()?;
    let unsigned = !word.starts_with(['+', '-']);
    let spelled = word.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    // Too large is no number, and NaN has no sign.
    let good = if value.is_infinite() { spelled } else { !value.is_nan() || unsigned };
    good.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, labels, part, value of every sample.
    fn samples(text: &str) -> Vec<(String, String, Part, f64)> {
        let found = read(text.as_bytes()).unwrap();
        let mut all = Vec::new();
        for family in &found.families {
            for sample in &family.samples {
                let labels =
                    found.labels(sample).iter().map(|(name, value)| format!("{name}={value}"));
                let labels: Vec<_> = labels.collect();
                all.push((family.name.to_owned(), labels.join(","), sample.part, sample.value));
            }
        }
        all
    }

    fn what(text: &[u8]) -> (usize, &'static str) {
        let error = read(text).unwrap_err();
        (error.line, error.what)
    }

    #[test]
    fn everything_the_format_has() {
        let text = concat!(
            "\n  # a remark \\x\n#\n# HELP\n# HELP a\n# TYPE a  \n",
            "# HELP a Two\\nlines \\\\ \\\"q\\\"\n# TYPE a Counter\n",
            "a{b=\"x\\\"y\\\\z\\nw\", c = \"\",} 1\n\ta{ } +Inf\na -1.5e-3\n",
            "b:c_9{_=\"ü\"}NaN\n# TYPE h histogram\n",
            "h_bucket{le=\"0.5\",x=\"1\"} 2\nh_bucket{x=\"1\",le=\"+Inf\"} 3\nh_sum{x=\"1\"} -7\n",
            "h_count{x=\"1\"} 3\nh 1\n# TYPE s summary\n",
            "s{quantile=\"0.9\"} 5\ns_sum 6\ns_count 7\ns_bucket{le=\"1\"} 8\n# TYPE empty gauge\n  ",
        );
        let (one, none) = ("x=1".to_owned(), String::new());
        let s = |name: &str| name.to_owned();
        assert_eq!(
            samples(&text.replace("NaN", "2")),
            [
                (s("a"), s("b=x\"y\\z\nw,c="), Part::Value, 1.0),
                (s("a"), none.clone(), Part::Value, f64::INFINITY),
                (s("a"), none.clone(), Part::Value, -0.0015),
                (s("b:c_9"), s("_=ü"), Part::Value, 2.0),
                (s("h"), one.clone(), Part::Bucket(0.5), 2.0),
                (s("h"), one.clone(), Part::Bucket(f64::INFINITY), 3.0),
                (s("h"), one.clone(), Part::Sum, -7.0),
                (s("h"), one, Part::Count, 3.0),
                (s("h"), none.clone(), Part::Stray, 1.0),
                (s("s"), none.clone(), Part::Quantile(0.9), 5.0),
                (s("s"), none.clone(), Part::Sum, 6.0),
                (s("s"), none, Part::Count, 7.0),
                (s("s_bucket"), s("le=1"), Part::Value, 8.0),
            ]
        );
        let found = read(text.as_bytes()).unwrap();
        assert_eq!(found.families[0].help.as_deref(), Some("Two\nlines \\ \"q\""));
        assert_eq!(
            (found.families[0].kind, found.families[1].kind),
            (Type::Counter, Type::Untyped)
        );
        assert!(found.families[1].samples[0].value.is_nan());
        assert_eq!(found.families.len(), 5, "a family without samples is none");
    }

    #[test]
    fn what_is_not_of_the_format_is_named_by_its_line() {
        for (text, line, word) in [
            (&b"a 1"[..], 1, "no end"),
            (b"a 1\nb", 2, "no end"),
            (b"a\n", 1, "no number"),
            (b"a 1 \n", 1, "more than"),
            (b"a 1 12345\n", 1, "timestamp"),
            (b"a 1\r\n", 1, "no number"),
            (b"a 1e999\n", 1, "no number"),
            (b"a 0x1p3\n", 1, "no number"),
            (b"a +nan\n", 1, "no number"),
            (b"a 1_0\n", 1, "no number"),
            (b"9a 1\n", 1, "metric name"),
            (b"{\"a\"} 1\n", 1, "metric name"),
            (b"a{b} 1\n", 1, "no ="),
            (b"a{,} 1\n", 1, "label name"),
            (b"a{__name__=\"b\"} 1\n", 1, "reserved"),
            (b"a{b=c} 1\n", 1, "no quote"),
            (b"a{b=\"c} 1\n", 1, "without end"),
            (b"a{b=\"\\t\"} 1\n", 1, "an escape"),
            (b"a{b=\"\xff\"} 1\n", 1, "UTF-8"),
            (b"a{b=\"1\" c=\"2\"} 1\n", 1, "neither"),
            (b"a{b=\"1\",b=\"2\"} 1\n", 1, "twice"),
            (b"# HELP a \\t\n", 1, "an escape"),
            (b"# HELP a x\n# HELP a x\n", 2, "second HELP"),
            (b"# TYPE a gauge\n# TYPE a gauge\n", 2, "second TYPE"),
            (b"a 1\n# TYPE a gauge\n", 2, "second TYPE"),
            (b"# TYPE a info\n", 1, "unknown metric type"),
            (b"# TYPE a gauge \n", 1, "unknown metric type"),
            (b"# TYPE a-b gauge\n", 1, "no metric name"),
            (b"# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", 2, "le or quantile"),
            (b"# TYPE h histogram\nh_bucket{le=\"1\"} -1\n", 2, "negative"),
        ] {
            let (at, said) = what(text);
            assert!(at == line && said.contains(word), "{:?}: {at} {said}", text.escape_ascii());
        }
    }
}
