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
        let mut outcomes = Vec::new();
        scraper
            .reader
            .round(
                |name| want(wanted, name),
                left,
                |report, said| {
                    if let Some(said) = said {
                        report.dropped = said.samples.saturating_sub(limits.series_max);
                        text.push_str(match report.dropped {
                            0 => said.text,
                            _ => cut(said.text, limits.series_max).0,
                        });
                    }
                    let success =
                        said.is_some() && !matches!(report.failure, Some(Failure::Failed(_)));
                    outcomes.push((report.name, report.duration, success));
                },
            )
            .await;
        self.finish(text, &outcomes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use crate::reader::Readable;
    use std::sync::mpsc::{Receiver, channel};

    /// Hangs until its sender is dropped.
    struct Hangs(Receiver<()>);

    impl Readable for Hangs {
        fn read(&mut self, _: &mut Page) -> Result<(), Failure> {
            let _ = self.0.recv();
            Ok(())
        }

        fn discover(&mut self) -> Result<(), Failure> {
            Ok(())
        }
    }

    /// Has a read of its own pace every minute; says how often it was done.
    struct Paced(u64);

    impl Readable for Paced {
        fn read(&mut self, page: &mut Page) -> Result<(), Failure> {
            let family = socle_model::metrics::Family::new(
                "steps",
                socle_model::metrics::Kind::Gauge,
                "Steps.",
            );
            page.single(&family, self.0);
            Ok(())
        }

        fn discover(&mut self) -> Result<(), Failure> {
            Ok(())
        }

        fn step(&mut self) -> Option<Duration> {
            self.0 += 1;
            Some(Duration::from_secs(60))
        }
    }

    #[tokio::test]
    async fn slow_reads_are_done_between_scrapes_by_those_who_have_any() {
        let (free, wait) = channel();
        drop(free);
        let sources: Vec<(_, Box<dyn Readable>)> =
            vec![("a", Box::new(Hangs(wait))), ("b", Box::new(Paced(0)))];
        let reader = Arc::new(Reader::new(Arc::new(Pool::default()), sources));
        let limits = Limits { deadline: Duration::from_secs(30), series_max: 10 };
        let scraper = Scraper::new(reader, limits);
        for steps in 0..3 {
            let text = scraper.collect(None).await.unwrap().text.clone();
            assert!(text.contains(&format!("\nsteps {steps}\n")), "{text}");
            let (tell, told) = tokio::sync::oneshot::channel();
            scraper.reader().step(move |wait| tell.send(wait).unwrap());
            assert_eq!(told.await.unwrap(), Some(Duration::from_secs(60)));
        }
    }

    #[tokio::test]
    async fn waiting_for_another_collection_counts_into_the_deadline() {
        let ((free_a, a), (free_b, b)) = (channel(), channel());
        let sources: Vec<(_, Box<dyn Readable>)> =
            vec![("a", Box::new(Hangs(a))), ("b", Box::new(Hangs(b)))];
        let reader = Arc::new(Reader::new(Arc::new(Pool::default()), sources));
        let limits = Limits { deadline: Duration::from_secs(1), series_max: 10 };
        let scraper = Scraper::new(reader, limits);
        let began = Instant::now();
        let one = |name: &str| scraper.collect(Some(vec![name.to_owned()]));
        let (a, b) = tokio::join!(one("a"), one("b"));
        assert!(began.elapsed() < limits.deadline, "{:?}", began.elapsed());
        for (name, collected) in [("a", a), ("b", b)] {
            let text = collected.unwrap().text.clone();
            let failed = format!("node_scrape_collector_success{{collector=\"{name}\"}} 0");
            assert!(text.contains(&failed), "{text}");
        }
        drop((free_a, free_b));
    }
}
