//! The state folder: one agent at a time, held by a lock that ends with the process.

use anyhow::{Context, Result, bail};
use socle_hardware::device::holder;
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where the package keeps the state of this half.
const DEFAULT: &str = "var/lib/socle";

/// Keeps the state folder ours while it lives.
#[derive(Debug)]
pub(crate) struct State {
    /// Where it is; without it nothing is kept.
    pub(crate) dir: Option<PathBuf>,
    _lock: Option<File>,
}

/// Takes the state folder. Without `--state` a folder that cannot be had is done without: what is kept
/// there only saves work and double news after a restart.
///
/// # Errors
/// Another agent holds it; or the folder named by `--state` cannot be had.
pub(crate) fn take(named: Option<PathBuf>, root: &Path) -> Result<State> {
    let explicit = named.is_some();
    let dir = named.unwrap_or_else(|| root.join(DEFAULT));
    let path = dir.join("host.lock");
    let opened = fs::create_dir_all(&dir)
        .and_then(|()| File::options().create(true).truncate(false).write(true).open(&path));
    let file = match opened {
        Ok(file) => file,
        Err(error) if explicit => {
            return Err(error).with_context(|| format!("state folder {}", dir.display()));
        }
        Err(error) => {
            tracing::info!(dir = %dir.display(), %error, "no state folder; nothing is kept");
            return Ok(State { dir: None, _lock: None });
        }
    };
    match file.try_lock() {
        Ok(()) => {
            // So that an agent that comes second can name this one.
            let noted = file.set_len(0).and_then(|()| writeln!(&file, "{}", std::process::id()));
            if let Err(error) = noted {
                tracing::info!(path = %path.display(), %error, "the lock does not name us");
            }
            Ok(State { dir: Some(dir), _lock: Some(file) })
        }
        Err(TryLockError::WouldBlock) => {
            let who = holder(&file, &root.join("proc/locks"));
            let who = who.map_or("another process".into(), |pid| format!("pid {pid}"));
            bail!("state folder {} is held by {who}: one agent at a time", dir.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}
