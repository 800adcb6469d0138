//! The kernel's sources: who reads them, for how long, and what they last said.
//!
//! A *round* reads the chosen sources one after the other on one thread. A source that does not come
//! back is left in its thread, another thread carries on with the rest, and the source is passed over
//! until it returns.

mod apart;

use crate::gzip::Kept;
use crate::past::Past;
use crate::pool::{Held, Hold, Pool};
use socle_model::metrics::Page;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Something that can be read into a page. `kernel` gives the real ones.
pub(crate) trait Readable: Send {
    /// Writes what it sees now. An error leaves nothing on the page.
    fn read(&mut self, page: &mut Page) -> Result<(), Failure>;
    /// Looks for devices that came or went.
    fn discover(&mut self) -> Result<(), Failure>;
    /// One read that does not belong into a scrape; returns the wait until the next.
    fn step(&mut self) -> Option<Duration> {
        None
    }
}

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// This machine does not have it.
    Absent(String),
    /// It should have worked.
    Failed(String),
}

/// How one source fares.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// The source's name: node_exporter's collector.
    pub(crate) name: &'static str,
    /// The last failure; `None` while all is well, or never read.
    pub(crate) failure: Option<Failure>,
    /// When it last gave data.
    pub(crate) last_data: Option<Past>,
    /// How long the last read took.
    pub(crate) duration: Duration,
    /// Reads that failed since start.
    pub(crate) errors: u64,
    /// Series left out of the last page for `series_max`.
    pub(crate) dropped: usize,
}

struct Slot {
    report: Report,
    /// Away while a thread reads it.
    kit: Option<Kit>,
    /// A reader from before a reload may still be away with the source of this name.
    hold: Hold,
    /// What it said in round `round`, and in how many samples.
    page: Page,
    samples: usize,
    /// What was made of the page, while its text is the same.
    kept: Arc<Kept>,
    round: u64,
    /// When it wants its next read of its own pace.
    due: Instant,
    away_since: Option<Instant>,
    /// It was waited for in vain: later rounds pass over it until it returns.
    stuck: bool,
}

/// What a thread takes along: the source and an empty page, so that no lock is held while reading.
struct Kit {
    source: Box<dyn Readable>,
    page: Page,
    held: Option<Held>,
}

/// What a source said in a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// Its samples.
    pub(crate) samples: usize,
    /// What was made of the text.
    pub(crate) kept: &'a Arc<Kept>,
}

#[derive(Default)]
struct Desk {
    slots: Vec<Slot>,
    round: u64,
    /// Grows when another thread takes over; a thread with an older number goes home.
    runner: u64,
    pending: VecDeque<usize>,
    /// Sources read since start: a thread that hangs does not move it.
    progress: u64,
    /// Sources of this round that a thread is reading.
    busy: usize,
}

impl Desk {
    fn over(&self) -> bool {
        self.pending.is_empty() && self.busy == 0
    }
}

impl Slot {
    /// Takes the source away, unless another thread is away with it.
    fn leave(&mut self) -> Option<Kit> {
        let mut kit = self.kit.take()?;
        kit.held = self.hold.take();
        if kit.held.is_none() {
            self.kit = Some(kit);
            return None;
        }
        self.away_since = Some(Instant::now());
        Some(kit)
    }

    /// Puts it back.
    fn back(&mut self, mut kit: Kit) {
        kit.held = None;
        self.kit = Some(kit);
        self.away_since = None;
        self.stuck = false;
    }

    /// Notes that it was waited for in vain.
    fn fail(&mut self, why: &str) {
        if let Some(since) = self.away_since {
            self.report.duration = since.elapsed();
            self.stuck = true;
        }
        self.report.errors += 1;
        self.report.failure = Some(Failure::Failed(why.into()));
    }
}

/// Reads the sources.
pub(crate) struct Reader {
    pool: Arc<Pool>,
    desk: Arc<Mutex<Desk>>,
    done: Arc<Notify>,
}

/// Why a round's source gave nothing although it returned no error.
const STUCK: &str = "the read hangs; it is left alone until it returns";
const NO_THREAD: &str = "not read: other sources hang in every reading thread";

