//! The verdict: once a second at most when something changed, and every five seconds anyway.

use crate::app::App;
use crate::events::{Events, Save};
use crate::expose::{ipmi, nvme, own};
use crate::facts::FactsDesk;
use crate::gzip::Piece;
use crate::http::conn::told;
use crate::judge::{Judge, Seen};
use crate::link::Hardware;
use crate::pool::Pool;
use crate::sources;
use axum::body::Bytes;
use jiff::Timestamp;
use socle_model::Status;
use socle_model::bmc::{Degraded, SelRecord, Source};
use socle_model::documents::{
    SENSORS_SCHEMA, STATUS_SCHEMA, SensorLine, SensorsDocument, StatusDocument,
};
use socle_model::fault::one_line;
use socle_model::metrics::{Page, cut};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// The shortest and the longest time between two verdicts.
const PACE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How often the memory is written while it changes.
const SAVE_PACE: Duration = Duration::from_secs(4);
/// How long the last save may take when the process ends.
const LAST_SAVE: Duration = Duration::from_secs(1);

/// How long the first verdict waits for the link to answer or to fail.
const FIRST: Duration = Duration::from_millis(900);

/// What was judged, and its share of the page.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Whether anything was judged yet.
    pub(crate) judged: bool,
    /// The status document; its `sources` are filled in when it is asked for.
    pub(crate) status: StatusDocument,
    /// The sensors document.
    sensors: SensorsDocument,
    /// The same as JSON, made by the first who asks.
    sensors_json: OnceLock<Option<Bytes>>,
    /// `ipmi_*`.
    pub(crate) ipmi: Arc<Piece>,
    /// Series left out of it for `series_max`.
    pub(crate) ipmi_dropped: usize,
    /// The part of `socle_*` that only a verdict changes.
    pub(crate) own: Arc<Piece>,
    /// How reading what the kernel tells of the hardware fares.
    pub(crate) facts: Option<Source>,
}

impl Verdict {
    /// Before anything was judged: unknown.
    pub(crate) fn not_yet() -> Self {
        Verdict {
            judged: false,
            status: StatusDocument {
                schema: STATUS_SCHEMA.into(),
                host: String::new(),
                model: None,
                at: Timestamp::now(),
                status: Status::Unknown,
                components: Vec::new(),
                sources: Vec::new(),
                degraded: Vec::new(),
            },
            sensors: SensorsDocument { schema: SENSORS_SCHEMA.into(), sensors: Vec::new() },
            sensors_json: OnceLock::new(),
            ipmi: Arc::default(),
            ipmi_dropped: 0,
            own: Arc::default(),
            facts: None,
        }
    }

    /// Every sensor, for the status page.
    pub(crate) fn readings(&self) -> &[SensorLine] {
        &self.sensors.sensors
    }

    /// The sensors document as JSON; `None` when it cannot be written as such.
    pub(crate) fn sensors(&self) -> Option<Bytes> {
        let make = || {
            let mut text = serde_json::to_vec(&self.sensors).ok()?;
            text.push(b'\n');
            Some(Bytes::from(text))
        };
        self.sensors_json.get_or_init(make).clone()
    }
}

/// The task that judges.
pub(crate) struct Task {
    /// Judges and remembers.
    pub(crate) judge: Judge,
    /// For the sources' state.
    pub(crate) app: Arc<App>,
    /// What came through the link.
    pub(crate) hardware: watch::Receiver<Hardware>,
    /// SEL records.
    pub(crate) batches: mpsc::Receiver<Vec<SelRecord>>,
    /// Where the verdict goes.
    pub(crate) verdict: watch::Sender<Arc<Verdict>>,
    /// Where the events go.
    pub(crate) events: Arc<Mutex<Events>>,
    /// The number of the last event.
    pub(crate) news: watch::Sender<u64>,
    /// What the kernel tells.
    pub(crate) facts: FactsDesk,
    /// The reading threads.
    pub(crate) pool: Arc<Pool>,
    /// The thread that saves.
    pub(crate) disk: Arc<Pool>,
    /// The state folder.
    pub(crate) state: PathBuf,
    /// The end.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Task {
    /// Judges until the end, then saves.
    pub(crate) async fn run(mut self) {
        let mut saver = Saver::default();
        let mut records = Vec::new();
        let (hardware, facts) = (&mut self.hardware, &mut self.facts);
        let tried = async {
            let _ = hardware.wait_for(|hardware| hardware.link.since.is_some()).await;
        };
        // A link that does neither is judged as not answered yet.
        let _ = tokio::join!(timeout(FIRST, tried), facts.read(&self.pool));
        loop {
            let began = Instant::now();
            self.facts.read(&self.pool).await;
            self.judge(&mut records, &saver);
            saver.step(&self);
            if !self.wait(began, &mut records, &mut saver).await {
                break;
            }
        }
        saver.last(&self).await;
    }

