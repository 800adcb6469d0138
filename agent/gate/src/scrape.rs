//! One collection of the kernel's sources, shared by all scrapes that ask for it at the same time.

use crate::reader::{Failure, Reader};
use axum::body::Bytes;
use socle_kernel::Outcomes;
use socle_model::metrics::{Page, cut};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Which sources: `None` all, else these names, sorted.
pub(crate) type Wanted = Option<Vec<String>>;

/// What one collection gave.
#[derive(Debug)]
pub(crate) struct Collected {
    /// The text: `node_*` of every source, then `node_scrape_collector_*`.
    pub(crate) text: String,
    /// The whole page, made once for all who share this collection.
    pub(crate) whole: Forms,
    /// The same without anything else.
    pub(crate) node: Forms,
}

/// One body as it is and compressed.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    plain: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

/// Limits of a collection, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// Until when the page is answered.
    pub(crate) deadline: Duration,
    /// Most series of a source.
    pub(crate) series_max: usize,
}

/// Collects on demand.
pub(crate) struct Scraper {
    reader: Arc<Reader>,
    limits: Limits,
    under_way: Mutex<Option<UnderWay>>,
    turn: Arc<tokio::sync::Mutex<Writer>>,
    last: Mutex<Option<Instant>>,
}

struct UnderWay {
    wanted: Wanted,
    result: watch::Receiver<Option<Arc<Collected>>>,
}

impl Scraper {
    /// A scraper of this reader's sources.
    pub(crate) fn new(reader: Arc<Reader>, limits: Limits) -> Arc<Self> {
        let turn = Arc::new(tokio::sync::Mutex::new(Writer::new(&reader)));
        Arc::new(Scraper {
            reader,
            limits,
            under_way: Mutex::new(None),
            turn,
            last: Mutex::new(None),
        })
    }

    /// The reader.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Most series of one source.
    pub(crate) fn series_max(&self) -> usize {
        self.limits.series_max
    }

    /// The sources that are on, by node_exporter's names, in the order of the page.
    pub(crate) fn sources(&self) -> Vec<&'static str> {
        self.reader.reports().iter().map(|report| report.name).collect()
    }

    /// Whether nobody has asked for all sources for so long.
    pub(crate) fn idle_for(&self, time: Duration) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() >= time)
    }

    /// A collection that was under way, or a new one. It goes on when the caller goes away.
    pub(crate) async fn collect(self: &Arc<Self>, wanted: Wanted) -> Option<Arc<Collected>> {
        let mut result = self.join(wanted);
        let collected = result.wait_for(Option::is_some).await.ok()?;
        collected.clone()
    }

    fn join(self: &Arc<Self>, wanted: Wanted) -> watch::Receiver<Option<Arc<Collected>>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = &*under_way
            && one.wanted == wanted
            && one.result.has_changed().is_ok()
        {
            return one.result.clone();
        }
        let (sender, result) = watch::channel(None);
        *under_way = Some(UnderWay { wanted: wanted.clone(), result: result.clone() });
        let this = self.clone();
        tokio::spawn(async move {
            let collected = this.turn.lock().await.collect(&this, &wanted).await;
            // Who comes from here on gets a collection of its own.
            let mut under_way = this.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            if under_way.as_ref().is_some_and(|one| one.wanted == wanted) {
                *under_way = None;
            }
            drop(under_way);
            if wanted.is_none() {
                let now = Some(Instant::now());
                *this.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
            }
            // Nobody may be left to take it.
            let _ = sender.send(Some(Arc::new(collected)));
        });
        result
    }
}

/// What a collection needs from one to the next.
struct Writer {
    outcomes: Outcomes,
    page: Page,
    size: usize,
}

impl Writer {
    fn new(reader: &Reader) -> Self {
        let names = reader.reports().into_iter().map(|report| report.name);
        Writer { outcomes: Outcomes::new(names), page: Page::default(), size: 0 }
    }

    async fn collect(&mut self, scraper: &Scraper, wanted: &Wanted) -> Collected {
        let limits = scraper.limits;
        let mut text = String::with_capacity(self.size);
        let mut outcomes = Vec::new();
        let want = |name: &str| match wanted {
            None => true,
            Some(names) => names.binary_search_by(|probe| probe.as_str().cmp(name)).is_ok(),
        };
        let share = limits.deadline.mul_f64(0.9);
        scraper
            .reader
            .round(want, share, |report, said| {
                if let Some(said) = said {
                    report.dropped = said.samples.saturating_sub(limits.series_max);
                    text.push_str(match report.dropped {
                        0 => said.text,
                        _ => cut(said.text, limits.series_max).0,
                    });
                }
                let success = said.is_some() && !matches!(report.failure, Some(Failure::Failed(_)));
                outcomes.push((report.name, report.duration, success));
            })
            .await;
        self.page.clear();
        self.outcomes.write(&mut self.page, &outcomes);
        text.push_str(self.page.as_str());
        // The next one is about as long.
        self.size = self.size.max(text.len() + text.len() / 8);
        Collected { text, whole: Forms::default(), node: Forms::default() }
    }
}

impl Forms {
    /// The body in this form, made by the first who asks for it.
    pub(crate) fn get(&self, compressed: bool, make: impl FnOnce() -> Bytes) -> Bytes {
        let kept = if compressed { &self.gzip } else { &self.plain };
        kept.get_or_init(make).clone()
    }
}
