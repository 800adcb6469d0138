//! `vmstat`: the lines of `/proc/vmstat` whose names the flag `vmstat.fields` matches.

use crate::file::words;
use crate::lines::{Fault, Lines, OneFile, Text, whole};
use crate::names::Names;
use crate::settings::{Flag, Takes};
use crate::table::Table;
use crate::{Root, Settings};
use regex::Regex;
use socle_model::metrics::{Family, Kind, Page, Value};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[("vmstat.fields", Takes::Regex)];

/// node_exporter's default.
pub(crate) const FIELDS: &str = "^(oom_kill|pgpg|pswp|pg.*fault).*";

struct Row {
    /// `None` for a line that is not wanted.
    family: Option<Family>,
    value: Value,
}

pub(crate) struct Vmstat {
    wanted: Option<Regex>,
    names: Names,
    rows: Table<Row>,
}

pub(crate) fn open(root: &Root, settings: &Settings) -> OneFile<Vmstat> {
    OneFile::new(Lines::new(root.procfs.join("vmstat")), Vmstat::new(settings))
}

impl Vmstat {
    pub(crate) fn new(settings: &Settings) -> Self {
        let wanted = Regex::new(settings.text("vmstat.fields", FIELDS)).ok();
        Vmstat { wanted, names: Names::default(), rows: Table::default() }
    }
}

fn family(wanted: Option<&Regex>, names: &mut Names, key: &[u8]) -> Option<Family> {
    let key = std::str::from_utf8(key).ok()?;
    wanted.filter(|wanted| wanted.is_match(key))?;
    let help = format!("/proc/vmstat information field {key}.");
    names.family(&format!("node_vmstat_{key}"), Kind::Untyped, &help)
}

impl Text for Vmstat {
    fn begin(&mut self) {
        self.rows.begin();
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        let Some(key) = words.next() else { return Ok(()) };
        let Vmstat { wanted, names, rows } = self;
        let make = || Row { family: family(wanted.as_ref(), names, key), value: Value::Int(0) };
        if let Some((row, _)) = rows.row(key, make)
            && row.family.is_some()
        {
            row.value = whole(words.next()).ok_or_else(|| Fault::new(key, "a whole number"))?;
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        for row in self.rows.present() {
            if let Some(family) = &row.family {
                page.single(family, row.value);
            }
        }
    }
}
