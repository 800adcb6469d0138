//! `zoneinfo`: the zones of memory, `/proc/zoneinfo` (admin-guide/sysctl/vm). Opt-in.

mod fields;

use crate::file::{number, words};
use crate::lines::{Fault, Lines, OneFile, Text};
use crate::table::Table;
use crate::{ReadError, Root};
use fields::FIELDS;
use socle_model::metrics::{Family, Kind, Page, Series};

/// Zones that one zone may be protected from: more than the kernel has.
const MOST_ZONES: usize = 16;

#[derive(Debug)]
struct Row {
    node: String,
    zone: String,
    /// As the fields stand; a series is rendered when its field is first seen.
    values: Vec<(Option<Series>, Option<i64>)>,
    protection: Vec<(Series, Option<i64>)>,
}

pub(crate) struct Zoneinfo {
    families: Vec<Family>,
    protections: Vec<Family>,
    rows: Table<Row>,
    /// The line that the zone began with; empty before the first.
    zone: Vec<u8>,
}

pub(crate) fn open(root: &Root) -> OneFile<Zoneinfo> {
    OneFile::new(Lines::new(root.procfs.join("zoneinfo")), Zoneinfo::new())
}

fn protection(n: usize) -> Family {
    let help = format!("Protection array {n}. field");
    Family::new(&format!("node_zoneinfo_protection_{n}"), Kind::Gauge, &help)
}

impl Row {
    fn new(node: &[u8], zone: &[u8]) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let mut values = Vec::new();
        values.resize_with(FIELDS.len(), || (None, None));
        Row { node: text(node), zone: text(zone), values, protection: Vec::new() }
    }

    fn series(&self, family: &Family) -> Series {
        family.series(&[("node", &self.node), ("zone", &self.zone)])
    }
}

impl Zoneinfo {
    pub(crate) fn new() -> Self {
        let family = |(_, name, kind, help): &(&str, &str, Kind, &str)| {
            Family::new(&format!("node_zoneinfo_{name}"), *kind, help)
        };
        Zoneinfo {
            families: FIELDS.iter().map(family).collect(),
            protections: (0..MOST_ZONES).map(protection).collect(),
            rows: Table::default(),
            zone: Vec::new(),
        }
    }

    /// `Node 0, zone   Normal`
    fn zone(&mut self, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line).skip(1);
        let node = words.next().and_then(|word| word.strip_suffix(b","));
        let zone = words.nth(1);
        let node = node.filter(|node| number::<u64>(Some(node)).is_some());
        let Some((node, zone)) = node.zip(zone) else {
            return Err(Fault::new(line, "a node and a zone"));
        };
        self.zone.clear();
        self.zone.extend_from_slice(node);
        self.zone.push(b' ');
        // What is not UTF-8 is shown with U+FFFD; two such names may be one.
        self.zone.extend_from_slice(String::from_utf8_lossy(zone).as_bytes());
        if let Some((row, _)) = self.rows.row(&self.zone, || Row::new(node, zone)) {
            row.values.iter_mut().for_each(|(_, value)| *value = None);
            row.protection.iter_mut().for_each(|(_, value)| *value = None);
        }
        Ok(())
    }

    /// `        protection: (0, 2039, 31932)`
    fn protected(&mut self, line: &[u8]) -> Result<(), Fault> {
        let open = line.iter().position(|byte| *byte == b'(').unwrap_or(line.len());
        let list = line.get(open + 1..).unwrap_or_default().trim_ascii();
        let list = list.strip_suffix(b")").unwrap_or_default();
        let Zoneinfo { rows, zone, protections, .. } = self;
        let Some(row) = rows.current_mut(zone) else { return Ok(()) };
        for (n, (word, family)) in list.split(|byte| *byte == b',').zip(protections).enumerate() {
            let pages: Option<i64> = number(Some(word.trim_ascii()));
            let pages = pages.ok_or_else(|| Fault::new(line, "whole numbers in brackets"))?;
            if row.protection.len() <= n {
                let series = row.series(family);
                row.protection.push((series, None));
            }
            if let Some((_, slot)) = row.protection.get_mut(n) {
                *slot = Some(pages);
            }
        }
        Ok(())
    }
}

impl Text for Zoneinfo {
    fn begin(&mut self) {
        self.rows.begin();
        self.zone.clear();
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        let Some(key) = words.next() else { return Ok(()) };
        if key == b"Node" {
            return self.zone(line);
        }
        if key == b"protection:" {
            return self.protected(line);
        }
        let Some(at) = FIELDS.iter().position(|(field, ..)| field.as_bytes() == key) else {
            return Ok(());
        };
        let pages: Option<i64> = number(words.next());
        let pages = pages.ok_or_else(|| Fault::new(key, "a whole number"))?;
        let Zoneinfo { rows, zone, families, .. } = self;
        let Some((row, family)) = rows.current_mut(zone).zip(families.get(at)) else {
            return Ok(());
        };
        if row.values.get(at).is_some_and(|(series, _)| series.is_none()) {
            let series = row.series(family);
            if let Some((slot, _)) = row.values.get_mut(at) {
                *slot = Some(series);
            }
        }
        if let Some((_, slot)) = row.values.get_mut(at) {
            *slot = Some(pages);
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        for (n, family) in self.families.iter().enumerate() {
            page.family_of(family, |page| {
                for row in self.rows.present() {
                    if let Some((Some(series), Some(value))) = row.values.get(n) {
                        page.sample(series, *value);
                    }
                }
            });
        }
        for (n, family) in self.protections.iter().enumerate() {
            page.family_of(family, |page| {
                for row in self.rows.present() {
                    if let Some((series, Some(value))) = row.protection.get(n) {
                        page.sample(series, *value);
                    }
                }
            });
        }
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.rows.sweep();
        Ok(())
    }
}