    /// Waits until the next verdict is due; false at the end.
    async fn wait(
        &mut self,
        began: Instant,
        records: &mut Vec<SelRecord>,
        saver: &mut Saver,
    ) -> bool {
        let stop = told(&mut self.stop);
        tokio::pin!(stop);
        tokio::select! {
            () = sleep_until(began + PACE.1) => {}
            _ = self.hardware.changed() => {}
            () = saver.turned(&self.events) => {}
            Some(batch) = self.batches.recv() => records.extend(batch),
            () = &mut stop => return false,
        }
        tokio::select! {
            () = sleep_until(began + PACE.0) => {}
            () = &mut stop => return false,
        }
        while let Ok(batch) = self.batches.try_recv() {
            records.extend(batch);
        }
        true
    }

    fn judge(&mut self, records: &mut Vec<SelRecord>, saver: &Saver) {
        let now = Timestamp::now();
        let hardware = self.hardware.borrow_and_update().clone();
        let hardware = hardware.carried(self.app.interval_s(), now);
        let mut degraded: Vec<Degraded> =
            hardware.snapshot.iter().flat_map(|snapshot| snapshot.degraded.clone()).collect();
        degraded.extend(saver.trouble.iter().map(|why| Degraded {
            feature: "state".into(),
            why: format!("{why}; events and memory are kept in memory only until it works"),
        }));
        let reports = self.app.scraper().reader().reports();
        let source = self.facts.source(Instant::now());
        let seen = Seen {
            now,
            facts: self.facts.last(),
            hardware: &hardware,
            sources: reports
                .iter()
                .filter_map(|report| sources::kernel(report, now))
                .chain(source.clone())
                .collect(),
            records: std::mem::take(records),
            interval_s: self.app.interval_s(),
        };
        let mut judged = self.judge.judge(&seen);
        for line in judged.sensors.iter_mut().filter(|line| line.source == "kernel") {
            line.at = self.facts.read_on();
        }
        let facts = self.facts.last();
        let status = StatusDocument {
            schema: STATUS_SCHEMA.into(),
            host: facts.and_then(|facts| facts.host.clone()).unwrap_or_default(),
            model: facts.and_then(|facts| facts.model.clone()),
            at: now,
            status: judged.status,
            components: judged.components,
            sources: Vec::new(),
            degraded,
        };
        let sensors = SensorsDocument { schema: SENSORS_SCHEMA.into(), sensors: judged.sensors };
        let mut page = Page::default();
        let mut shown = ipmi::from_link(&mut page, &hardware, self.app.interval_s(), now);
        let most = self.app.scraper().series_max();
        let (ipmi_text, samples) = cut(page.as_str(), most);
        let before = self.verdict.borrow().clone();
        let ipmi = Piece::following(&before.ipmi, ipmi_text);
        let ipmi_dropped = samples.saturating_sub(most);
        if let Some(data) = hardware.snapshot.as_ref().and_then(|snapshot| snapshot.bmc.data())
            && ipmi_dropped > 0
        {
            shown.keep(ipmi_text, data);
        }
        page.clear();
        own::verdict(&mut page, &status, &sensors.sensors, shown);
        nvme::from_link(&mut page, &hardware, now);
        let own = Piece::following(&before.own, page.as_str());
        let sensors_json = OnceLock::new();
        self.verdict.send_replace(Arc::new(Verdict {
            judged: true,
            status,
            sensors,
            sensors_json,
            ipmi,
            ipmi_dropped,
            own,
            facts: source,
        }));
        if !judged.events.is_empty() || !judged.joined.is_empty() {
            let mut events = lock(&self.events);
            for event in judged.events {
                tracing::info!(component = %event.component, "event: {}", one_line(&event.text));
                events.push(event);
            }
            for one in judged.joined {
                tracing::info!(record = one.origin.record, "an event has one more origin");
                events.join(&one.to, one.origin);
            }
            self.news.send_replace(events.next().saturating_sub(1));
        }
    }
}

