//! `meminfo_numa`: the memory of each NUMA node, `/sys/devices/system/node/nodeN/{meminfo,numastat}`.

use crate::attr::numbered;
use crate::file::{number, words};
use crate::lines::{Fault, Lines};
use crate::names::Names;
use crate::table::{Seen, Table};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::PathBuf;

/// A field, and its value on each node.
struct Row {
    family: Option<Family>,
    nodes: Vec<(Option<Series>, Option<u64>)>,
}

#[derive(Default)]
struct Fields {
    names: Names,
    rows: Table<Row>,
}

struct Node {
    label: String,
    dir: PathBuf,
    meminfo: Lines,
    numastat: Lines,
}

pub(crate) struct MeminfoNuma {
    dir: PathBuf,
    nodes: Vec<Node>,
    fields: Fields,
}

impl MeminfoNuma {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let dir = root.sysfs.join("devices/system/node");
        let mut numa = MeminfoNuma { dir, nodes: Vec::new(), fields: Fields::default() };
        numa.discover()?;
        Ok(numa)
    }
}

impl Fields {
    /// Takes the value of a field on the n-th node.
    fn set(&mut self, key: &[u8], kind: Kind, n: usize, node: &str, value: u64) {
        let Fields { names, rows } = self;
        let make = || Row { family: family(names, key, kind), nodes: Vec::new() };
        let Some((Row { family: Some(family), nodes }, seen)) = rows.row(key, make) else {
            return;
        };
        if seen != Seen::Twice {
            nodes.iter_mut().for_each(|(_, value)| *value = None);
        }
        if nodes.len() <= n {
            nodes.resize_with(n + 1, || (None, None));
        }
        if let Some((series, slot)) = nodes.get_mut(n) {
            series.get_or_insert_with(|| family.series(&[("node", node)]));
            *slot = Some(value);
        }
    }

    /// `Node 0 MemTotal:       131744872 kB`
    fn meminfo(&mut self, n: usize, node: &str, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line).skip(2);
        let Some(key) = words.next() else { return Ok(()) };
        let fault = || Fault::new(key, "a number, in kB or bare");
        let value: u64 = number(words.next()).ok_or_else(fault)?;
        let value = match words.next() {
            Some(b"kB") => value.checked_mul(1024),
            None => Some(value),
            Some(_) => None,
        };
        self.set(key, Kind::Gauge, n, node, value.ok_or_else(fault)?);
        Ok(())
    }

    /// `numa_hit 193460335812`
    fn numastat(&mut self, n: usize, node: &str, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        let Some(key) = words.next() else { return Ok(()) };
        let value = number(words.next()).ok_or_else(|| Fault::new(key, "a whole number"))?;
        self.set(key, Kind::Counter, n, node, value);
        Ok(())
    }
}

/// `Active(anon):` is `Active_anon`; a counter's name ends in `_total`.
fn family(names: &mut Names, key: &[u8], kind: Kind) -> Option<Family> {
    let key = std::str::from_utf8(key).ok()?.trim_end_matches(':');
    let mut name = key.replace('(', "_").replace(')', "");
    if kind == Kind::Counter {
        name.push_str("_total");
    }
    let help = format!("Memory information field {name}.");
    names.family(&format!("node_memory_numa_{name}"), kind, &help)
}

impl Source for MeminfoNuma {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let MeminfoNuma { nodes, fields, dir } = self;
        if nodes.is_empty() {
            return Err(ReadError::NoData(dir.clone()));
        }
        fields.rows.begin();
        for (n, Node { label, meminfo, numastat, .. }) in nodes.iter_mut().enumerate() {
            meminfo.read(|_, line| fields.meminfo(n, label, line))?;
            numastat.read(|_, line| fields.numastat(n, label, line))?;
        }
        for Row { family, nodes } in fields.rows.present() {
            let Some(family) = family else { continue };
            page.family(family);
            for (series, value) in nodes {
                if let (Some(series), Some(value)) = (series, value) {
                    page.sample(series, *value);
                }
            }
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let found = numbered(&self.dir, "node")?;
        if self.nodes.iter().map(|node| &node.dir).eq(found.iter().map(|(_, dir)| dir)) {
            return Ok(());
        }
        let node = |(number, dir): (u64, PathBuf)| Node {
            label: number.to_string(),
            meminfo: Lines::in_one_piece(dir.join("meminfo")),
            numastat: Lines::in_one_piece(dir.join("numastat")),
            dir,
        };
        self.nodes = found.into_iter().map(node).collect();
        self.fields = Fields::default();
        Ok(())
    }
}
