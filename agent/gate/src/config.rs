//! The tables `[gate]` and `[metrics]` of socle.toml: their keys, their defaults, how they are read.

use crate::web::Origin;
use anyhow::Context as _;
use serde::Deserialize;
use socle_kernel::config::Metrics;
use socle_model::settings::{Fault, Fragment, Half, Key, Kind, merge};
use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Every key of this half: its own, then those of the sources.
pub(crate) fn keys() -> Vec<Key> {
    OWN.iter().chain(socle_kernel::config::KEYS).copied().collect()
}

/// The keys of `[gate]`.
const OWN: &[Key] = &[
    Key {
        table: "gate",
        name: "listen",
        kind: Kind::TextOrTexts,
        default: "[]",
        doc: "Addresses and ports, in figures, that the page listens on besides the sockets that the\n\
              service manager passes, e.g. [\"127.0.0.1:10911\", \"[::1]:10911\"]. [::] takes IPv4 too.\n\
              Empty: only those that are passed. Read at start.",
    },
    Key {
        table: "gate",
        name: "web_config",
        kind: Kind::Text,
        default: "\"\"",
        doc: "TLS, clients' certificates and passwords of the page, in the exporter toolkit's format.\n\
              Empty: web.yml beside this file, if there is one. Changes are taken over by themselves.",
    },
];

/// The two tables with their defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// `[gate]`
    pub(crate) gate: Gate,
    /// `[metrics]`
    pub(crate) metrics: Metrics,
    /// `ipmi.interval_s`, the root half's key: tells this half when a reading is old.
    #[serde(skip)]
    pub(crate) interval_s: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config { gate: Gate::default(), metrics: Metrics::default(), interval_s: SWEEP_S }
    }
}

/// Seconds between two sweeps of the BMC when nothing is configured.
const SWEEP_S: f64 = 30.0;

/// `[gate]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gate {
    /// Addresses to listen on besides the sockets that were passed.
    pub(crate) listen: Listen,
    /// The file with TLS and passwords; empty for the usual one.
    pub(crate) web_config: String,
}

/// One address, or several. An empty text is none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Listen {
    /// `"127.0.0.1:10911"`
    One(String),
    /// `["127.0.0.1:10911", "[::1]:10911"]`
    Many(Vec<String>),
}

impl Default for Listen {
    fn default() -> Self {
        Listen::Many(Vec::new())
    }
}

impl Listen {
    /// The addresses.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let texts = match self {
            Listen::One(text) if text.is_empty() => &[],
            Listen::One(text) => std::slice::from_ref(text),
            Listen::Many(texts) => texts.as_slice(),
        };
        let address = |text: &String| {
            text.parse().with_context(|| {
                format!(
                    "gate.listen: {text:?} is no address and port in figures, such as \
                     127.0.0.1:10911 or [::]:10911"
                )
            })
        };
        texts.iter().map(address).collect()
    }
}

impl Config {
    /// Where `web.yml` is for the configuration at `file`.
    pub(crate) fn web(&self, file: &Path) -> Origin {
        let folder = file.parent().unwrap_or(Path::new("."));
        let named = !self.gate.web_config.is_empty();
        let name = if named { self.gate.web_config.as_str() } else { "web.yml" };
        Origin { path: folder.join(name), named }
    }
}

/// Reads the configuration: `file`, then `conf.d/*.toml` beside it in the order of their names.
/// Without `file` the defaults hold, unless it was `named` by the user.
pub(crate) fn load(file: &Path, named: bool) -> anyhow::Result<Config> {
    let mut files = vec![file.to_owned()];
    if !named && !file.exists() {
        files.clear();
    }
    files.extend(dropins(file)?);
    read(&files)
}

/// Reads exactly these files.
pub(crate) fn read(files: &[PathBuf]) -> anyhow::Result<Config> {
    let mut texts = Vec::new();
    for path in files {
        let bytes = bytes(path).with_context(|| format!("reading {}", path.display()))?;
        let text = String::from_utf8(bytes)
            .with_context(|| format!("{} is not UTF-8 text", path.display()))?;
        texts.push((path.display().to_string(), text));
    }
    let fragments: Vec<_> = texts.iter().map(|(path, text)| Fragment { path, text }).collect();
    let table = merge(Half::Gate, &keys(), &fragments).map_err(|faults| all(&faults))?;
    // The keys' kinds were checked against KEYS with file and line; this only types them.
    let mut config: Config = table.try_into().context("reading the merged configuration")?;
    config.interval_s = fragments.iter().rev().find_map(interval_s).unwrap_or(SWEEP_S);
    config.gate.listen.addresses()?;
    Ok(config)
}

