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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(key: &str, value: &str) -> Result<Settings, SettingsError> {
        Settings::new(BTreeMap::from([(key.to_owned(), value.to_owned())]))
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
