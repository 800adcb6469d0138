//! node_exporter's collector `systemd`, opt-in: asks systemd over the system bus at its own pace, on a
//! thread of its own. A scrape gets what the last look gave; a bus that hangs costs this source only.

mod bus;
mod page;
#[cfg(test)]
mod tests;
mod wire;

use crate::reader::{Failure, Readable};
use bus::Bus;
use page::{Choice, Looker};
use socle_kernel::Settings;
use socle_model::metrics::Page;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// node_exporter's name of the collector.
pub(crate) const NAME: &str = "systemd";
/// The shortest time between two looks.
const PACE: Duration = Duration::from_secs(10);
/// A look may take one part in so many of the time, where systemd is slow.
const SHARE: u32 = 20;
/// How long one look may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// A look older than this is not shown: three of them have failed, or one hangs.
const OLD: Duration = Duration::from_secs(45);
/// Nobody looks when nobody has scraped for so long.
const IDLE: Duration = Duration::from_secs(120);
/// What the first scrape waits for the first look.
const FIRST: Duration = Duration::from_millis(300);

/// What the last look gave.
#[derive(Default)]
struct Last {
    page: Option<(Instant, Page)>,
    failure: Option<Failure>,
    looks: u64,
}

struct Shared {
    last: Mutex<Last>,
    looked: Condvar,
}

/// The source.
pub(crate) struct Systemd {
    shared: Arc<Shared>,
    /// Tells the thread that somebody scrapes; it ends when this is gone.
    asked: SyncSender<()>,
}

impl Systemd {
    /// Starts the thread; it looks once somebody scrapes.
    ///
    /// # Errors
    /// No thread can be made.
    pub(crate) fn start(rootfs: &Path, settings: &Settings) -> std::io::Result<Self> {
        let socket = rootfs.join("run/dbus/system_bus_socket");
        let looker = Looker::new(Choice::new(settings));
        let shared = Arc::new(Shared { last: Mutex::default(), looked: Condvar::new() });
        let (asked, asks) = sync_channel(1);
        let told = shared.clone();
        let body = move || run(looker, &socket, &told, &asks);
        std::thread::Builder::new().name(NAME.into()).spawn(body)?;
        Ok(Systemd { shared, asked })
    }
}

impl Readable for Systemd {
    fn read(&mut self, page: &mut Page) -> Result<(), Failure> {
        // Full means that it knows already; a thread that is gone shows by the age of what it said.
        let _ = self.asked.try_send(());
        let mut last = lock(&self.shared.last);
        if last.looks == 0 {
            let waited = self.shared.looked.wait_timeout_while(last, FIRST, |last| last.looks == 0);
            last = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(failure) = &last.failure {
            return Err(failure.clone());
        }
        match &last.page {
            Some((at, seen)) if at.elapsed() < OLD => {
                page.append(seen);
                Ok(())
            }
            Some((at, _)) => Err(Failure::Failed(format!(
                "systemd was last seen {} s ago: the system bus hangs",
                at.elapsed().as_secs()
            ))),
            None => Err(Failure::Failed("systemd has not answered yet".into())),
        }
    }

    fn discover(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

fn lock(last: &Mutex<Last>) -> MutexGuard<'_, Last> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks again and again while somebody scrapes.
fn run(mut looker: Looker, socket: &PathBuf, shared: &Shared, asks: &Receiver<()>) {
    let mut asked_at = match asks.recv() {
        Ok(()) => Instant::now(),
        Err(_) => return,
    };
    loop {
        let began = Instant::now();
        let mut page = Page::default();
        let seen = Bus::open(socket, began + DEADLINE)
            .and_then(|mut bus| looker.look(&mut bus, &mut page));
        {
            let mut last = lock(&shared.last);
            last.looks += 1;
            last.failure = seen.err().map(|error| failure(socket, &error));
            if last.failure.is_none() {
                last.page = Some((Instant::now(), page));
            }
        }
        shared.looked.notify_all();
        let next = began + PACE.max(began.elapsed() * SHARE);
        loop {
            let idle = asked_at.elapsed() >= IDLE;
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() && !idle {
                break;
            }
            let wait = if idle { IDLE } else { left };
            match asks.recv_timeout(wait) {
                Ok(()) => asked_at = Instant::now(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

fn failure(socket: &Path, error: &std::io::Error) -> Failure {
    let text = format!("{}: {error}", socket.display());
    match error.kind() {
        ErrorKind::NotFound => Failure::Absent(text),
        _ => Failure::Failed(text),
    }
}
