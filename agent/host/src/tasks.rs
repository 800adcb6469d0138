//! Every task of the root half, and what it is told.
//!
//! ```text
//! bus thread --Seen--> watch --> this loop --frame--> watch --> one task per connection
//!      ^---- orders (settings, stop) ----'    '-- SIGHUP, SIGTERM
//! ```

use crate::compose::Composer;
use crate::config::Source;
use crate::door::Hall;
use crate::sockets::Sockets;
use crate::{link, notify, parent};
use anyhow::{Context, Result, bail};
use socle_hardware::bus::{Bus, Seen};
use socle_hardware::sel_ring::SelRing;
use socle_hardware::settings::Settings;
use socle_model::Timestamp;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
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
    let (mut composer, frames) = Composer::new(&setup.root, started);
    let records = Arc::new(Mutex::new(SelRing::default()));
    let (to, mut seen) = watch::channel(Seen::starting());
    let publish = Box::new(move |next| drop(to.send_replace(next)));
    let device = setup.settings.device.clone();
    let shared = Arc::clone(&records);
    let bus = Bus::start(setup.root, setup.state, setup.settings, shared, publish);
    let bus = bus.with_context(|| {
        format!("{}: stop the other agent; one at a time may ask the BMC", device.display())
    })?;

    let hall = Arc::new(Hall { frames, records, started });
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
    let mut stuck = None;
    notify::ready();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "serving");
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            () = &mut parent => break,
            _ = hup.recv() => {
                reload(&setup.source, &bus, &mut composer);
                composer.publish(&seen.borrow(), stuck);
            }
            changed = seen.changed() => {
                if changed.is_err() {
                    bail!("the bus thread ended by itself");
                }
                stuck = None;
                composer.publish(&seen.borrow_and_update(), None);
            }
            _ = look.tick() => {
                let now = bus.stuck();
                if now.is_some() || stuck.is_some() {
                    stuck = now;
                    composer.publish(&seen.borrow(), stuck);
                }
            }
            ended = tasks.join_next() => bail!("a task ended by itself: {ended:?}"),
        }
    }
    notify::stopping();
    tracing::info!("ending");
    tasks.shutdown().await;
    bus.stop(LETTING_GO);
    Ok(())
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
