//! The table `[metrics]` of socle.toml: its keys, its defaults, and which sources it turns on.

use crate::topology::{Detail, cpus};
use crate::{ELSEWHERE, Elsewhere, Entry, Root, SOURCES, Settings, SettingsError};
use serde::Deserialize;
use socle_model::settings::{ANY, Key, Kind, nearest};
use std::collections::BTreeMap;

/// Every key of the table and of `[metrics.filters]`.
pub const KEYS: &[Key] = &[
    Key {
        table: "metrics",
        name: "collectors",
        kind: Kind::Texts,
        default: "[]",
        doc: "Exactly these kernel sources; empty: the default set.",
    },
    Key {
        table: "metrics",
        name: "enable",
        kind: Kind::Texts,
        default: "[]",
        doc: "Kernel sources on top of the default set.",
    },
    Key {
        table: "metrics",
        name: "exclude",
        kind: Kind::Texts,
        default: "[]",
        doc: "Kernel sources to leave out.",
    },
    Key {
        table: "metrics",
        name: "cpu_detail",
        kind: Kind::Word(&["auto", "cpu", "core", "package", "node"]),
        default: "\"auto\"",
        doc: "Per-CPU series by `cpu`, or sums by `core` (PACKAGE-CORE), `package` or NUMA `node`, which\n\
              leave out frequencies, throttling and cpu.info. `auto`: cpu up to 256 CPUs, node above.",
    },
    Key {
        table: "metrics",
        name: "textfile_dir",
        kind: Kind::TextOrTexts,
        default: "\"/var/lib/prometheus/node-exporter\"",
        doc: "Folders whose *.prom files are shown as well, as node_exporter's textfile collector does it:\n\
              one, or an array of several; `*`, `?` and `[a-z]` are patterns. Empty: none.",
    },
    Key {
        table: "metrics",
        name: "deadline_s",
        kind: Kind::Number(0.1, 60.0),
        default: "5",
        doc: "A scrape is answered within this many seconds. What a source has not given by then is\n\
              left out and the source is marked as failing; the others are not affected.",
    },
    Key {
        table: "metrics",
        name: "series_max",
        kind: Kind::Integer(1, 10_000_000),
        default: "20000",
        doc: "Most series of one source on the page; the rest is counted in\n\
              socle_source_dropped_series. Raised by itself for cpu_detail = \"cpu\".",
    },
    Key {
        table: "metrics.filters",
        name: ANY,
        kind: Kind::TextOrBool,
        default: "\"filesystem.mount-points-exclude\" = \"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)\"",
        doc: "node_exporter's flags without `collector.`: what a source shows and leaves out.\n\
              Regular expressions, or true and false.",
    },
];

/// More than any source has for one CPU.
const SERIES_OF_A_CPU: usize = 40;

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Exactly these sources; empty for the default set.
    pub collectors: Vec<String>,
    /// On top of the default set.
    pub enable: Vec<String>,
    /// Left out.
    pub exclude: Vec<String>,
    /// How per-CPU series are shown.
    pub cpu_detail: Detail,
    /// Folders of the textfile source.
    pub textfile_dir: Folders,
    /// Seconds until a page is answered.
    pub deadline_s: f64,
    /// Most series of one source.
    pub series_max: usize,
    /// node_exporter's flags.
    pub filters: BTreeMap<String, Filter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            collectors: Vec::new(),
            enable: Vec::new(),
            exclude: Vec::new(),
            cpu_detail: Detail::Auto,
            textfile_dir: Folders::One(crate::textfile::DEFAULT.to_owned()),
            deadline_s: 5.0,
            series_max: 20_000,
            filters: BTreeMap::new(),
        }
    }
}

/// One folder, or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Folders {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Folders {
    /// All of them. No folder at all is one of an empty name: an empty list stands for the default.
    fn list(&self) -> Vec<String> {
        match self {
            Folders::One(folder) => vec![folder.clone()],
            Folders::Several(folders) if folders.is_empty() => vec![String::new()],
            Folders::Several(folders) => folders.clone(),
        }
    }
}

/// A filter's value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Filter {
    /// A regular expression.
    Text(String),
    /// A switch.
    Switch(bool),
}

impl Metrics {
    /// What the sources themselves take, checked, the names of sources too.
    ///
    /// # Errors
    /// Names the source or filter that does not exist, and the nearest that does.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        for name in [&self.collectors, &self.enable, &self.exclude].into_iter().flatten() {
            let names = || {
                let elsewhere = ELSEWHERE.iter().map(|one| one.name);
                SOURCES.iter().map(|entry| entry.name).chain(elsewhere)
            };
            if !names().any(|one| one == name) {
                let nearest = nearest(name, names());
                return Err(SettingsError::Source { name: name.clone(), nearest });
            }
        }
        let text = |filter: &Filter| match filter {
            Filter::Text(text) => text.clone(),
            Filter::Switch(on) => on.to_string(),
        };
        let filters = self.filters.iter().map(|(flag, filter)| (flag.clone(), text(filter)));
        Ok(Settings {
            cpu_detail: self.cpu_detail,
            textfile_dir: self.textfile_dir.list(),
            ..Settings::new(filters.collect())?
        })
    }

    /// Most series of one source on this machine: enough for every CPU where each is asked for.
    #[must_use]
    pub fn series_limit(&self, root: &Root) -> usize {
        match self.cpu_detail {
            Detail::Cpu => self.series_max.max(cpus(root).saturating_mul(SERIES_OF_A_CPU)),
            _ => self.series_max,
        }
    }

    /// The sources that are on, in the order of the page.
    pub fn sources(&self) -> impl Iterator<Item = &'static Entry> {
        SOURCES.iter().filter(|entry| self.chosen(entry.name, entry.on_by_default))
    }

    /// Those on top that this room does not have.
    pub fn elsewhere(&self) -> impl Iterator<Item = &'static Elsewhere> {
        ELSEWHERE.iter().filter(|one| self.chosen(one.name, false))
    }

    fn chosen(&self, source: &str, on_by_default: bool) -> bool {
        let name = |names: &[String]| names.iter().any(|name| name == source);
        let chosen = match self.collectors.is_empty() {
            true => on_by_default || name(&self.enable),
            false => name(&self.collectors),
        };
        chosen && !name(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusion_wins_and_a_list_is_exact() {
        let names = |metrics: &Metrics| metrics.sources().map(|e| e.name).collect::<Vec<_>>();
        let all = names(&Metrics::default());
        assert!(all.contains(&"cpu") && all.contains(&"stat"));
        let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let few = Metrics {
            collectors: texts(&["stat", "cpu"]),
            exclude: texts(&["cpu"]),
            ..Metrics::default()
        };
        assert_eq!(names(&few), ["stat"]);
        let none = |metrics: &Metrics| metrics.elsewhere().next().is_none();
        let more = Metrics { enable: texts(&["systemd"]), ..Metrics::default() };
        assert!(none(&Metrics::default()) && none(&few) && !none(&more));
        assert!(more.settings().is_ok() && names(&more) == all);
        let wrong = Metrics { enable: texts(&["hwmoon"]), ..Metrics::default() };
        let error = wrong.settings().unwrap_err().to_string();
        assert!(error.contains("\"hwmoon\"") && error.contains("that exists is hwmon"), "{error}");
    }
}
