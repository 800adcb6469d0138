//! `socle run`: both halves in the foreground, supervised.

mod ground;
mod notice;
mod owners;
mod sockets;
mod supervise;

use crate::cli::RunArgs;
use crate::places::{RunFile, Surroundings, places};
use anyhow::{Context, Result};
use ground::Ground;
use sockets::Sockets;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;

/// How long the halves of a killed agent may live on: they see its end at once, and let go of the BMC.
const ORPHANS: Duration = Duration::from_secs(3);

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
    // A folder of one's own may lie where no other user can go: only the package's has two owners.
    let shared = around.root && state.is_none() && root.is_none();
    let owners = if shared { owners::read() } else { owners::Owners::default() };
    let ground = Ground::take(&places, &owners)?;
    let patience = if ground.orphaned { ORPHANS } else { Duration::ZERO };
    let deadline = Instant::now() + patience;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    // Before anything is left behind that an end in order removes.
    let signals = {
        let _inside = runtime.enter();
        supervise::Signals::listen()?
    };
    let sockets = runtime.block_on(open(args, &ground.sockets, &owners, deadline))?;
    let page = format!("{}://{}", scheme(config.as_deref(), root.as_deref()), sockets.page);
    ground.announce(&RunFile {
        pid: std::process::id(),
        gate: ground.sockets.join("gate"),
        admin: ground.sockets.join("admin"),
        page: page.clone(),
        config: config.clone(),
    })?;
    greet(&page, &places.host);
    let plan = supervise::Plan { config, root, places, owners, sockets, deadline };
    let outcome = runtime.block_on(async {
        tokio::spawn(notice::tell(ground.sockets.join("gate")));
        supervise::run(&plan, &ground.sockets, signals).await
    });
    ground.leave();
    outcome
}

/// Binds the sockets, waiting for the halves of a killed agent to let go of theirs.
async fn open(
    args: &RunArgs,
    folder: &Path,
    owners: &owners::Owners,
    deadline: Instant,
) -> Result<Sockets> {
    loop {
        let opened = Sockets::open(&args.listen, folder, owners);
        if opened.is_ok() || Instant::now() >= deadline {
            return opened;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How the page is spoken to, as far as `web.yml` tells: the network half reads it, this only says it.
fn scheme(config: Option<&Path>, root: Option<&Path>) -> &'static str {
    let usual = root.unwrap_or(Path::new("/")).join("etc/socle/socle.toml");
    let file = config.unwrap_or(&usual);
    let table = fs::read_to_string(file).unwrap_or_default().parse::<toml::Table>();
    let table = table.unwrap_or_default();
    let named = table.get("gate").and_then(|gate| gate.get("web_config")?.as_str());
    let name = named.filter(|name| !name.is_empty()).unwrap_or("web.yml");
    let text = fs::read_to_string(file.with_file_name(name)).unwrap_or_default();
    let tls = text.lines().any(|line| line.starts_with("tls_server_config"));
    if tls { "https" } else { "http" }
}

/// Says where the page is. That nobody reads it is no reason not to run.
fn greet(page: &str, state: &Path) {
    let text = format!("page   {page}/metrics\nstate  {}\n", state.display());
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_spoken_to_as_its_web_yml_says() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("socle.toml");
        let spoken = || scheme(Some(&config), None);
        assert_eq!(spoken(), "http");
        fs::write(home.path().join("web.yml"), "tls_server_config:\n  cert_file: x\n").unwrap();
        assert_eq!(spoken(), "https");
        fs::write(&config, "[gate]\nweb_config = \"other.yml\"\n").unwrap();
        assert_eq!(spoken(), "http");
        fs::write(home.path().join("other.yml"), "# none\ntls_server_config: {}\n").unwrap();
        assert_eq!(spoken(), "https");
    }
}
