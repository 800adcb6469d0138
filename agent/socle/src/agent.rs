//! Finds the agent to ask: the one named by `--state`, the user's own, or the system's.

use crate::places::{RunFile, Surroundings};
use crate::{client, paint};
use anyhow::{Context, Result, bail};
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The system's door.
pub(crate) const SYSTEM: &str = "/run/socle/gate";
const START: &str = "start one with `socle run`, or `systemctl enable --now socle-gate.service \
                     socle-host.service`";
const JOIN: &str = "add this user to group socle (usermod -aG socle USER), or use sudo";

/// Nobody can be asked: why, and what to do.
#[derive(Debug, Clone)]
pub(crate) struct Nobody {
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl std::error::Error for Nobody {}

/// The door of the agent to ask.
///
/// # Errors
/// None runs, or this user may not ask it.
pub(crate) fn find(state: Option<&Path>) -> Result<PathBuf, Nobody> {
    let Some(state) = state else { return usual() };
    let run = run_file(state).map_err(|error| Nobody { what: format!("{error:#}"), remedy: START });
    let what = |why: &str| format!("no agent runs on {}{why}", state.display());
    let Some(run) = run? else { return Err(Nobody { what: what(""), remedy: START }) };
    match UnixStream::connect(&run.gate) {
        Ok(_) => Ok(run.gate),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(Nobody { what: format!("{}: {error}", run.gate.display()), remedy: JOIN })
        }
        Err(_) => Err(Nobody { what: what(" any more"), remedy: START }),
    }
}

/// The user's own agent, then the system's.
fn usual() -> Result<PathBuf, Nobody> {
    let own = match Surroundings::here().state() {
        // A run.json that cannot be read is another user's, or half an agent's: the system's is next.
        Some(state) => run_file(&state).unwrap_or_default().map(|run| run.gate),
        None => None,
    };
    let own = own.filter(|door| UnixStream::connect(door).is_ok());
    let system = UnixStream::connect(SYSTEM);
    match (own, system) {
        (Some(own), Ok(_)) if own != Path::new(SYSTEM) => {
            say(&format!("asking {}; {SYSTEM} answers too (--state chooses)", own.display()));
            Ok(own)
        }
        (Some(own), _) => Ok(own),
        (None, Ok(_)) => Ok(SYSTEM.into()),
        (None, Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
            Err(Nobody { what: format!("{SYSTEM}: {error}"), remedy: JOIN })
        }
        (None, Err(_)) => Err(Nobody { what: "no agent runs here".into(), remedy: START }),
    }
}

/// What `socle run` left in this state folder; it may be dead by now.
///
/// # Errors
/// It cannot be read, or is no such file.
pub(crate) fn run_file(state: &Path) -> Result<Option<RunFile>> {
    let path = state.join("run.json");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let run = serde_json::from_str(&text);
            run.map(Some).with_context(|| format!("reading {}", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Asks the agent for a document; returns its text and what it says.
///
/// # Errors
/// No agent, no answer, or an answer that is no such document.
pub(crate) fn ask<T: DeserializeOwned>(state: Option<&Path>, path: &str) -> Result<(String, T)> {
    let door = find(state)?;
    let (status, body) = client::block(client::door(&door, path))?;
    if status != StatusCode::OK {
        bail!("{} answered {status} for {path}: {}", door.display(), body.trim());
    }
    let document = serde_json::from_str(&body).with_context(|| {
        format!("understanding {path} of {}: is it of another version?", door.display())
    })?;
    Ok((body, document))
}

/// A remark on stderr.
#[expect(clippy::print_stderr, reason = "remarks must not mix with a document on stdout")]
pub(crate) fn say(text: &str) {
    eprintln!("socle: {}", paint::lines(text));
}
