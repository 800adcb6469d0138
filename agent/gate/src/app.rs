//! What the HTTP side sees of the rest.

use crate::events::{Events, Line};
use crate::expose::{doors, own};
use crate::http::metrics::Moment;
use crate::link::Hardware;
use crate::pool::Pool;
use crate::scrape::Scraper;
use crate::sources;
use crate::verdict::Verdict;
use crate::web::Web;
use jiff::Timestamp;
use socle_model::documents::StatusDocument;
use socle_model::metrics::Page;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// What a reload replaces.
pub(crate) struct Reloaded {
    /// The kernel's sources on demand.
    pub(crate) scraper: Arc<Scraper>,
    /// Seconds between two sweeps of the BMC, as configured.
    pub(crate) interval_s: f64,
    /// The faults for which the last reload was refused.
    pub(crate) refused: Option<String>,
}

/// Shared by all requests.
pub(crate) struct App {
    /// What a reload replaces.
    pub(crate) now: Mutex<Reloaded>,
    /// What is known through the link.
    pub(crate) hardware: watch::Receiver<Hardware>,
    /// The last verdict.
    pub(crate) verdict: watch::Receiver<Arc<Verdict>>,
    /// The events.
    pub(crate) events: Arc<Mutex<Events>>,
    /// The number of the last event.
    pub(crate) news: watch::Receiver<u64>,
    /// Whether the kernel's sources were read once.
    pub(crate) read_once: watch::Receiver<bool>,
    /// Whether the process is to end.
    pub(crate) stop: watch::Receiver<bool>,
    /// Bodies shared for a moment.
    pub(crate) moment: Moment,
    /// The reading threads.
    pub(crate) pool: Arc<Pool>,
    /// `web.yml` in force.
    pub(crate) web: Arc<Web>,
    /// The root directory, for `socle doctor`.
    pub(crate) root: PathBuf,
    /// The state folder.
    pub(crate) state: PathBuf,
}

/// How long an answer waits for the first verdict.
const FIRST: Duration = Duration::from_secs(1);

impl App {
    /// Waits until something was judged: after a restart the first page has all its series.
    pub(crate) async fn judged(&self) {
        if !self.verdict.borrow().judged {
            // Without a verdict the answer says less, but it comes.
            let _ = timeout(FIRST, self.verdict.clone().wait_for(|verdict| verdict.judged)).await;
        }
    }

    /// The scraper in use.
    pub(crate) fn scraper(&self) -> Arc<Scraper> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).scraper.clone()
    }

    /// Seconds between two sweeps of the BMC, as configured.
    pub(crate) fn interval_s(&self) -> f64 {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).interval_s
    }

    /// Takes over a new configuration.
    pub(crate) fn set(&self, scraper: Arc<Scraper>, interval_s: f64) {
        let fresh = Reloaded { scraper, interval_s, refused: None };
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// Notes that a new configuration was refused.
    pub(crate) fn refuse(&self, faults: String) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).refused = Some(faults);
    }

    /// The faults for which the last reload was refused.
    pub(crate) fn refused(&self) -> Option<String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }

    /// All sources as they are now.
    pub(crate) fn lines(&self, now: Timestamp) -> Vec<sources::Line> {
        let reports = self.scraper().reader().reports();
        let mut lines = sources::list(&self.hardware.borrow(), &reports, now);
        if let Some(ipmi) = lines.iter_mut().find(|line| line.source.name == "ipmi") {
            ipmi.dropped = self.verdict.borrow().ipmi_dropped;
        }
        let facts = self.verdict.borrow().facts.clone();
        lines.extend(facts.map(|source| sources::Line { source, dropped: 0 }));
        lines
    }

    /// The status document as of now.
    pub(crate) fn status(&self) -> StatusDocument {
        let now = Timestamp::now();
        let mut document = self.verdict.borrow().status.clone();
        document.sources = self.lines(now).iter().map(|line| line.document(now)).collect();
        document
    }

    /// Adds the part of `socle_*` that changes from scrape to scrape.
    pub(crate) fn live(&self, text: &mut String) {
        let now = Timestamp::now();
        let counts = self.lock_events().counts().clone();
        let mut page = Page::default();
        own::live(&mut page, &self.lines(now), &counts, now);
        doors::write(&mut page, self.web.refused.counts(), self.web.expiry_seconds(now));
        text.push_str(page.as_str());
    }

    /// The number of the last event; 0 when there is none.
    pub(crate) fn last_event(&self) -> u64 {
        *self.news.borrow()
    }

    /// Events after `since`, at most the last `limit`.
    pub(crate) fn events_since(&self, since: u64, limit: usize) -> Vec<Line> {
        self.lock_events().since(since, limit)
    }

    fn lock_events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is still missing before this half is ready.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        if !*self.read_once.borrow() {
            return Some("the kernel's sources have not been read");
        }
        if self.hardware.borrow().link.since.is_none() {
            return Some("the link has neither answered nor failed");
        }
        None
    }
}
