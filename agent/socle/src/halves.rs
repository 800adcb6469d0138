//! Our own daemons: where they are, and the only place that starts a process.

use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// Where the package puts the daemons.
const LIBEXEC: &str = "/usr/libexec/socle";

/// One of the two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// The root half.
    Host,
    /// The network half.
    Gate,
}

impl Half {
    /// Its program's name.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Half::Host => "socle-host",
            Half::Gate => "socle-gate",
        }
    }

    /// Its program: beside this one (a build folder), else where the package puts it.
    ///
    /// # Errors
    /// It is in neither place.
    pub(crate) fn find(self) -> Result<PathBuf> {
        let own = std::env::current_exe().context("finding this program's own folder")?;
        let beside = own.parent().map(|folder| folder.join(self.program()));
        let packaged = PathBuf::from(LIBEXEC).join(self.program());
        let places: Vec<_> = beside.into_iter().chain([packaged]).collect();
        if let Some(found) = places.iter().find(|place| place.is_file()) {
            return Ok(found.clone());
        }
        let [first, .., last] = places.as_slice() else {
            bail!("{} is missing in {LIBEXEC}", self.program());
        };
        bail!(
            "{} is neither {} nor {}: build the whole workspace (cargo build), or install the package",
            self.program(),
            first.display(),
            last.display()
        )
    }

    /// A command that starts it.
    ///
    /// # Errors
    /// See [`Half::find`].
    #[expect(clippy::disallowed_types, reason = "the daemons of this project, nothing else")]
    pub(crate) fn command(self) -> Result<std::process::Command> {
        Ok(std::process::Command::new(self.find()?))
    }
}
