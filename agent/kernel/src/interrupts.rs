//! `interrupts`: how often each CPU took each interrupt, `/proc/interrupts`. Opt-in. On more than 256 CPUs, and
//! where `metrics.cpu_detail` asks for sums, the series are sums over all CPUs, without the label `cpu`.

use crate::file::{number, words};
use crate::lines::{Fault, Lines, OneFile, Text};
use crate::settings::{Filter, Flag, Takes};
use crate::table::Table;
use crate::{ReadError, Root, Settings};
use socle_model::metrics::{Family, Kind, Page, Series};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[
    ("interrupts.include-zeros", Takes::Switch),
    ("interrupts.name-exclude", Takes::Regex),
    ("interrupts.name-include", Takes::Regex),
];

/// Most CPUs that are shown one by one: a page of a hundred interrupts on all of them has 25,600 series.
const MOST_CPUS: usize = 256;

#[derive(Debug, Default)]
struct Row {
    /// What stands behind the numbers.
    tail: Box<[u8]>,
    /// One for each CPU, or one for all; none where the filter leaves the interrupt out.
    series: Vec<Series>,
    values: Vec<u64>,
}

pub(crate) struct Interrupts {
    family: Family,
    filter: Filter,
    zeros: bool,
    /// Sums are asked for.
    sums: bool,
    heading: Vec<u8>,
    cpus: Vec<String>,
    rows: Table<Row>,
    values: Vec<u64>,
}

pub(crate) fn open(root: &Root, settings: &Settings) -> OneFile<Interrupts> {
    let sums = settings.cpu_detail.group(root).is_some();
    let interrupts = Interrupts { sums, ..Interrupts::new(settings) };
    OneFile::new(Lines::new(root.procfs.join("interrupts")), interrupts)
}

impl Interrupts {
    pub(crate) fn new(settings: &Settings) -> Self {
        Interrupts {
            family: Family::new("node_interrupts_total", Kind::Counter, "Interrupt details."),
            filter: settings.filter("interrupts.name", ""),
            zeros: settings.on("interrupts.include-zeros", true),
            sums: false,
            heading: Vec::new(),
            cpus: Vec::new(),
            rows: Table::default(),
            values: Vec::new(),
        }
    }

    /// `           CPU0       CPU2`: those that are online.
    fn heading(&mut self, line: &[u8]) -> Result<(), Fault> {
        if self.heading == line {
            return Ok(());
        }
        self.heading.clear();
        self.cpus.clear();
        for word in words(line) {
            let cpu: Option<u32> = number(word.strip_prefix(b"CPU"));
            let cpu = cpu.ok_or_else(|| Fault::new(word, "CPU and a number"))?.to_string();
            if self.cpus.contains(&cpu) {
                return Err(Fault::new(word, "each CPU once"));
            }
            self.cpus.push(cpu);
        }
        self.heading.extend_from_slice(line);
        // Series of other CPUs are of no use now.
        self.rows = Table::default();
        self.rows.begin();
        Ok(())
    }

    /// Whether there is one series for all CPUs.
    fn summed(&self) -> bool {
        self.sums || self.cpus.len() > MOST_CPUS
    }

    fn render(&self, name: &[u8], tail: &[u8]) -> Row {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let joined =
            |words: &mut dyn Iterator<Item = &[u8]>| words.map(text).collect::<Vec<_>>().join(" ");
        let name = text(name);
        let mut words = words(tail);
        // A number has a controller and devices; a name has its description.
        let (info, devices) = match name.parse::<i64>() {
            Ok(_) => (words.next().map(text).unwrap_or_default(), joined(&mut words)),
            Err(_) => (joined(&mut words), String::new()),
        };
        let mut row = Row { tail: tail.into(), ..Row::default() };
        if self.filter.ignores(&format!("{name};{info};{devices}")) {
            return row;
        }
        let labels = [("devices", &*devices), ("info", &*info), ("type", &*name)];
        let of_cpu = |cpu: &String| {
            let [devices, info, name] = labels;
            self.family.series(&[("cpu", cpu), devices, info, name])
        };
        row.series = match self.summed() {
            false => self.cpus.iter().map(of_cpu).collect(),
            true => vec![self.family.series(&labels)],
        };
        row.values = vec![0; row.series.len()];
        row
    }
}

/// The first word of a line, and what follows it.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    (end > 0).then(|| line.split_at(end))
}

impl Text for Interrupts {
    fn begin(&mut self) {
        self.rows.begin();
    }

    fn line(&mut self, n: usize, line: &[u8]) -> Result<(), Fault> {
        if n == 1 {
            return self.heading(line);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Ok(()) };
        let (name, rest) = line.split_at(colon);
        let (name, mut rest) = (name.trim_ascii_start(), rest.get(1..).unwrap_or_default());
        self.values.clear();
        for _ in &self.cpus {
            // `ERR` and `MIS` have one number for all CPUs.
            let Some((value, after)) = word(rest) else { return Ok(()) };
            let value = number(Some(value));
            self.values.push(value.ok_or_else(|| Fault::new(name, "a number for each CPU"))?);
            rest = after;
        }
        let tail = rest.trim_ascii();
        if tail.is_empty() {
            return Ok(());
        }
        let mut rows = std::mem::take(&mut self.rows);
        // What is not UTF-8 is shown with U+FFFD; two such names may be one.
        let shown = String::from_utf8_lossy(name);
        if let Some((row, _)) = rows.row(shown.as_bytes(), Row::default) {
            if *row.tail != *tail {
                *row = self.render(name, tail);
            }
            let all = self.values.iter().fold(0, |sum: u64, value| sum.saturating_add(*value));
            match self.summed() {
                false => {
                    let pairs = row.values.iter_mut().zip(&self.values);
                    pairs.for_each(|(slot, value)| *slot = *value);
                }
                true => row.values.iter_mut().for_each(|slot| *slot = all),
            }
        }
        self.rows = rows;
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        page.family_of(&self.family, |page| {
            for row in self.rows.present() {
                let samples = row.series.iter().zip(&row.values);
                let shown = samples.filter(|(_, value)| self.zeros || **value > 0);
                shown.for_each(|(series, value)| page.sample(series, *value));
            }
        });
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.rows.sweep();
        Ok(())
    }
}
