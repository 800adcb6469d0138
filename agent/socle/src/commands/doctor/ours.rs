//! The agent itself: whether it answers, its page, its configuration.

use super::{PATIENCE, agent, bad, client, good};
use crate::commands::check;
use crate::places::{RunFile, Surroundings};
use socle_model::documents::{Check, CheckResult, DoctorDocument};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

/// The page of the package, and of `socle run` unless it was told otherwise.
const PAGE: &str = "http://127.0.0.1:10911";

/// The agent that was found, or where one would be.
#[derive(Debug)]
pub(super) struct Agent {
    /// Its door, or why there is none.
    door: Result<PathBuf, agent::Nobody>,
    /// What `socle run` left in its state folder.
    pub(super) run: Option<RunFile>,
    /// Its state folder.
    pub(super) state: PathBuf,
}

/// Looks for the agent as every command does.
pub(super) fn find(state: Option<&Path>) -> Agent {
    let door = agent::find(state);
    let own = state.map(Path::to_owned).or_else(|| Surroundings::here().state());
    let run = own.as_deref().and_then(|state| agent::run_file(state).ok().flatten());
    // A file that a killed agent left behind says nothing about the one that answers.
    let run = run.filter(|run| door.as_ref().is_ok_and(|door| *door == run.gate));
    let state = match (&run, own) {
        (Some(_), Some(own)) => own,
        (None, Some(own)) if door.is_err() => own,
        (None | Some(_), _) => "/var/lib/socle-gate".into(),
    };
    Agent { door, run, state }
}

/// What both halves say about themselves.
pub(super) fn answer(agent: &Agent) -> Result<Vec<Check>, String> {
    let door = agent.door.as_ref().map_err(ToString::to_string)?;
    let asked = client::block(client::within(PATIENCE, client::door(door, "/v1/doctor")));
    let (status, body) = asked.map_err(|error| format!("{error:#}"))?;
    if !status.is_success() {
        return Err(format!("{} answered {status} for /v1/doctor", door.display()));
    }
    let document: DoctorDocument = serde_json::from_str(&body)
        .map_err(|error| format!("{} answers something else: {error}", door.display()))?;
    Ok(document.checks)
}

/// Whether the agent runs; what it says of the link itself is joined later.
pub(super) fn link(agent: &Agent, answer: &Result<Vec<Check>, String>) -> Check {
    match (&agent.door, answer) {
        (Ok(_), Ok(_)) => good("link", "the network half answers"),
        (Ok(_), Err(why)) => {
            let remedy = "systemctl restart socle-gate.service, then read its journal";
            bad("link", CheckResult::Failed, why, remedy)
        }
        (Err(nobody), _) => bad("link", CheckResult::Warning, &nobody.what, nobody.remedy),
    }
}

/// Whether the page answers; without an agent, whether its port is free.
pub(super) fn page(agent: &Agent, answer: &Result<Vec<Check>, String>) -> Check {
    let page = agent.run.as_ref().map_or(PAGE, |run| run.page.as_str());
    let guarded = |one: &Check| one.name == "page door" && !one.text.starts_with(PLAIN);
    if answer.as_ref().is_ok_and(|checks| checks.iter().any(guarded)) {
        return behind_web_yml(page);
    }
    let health = format!("{page}/healthz");
    let asked = client::block(client::within(PATIENCE, client::url(&health)));
    // This user may be kept from the door of the system's agent, and not from its page.
    let ours = agent.door.is_ok() || Path::new(agent::SYSTEM).exists();
    match (asked, &agent.door) {
        (Ok(text), _) if ours && text.trim() == "ok" => good("page", format!("{page} answers")),
        (Ok(_), _) => {
            let remedy = "stop it, or give socle another port (socle run --listen, systemctl edit \
                          socle-page.socket)";
            bad("page", CheckResult::Warning, format!("something else answers on {page}"), remedy)
        }
        (Err(error), Ok(_)) => {
            let remedy = "systemctl status socle-page.socket; does it listen elsewhere?";
            bad("page", CheckResult::Failed, format!("{error:#}"), remedy)
        }
        (Err(_), Err(_)) => good("page", format!("not served; nothing answers on {page}")),
    }
}

/// How the network half's words start where there is no `web.yml`.
const PLAIN: &str = "plain HTTP";

/// Whether a page listens that this command has neither certificate nor password for.
fn behind_web_yml(page: &str) -> Check {
    let (_, address) = page.split_once("://").unwrap_or(("", page));
    let connected =
        address.parse::<SocketAddr>().map_err(|error| error.to_string()).and_then(|it| {
            TcpStream::connect_timeout(&it, PATIENCE).map_err(|error| error.to_string())
        });
    match connected {
        Ok(_) => good("page", format!("{address} takes connections")),
        Err(why) => {
            let remedy = "systemctl status socle-page.socket; does it listen elsewhere?";
            bad("page", CheckResult::Failed, format!("{address}: {why}"), remedy)
        }
    }
}

/// Whether the halves would take the configuration on disk.
pub(super) fn configuration(agent: &Agent, config: Option<&Path>) -> Check {
    let config = config.or_else(|| agent.run.as_ref()?.config.as_deref());
    match check::faults(config, &[]) {
        Ok(faults) if faults.is_empty() => match config {
            Some(config) => good("configuration", format!("{} is valid", config.display())),
            None => good("configuration", "valid"),
        },
        Ok(faults) => {
            let remedy = "correct the file, then socle check";
            let text = faults.into_iter().collect::<Vec<_>>().join("; ");
            bad("configuration", CheckResult::Failed, text, remedy)
        }
        Err(error) => {
            let text = format!("not checked: {error:#}");
            bad("configuration", CheckResult::Warning, text, "install the whole package")
        }
    }
}
