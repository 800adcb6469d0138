//! Keeps both halves running: starts, restarts, forwards signals, ends them.

use super::owners::Owners;
use super::sockets::Sockets;
use crate::agent::say;
use crate::halves::Half;
use crate::places::Places;
use anyhow::{Context, Result};
use command_fds::CommandFdExt as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long after its end a half is started again.
const PAUSE: Duration = Duration::from_millis(100);
/// A half that refuses to run does so within this time of its first start.
const FIRST: Duration = Duration::from_secs(10);
/// How long a half may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(3);
/// At most one line per half about restarts in this time.
const QUIET: Duration = Duration::from_secs(10);

/// Everything needed to start a half.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: Option<PathBuf>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) places: Places,
    pub(crate) owners: Owners,
    pub(crate) sockets: Sockets,
    /// Until when the halves of a killed agent may hold what ours need.
    pub(crate) deadline: Instant,
}

/// What the halves are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Run,
    /// The n-th reload.
    Reload(u64),
    Stop,
}

/// The signals that are obeyed; from their making on none of them ends the process by itself.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    /// Starts to listen. Needs a runtime around it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn listen() -> Result<Self> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            hangup: signal(SignalKind::hangup()).context("listening for SIGHUP")?,
        })
    }
}

/// Runs both halves until a signal ends them, or one refuses to run at all.
pub(super) async fn run(plan: &Plan, sockets: &Path, mut signals: Signals) -> Result<ExitCode> {
    let (give, orders) = watch::channel(Order::Run);
    let host = keep(plan, sockets, Half::Host, orders.clone());
    let gate = keep(plan, sockets, Half::Gate, orders);
    let both = async {
        let end = |outcome| {
            // Nobody listens any more when both have ended.
            let _ = give.send(Order::Stop);
            outcome
        };
        tokio::join!(async { end(host.await) }, async { end(gate.await) })
    };
    tokio::pin!(both);
    let mut reloads = 0;
    let (host, gate) = loop {
        tokio::select! {
            outcome = &mut both => break outcome,
            _ = signals.interrupt.recv() => drop(give.send(Order::Stop)),
            _ = signals.terminate.recv() => drop(give.send(Order::Stop)),
            _ = signals.hangup.recv() => {
                reloads += 1;
                give.send_if_modified(|order| {
                    let run = *order != Order::Stop;
                    if run { *order = Order::Reload(reloads) }
                    run
                });
            }
        }
    };
    let refused = host?.or(gate?);
    Ok(refused.map_or(ExitCode::SUCCESS, |()| ExitCode::from(2)))
}

/// Keeps one half running. `Some` when it ended with 2 soon after its first start: wrong usage or
/// configuration, or a device that another agent holds; it has said so itself, and the next start
/// would end the same way. Later that is a death like any other: what ran once should run again.
async fn keep(
    plan: &Plan,
    sockets: &Path,
    half: Half,
    mut orders: watch::Receiver<Order>,
) -> Result<Option<()>> {
    let mut log = Log { half, last: None, unsaid: 0 };
    let begun = Instant::now();
    let mut first = true;
    loop {
        if *orders.borrow_and_update() == Order::Stop {
            return Ok(None);
        }
        match start(plan, sockets, half) {
            Err(error) if first => return Err(error),
            // Its program may be missing for a moment while the package is replaced.
            Err(error) => log.line(&format!("cannot be started: {error:#}; trying again")),
            Ok((mut child, _lifeline)) => {
                let Some(status) = attend(&mut child, &mut orders).await? else {
                    return Ok(None);
                };
                let refused = status.code() == Some(2);
                let orphans = refused && Instant::now() < plan.deadline;
                if refused && first && !orphans && begun.elapsed() < FIRST {
                    return Ok(Some(()));
                }
                first = first && orphans;
                log.ended(status);
            }
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            _ = orders.wait_for(|order| *order == Order::Stop) => return Ok(None),
        }
    }
}

/// Waits for the child's end, passing orders on; `None` when it was told to stop.
async fn attend(
    child: &mut Child,
    orders: &mut watch::Receiver<Order>,
) -> Result<Option<ExitStatus>> {
    loop {
        tokio::select! {
            status = child.wait() => return Ok(Some(status.context("waiting for a half")?)),
            changed = orders.changed() => {
                if changed.is_err() || *orders.borrow_and_update() == Order::Stop {
                    stop(child).await?;
                    return Ok(None);
                }
                tell(child, Signal::SIGHUP);
            }
        }
    }
}

async fn stop(child: &mut Child) -> Result<()> {
    tell(child, Signal::SIGTERM);
    if timeout(PATIENCE, child.wait()).await.is_err() {
        child.kill().await.context("killing a half that did not end")?;
    }
    Ok(())
}

fn tell(child: &Child, signal: Signal) {
    // No id: it has ended already, which the next wait sees.
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return };
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Starts a half. Its stdin is a pipe of which we hold the other end: when we die, however, it
/// reads the end of the file and ends too (`SOCLE_PARENT=stdin` tells it to look).
fn start(plan: &Plan, sockets: &Path, half: Half) -> Result<(Child, Option<ChildStdin>)> {
    let mut command = half.command()?;
    let (fds, names) = plan.sockets.of(half)?;
    command
        .env("LISTEN_FDS", fds.len().to_string())
        .env("LISTEN_FDNAMES", names)
        .env("SOCLE_PARENT", "stdin")
        .env_remove("LISTEN_PID")
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // Ctrl-C reaches us alone: we end them in order.
        .process_group(0);
    let state = match half {
        Half::Host => &plan.places.host,
        Half::Gate => &plan.places.gate,
    };
    command.arg("--state").arg(state);
    for (flag, value) in [("--config", &plan.config), ("--root", &plan.root)] {
        if let Some(value) = value {
            command.arg(flag).arg(value);
        }
    }
    if half == Half::Gate {
        command.arg("--link").arg(sockets.join("link"));
        if let Some((uid, gid)) = plan.owners.gate {
            command.uid(uid).gid(gid);
        }
    }
    command.fd_mappings(fds).context("passing the sockets")?;
    let mut command = Command::from(command);
    let mut child = command.spawn().with_context(|| match plan.owners.gate {
        Some(_) if half == Half::Gate => {
            "starting socle-gate as user socle-gate: if its folder is closed to that user, run the \
             installed socle, or give --state DIR"
                .into()
        }
        Some(_) | None => format!("starting {}", half.program()),
    })?;
    // Taken out, because waiting for a child closes what it still holds.
    let lifeline = child.stdin.take();
    Ok((child, lifeline))
}

/// Says that a half ended, without filling the terminal when it does so ten times a second.
#[derive(Debug)]
struct Log {
    half: Half,
    last: Option<Instant>,
    unsaid: u64,
}

impl Log {
    fn ended(&mut self, status: ExitStatus) {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with code {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended".into(),
        };
        self.line(&format!("{how}; starting it again"));
    }

    fn line(&mut self, text: &str) {
        if self.last.is_some_and(|last| last.elapsed() < QUIET) {
            self.unsaid += 1;
            return;
        }
        let more = match std::mem::take(&mut self.unsaid) {
            0 => String::new(),
            n => format!(" ({n} lines before were not printed)"),
        };
        self.last = Some(Instant::now());
        say(&format!("{} {text}{more}", self.half.program()));
    }
}
