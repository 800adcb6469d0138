//! A source that is slow, or waits for somebody: looked at at its own pace, on a thread of its own. A
//! scrape gets what the last look gave, and what hangs costs this source only.

use crate::reader::{Failure, Readable};
use socle_model::metrics::Page;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two looks.
const PACE: Duration = Duration::from_secs(10);
/// A look may take one part in so many of the time, where it is slow.
const SHARE: u32 = 20;
/// A look older than this is not shown: the one after it hangs.
const OLD: Duration = Duration::from_secs(45);
/// Nobody looks when nobody has scraped for so long.
const IDLE: Duration = Duration::from_secs(120);
/// What the first scrape waits for the first look.
const FIRST: Duration = Duration::from_millis(300);

/// One look: writes what it sees. An error shows nothing.
pub(crate) type Look = Box<dyn FnMut(&mut Page) -> Result<(), Failure> + Send>;

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
pub(crate) struct Paced {
    shared: Arc<Shared>,
    /// Tells the thread that somebody scrapes; it ends when this is gone.
    asked: SyncSender<()>,
}

impl Paced {
    /// Starts the thread; it looks once somebody scrapes.
    ///
    /// # Errors
    /// No thread can be made.
    pub(crate) fn start(name: &str, look: Look) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { last: Mutex::default(), looked: Condvar::new() });
        let (asked, asks) = sync_channel(1);
        let told = shared.clone();
        let body = move || run(look, &told, &asks);
        std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Paced { shared, asked })
    }
}

impl Readable for Paced {
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
                "last answered {} s ago: the question after that hangs",
                at.elapsed().as_secs()
            ))),
            None => Err(Failure::Failed("not answered yet".into())),
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
fn run(mut look: Look, shared: &Shared, asks: &Receiver<()>) {
    let Ok(()) = asks.recv() else { return };
    let mut asked_at = Instant::now();
    loop {
        let began = Instant::now();
        let mut page = Page::default();
        let seen = look(&mut page);
        let mut last = lock(&shared.last);
        last.looks += 1;
        last.failure = seen.err();
        if last.failure.is_none() {
            last.page = Some((Instant::now(), page));
        }
        drop(last);
        shared.looked.notify_all();
        let next = began + PACE.max(began.elapsed() * SHARE);
        loop {
            let idle = asked_at.elapsed() >= IDLE;
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() && !idle {
                break;
            }
            match asks.recv_timeout(if idle { IDLE } else { left }) {
                Ok(()) => asked_at = Instant::now(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
