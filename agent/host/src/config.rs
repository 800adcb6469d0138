//! The root half's part of `socle.toml` and its drop-ins.

use socle_hardware::settings::{self as ipmi, Settings};
use socle_model::settings::{Fault, Fragment, Half, Key, commented_defaults, merge};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Every key the root half reads.
pub(crate) const KEYS: &[Key] = ipmi::KEYS;
/// A configuration file of more bytes is refused.
const FILE_MAX: u64 = 1 << 20;
/// Where the configuration is unless `--config` says otherwise.
const DEFAULT: &str = "etc/socle/socle.toml";

/// Where the configuration comes from; kept, to read it again on SIGHUP.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The main file.
    file: PathBuf,
    /// Whether it was named by somebody, so that it must exist.
    named: bool,
}

impl Source {
    /// `--config` as given, or the default beneath the root.
    pub(crate) fn new(config: Option<PathBuf>, root: &Path) -> Self {
        match config {
            Some(file) => Source { file, named: true },
            None => Source { file: root.join(DEFAULT), named: false },
        }
    }

    /// The main file and `conf.d/*.toml` beside it, in the order of their names.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if self.named || self.file.exists() {
            files.push(self.file.clone());
        }
        let beside = self.file.parent().unwrap_or(Path::new(".")).join("conf.d");
        let entries = fs::read_dir(beside).into_iter().flatten().flatten();
        let mut dropins: Vec<_> = entries.map(|entry| entry.path()).collect();
        dropins.retain(|path| path.extension().is_some_and(|end| end == "toml"));
        dropins.sort();
        files.extend(dropins);
        files
    }

    /// Reads and merges everything.
    ///
    /// # Errors
    /// Every fault of every file.
    pub(crate) fn load(&self) -> Result<Settings, Vec<Fault>> {
        read(&self.files())
    }
}

/// Reads these files, later ones winning.
///
/// # Errors
/// Every fault of every file.
pub(crate) fn read(files: &[PathBuf]) -> Result<Settings, Vec<Fault>> {
    let mut texts = Vec::new();
    let mut faults = Vec::new();
    for file in files {
        match text(file) {
            Ok(text) => texts.push((file.display().to_string(), text)),
            Err(fault) => faults.push(fault),
        }
    }
    let fragments: Vec<_> = texts.iter().map(|(path, text)| Fragment { path, text }).collect();
    match merge(Half::Host, KEYS, &fragments) {
        Ok(mut table) if faults.is_empty() => {
            let ipmi = table.remove("ipmi").unwrap_or(toml::Value::Table(toml::Table::new()));
            ipmi.try_into().map_err(|error: toml::de::Error| {
                let path = files.first().map_or(String::new(), |file| file.display().to_string());
                vec![fault(path, format!("[ipmi]: {}", error.message()))]
            })
        }
        Ok(_) => Err(faults),
        Err(more) => {
            faults.extend(more);
            Err(faults)
        }
    }
}

fn text(file: &Path) -> Result<String, Fault> {
    let cannot = |what: String| fault(file.display().to_string(), what);
    let opened =
        fs::File::open(file).map_err(|error| cannot(format!("cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    let read = opened.take(FILE_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| cannot(format!("cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_MAX {
        return Err(cannot(format!("is longer than {FILE_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| cannot("is not UTF-8 text".into()))
}

fn fault(path: String, what: String) -> Fault {
    Fault { path, line: 1, key: String::new(), what, nearest: None }
}

/// The sample file's part.
pub(crate) fn sample() -> String {
    commented_defaults(KEYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_defaults_are_the_defaults() {
        let live: String = sample()
            .lines()
            .map(|line| {
                line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let fragments = [Fragment { path: "sample", text: &live }];
        let mut table = merge(Half::Host, KEYS, &fragments).unwrap();
        let printed: Settings = table.remove("ipmi").unwrap().try_into().unwrap();
        assert_eq!(printed, Settings::default());
    }
}
