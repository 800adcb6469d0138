//! Where an agent started by `socle run` keeps its state and its sockets.

use serde::{Deserialize, Serialize};
use std::env;
use std::path::{Path, PathBuf};

/// The longest socket path that is used: sun_path holds 107 bytes, less a margin for our names.
const LONGEST: usize = 100;

/// The folders of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// The root half's state; holds `lock` and `run.json` too.
    pub(crate) host: PathBuf,
    /// The network half's state.
    pub(crate) gate: PathBuf,
    /// The sockets; `None` when no path fits and a private folder must be made.
    pub(crate) sockets: Option<PathBuf>,
}

/// What decides about the folders, apart from the flags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Whether this is uid 0.
    pub(crate) root: bool,
    /// `$HOME`.
    pub(crate) home: Option<PathBuf>,
    /// `$XDG_STATE_HOME`.
    pub(crate) state_home: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub(crate) runtime: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process. Relative paths in XDG variables are invalid and are passed over, as
    /// the XDG base directory specification asks.
    pub(crate) fn here() -> Self {
        let absolute =
            |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Surroundings {
            root: nix::unistd::geteuid().is_root(),
            home: absolute("HOME"),
            state_home: absolute("XDG_STATE_HOME"),
            runtime: absolute("XDG_RUNTIME_DIR"),
        }
    }

    /// The user's own state folder, where `socle run` without flags keeps `run.json`.
    pub(crate) fn state(&self) -> Option<PathBuf> {
        if self.root {
            return Some("/var/lib/socle".into());
        }
        let base =
            self.state_home.clone().or_else(|| Some(self.home.as_ref()?.join(".local/state")));
        base.map(|base| base.join("socle"))
    }
}

/// The folders for these flags; `None` when there is neither a home nor a flag.
pub(crate) fn places(
    around: &Surroundings,
    state: Option<&Path>,
    root: Option<&Path>,
) -> Option<Places> {
    let (host, gate, sockets) = if let Some(state) = state {
        (state.to_owned(), state.join("gate"), state.join("run"))
    } else if let Some(root) = root {
        (root.join("var/lib/socle"), root.join("var/lib/socle-gate"), root.join("run/socle"))
    } else if around.root {
        ("/var/lib/socle".into(), "/var/lib/socle-gate".into(), "/run/socle".into())
    } else {
        let state = around.state()?;
        let sockets =
            around.runtime.as_ref().map_or_else(|| state.join("run"), |base| base.join("socle"));
        (state.clone(), state.join("gate"), sockets)
    };
    let fits = sockets.join("admin").as_os_str().len() <= LONGEST;
    Some(Places { host, gate, sockets: fits.then_some(sockets) })
}

/// `run.json`: how to reach an agent started by `socle run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// The supervisor.
    pub(crate) pid: u32,
    /// The door, a Unix socket.
    pub(crate) gate: PathBuf,
    /// The administrators' socket.
    pub(crate) admin: PathBuf,
    /// The page's URL.
    pub(crate) page: String,
    /// `--config`, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Surroundings {
        Surroundings { home: Some("/home/u".into()), ..Surroundings::default() }
    }

    #[test]
    fn without_flags_the_xdg_folders_hold_and_root_s_are_the_package_s() {
        let plain = places(&user(), None, None).unwrap();
        assert_eq!(plain.host, Path::new("/home/u/.local/state/socle"));
        assert_eq!(plain.sockets.unwrap(), plain.host.join("run"));
        let around = Surroundings {
            state_home: Some("/s".into()),
            runtime: Some("/run/user/7".into()),
            ..user()
        };
        let xdg = places(&around, None, None).unwrap();
        assert_eq!((xdg.host, xdg.gate), ("/s/socle".into(), "/s/socle/gate".into()));
        assert_eq!(xdg.sockets.unwrap(), Path::new("/run/user/7/socle"));
        let root = places(&Surroundings { root: true, ..user() }, None, None).unwrap();
        assert_eq!(root.host, Path::new("/var/lib/socle"));
        assert_eq!(root.gate, Path::new("/var/lib/socle-gate"));
        assert_eq!(root.sockets.unwrap(), Path::new("/run/socle"));
        assert_eq!(places(&Surroundings::default(), None, None), None);
    }

    #[test]
    fn state_holds_everything_unless_a_socket_s_path_does_not_fit() {
        let short = places(&user(), Some(Path::new("/s")), Some(Path::new("/tree"))).unwrap();
        assert_eq!((short.host, short.gate), ("/s".into(), "/s/gate".into()));
        assert_eq!(short.sockets.unwrap(), Path::new("/s/run"));
        // The longest socket is called `admin`.
        for (length, fits) in [(LONGEST - "/run/admin".len(), true), (LONGEST, false)] {
            let state = PathBuf::from(format!("/{}", "d".repeat(length - 1)));
            let found = places(&user(), Some(&state), None).unwrap();
            assert_eq!(found.sockets.is_some(), fits, "{length}");
        }
        let tree = places(&user(), None, Some(Path::new("/tree"))).unwrap();
        assert_eq!(tree.sockets.unwrap(), Path::new("/tree/run/socle"));
    }
}
