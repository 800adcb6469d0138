//! `[metrics.filters]`: node_exporter's flags for the sources here.

use crate::topology::Detail;
use regex::Regex;
use std::collections::BTreeMap;

/// Filters, checked. The default is node_exporter's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Keyed by node_exporter's flag without `collector.`.
    pub filters: BTreeMap<String, String>,
    /// How per-CPU series are shown.
    pub cpu_detail: Detail,
    /// `metrics.textfile_dir`: folders or patterns of folders; none for the default.
    pub textfile_dir: Vec<String>,
}

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No source here has such a flag.
    #[error("metrics.filters: unknown key {key:?}; the nearest that exists is {nearest:?}")]
    Unknown {
        /// The key as written.
        key: String,
        /// The valid key that looks most like it.
        nearest: &'static str,
    },
    /// There is no such source.
    #[error("metrics: there is no source {name:?}{}", nearest.map(|near| format!("; the nearest that exists is {near}")).unwrap_or_default())]
    Source {
        /// The name as written.
        name: String,
        /// The source whose name looks most like it.
        nearest: Option<&'static str>,
    },
    /// node_exporter has the flag, this version has not.
    #[error(
        "metrics.filters: {key:?} is a flag of node_exporter that this version does not have yet; \
         leave it out"
    )]
    NotHere {
        /// The key.
        key: String,
    },
    /// The value is neither true nor false.
    #[error("metrics.filters: {key:?}: {value:?} is neither true nor false")]
    Switch {
        /// The key.
        key: String,
        /// The value as written.
        value: String,
    },
    /// The value is no regular expression.
    #[error("metrics.filters: {key:?}: {source}")]
    Regex {
        /// The key.
        key: String,
        /// Why.
        source: Box<regex::Error>,
    },
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A regular expression.
    Regex,
    /// `true` or `false`.
    Switch,
    /// Any text: a path, a list.
    Text,
}

/// One flag of a source: node_exporter's name without `collector.`, and what it takes. Each source has
/// its own in its line of [`SOURCES`](crate::SOURCES).
pub(crate) type Flag = (&'static str, Takes);

/// The flags that the sources here understand.
fn flags() -> impl Iterator<Item = &'static Flag> {
    let elsewhere = crate::ELSEWHERE.iter().flat_map(|one| one.flags);
    crate::SOURCES.iter().flat_map(|entry| entry.flags).chain(elsewhere)
}

/// Its flags for the same collectors that are not understood here.
const NOT_HERE: &[&str] = &[
    "arp.netlink",
    "filesystem.mount-timeout",
    "filesystem.stat-workers",
    "netclass.netlink",
    "netclass_rtnl.with-stats",
    "netdev.enable-detailed-metrics",
    "netdev.label-ifalias",
    "netdev.netlink",
];

impl Settings {
    /// Checks the keys and the values.
    ///
    /// # Errors
    /// Names the bad key, and the valid one nearest to it.
    pub fn new(filters: BTreeMap<String, String>) -> Result<Self, SettingsError> {
        for (key, value) in &filters {
            check(key, value)?;
        }
        Ok(Settings { filters, ..Settings::default() })
    }
}

fn check(key: &str, value: &str) -> Result<(), SettingsError> {
    let key_text = || key.to_owned();
    match flags().find(|(flag, _)| *flag == key) {
        Some((_, Takes::Regex)) => {
            let tried = Regex::new(value);
            let wrong = |source| SettingsError::Regex { key: key_text(), source: Box::new(source) };
            tried.map(|_| ()).map_err(wrong)
        }
        Some((_, Takes::Switch)) => match value {
            "true" | "false" => Ok(()),
            _ => Err(SettingsError::Switch { key: key_text(), value: value.to_owned() }),
        },
        Some((_, Takes::Text)) => Ok(()),
        None if NOT_HERE.contains(&key) => Err(SettingsError::NotHere { key: key_text() }),
        None => {
            let names = flags().map(|(flag, _)| *flag);
            let nearest = names.min_by_key(|flag| strsim::levenshtein(key, flag));
            Err(SettingsError::Unknown { key: key_text(), nearest: nearest.unwrap_or_default() })
        }
    }
}

/// What a pair of `-exclude` and `-include` flags leaves out.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    exclude: Option<Regex>,
    include: Option<Regex>,
}

