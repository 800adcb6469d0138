//! How per-CPU series are shown: each CPU, or sums over the CPUs of a core, a package or a NUMA node
//! (`metrics.cpu_detail`).

use crate::attr::{Attr, numbered};
use crate::file::Kept;
use crate::{ReadError, Root};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `metrics.cpu_detail`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// `cpu` up to 256 CPUs, `node` above.
    #[default]
    Auto,
    /// Each CPU.
    Cpu,
    /// Sums by core.
    Core,
    /// Sums by package.
    Package,
    /// Sums by NUMA node.
    Node,
}

/// The most CPUs that `auto` shows one by one.
const CPUS: usize = 256;

/// What the CPUs are summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Core,
    Package,
    Node,
}

impl Group {
    /// The label that stands instead of `cpu`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Group::Core => "core",
            Group::Package => "package",
            Group::Node => "node",
        }
    }
}

impl Detail {
    /// What the CPUs of this machine are summed by; `None` where each is shown.
    pub(crate) fn group(self, root: &Root) -> Option<Group> {
        match self {
            Detail::Auto => (cpus(root) > CPUS).then_some(Group::Node),
            Detail::Cpu => None,
            Detail::Core => Some(Group::Core),
            Detail::Package => Some(Group::Package),
            Detail::Node => Some(Group::Node),
        }
    }
}

/// The CPUs that this machine has or may get; 0 where /sys does not say.
pub(crate) fn cpus(root: &Root) -> usize {
    let mut file = Kept::new(root.sysfs.join("devices/system/cpu/present"));
    let text = file.read().map(|text| String::from_utf8_lossy(text).into_owned());
    cpu_list(&text.unwrap_or_default()).len()
}

/// The group of every CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Groups {
    group: Group,
    names: BTreeMap<u64, String>,
}

impl Groups {
    /// Reads the topology. A CPU of which it says nothing belongs to the group `unknown`.
    pub(crate) fn find(root: &Root, group: Group) -> Result<Self, ReadError> {
        let names = match group {
            Group::Node => nodes(root)?,
            Group::Core | Group::Package => topology(root, group)?,
        };
        Ok(Groups { group, names })
    }

    /// The label that stands instead of `cpu`.
    pub(crate) fn label(&self) -> &'static str {
        self.group.label()
    }

    /// The group of the CPUs of which the topology says nothing.
    pub(crate) const UNKNOWN: &str = "unknown";

    /// The groups' names, numbers in their order, with [`Self::UNKNOWN`] at the end.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for name in self.names.values().map(String::as_str).chain([Self::UNKNOWN]) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The name of a CPU's group. A core is `PACKAGE-CORE`: the kernel's core numbers begin anew in each
    /// package.
    pub(crate) fn of(&self, cpu: u64) -> &str {
        self.names.get(&cpu).map_or(Self::UNKNOWN, String::as_str)
    }
}

fn nodes(root: &Root) -> Result<BTreeMap<u64, String>, ReadError> {
    let mut names = BTreeMap::new();
    for (node, path) in numbered(&root.sysfs.join("devices/system/node"), "node")? {
        let mut file = Kept::new(path.join("cpulist"));
        let text = String::from_utf8_lossy(file.read()?).into_owned();
        names.extend(cpu_list(&text).into_iter().map(|cpu| (cpu, node.to_string())));
    }
    Ok(names)
}

fn topology(root: &Root, group: Group) -> Result<BTreeMap<u64, String>, ReadError> {
    let mut names = BTreeMap::new();
    for (cpu, path) in numbered(&root.sysfs.join("devices/system/cpu"), "cpu")? {
        let id = |file: &str| Attr::new(path.join("topology").join(file)).value::<i64>();
        let Some(package) = id("physical_package_id") else { continue };
        let name = match group {
            Group::Core => id("core_id").map(|core| format!("{package}-{core}")),
            Group::Package | Group::Node => Some(package.to_string()),
        };
        names.extend(name.map(|name| (cpu, name)));
    }
    Ok(names)
}

/// CPUs of a list like `0-3,8`; at most the 8,192 that Linux can have.
pub(crate) fn cpu_list(text: &str) -> BTreeSet<u64> {
    text.split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.trim().parse::<u64>().ok()?..=last.trim().parse::<u64>().ok()?)
        })
        .flatten()
        .take(8192)
        .collect()
}