/// The longest configuration file in bytes.
const LIMIT: u64 = 1 << 20;

/// A file's content, unless it is longer than any configuration.
pub(crate) fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= LIMIT) {
        return Ok(bytes);
    }
    let text = format!("longer than {LIMIT} bytes: no configuration of socle");
    Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, text))
}

/// The root half's key in one file. That half checks it; here a wrong one is as good as none.
fn interval_s(fragment: &Fragment<'_>) -> Option<f64> {
    let table = fragment.text.parse::<toml::Table>().ok()?;
    let value = table.get("ipmi")?.get("interval_s")?.clone();
    value.try_into::<f64>().ok().filter(|seconds| *seconds > 0.0)
}

fn all(faults: &[Fault]) -> anyhow::Error {
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    anyhow::Error::msg(lines.join("\n"))
}

fn dropins(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = file.parent().unwrap_or(Path::new(".")).join("conf.d");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        if path.extension().is_some_and(|ext| ext == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socle_model::settings::commented_defaults;

    #[test]
    fn the_sample_states_the_defaults() {
        let live: String = commented_defaults(&keys())
            .lines()
            .filter(|line| !line.starts_with("# ") && !line.contains("mount-points-exclude"))
            .map(|line| line.trim_start_matches('#').to_owned() + "\n")
            .collect();
        let merged = merge(Half::Gate, &keys(), &[Fragment { path: "x", text: &live }]).unwrap();
        assert_eq!(merged.try_into::<Config>().unwrap(), Config::default());
    }

    #[test]
    fn dropins_win_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("socle.toml");
        assert_eq!(load(&file, false).unwrap(), Config::default());
        assert!(load(&file, true).is_err());
        fs::create_dir(folder.path().join("conf.d")).unwrap();
        fs::write(&file, "[metrics]\ndeadline_s = 1\nseries_max = 7\n[ipmi]\ninterval_s = 2\n")
            .unwrap();
        fs::write(folder.path().join("conf.d/b.toml"), "[metrics]\ndeadline_s = 3\n").unwrap();
        fs::write(folder.path().join("conf.d/a.toml"), "[metrics]\ndeadline_s = 2\n").unwrap();
        fs::write(folder.path().join("conf.d/c.bak"), "nonsense").unwrap();
        let config = load(&file, true).unwrap();
        assert_eq!((config.metrics.deadline_s, config.metrics.series_max), (3.0, 7));
        assert_eq!((config.interval_s, Config::default().interval_s), (2.0, SWEEP_S));
        fs::write(&file, "[metrics]\ncolectors = []\n[gate]\nlisten = \"localhost:1\"\n").unwrap();
        let error = format!("{:#}", load(&file, true).unwrap_err());
        assert!(error.contains("socle.toml:2: metrics.colectors"), "{error}");
        fs::write(&file, "[gate]\nlisten = \"localhost:1\"\n").unwrap();
        assert!(load(&file, true).is_err());
    }

    #[test]
    fn one_address_or_several() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("socle.toml");
        for (text, count) in [
            ("\"\"", Some(0)),
            ("[]", Some(0)),
            ("\"[::1]:1\"", Some(1)),
            ("[\"127.0.0.1:1\", \"[::]:1\"]", Some(2)),
            ("[\"127.0.0.1:1\", \"\"]", None),
            ("[\"localhost:1\"]", None),
            ("1", None),
        ] {
            fs::write(&file, format!("[gate]\nlisten = {text}\n")).unwrap();
            let found = load(&file, true).ok();
            let found = found.map(|config| config.gate.listen.addresses().unwrap().len());
            assert_eq!(found, count, "{text}");
        }
        fs::write(&file, "[gate]\nweb_config = \"tls/page.yml\"\n").unwrap();
        let origin = load(&file, true).unwrap().web(&file);
        assert_eq!(origin, Origin { path: folder.path().join("tls/page.yml"), named: true });
        let usual = Config::default().web(&file);
        assert_eq!(usual, Origin { path: folder.path().join("web.yml"), named: false });
    }

    #[test]
    fn a_file_that_is_no_configuration_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("socle.toml");
        let full = "#".repeat(1 << 20);
        fs::write(&file, &full).unwrap();
        assert_eq!(load(&file, true).unwrap(), Config::default());
        fs::write(&file, full + "#").unwrap();
        let error = format!("{:#}", load(&file, true).unwrap_err());
        assert!(error.contains("longer than 1048576 bytes"), "{error}");
        let endless = format!("{:#}", load(Path::new("/dev/zero"), true).unwrap_err());
        assert!(endless.contains("longer than"), "{endless}");
    }
}