fn lock(events: &Mutex<Events>) -> MutexGuard<'_, Events> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes events and memory on a thread of its own, one save at a time.
#[derive(Default)]
struct Saver {
    away: Option<oneshot::Receiver<Saved>>,
    saved_at: Option<Instant>,
    /// The memory as it was last written.
    written: Vec<u8>,
    /// Why the last save failed.
    trouble: Option<String>,
}

struct Saved {
    events: Option<Save>,
    memory: Option<Vec<u8>>,
    outcome: Result<(), String>,
}

impl Saver {
    fn step(&mut self, task: &Task) {
        if let Some(away) = &mut self.away {
            match away.try_recv() {
                Ok(saved) => self.take(&task.events, saved),
                Err(oneshot::error::TryRecvError::Empty) => return,
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
            self.away = None;
        }
        let due = self.saved_at.is_none_or(|at| at.elapsed() >= SAVE_PACE);
        // What fails is not tried again with every verdict.
        if due || self.trouble.is_none() {
            self.start(task, due);
        }
    }

    /// Waits until a save turns out other than the one before.
    async fn turned(&mut self, events: &Mutex<Events>) {
        while let Some(away) = &mut self.away {
            let saved = away.await;
            self.away = None;
            let trouble = self.trouble.is_some();
            if let Ok(saved) = saved {
                self.take(events, saved);
            }
            if self.trouble.is_some() != trouble {
                return;
            }
        }
        std::future::pending().await
    }

    fn take(&mut self, events: &Mutex<Events>, saved: Saved) {
        let mut events = lock(events);
        match saved.outcome {
            Ok(()) => {
                if let Some(save) = &saved.events {
                    events.saved(save);
                }
                if let Some(memory) = saved.memory {
                    self.written = memory;
                }
                self.trouble = None;
            }
            Err(error) => {
                if self.trouble.as_ref() != Some(&error) {
                    tracing::warn!("saving state: {error}");
                }
                events.not_saved();
                self.trouble = Some(error);
            }
        }
    }

    /// Starts a save of what changed.
    fn start(&mut self, task: &Task, memory_due: bool) {
        let (save, next) = {
            let events = lock(&task.events);
            (events.save(&task.state), events.next())
        };
        let memory = if memory_due || save.is_some() { task.judge.memory(next) } else { None };
        let memory = memory.filter(|memory| *memory != self.written);
        if save.is_none() && memory.is_none() {
            return;
        }
        self.saved_at = Some(Instant::now());
        let (sender, away) = oneshot::channel();
        let state = task.state.clone();
        task.disk.queue(move || {
            let outcome = write(&state, save.as_ref(), memory.as_deref());
            let outcome = outcome.map_err(|error| format!("{}: {error}", state.display()));
            // Nobody waits any more when the process is ending.
            let _ = sender.send(Saved { events: save, memory, outcome });
        });
        self.away = Some(away);
    }

    /// Saves what is left when the process ends, for a second at most.
    async fn last(mut self, task: &Task) {
        let end = Instant::now() + LAST_SAVE;
        loop {
            if let Some(away) = self.away.take() {
                match tokio::time::timeout_at(end, away).await {
                    Ok(Ok(saved)) => self.take(&task.events, saved),
                    _ => return,
                }
                if self.trouble.is_some() {
                    return;
                }
            }
            self.start(task, true);
            if self.away.is_none() {
                return;
            }
        }
    }
}

fn write(
    state: &std::path::Path,
    events: Option<&Save>,
    memory: Option<&[u8]>,
) -> std::io::Result<()> {
    std::fs::create_dir_all(state)?;
    if let Some(events) = events {
        events.run()?;
    }
    if let Some(memory) = memory {
        crate::disk::replace(&state.join(crate::judge::FILE), memory)?;
    }
    Ok(())
}
