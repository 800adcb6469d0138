//! `socle run`: both halves in the foreground, supervised.

mod ground;
mod owners;
mod sockets;
mod supervise;

use crate::cli::RunArgs;
use crate::places::{RunFile, Surroundings, places};
use anyhow::{Context, Result};
use ground::Ground;
use sockets::Sockets;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs until told to stop.
///
/// # Errors
/// No folder to use, a second agent on the same state, a port in use, a half that is missing.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
    let root = absolute(&args.root).context("--root")?;
    let state = absolute(&args.state).context("--state")?;
    let config = absolute(&args.config).context("--config")?;
    let around = Surroundings::here();
    let places = places(&around, state.as_deref(), root.as_deref())
        .context("there is neither $XDG_STATE_HOME nor $HOME to keep state in: give --state DIR")?;
    let owners = if around.root { owners::read() } else { owners::Owners::default() };
    let ground = Ground::take(&places, &owners)?;
    let sockets = Sockets::open(args.listen, &ground.sockets, &owners)?;
    let page = format!("http://{}", sockets.page);
    ground.announce(&RunFile {
        pid: std::process::id(),
        gate: ground.sockets.join("gate"),
        admin: ground.sockets.join("admin"),
        page: page.clone(),
        config: config.clone(),
    })?;
    greet(&page, &places.host)?;
    let plan = supervise::Plan { config, root, places, owners, sockets };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let outcome = runtime.block_on(supervise::run(&plan, &ground.sockets));
    ground.leave();
    outcome
}

fn greet(page: &str, state: &std::path::Path) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "page   {page}/metrics")
        .and_then(|()| writeln!(out, "state  {}", state.display()))
        .and_then(|()| out.flush())
        .context("writing to stdout")
}