impl Reader {
    /// A reader of these sources.
    pub(crate) fn new(pool: Arc<Pool>, sources: Vec<(&'static str, Box<dyn Readable>)>) -> Self {
        let slots = sources.into_iter().map(|(name, source)| Slot {
            report: Report {
                name,
                failure: None,
                last_data: None,
                duration: Duration::ZERO,
                errors: 0,
                dropped: 0,
            },
            kit: Some(Kit { source, page: Page::default(), held: None }),
            hold: pool.hold(name),
            page: Page::default(),
            samples: 0,
            kept: Arc::default(),
            round: 0,
            due: Instant::now(),
            away_since: None,
            stuck: false,
        });
        let desk = Desk { slots: slots.collect(), ..Desk::default() };
        Reader { pool, desk: Arc::new(Mutex::new(desk)), done: Arc::default() }
    }

    /// How every source fares.
    pub(crate) fn reports(&self) -> Vec<Report> {
        lock(&self.desk).slots.iter().map(|slot| slot.report.clone()).collect()
    }

    /// Reads the sources that `wanted` names and hands each one's report and words to `take`, in
    /// their order. Ends within `limit`. Not to be called again before it ended.
    pub(crate) async fn round(
        &self,
        wanted: impl Fn(&str) -> bool,
        limit: Duration,
        mut take: impl FnMut(&mut Report, Option<Said<'_>>),
    ) {
        let end = Instant::now() + limit;
        self.open(&wanted);
        let mut seen = lock(&self.desk).progress;
        let mut check = Instant::now() + limit / 5;
        loop {
            let done = self.done.notified();
            if lock(&self.desk).over() {
                break;
            }
            let next = check.min(end);
            if tokio::time::timeout_at(next.into(), done).await.is_ok() {
                continue;
            }
            let now = Instant::now();
            if now >= end {
                self.close(STUCK);
                break;
            }
            check = now + limit / 5;
            let progress = lock(&self.desk).progress;
            // No source ended for a while: whoever reads hangs. Another thread takes over.
            if progress == seen && !self.take_over() {
                self.close(NO_THREAD);
                break;
            }
            seen = progress;
        }
        let mut desk = lock(&self.desk);
        let round = desk.round;
        for slot in &mut desk.slots {
            if wanted(slot.report.name) {
                let said =
                    Said { text: slot.page.as_str(), samples: slot.samples, kept: &slot.kept };
                take(&mut slot.report, (slot.round == round).then_some(said));
            }
        }
    }

    fn open(&self, wanted: &impl Fn(&str) -> bool) {
        let mut guard = lock(&self.desk);
        let desk = &mut *guard;
        desk.round += 1;
        desk.runner += 1;
        desk.busy = 0;
        desk.pending.clear();
        for (index, slot) in desk.slots.iter_mut().enumerate() {
            if !wanted(slot.report.name) {
                continue;
            }
            if slot.stuck {
                slot.fail(STUCK);
            } else {
                desk.pending.push_back(index);
            }
        }
        if !desk.pending.is_empty() {
            let work = self.work(desk.runner);
            // Who is woken by this wants the desk.
            drop(guard);
            self.pool.queue(work);
        }
    }

    /// Hands the rest of the round to another thread; false when none is left. Nothing is done when
    /// only the sources that are away are missing.
    fn take_over(&self) -> bool {
        let mut desk = lock(&self.desk);
        if desk.pending.is_empty() {
            return true;
        }
        desk.runner += 1;
        let work = self.work(desk.runner);
        drop(desk);
        self.pool.at_once(work)
    }

    fn work(&self, runner: u64) -> impl FnOnce() + Send + 'static {
        let (desk, done) = (self.desk.clone(), self.done.clone());
        move || work(&desk, runner, &done)
    }

    /// Ends the round: what was not read failed.
    fn close(&self, why: &str) {
        let mut desk = lock(&self.desk);
        let desk = &mut *desk;
        desk.runner += 1;
        desk.busy = 0;
        for index in desk.pending.drain(..) {
            if let Some(slot) = desk.slots.get_mut(index) {
                slot.fail(why);
            }
        }
        for slot in desk.slots.iter_mut().filter(|slot| slot.away_since.is_some() && !slot.stuck) {
            slot.fail(STUCK);
        }
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads what is pending, one source after the other, as long as `runner` is the one to do it.
fn work(desk: &Mutex<Desk>, runner: u64, done: &Notify) {
    while let Some((index, round, mut kit)) = next(desk, runner, done) {
        kit.page.clear();
        let empty = kit.page.mark();
        let began = Instant::now();
        let outcome = kit.source.read(&mut kit.page).map(|()| kit.page.samples_since(empty));
        if home(desk, index, round, kit, began.elapsed(), outcome) {
            done.notify_waiters();
        }
    }
}

/// The next source of the round that is at home.
fn next(desk: &Mutex<Desk>, runner: u64, done: &Notify) -> Option<(usize, u64, Kit)> {
    let mut desk = lock(desk);
    let desk = &mut *desk;
    if desk.runner != runner {
        return None;
    }
    let mut passed_over = false;
    while let Some(index) = desk.pending.pop_front() {
        passed_over = true;
        let Some(slot) = desk.slots.get_mut(index) else { continue };
        if let Some(kit) = slot.leave() {
            desk.busy += 1;
            return Some((index, desk.round, kit));
        }
        // Another thread has it, and that thread was given up.
        slot.fail(STUCK);
    }
    if passed_over && desk.over() {
        done.notify_waiters();
    }
    None
}

/// Puts a source back with what it said. Says whether the round is over.
fn home(
    desk: &Mutex<Desk>,
    index: usize,
    round: u64,
    mut kit: Kit,
    duration: Duration,
    outcome: Result<usize, Failure>,
) -> bool {
    let mut desk = lock(desk);
    desk.progress += 1;
    if desk.round == round {
        desk.busy = desk.busy.saturating_sub(1);
    }
    let over = desk.over();
    let Some(slot) = desk.slots.get_mut(index) else { return over };
    match outcome {
        Ok(samples) => {
            if slot.page.as_str() != kit.page.as_str() {
                slot.kept = Arc::default();
            }
            std::mem::swap(&mut slot.page, &mut kit.page);
            slot.samples = samples;
            slot.round = round;
            slot.report.last_data = Some(Past::now());
            slot.report.failure = None;
        }
        Err(failure) => {
            slot.report.errors += u64::from(matches!(failure, Failure::Failed(_)));
            slot.report.failure = Some(failure);
        }
    }
    slot.report.duration = duration;
    slot.back(kit);
    over
}