impl Filter {
    /// Whether a device is left out.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.exclude.as_ref().is_some_and(|pattern| pattern.is_match(name))
            || self.include.as_ref().is_some_and(|pattern| !pattern.is_match(name))
    }
}

impl Settings {
    /// Whether a switch is on.
    #[must_use]
    pub fn on(&self, flag: &str, default: bool) -> bool {
        self.filters.get(flag).map_or(default, |value| value == "true")
    }

    /// The text of a flag.
    pub(crate) fn text<'a>(&'a self, flag: &str, default: &'a str) -> &'a str {
        self.filters.get(flag).map_or(default, String::as_str)
    }

    /// The regular expression of a flag; none where it is not given or empty.
    pub(crate) fn pattern(&self, flag: &str) -> Option<Regex> {
        self.filters.get(flag).and_then(|text| pattern(text))
    }

    /// Whether a whole name matches the regular expression of a flag.
    pub fn matcher(&self, flag: &str, default: &str) -> impl Fn(&str) -> bool + Send + use<> {
        let text = self.filters.get(flag).map_or(default, String::as_str);
        let pattern = pattern(&format!("^(?:{text})$"));
        move |name| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }

    /// Whether a name has a part that matches the regular expression of a flag.
    pub fn search(&self, flag: &str, default: &str) -> impl Fn(&str) -> bool + Send + use<> {
        let text = self.filters.get(flag).map_or(default, String::as_str);
        let pattern = pattern(text);
        move |name| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }

    /// Whether the flags `FLAG-exclude` and `FLAG-include` leave a name out.
    pub fn ignores(&self, flag: &str, excluded: &str) -> impl Fn(&str) -> bool + Send + use<> {
        let filter = self.filter(flag, excluded);
        move |name| filter.ignores(name)
    }

    /// The filter of the flags `FLAG-exclude` and `FLAG-include`. The default exclusion holds unless
    /// either is given, as node_exporter has it.
    pub(crate) fn filter(&self, flag: &str, excluded: &str) -> Filter {
        let given = |end: &str| self.filters.get(&format!("{flag}-{end}")).map(String::as_str);
        let (exclude, include) = (given("exclude"), given("include"));
        let exclude = exclude.or_else(|| include.is_none().then_some(excluded));
        Filter { exclude: exclude.and_then(pattern), include: include.and_then(pattern) }
    }
}

/// `Settings::new` has tried every pattern; the defaults are constants of this room.
fn pattern(text: &str) -> Option<Regex> {
    Some(text).filter(|text| !text.is_empty()).and_then(|text| Regex::new(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(key: &str, value: &str) -> Result<Settings, SettingsError> {
        Settings::new(BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn every_default_pattern_is_one() {
        for pattern in [
            crate::diskstats::EXCLUDED,
            crate::filesystem::EXCLUDED_MOUNTS,
            crate::filesystem::EXCLUDED_TYPES,
            crate::netstat::FIELDS,
            crate::vmstat::FIELDS,
        ] {
            Regex::new(pattern).unwrap();
        }
        let filter = Settings::default().filter("diskstats.device", crate::diskstats::EXCLUDED);
        assert!(
            filter.ignores("sda1") && filter.ignores("nvme0n1p2") && !filter.ignores("nvme0n1")
        );
    }

    #[test]
    fn a_bad_filter_is_named() {
        assert!(settings("hwmon.chip-include", "^nvme").is_ok());
        let error = settings("hwmon.chip-inclde", "x").unwrap_err().to_string();
        assert!(error.contains("\"hwmon.chip-include\""), "{error}");
        let error = settings("netdev.device-exclude", "(").unwrap_err().to_string();
        assert!(error.contains("netdev.device-exclude"), "{error}");
        let error = settings("cpu.info", "yes").unwrap_err().to_string();
        assert!(error.contains("\"cpu.info\"") && error.contains("\"yes\""), "{error}");
        let error = settings("netdev.label-ifalias", "true").unwrap_err().to_string();
        assert!(error.contains("flag of node_exporter"), "{error}");
        assert!(settings("stat.softirq", "true").unwrap().on("stat.softirq", false));
        assert!(settings("cpu.info", "false").unwrap().on("cpu.guest", true));
    }
}
