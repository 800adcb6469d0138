//! The command line of the network half.

use anyhow::{Context as _, bail};
use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
socle-gate: the network half of socle; started by systemd or `socle run`

  --config FILE    configuration (default /etc/socle/socle.toml), with conf.d/*.toml beside it
  --root DIR       DIR holds proc, sys, etc, run and var; nothing outside is read
  --procfs DIR     where /proc is        --sysfs DIR    where /sys is
  --rootfs DIR     where / is mounted    --udev DIR     the folder that holds b8:0
  --state DIR      where events and memory are kept (default /var/lib/socle-gate)
  --link PATH      the root half's socket (default /run/socle/link)
  --check [FILE…]  check configuration (default: the one in use) and end
  --print-default  print the configuration's default, commented, and end
  --version        print the version and end

Sockets come from LISTEN_FDS and LISTEN_FDNAMES: `page` (TCP, one or more) and `door` (Unix).
";

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Serve.
    Run,
    /// Check these files, or the configuration in use when none is named.
    Check(Vec<PathBuf>),
    /// Print the commented default configuration.
    PrintDefault,
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// The flags.
#[derive(Debug)]
pub(crate) struct Args {
    /// What to do.
    pub(crate) action: Action,
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--root`.
    pub(crate) root: Option<PathBuf>,
    /// `--procfs`.
    pub(crate) procfs: Option<PathBuf>,
    /// `--sysfs`.
    pub(crate) sysfs: Option<PathBuf>,
    /// `--rootfs`.
    pub(crate) rootfs: Option<PathBuf>,
    /// `--udev`.
    pub(crate) udev: Option<PathBuf>,
    /// `--state`.
    pub(crate) state: Option<PathBuf>,
    /// `--link`.
    pub(crate) link: Option<PathBuf>,
}

impl Args {
    /// Reads the words after the program's name.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut args = Args {
            action: Action::Run,
            config: None,
            root: None,
            procfs: None,
            sysfs: None,
            rootfs: None,
            udev: None,
            state: None,
            link: None,
        };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let place = match word.to_str() {
                Some("--check") => {
                    args.action = Action::Check(files(&mut words));
                    continue;
                }
                Some("--print-default") => {
                    args.action = Action::PrintDefault;
                    continue;
                }
                Some("--help" | "-h") => {
                    args.action = Action::Help;
                    continue;
                }
                Some("--version") => {
                    args.action = Action::Version;
                    continue;
                }
                Some("--config") => &mut args.config,
                Some("--root") => &mut args.root,
                Some("--procfs") => &mut args.procfs,
                Some("--sysfs") => &mut args.sysfs,
                Some("--rootfs") => &mut args.rootfs,
                Some("--udev") => &mut args.udev,
                Some("--state") => &mut args.state,
                Some("--link") => &mut args.link,
                _ => bail!("{word:?} is no flag of socle-gate; see socle-gate --help"),
            };
            let value = words.next().with_context(|| format!("{word:?} needs a value"))?;
            *place = Some(value.into());
        }
        Ok(args)
    }

    /// The root directory: `--root` or `/`.
    pub(crate) fn root(&self) -> PathBuf {
        self.root.clone().unwrap_or_else(|| PathBuf::from("/"))
    }

    /// The configuration file, and whether it was named (then it must exist).
    pub(crate) fn config(&self) -> (PathBuf, bool) {
        match &self.config {
            Some(path) => (path.clone(), true),
            None => (self.root().join("etc/socle/socle.toml"), false),
        }
    }

    /// Where state is kept.
    pub(crate) fn state(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.root().join("var/lib/socle-gate"))
    }

    /// The root half's socket.
    pub(crate) fn link(&self) -> PathBuf {
        self.link.clone().unwrap_or_else(|| self.root().join("run/socle/link"))
    }
}

fn files(words: &mut std::iter::Peekable<impl Iterator<Item = OsString>>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    while let Some(word) = words.next_if(|word| !word.to_string_lossy().starts_with("--")) {
        files.push(word.into());
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> anyhow::Result<Args> {
        Args::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn flags_may_follow_the_files_to_check() {
        let args = parse(&["--check", "a.toml", "b.toml", "--root", "/x"]).unwrap();
        assert!(matches!(args.action, Action::Check(files) if files.len() == 2));
        let args = parse(&["--root", "/x"]).unwrap();
        assert_eq!(args.state(), PathBuf::from("/x/var/lib/socle-gate"));
        assert_eq!(args.link(), PathBuf::from("/x/run/socle/link"));
        assert!(!args.config().1);
    }

    #[test]
    fn an_unknown_flag_or_a_missing_value_is_an_error() {
        assert!(parse(&["--listen", "x"]).is_err());
        assert!(parse(&["--root"]).is_err());
        assert!(parse(&["stray"]).is_err());
    }
}
