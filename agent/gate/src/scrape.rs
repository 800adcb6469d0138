//! One collection of the kernel's sources, shared by all scrapes that ask for it at the same time.

use crate::gzip::{Kept, Part};
use crate::http::format::Form;
use crate::reader::{Failure, Reader};
use axum::body::Bytes;
use socle_kernel::Outcomes;
use socle_model::metrics::{Page, cut, openmetrics, strict};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Which sources: `None` all, else these names, sorted.
pub(crate) type Wanted = Option<Vec<String>>;

/// What one collection gave.
#[derive(Debug)]
pub(crate) struct Collected {
    /// The text: `node_*` of every source, then `node_scrape_collector_*`.
    text: String,
    /// Where in it the text of others stands, from files.
    foreign: Range<usize>,
    /// Where the sources' texts end, one after the other, and what is kept of each. The rest is new.
    sources: Vec<(usize, Arc<Kept>)>,
    open: OnceLock<Open>,
    /// The whole page, made once for all who share this collection.
    pub(crate) whole: Forms,
    /// The same without anything else.
    pub(crate) node: Forms,
}

/// What OpenMetrics needs of a collection beyond what is kept of its sources.
#[derive(Debug)]
pub(crate) struct Open {
    /// In OpenMetrics, without its end: what is new each time; all of it where it is mixed.
    text: String,
    /// The text it was made from, where the text of others has names that start as ours do: only all
    /// families together tell what each may be called.
    pub(crate) mixed: Option<String>,
}

/// What that source itself says of the files; no other has these names.
const ABOUT: &str = "node_textfile_";
/// How our names start.
const OURS: [&str; 3] = ["node_", "ipmi_", "socle_"];

/// One body in every form.
#[derive(Debug, Default)]
pub(crate) struct Forms([[OnceLock<Bytes>; 2]; 2]);

/// The source whose text is another hand's.
const FOREIGN: &str = "textfile";

impl Collected {
    fn between(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The sources' texts, each with what is kept of it, and what is new each time.
    fn texts(&self) -> (impl Iterator<Item = (&str, &Kept)>, &str) {
        let mut at = 0;
        let texts = self.sources.iter().map(move |(end, kept)| {
            let text = self.between(at, *end);
            at = *end;
            (text, &**kept)
        });
        let end = self.sources.last().map_or(0, |(end, _)| *end);
        (texts, self.between(end, self.text.len()))
    }

    /// The collection as parts of a page.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        let (texts, rest) = self.texts();
        let texts = texts.map(|(text, kept)| Part { text, kept: Some(kept) });
        texts.chain([Part::once(rest)]).collect()
    }

    /// The collection in OpenMetrics as parts of a page, without its end.
    pub(crate) fn open_parts(&self) -> Vec<Part<'_>> {
        let open = self.open();
        if open.mixed.is_some() {
            return vec![Part::once(&open.text)];
        }
        let foreign = self.between(self.foreign.start, self.foreign.end).as_ptr();
        let (texts, _) = self.texts();
        let texts = texts.map(|(text, kept)| {
            kept.open(text, !self.foreign.is_empty() && text.as_ptr() == foreign).part()
        });
        texts.chain([Part::once(&open.text)]).collect()
    }

    /// What OpenMetrics needs, made by the first who asks for it.
    pub(crate) fn open(&self) -> &Open {
        self.open.get_or_init(|| {
            let mut text = String::new();
            let foreign = self.between(self.foreign.start, self.foreign.end);
            let ours = |line: &str| {
                let line = line.trim_start();
                OURS.iter().any(|ours| line.starts_with(ours)) && !line.starts_with(ABOUT)
            };
            if !foreign.lines().any(ours) {
                openmetrics::append(&mut text, self.texts().1);
                return Open { text, mixed: None };
            }
            let (before, after) = (0..self.foreign.start, self.foreign.end..self.text.len());
            let tidied = [
                self.between(before.start, before.end),
                &strict::tidy(foreign),
                self.between(after.start, after.end),
            ]
            .concat();
            openmetrics::append(&mut text, &tidied);
            Open { text, mixed: Some(tidied) }
        })
    }
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
            let collected = this.in_turn(&wanted).await;
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

    /// Collects when the collections before have ended; waiting for them counts into the deadline. Of
    /// that half is left to the sources, so that none is taken for one that hangs.
    async fn in_turn(&self, wanted: &Wanted) -> Collected {
        let (share, began) = (self.limits.deadline.mul_f64(0.9), Instant::now());
        match tokio::time::timeout(share / 2, self.turn.lock()).await {
            Ok(mut writer) => {
                let left = share.saturating_sub(began.elapsed());
                writer.collect(self, wanted, left).await
            }
            Err(_) => Writer::new(&self.reader).nothing(self, wanted),
        }
    }
}

fn want(wanted: &Wanted, name: &str) -> bool {
    match wanted {
        None => true,
        Some(names) => names.binary_search_by(|probe| probe.as_str().cmp(name)).is_ok(),
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

    /// What is said when the turn did not come: no source succeeded.
    fn nothing(mut self, scraper: &Scraper, wanted: &Wanted) -> Collected {
        let reports = scraper.reader.reports();
        let missed = reports.iter().filter(|report| want(wanted, report.name));
        let outcomes: Vec<_> = missed.map(|one| (one.name, Duration::ZERO, false)).collect();
        self.finish(String::new(), &outcomes)
    }

    async fn collect(&mut self, scraper: &Scraper, wanted: &Wanted, left: Duration) -> Collected {
        let limits = scraper.limits;
        let mut text = String::with_capacity(self.size);
        let (mut outcomes, mut sources) = (Vec::new(), Vec::new());
        let mut foreign = 0..0;
        scraper
            .reader
            .round(
                |name| want(wanted, name),
                left,
                |report, said| {
                    let start = text.len();
                    if let Some(said) = said {
                        report.dropped = said.samples.saturating_sub(limits.series_max);
                        let whole = report.dropped == 0;
                        text.push_str(match whole {
                            true => said.text,
                            false => cut(said.text, limits.series_max).0,
                        });
                        // What is kept is of the whole text.
                        let kept = if whole { said.kept.clone() } else { Arc::default() };
                        sources.push((text.len(), kept));
                    }
                    if report.name == FOREIGN {
                        foreign = start..text.len();
                    }
                    let success =
                        said.is_some() && !matches!(report.failure, Some(Failure::Failed(_)));
                    outcomes.push((report.name, report.duration, success));
                },
            )
            .await;
        Collected { foreign, sources, ..self.finish(text, &outcomes) }
    }

    fn finish(
        &mut self,
        mut text: String,
        outcomes: &[(&'static str, Duration, bool)],
    ) -> Collected {
        self.page.clear();
        self.outcomes.write(&mut self.page, outcomes);
        text.push_str(self.page.as_str());
        // The next one is about as long.
        self.size = self.size.max(text.len() + text.len() / 8);
        Collected {
            text,
            foreign: 0..0,
            sources: Vec::new(),
            open: OnceLock::new(),
            whole: Forms::default(),
            node: Forms::default(),
        }
    }
}

impl Forms {
    /// The body in this form, made by the first who asks for it.
    pub(crate) fn get(&self, form: Form, make: impl FnOnce() -> Bytes) -> Bytes {
        let [[text, packed], [open, open_packed]] = &self.0;
        let kept = match (form.open, form.gzip) {
            (false, false) => text,
            (false, true) => packed,
            (true, false) => open,
            (true, true) => open_packed,
        };
        kept.get_or_init(make).clone()
    }
}

#[cfg(test)]
mod tests;
