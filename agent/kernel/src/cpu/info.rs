//! `cpu.info`: what `/proc/cpuinfo` says of each CPU, off unless asked for: the file is long, and on
//! some kernels reading it makes every CPU measure its frequency.

use crate::file::{Kept, number, words};
use crate::settings::Settings;
use crate::table::Table;
use crate::{ReadError, Root};
use regex::Regex;
use socle_model::metrics::{Family, Kind, Page, Series};

/// One CPU's lines, as they stand in the file.
#[derive(Debug, Default, Clone, Copy)]
struct Block<'a> {
    processor: &'a [u8],
    vendor: &'a [u8],
    family: &'a [u8],
    model: &'a [u8],
    model_name: &'a [u8],
    stepping: &'a [u8],
    microcode: &'a [u8],
    mhz: &'a [u8],
    cache: &'a [u8],
    package: &'a [u8],
    core: &'a [u8],
}

#[derive(Debug)]
struct Row {
    info: Series,
    frequency: Series,
    hertz: f64,
}

/// Flags or bugs of the first CPU.
struct Words {
    family: Family,
    label: &'static str,
    wanted: Option<Regex>,
    series: Vec<Series>,
}

pub(super) struct Info {
    file: Kept,
    rows: Table<Row>,
    info: Family,
    frequency: Family,
    flags: Words,
    bugs: Words,
}

impl Info {
    /// `None` where the settings do not ask for it; a filter of flags or bugs asks as well.
    pub(super) fn new(root: &Root, settings: &Settings) -> Option<Self> {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        let words = |label, name, help, flag| Words {
            family: gauge(name, help),
            label,
            wanted: settings.pattern(flag),
            series: Vec::new(),
        };
        let flags = words(
            "flag",
            "node_cpu_flag_info",
            "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.",
            "cpu.info.flags-include",
        );
        let bugs = words(
            "bug",
            "node_cpu_bug_info",
            "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.",
            "cpu.info.bugs-include",
        );
        let asked =
            settings.on("cpu.info", false) || flags.wanted.is_some() || bugs.wanted.is_some();
        asked.then(|| Info {
            file: Kept::new(root.procfs.join("cpuinfo")),
            rows: Table::default(),
            info: gauge("node_cpu_info", "CPU information from /proc/cpuinfo."),
            frequency: gauge(
                "node_cpu_frequency_hertz",
                "CPU frequency in hertz from /proc/cpuinfo.",
            ),
            flags,
            bugs,
        })
    }

    pub(super) fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect()?;
        if self.rows.present().next().is_none() {
            return Ok(());
        }
        page.family(&self.info);
        self.rows.present().for_each(|row| page.sample(&row.info, 1u64));
        page.family(&self.frequency);
        self.rows.present().for_each(|row| page.sample(&row.frequency, row.hertz));
        for words in [&self.flags, &self.bugs] {
            if !words.series.is_empty() {
                page.family(&words.family);
                words.series.iter().for_each(|series| page.sample(series, 1u64));
            }
        }
        Ok(())
    }

    /// Everything is rendered again: a late microcode update changes a label.
    pub(super) fn discover(&mut self) -> Result<(), ReadError> {
        self.rows = Table::default();
        self.flags.series.clear();
        self.bugs.series.clear();
        self.collect()
    }

    fn collect(&mut self) -> Result<(), ReadError> {
        let (info, frequency) = (&self.info, &self.frequency);
        let rows = &mut self.rows;
        rows.begin();
        let (mut block, mut bad) = (Block::default(), None);
        let mut end = |block: &Block<'_>, line: usize| {
            if block.processor.is_empty() {
                return;
            }
            let mhz = if block.mhz.is_empty() { Some(0.0) } else { number(Some(block.mhz)) };
            let Some(mhz) = mhz else {
                bad = Some(line);
                return;
            };
            let row = rows.row(block.processor, || Row::new(block, info, frequency));
            if let Some((row, _)) = row {
                row.hertz = mhz * 1e6;
            }
        };
        let mut last = 0;
        for (n, line) in self.file.read()?.split(|byte| *byte == b'\n').enumerate() {
            last = n + 1;
            let Some((key, value)) = pair(line) else { continue };
            if key == b"processor" {
                end(&block, last);
                block = Block::default();
            }
            match key {
                b"flags" => self.flags.render(value),
                b"bugs" => self.bugs.render(value),
                _ => block.take(key, value),
            }
        }
        end(&block, last);
        bad.map_or(Ok(()), |line| Err(self.file.bad(line, "cpu MHz", "a number before this line")))
    }
}

/// `model name\t: Intel …`
fn pair(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (key, value) = line.split_at_checked(colon)?;
    Some((key.trim_ascii(), value.get(1..)?.trim_ascii()))
}

impl<'a> Block<'a> {
    fn take(&mut self, key: &[u8], value: &'a [u8]) {
        let slot = match key {
            b"processor" => &mut self.processor,
            b"vendor_id" => &mut self.vendor,
            b"cpu family" => &mut self.family,
            b"model" => &mut self.model,
            b"model name" => &mut self.model_name,
            b"stepping" => &mut self.stepping,
            b"microcode" => &mut self.microcode,
            b"cpu MHz" => &mut self.mhz,
            b"cache size" => &mut self.cache,
            b"physical id" => &mut self.package,
            b"core id" => &mut self.core,
            _ => return,
        };
        *slot = value;
    }
}

impl Row {
    fn new(block: &Block<'_>, info: &Family, frequency: &Family) -> Self {
        let text = String::from_utf8_lossy;
        let core = &text(block.core);
        let cpu = &text(block.processor);
        let package = &text(block.package);
        Row {
            info: info.series(&[
                ("cachesize", &text(block.cache)),
                ("core", core),
                ("cpu", cpu),
                ("family", &text(block.family)),
                ("microcode", &text(block.microcode)),
                ("model", &text(block.model)),
                ("model_name", &text(block.model_name)),
                ("package", package),
                ("stepping", &text(block.stepping)),
                ("vendor", &text(block.vendor)),
            ]),
            frequency: frequency.series(&[("core", core), ("cpu", cpu), ("package", package)]),
            hertz: 0.0,
        }
    }
}

impl Words {
    /// The first CPU's speak for all; rendered at the first sight after a discovery.
    fn render(&mut self, text: &[u8]) {
        let Some(wanted) = self.wanted.as_ref().filter(|_| self.series.is_empty()) else { return };
        for word in words(text) {
            let word = String::from_utf8_lossy(word);
            if wanted.is_match(&word) {
                let series = self.family.series(&[(self.label, &word)]);
                if !self.series.contains(&series) {
                    self.series.push(series);
                }
            }
        }
    }
}
