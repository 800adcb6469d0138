//! The families of all files as one page: one head for each name, no series twice, no name that a source
//! of socle's own has.

use super::render::Ready;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::{BTreeMap, HashSet};

/// The names of every family that a source here may have, one a line; `UPDATE_GOLDEN=1` writes it anew in
/// the test that holds it.
const TAKEN: &str = include_str!("taken.txt");

/// How the names of families begin that come from tables of the kernel or of the hardware.
const TAKEN_STARTS: [&str; 16] = [
    "ipmi_",
    "node_ethtool_",
    "node_hwmon_",
    "node_infiniband_",
    "node_memory_",
    "node_mountstats_nfs_",
    "node_netstat_",
    "node_network_receive_",
    "node_network_transmit_",
    "node_rapl_",
    "node_scrape_collector_",
    "node_systemd_",
    "node_textfile_",
    "node_vmstat_",
    "node_zoneinfo_",
    "socle_",
];

fn taken(name: &str) -> bool {
    TAKEN_STARTS.iter().any(|start| name.starts_with(start))
        || TAKEN.lines().any(|known| known == name)
}

/// All families, by name.
#[derive(Default)]
pub(super) struct Merged<'a> {
    families: BTreeMap<&'a str, One<'a>>,
}

struct One<'a> {
    kind: Kind,
    help: Option<&'a str>,
    /// A file had another help than the first: what comes after is left out.
    disputed: bool,
    files: Vec<&'a str>,
    samples: Vec<&'a (Series, f64)>,
}

/// Merges what the files hold, in their order. What cannot be shown goes into `faults`.
pub(super) fn merge<'a>(
    files: impl Iterator<Item = (&'a str, &'a [Ready])>,
    faults: &mut Vec<String>,
) -> Merged<'a> {
    let mut merged = Merged::default();
    let mut series = HashSet::new();
    for (file, families) in files {
        for family in families {
            if let Err(why) = merged.add(file, family, &mut series) {
                faults.push(format!("{file}: {}: {why}", family.name));
            }
        }
    }
    merged
}

impl<'a> Merged<'a> {
    fn add(
        &mut self,
        file: &'a str,
        family: &'a Ready,
        series: &mut HashSet<&'a Series>,
    ) -> Result<(), &'static str> {
        if taken(&family.name) {
            return Err("a source of this agent has this name; the family is left out");
        }
        let help = family.help.as_deref();
        let one = self.families.entry(&family.name).or_insert_with(|| One {
            kind: family.kind,
            help: None,
            disputed: false,
            files: Vec::new(),
            samples: Vec::new(),
        });
        if one.kind != family.kind {
            return Err("another file has it with another type; the first counts");
        }
        let differs = one.help.is_some() && help.is_some() && one.help != help;
        if differs || one.disputed {
            one.disputed = true;
            return Err("another file has it with another help text; the first counts");
        }
        one.help = one.help.or(help);
        one.files.push(file);
        let before = one.samples.len();
        one.samples.extend(family.samples.iter().filter(|(text, _)| series.insert(text)));
        match one.samples.len() - before == family.samples.len() {
            true => Ok(()),
            false => Err("a series that was there before; the first counts"),
        }
    }

    /// Writes the page.
    pub(super) fn write(&self, page: &mut Page) {
        for (name, one) in &self.families {
            let made = format!("Metric read from {}", one.files.join(", "));
            let family = Family::new(name, one.kind, one.help.unwrap_or(&made));
            page.family_of(&family, |page| {
                one.samples.iter().for_each(|(series, value)| page.sample(series, *value));
            });
        }
    }
}
