//! `[metrics.filters]`: node_exporter's flags for the sources here.

use regex::Regex;
use std::collections::BTreeMap;

/// Filters, checked. The default is node_exporter's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Keyed by node_exporter's flag without `collector.`.
    pub filters: BTreeMap<String, String>,
}

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No source here has such a flag.
    #[error("metrics.filters: unknown key {key:?}; the nearest is {nearest:?}")]
    Unknown {
        /// The key as written.
        key: String,
        /// The valid key that looks most like it.
        nearest: &'static str,
    },
    /// There is no such source.
    #[error("metrics: there is no source {name:?}{}", nearest.map(|near| format!("; the nearest is {near}")).unwrap_or_default())]
    Source {
        /// The name as written.
        name: String,
        /// The source whose name looks most like it.
        nearest: Option<&'static str>,
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

/// The flags that take a regular expression, from node_exporter 1.11.
const FLAGS: &[&str] = &[
    "diskstats.device-exclude",
    "diskstats.device-include",
    "filesystem.fs-types-exclude",
    "filesystem.fs-types-include",
    "filesystem.mount-points-exclude",
    "filesystem.mount-points-include",
    "hwmon.chip-exclude",
    "hwmon.chip-include",
    "hwmon.sensor-exclude",
    "hwmon.sensor-include",
    "netdev.device-exclude",
    "netdev.device-include",
];

impl Settings {
    /// Checks the keys and the regular expressions.
    ///
    /// # Errors
    /// Names the bad key, and the valid one nearest to it.
    pub fn new(filters: BTreeMap<String, String>) -> Result<Self, SettingsError> {
        for (key, value) in &filters {
            if !FLAGS.contains(&key.as_str()) {
                let nearest = FLAGS.iter().min_by_key(|flag| strsim::levenshtein(key, flag));
                let nearest = nearest.copied().unwrap_or_default();
                return Err(SettingsError::Unknown { key: key.clone(), nearest });
            }
            Regex::new(value).map_err(|source| SettingsError::Regex {
                key: key.clone(),
                source: Box::new(source),
            })?;
        }
        Ok(Settings { filters })
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
    /// The filter of the flags `FLAG-exclude` and `FLAG-include`. The default exclusion holds unless
    /// either is given, as node_exporter has it.
    pub(crate) fn filter(&self, flag: &str, excluded: &str) -> Filter {
        let given = |end: &str| self.filters.get(&format!("{flag}-{end}")).map(String::as_str);
        let (exclude, include) = (given("exclude"), given("include"));
        let exclude = exclude.or_else(|| include.is_none().then_some(excluded));
        // `Settings::new` has tried every pattern; the defaults are constants of this room.
        let pattern =
            |text: Option<&str>| text.filter(|t| !t.is_empty()).and_then(|t| Regex::new(t).ok());
        Filter { exclude: pattern(exclude), include: pattern(include) }
    }
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
    }
}
