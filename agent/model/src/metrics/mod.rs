//! The exposition grammar: families, series with their label text rendered once, and a page in
//! Prometheus' text format 0.0.4 that is written without allocating per sample.

pub mod exposition;
pub mod openmetrics;
pub mod parse;
pub mod strict;

use std::fmt::Write as _;

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the exposition format")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Untyped,
}

impl Kind {
    /// The word of the `# TYPE` line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Untyped => "untyped",
        }
    }
}

/// A metric family: name, help and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    head: Box<str>,
    name: Box<str>,
}

impl Family {
    /// A family whose `# HELP` and `# TYPE` lines are rendered here, once.
    #[must_use]
    pub fn new(name: &str, kind: Kind, help: &str) -> Self {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let head = format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.word());
        Family { head: head.into(), name: name.into() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A series of this family. Label values may be anything: see [`escape_into`].
    #[must_use]
    pub fn series(&self, labels: &[(&str, &str)]) -> Series {
        self.part("", labels)
    }

    /// A series of a histogram's or summary's part: `_bucket`, `_sum`, `_count`.
    #[must_use]
    pub fn part(&self, suffix: &str, labels: &[(&str, &str)]) -> Series {
        let mut text = format!("{}{suffix}", self.name);
        for (n, (label, value)) in labels.iter().enumerate() {
            text.push(if n == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            escape_into(&mut text, value);
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        text.push(' ');
        Series { text: text.into() }
    }
}

/// One series: its name and labels, already rendered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Series {
    text: Box<str>,
}

/// Escapes a label value: backslash, quote and newline, as text format 0.0.4 asks.
pub fn escape_into(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// A sample's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A whole number, written as such.
    Int(u64),
    /// A signed whole number.
    Signed(i64),
    /// A float; NaN and infinities are written as the format wants them.
    Float(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Value::Int(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Signed(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Int(value.into())
    }
}

/// A page under construction. Keep it and [`Page::clear`] it: its memory is reused.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    samples: usize,
}

/// A place in a page to go back to when a source fails half-way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    length: usize,
    samples: usize,
}

impl Page {
    /// Starts a family. All its samples must follow before the next family starts.
    pub fn family(&mut self, family: &Family) {
        self.text.push_str(&family.head);
    }

    /// Adds a sample.
    pub fn sample(&mut self, series: &Series, value: impl Into<Value>) {
        self.text.push_str(&series.text);
        self.value(value.into());
        self.text.push('\n');
        self.samples += 1;
    }

    /// A family with the samples that `write` adds; nothing where it adds none.
    pub fn family_of(&mut self, family: &Family, write: impl FnOnce(&mut Self)) {
        let mark = self.mark();
        self.family(family);
        write(self);
        if self.samples == mark.samples {
            self.rewind(mark);
        }
    }

    /// A family with one sample without labels.
    pub fn single(&mut self, family: &Family, value: impl Into<Value>) {
        self.family(family);
        self.text.push_str(&family.name);
        self.text.push(' ');
        self.value(value.into());
        self.text.push('\n');
        self.samples += 1;
    }

    fn value(&mut self, value: Value) {
        match value {
            Value::Int(n) => self.text.push_str(itoa::Buffer::new().format(n)),
            Value::Signed(n) => self.text.push_str(itoa::Buffer::new().format(n)),
            Value::Float(x) if x.is_nan() => self.text.push_str("NaN"),
            Value::Float(x) if x.is_infinite() => {
                self.text.push_str(if x > 0.0 { "+Inf" } else { "-Inf" });
            }
            // Whole floats as integers: shorter, and what the originals print.
            Value::Float(x) if x.fract() == 0.0 && x.abs() < 1e15 => {
                // A write to a String cannot fail.
                let _ = write!(self.text, "{x:.0}");
            }
            Value::Float(x) => self.text.push_str(zmij::Buffer::new().format_finite(x)),
        }
    }

    /// The place reached so far.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { length: self.text.len(), samples: self.samples }
    }

    /// Drops everything after `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.text.truncate(mark.length);
        self.samples = self.samples.min(mark.samples);
    }

    /// Samples written since `mark`.
    #[must_use]
    pub fn samples_since(&self, mark: Mark) -> usize {
        self.samples.saturating_sub(mark.samples)
    }

    /// Empties the page and keeps its memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.samples = 0;
    }

    /// Appends a page that was made elsewhere.
    pub fn append(&mut self, other: &Page) {
        self.text.push_str(&other.text);
        self.samples += other.samples;
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The first part of `text` that holds at most `most` samples, without the head of a family that lost
/// all of its own, and how many there are in all.
#[must_use]
pub fn cut(text: &str, most: usize) -> (&str, usize) {
    let (mut samples, mut at, mut end) = (0usize, 0usize, 0usize);
    for line in text.split_inclusive('\n') {
        at += line.len();
        if !line.starts_with('#') {
            samples += 1;
            if samples <= most {
                end = at;
            }
        }
    }
    if samples <= most {
        return (text, samples);
    }
    (text.get(..end).unwrap_or_default(), samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_label_values_are_escaped() {
        let family = Family::new("ipmi_fan_speed_rpm", Kind::Gauge, "RPM\nof \\ fans");
        let mut page = Page::default();
        page.family(&family);
        page.sample(&family.series(&[("id", "1"), ("name", "a\"b\\c\nd é")]), 1.5);
        page.sample(&family.series(&[]), u64::MAX);
        assert_eq!(
            page.as_str(),
            "# HELP ipmi_fan_speed_rpm RPM\\nof \\\\ fans\n# TYPE ipmi_fan_speed_rpm gauge\n\
             ipmi_fan_speed_rpm{id=\"1\",name=\"a\\\"b\\\\c\\nd é\"} 1.5\n\
             ipmi_fan_speed_rpm 18446744073709551615\n"
        );
    }

    #[test]
    fn values_read_back_as_written() {
        let family = Family::new("x", Kind::Gauge, "x");
        let series = family.series(&[]);
        for x in [0.0, -0.0, 1.0, -273.15, 1e-9, 1e300, 1e15, 123_456_789.0, f64::INFINITY] {
            let mut page = Page::default();
            page.sample(&series, x);
            let text = page.as_str().trim_end().strip_prefix("x ").unwrap().replace("Inf", "inf");
            assert_eq!(text.parse::<f64>().unwrap(), x, "{text}");
        }
        let mut page = Page::default();
        page.sample(&series, f64::NAN);
        assert_eq!(page.as_str(), "x NaN\n");
    }

    #[test]
    fn a_failed_source_leaves_nothing_behind() {
        let family = Family::new("x", Kind::Gauge, "x");
        let mut page = Page::default();
        page.single(&family, 1u64);
        let (mark, before) = (page.mark(), page.as_str().to_owned());
        page.single(&family, 2u64);
        assert_eq!(page.samples_since(mark), 1);
        page.rewind(mark);
        assert_eq!((page.as_str(), page.samples_since(mark)), (before.as_str(), 0));
    }

    #[test]
    fn a_source_is_cut_at_its_limit() {
        let kept = "# HELP a x\n# TYPE a gauge\na 1\nb{x=\"# \"} 2\n";
        let text = format!("{kept}# TYPE c gauge\nc 3\n");
        assert_eq!(cut(&text, 3), (text.as_str(), 3));
        assert_eq!(cut(&text, 2), (kept, 3));
        assert_eq!(cut("", 0), ("", 0));
    }
}
