//! The ground an agent stands on: its folders, the lock that makes it the only one, `run.json`.

use super::owners::Owners;
use crate::places::{Places, RunFile};
use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

/// Folders that are ours as long as this lives.
#[derive(Debug)]
pub(crate) struct Ground {
    state: PathBuf,
    /// Where the sockets are.
    pub(crate) sockets: PathBuf,
    /// The socket folder was made for this run alone.
    private: bool,
    /// Whether an agent that used this state was killed: its halves may live a moment longer.
    pub(crate) orphaned: bool,
    _lock: Flock<File>,
}

impl Ground {
    /// Makes the folders and takes the lock. A socket folder whose sockets belong to groups is open
    /// to everybody, as the package's is: there the mode of each socket decides.
    ///
    /// # Errors
    /// Another agent holds the state (its pid is named), or a folder cannot be made.
    pub(crate) fn take(places: &Places, owners: &Owners) -> Result<Self> {
        make(&places.host, 0o700)?;
        let lock = lock(&places.host)?;
        // Only one that ends in order removes it.
        let left = places.host.join("run.json");
        let orphaned = left.exists();
        if orphaned {
            sweep(&left);
        } else {
            // The root half holds a lock of its own: so one that systemd started is found too.
            free(&places.host.join("host.lock"))?;
        }
        make(&places.gate, 0o700)?;
        if let Some((uid, gid)) = owners.gate {
            let what = || format!("giving {} to user socle-gate", places.gate.display());
            chown(&places.gate, Some(uid), Some(gid)).with_context(what)?;
        }
        let (sockets, private) = match &places.sockets {
            Some(folder) => (folder.clone(), false),
            None => (private_folder()?, true),
        };
        let open = if *owners == Owners::default() { 0o700 } else { 0o755 };
        make(&sockets, open)?;
        Ok(Ground { state: places.host.clone(), sockets, private, orphaned, _lock: lock })
    }

    /// Writes `run.json`, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn announce(&self, run: &RunFile) -> Result<()> {
        let (new, path) = (self.state.join("run.json.new"), self.state.join("run.json"));
        let text = serde_json::to_string(run).context("run.json")?;
        fs::write(&new, text + "\n").with_context(|| format!("writing {}", new.display()))?;
        fs::rename(&new, &path).with_context(|| format!("writing {}", path.display()))
    }

    /// Removes what only a living agent has: `run.json` and the sockets.
    pub(crate) fn leave(self) {
        // What is gone already, or cannot be removed, harms nobody: the next start replaces it.
        let _ = fs::remove_file(self.state.join("run.json"));
        for name in super::sockets::NAMES {
            let _ = fs::remove_file(self.sockets.join(name));
        }
        if self.private {
            let _ = fs::remove_dir(&self.sockets);
        }
    }
}

/// Makes a folder with all above it; an existing one keeps its mode.
fn make(folder: &Path, mode: u32) -> Result<()> {
    let what = || format!("making {}", folder.display());
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).with_context(what)?;
    }
    match DirBuilder::new().mode(mode).create(folder) {
        // The mode that was asked for, whatever the umask.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(mode)).with_context(what),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error).with_context(what),
    }
}

/// A folder under /tmp that only this user may enter and that nobody else can have prepared.
fn private_folder() -> Result<PathBuf> {
    let template = std::env::temp_dir().join(format!("{PRIVATE}XXXXXX"));
    let template = if template.as_os_str().len() > 60 {
        format!("/tmp/{PRIVATE}XXXXXX").into()
    } else {
        template
    };
    nix::unistd::mkdtemp(&template).context("making a private folder under /tmp for the sockets")
}

/// Removes the private folder of an agent that was killed; nobody would find it again.
fn sweep(run: &Path) {
    let Ok(text) = fs::read_to_string(run) else { return };
    let Ok(run) = serde_json::from_str::<RunFile>(&text) else { return };
    let Some(folder) = run.gate.parent() else { return };
    let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PRIVATE));
    if ours && (folder.parent() == Some(&std::env::temp_dir()) || folder.starts_with("/tmp")) {
        for name in super::sockets::NAMES {
            // Gone already, or another's: then the folder stays as well.
            let _ = fs::remove_file(folder.join(name));
        }
        let _ = fs::remove_dir(folder);
    }
}

/// How the names of private folders begin.
const PRIVATE: &str = "socle-";

/// Takes `STATE/lock` and writes our pid into it.
fn lock(state: &Path) -> Result<Flock<File>> {
    let path = state.join("lock");
    let what = || format!("opening {}", path.display());
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(what)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0).with_context(what)?;
            lock.rewind().with_context(what)?;
            writeln!(lock, "{}", std::process::id()).with_context(what)?;
            Ok(lock)
        }
        Err((file, Errno::EWOULDBLOCK)) => Err(held(file, &path)),
        Err((_, error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

/// Sees that nobody holds a lock; a file that is not there is held by nobody.
fn free(path: &Path) -> Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("opening {}", path.display())),
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => Ok(()),
        Err((file, Errno::EWOULDBLOCK)) => Err(held(file, path)),
        Err((_, error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

/// Another agent is here: who it is, and what to do.
fn held(mut file: File, path: &Path) -> anyhow::Error {
    let mut pid = String::new();
    // An empty file is a holder that has not written its pid yet.
    let _ = file.read_to_string(&mut pid);
    let pid = pid.trim();
    let holder = if pid.is_empty() { "another process".into() } else { format!("pid {pid}") };
    anyhow!(
        "an agent runs on this state already: {holder} holds {}; stop it, or give this one its own \
         --state DIR",
        path.display()
    )
}
