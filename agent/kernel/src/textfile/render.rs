//! A file's families with their series rendered, as node_exporter's library shows them: labels that only
//! other series of the family have are there and empty, a histogram ends in its `+Inf` bucket.

use socle_model::metrics::exposition::{Families, Label, Part, Sample, Type};
use socle_model::metrics::{Family, Kind, Series};
use std::collections::HashMap;

/// A family of one file.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) help: Option<String>,
    pub(super) kind: Kind,
    pub(super) samples: Vec<(Series, f64)>,
}

/// Renders what a file holds.
pub(super) fn ready(found: &Families<'_>) -> Vec<Ready> {
    let one = |family: &socle_model::metrics::exposition::Family<'_>| {
        let kind = match family.kind {
            Type::Counter => Kind::Counter,
            Type::Gauge => Kind::Gauge,
            Type::Histogram => Kind::Histogram,
            Type::Summary => Kind::Summary,
            Type::Untyped => Kind::Untyped,
        };
        let names = names(found, &family.samples);
        let maker = Maker { family: Family::new(family.name, kind, ""), names, found };
        Ready {
            name: family.name.to_owned(),
            help: family.help.as_ref().map(|help| (**help).to_owned()),
            kind,
            samples: match family.kind {
                Type::Histogram => maker.grouped(&family.samples, Maker::histogram),
                Type::Summary => maker.grouped(&family.samples, Maker::summary),
                Type::Counter | Type::Gauge | Type::Untyped => maker.plain(&family.samples),
            },
        }
    };
    found.families.iter().map(one).collect()
}

/// Bytes that the page takes at most for what `file` holds, told before anything is rendered: each sample
/// has every label of its family, and a family without a help text names its files, so that a small file
/// can make a large page.
pub(super) fn size(found: &Families<'_>, file: &str) -> u64 {
    // Names and marks of the two lines of a head; of a sample, its suffix and value.
    const HEAD: usize = 64;
    const SAMPLE: usize = 48;
    let mut size = 0usize;
    for family in &found.families {
        let names: usize = names(found, &family.samples).iter().map(|name| name.len() + 4).sum();
        let each = names.saturating_add(family.name.len() + SAMPLE);
        let values = family.samples.iter().flat_map(|sample| found.labels(sample));
        // An escaped byte is two.
        let values: usize = values.map(|(_, value)| 2 * value.len()).sum();
        let help = family.help.as_ref().map_or(file.len() + HEAD, |help| 2 * help.len());
        size = size
            .saturating_add(each.saturating_mul(family.samples.len()))
            .saturating_add(values + help + 2 * family.name.len() + HEAD);
    }
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Every label that any of these has, sorted.
fn names<'a>(found: &'a Families<'_>, samples: &[Sample]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in samples.iter().flat_map(|sample| found.labels(sample)) {
        if let Err(at) = names.binary_search(name) {
            names.insert(at, name);
        }
    }
    names
}

struct Maker<'a> {
    family: Family,
    names: Vec<&'a str>,
    found: &'a Families<'a>,
}

type Samples = Vec<(Series, f64)>;
type Labels<'a> = Vec<(&'a str, &'a str)>;

/// What the lines of one histogram or summary say.
#[derive(Default)]
struct Whole {
    count: f64,
    sum: f64,
    /// Bounds or quantiles, in their order; one that is there twice has its last value.
    steps: Vec<(f64, f64)>,
}

impl Whole {
    fn take(&mut self, part: Part, value: f64) {
        match part {
            Part::Count => self.count = value,
            Part::Sum => self.sum = value,
            Part::Bucket(step) | Part::Quantile(step) => {
                match self.steps.binary_search_by(|(known, _)| known.total_cmp(&step)) {
                    Ok(at) => self.steps.get_mut(at).into_iter().for_each(|one| one.1 = value),
                    Err(at) => self.steps.insert(at, (step, value)),
                }
            }
            Part::Value | Part::Stray => {}
        }
    }
}

impl Maker<'_> {
    fn labels<'b>(&'b self, own: &'b [Label<'_>]) -> Labels<'b> {
        let value = |name: &str| own.iter().find(|(known, _)| *known == name);
        let label = |name: &&'b str| (*name, value(name).map_or("", |(_, value)| &**value));
        self.names.iter().map(label).collect()
    }

    fn plain(&self, samples: &[Sample]) -> Samples {
        let one = |sample: &Sample| {
            (self.family.series(&self.labels(self.found.labels(sample))), sample.value)
        };
        samples.iter().map(one).collect()
    }

    /// Those of the same labels are one.
    fn grouped(
        &self,
        samples: &[Sample],
        show: fn(&Self, &Labels<'_>, &Whole, &mut Samples),
    ) -> Samples {
        let mut at = HashMap::new();
        let mut wholes: Vec<(Labels<'_>, Whole)> = Vec::new();
        for sample in samples {
            let labels = self.labels(self.found.labels(sample));
            let index = *at.entry(labels.clone()).or_insert_with(|| {
                wholes.push((labels, Whole::default()));
                wholes.len() - 1
            });
            if let Some((_, whole)) = wholes.get_mut(index) {
                whole.take(sample.part, sample.value);
            }
        }
        let mut out = Vec::new();
        wholes.iter().for_each(|(labels, whole)| show(self, labels, whole, &mut out));
        out
    }

    fn histogram(&self, labels: &Labels<'_>, whole: &Whole, out: &mut Samples) {
        let top = (f64::INFINITY, whole.count);
        let last = whole.steps.last().is_none_or(|(bound, _)| *bound < f64::INFINITY);
        for (bound, count) in whole.steps.iter().chain(last.then_some(&top)) {
            let series = self.family.part("_bucket", &with(labels, "le", &go_float(*bound)));
            out.push((series, *count));
        }
        out.push((self.family.part("_sum", labels), whole.sum));
        out.push((self.family.part("_count", labels), whole.count));
    }

    fn summary(&self, labels: &Labels<'_>, whole: &Whole, out: &mut Samples) {
        for (quantile, value) in &whole.steps {
            let series = self.family.series(&with(labels, "quantile", &go_float(*quantile)));
            out.push((series, *value));
        }
        out.push((self.family.part("_sum", labels), whole.sum));
        let count = whole.count.trunc();
        out.push((self.family.part("_count", labels), count));
    }
}

fn with<'a>(labels: &Labels<'a>, name: &'a str, value: &'a str) -> Labels<'a> {
    let mut labels = labels.clone();
    labels.push((name, value));
    labels
}

/// A bound as Go writes it, so that the label is the same text as node_exporter's: `100`, `1.6384e+06`.
fn go_float(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // The shortest form of `strconv.FormatFloat`'s `g`.
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (100.0, "100"),
            (409_600.0, "409600"),
            (1_638_400.0, "1.6384e+06"),
            (1e6, "1e+06"),
            (1e21, "1e+21"),
            (0.25, "0.25"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (-2.5, "-2.5"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(go_float(value), text);
        }
    }
}
