//! Every task of the root half, and what it is told.
//!
//! ```text
//! bus thread --Seen--> watch --> this loop --frame--> watch --> one task per connection
//!      ^---- orders (settings, stop) ----'    '-- SIGHUP, SIGTERM
//! nvme thread --nvme::Seen--> watch --^
//! asks threads: read what a connection asks for, each started with its first question
//! ```

use crate::asks::Asks;
use crate::compose::Composer;
use crate::config::Source;
use crate::door::Hall;
use crate::sockets::Sockets;
use crate::{link, notify, parent};
use anyhow::{Context, Result, bail};
use socle_hardware::bus::{Bus, Seen};
use socle_hardware::nvme::{self, Drives};
use socle_hardware::sel_ring::SelRing;
use socle_hardware::settings::Settings;
use socle_model::Timestamp;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::interval;

/// How often it is looked whether the bus still moves.
const LOOK: Duration = Duration::from_secs(5);
/// How long the bus may take to let go of the device at the end.
const LETTING_GO: Duration = Duration::from_millis(1500);

/// What `main` found before the runtime was built.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) root: PathBuf,
    pub(crate) state: Option<PathBuf>,
    pub(crate) source: Source,
    pub(crate) settings: Settings,
    pub(crate) sockets: Sockets,
}

/// Runs until SIGTERM, SIGINT or the end of `socle run`.
///
/// # Errors
/// The device is held by another agent; a socket or signal cannot be had; a task ended by itself.
pub(crate) async fn run(setup: Setup) -> Result<()> {
    let started = Timestamp::now();
    let (composer, frames) = Composer::new(&setup.root, started);
    let records = Arc::new(Mutex::new(SelRing::default()));
    let (to, seen) = watch::channel(Seen::starting());
    let publish = Box::new(move |next| drop(to.send_replace(next)));
    let (to, drives_seen) = watch::channel(nvme::Seen::starting());
    let publish_drives = Box::new(move |next| drop(to.send_replace(next)));
    let device = setup.settings.device.clone();
    let asks = Asks::new(&setup.root);
    let (root, shared) = (setup.root.clone(), Arc::clone(&records));
    let bus = Bus::start(setup.root, setup.state, setup.settings, shared, publish);
    let bus = bus.with_context(|| {
        format!("{}: stop the other agent; one at a time may ask the BMC", device.display())
    })?;
    let drives = Drives::start(root, publish_drives).context("a thread for the NVMe drives")?;

    let hall = Arc::new(Hall { frames, records, started, asks });
    let mut tasks = JoinSet::new();
    let doors = [("link", Some(setup.sockets.link)), ("admin", setup.sockets.admin)];
    for (name, socket) in doors {
        let Some(socket) = socket else { continue };
        socket.set_nonblocking(true).context("the socket that was passed")?;
        let socket = UnixListener::from_std(socket).context("the socket that was passed")?;
        tasks.spawn(link::serve(name, socket, Arc::clone(&hall)));
    }
    tasks.spawn(notify::feed());

    let mut term = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut hup = signal(SignalKind::hangup()).context("SIGHUP")?;
    let parent = parent::gone();
    tokio::pin!(parent);
    let mut look = interval(LOOK);
    let mut view = View { composer, seen, stuck: None, drives, drives_seen, silent: None };
    notify::ready();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "serving");
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            () = &mut parent => break,
            _ = hup.recv() => {
                reload(&setup.source, &bus, &mut view.composer);
                view.publish();
            }
            changed = view.seen.changed() => {
                if changed.is_err() {
                    bail!("the bus thread ended by itself");
                }
                view.stuck = None;
                view.publish();
            }
            changed = view.drives_seen.changed() => {
                if changed.is_err() {
                    bail!("the thread of the NVMe drives ended by itself");
                }
                view.publish();
            }
            _ = look.tick() => view.look(&bus),
            ended = tasks.join_next() => bail!("a task ended by itself: {ended:?}"),
        }
    }
    notify::stopping();
    tracing::info!("ending");
    tasks.shutdown().await;
    let began = Instant::now();
    bus.stop(LETTING_GO);
    view.drives.stop(LETTING_GO.saturating_sub(began.elapsed()));
    Ok(())
}

/// What the snapshots are made of.
struct View {
    composer: Composer,
    seen: watch::Receiver<Seen>,
    /// How long the bus has been inside one call, if too long.
    stuck: Option<Duration>,
    drives: Drives,
    drives_seen: watch::Receiver<nvme::Seen>,
    /// The drive that does not answer.
    silent: Option<(String, Duration)>,
}

impl View {
    fn publish(&mut self) {
        let mut drives = self.drives_seen.borrow_and_update().clone();
        if let Some((device, time)) = &self.silent {
            nvme::mark_silent(&mut drives, device, *time);
        }
        self.composer.publish(&self.seen.borrow_and_update(), self.stuck, &drives);
    }

    /// Looks whether the threads still move.
    fn look(&mut self, bus: &Bus) {
        let now = (bus.stuck(), self.drives.silent());
        if now != (None, None) || self.stuck.is_some() || self.silent.is_some() {
            (self.stuck, self.silent) = now;
            self.publish();
        }
    }
}

/// Reads the configuration again. A bad one is refused as a whole and the old one stays in force.
fn reload(source: &Source, bus: &Bus, composer: &mut Composer) {
    notify::reloading();
    match source.load() {
        Ok(settings) => {
            tracing::info!("the configuration was read again");
            composer.config.refused = None;
            bus.reload(settings);
            notify::status("serving");
        }
        Err(faults) => {
            let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
            let text = lines.join("; ");
            tracing::error!(
                faults = text,
                "the configuration is refused, the old one stays in force"
            );
            notify::status(
                "serving; the configuration on disk was refused, the old one is in force",
            );
            composer.config.refused = Some(text);
        }
    }
    notify::ready();
}
