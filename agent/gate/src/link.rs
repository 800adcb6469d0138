//! The link's near end: dials the root half, keeps its latest snapshot, fetches its SEL records.

use crate::past::Past;
use jiff::Timestamp;
use socle_model::bmc::{SelRecord, Snapshot};
use socle_model::link::{
    After, Answer, Call, FrameError, Frames, Hello, REPLY_LIMIT, Records, SCHEMA, Seen, Welcome,
    neighbours,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// The first and the longest pause between two attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long the root half may take to answer anything but `Watch`.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a silent root half is asked whether it lives.
const PING: Duration = Duration::from_secs(10);

/// What is known through the link.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hardware {
    /// The last snapshot, also when the root half is gone.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// The last one with a swept BMC, while `snapshot` is of a root half that has not swept yet.
    pub(crate) before: Option<Arc<Snapshot>>,
    /// When its last sweep of the BMC's sensors ended.
    pub(crate) swept: Option<Past>,
    /// When it came.
    pub(crate) received: Option<Past>,
    /// The link itself.
    pub(crate) link: LinkState,
}

/// How the link fares.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkState {
    /// Whether the root half answers now.
    pub(crate) up: bool,
    /// Since when it is as it is; `None` before the first attempt ended.
    pub(crate) since: Option<Past>,
    /// The root half's version, as it last said.
    pub(crate) version: Option<String>,
    /// The last failure with its remedy; `None` while up.
    pub(crate) error: Option<String>,
    /// Attempts and sessions that failed since start.
    pub(crate) errors: u64,
}

#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("{path}: {source}; is socle-host running? (systemctl status socle-host.service)")]
    Connect { path: String, source: std::io::Error },
    #[error("the root half hung up")]
    HungUp,
    #[error("reading from the root half: {0}")]
    Read(std::io::Error),
    #[error("writing to the root half: {0}")]
    Write(std::io::Error),
    #[error("the root half did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("the root half stopped half-way through an answer, {} s ago", PING.as_secs())]
    Stalled,
    #[error("the root half said what cannot be read: {0}")]
    Frame(#[from] FrameError),
    #[error(
        "socle-host {version} speaks schema {theirs} of the link, this socle-gate {}: upgrade \
         {older}",
        SCHEMA
    )]
    Schema { version: String, theirs: u32, older: &'static str },
}

impl LinkError {
    fn strangers(version: String, theirs: u32) -> Self {
        let older = if theirs < SCHEMA { "socle-host" } else { "socle-gate" };
        LinkError::Schema { version, theirs, older }
    }
}

/// The root half's schema, when its answer is that ours is no neighbour of it.
fn mismatch(frame: &[u8]) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Mismatch {
        ours: u32,
    }
    let answer: Answer = serde_json::from_slice(frame).ok()?;
    if answer.error? != "io.socle.Host.SchemaMismatch" {
        return None;
    }
    Some(serde_json::from_str::<Mismatch>(answer.parameters?.get()).ok()?.ours)
}

/// Keeps the link up until the process ends.
pub(crate) async fn run(
    path: PathBuf,
    hardware: watch::Sender<Hardware>,
    records: mpsc::Sender<Vec<SelRecord>>,
) {
    let mut pause = PAUSE.0;
    let mut cursor = Cursor { path: path.clone(), started: None, head: 0, records };
    loop {
        let began = Instant::now();
        let Err(error) = session(&path, &hardware, &mut cursor).await;
        let text = error.to_string();
        let news = hardware.borrow().link.error.as_ref() != Some(&text);
        if news {
            tracing::warn!("link: {text}");
        }
        hardware.send_modify(|seen| {
            if seen.link.up || seen.link.since.is_none() {
                seen.link.since = Some(Past::now());
            }
            seen.link.up = false;
            seen.link.errors += 1;
            seen.link.error = Some(text);
        });
        pause = if began.elapsed() > PAUSE.1 { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
        tokio::time::sleep(pause).await;
    }
}

async fn session(
    path: &Path,
    hardware: &watch::Sender<Hardware>,
    cursor: &mut Cursor,
) -> Result<std::convert::Infallible, LinkError> {
    let mut wire = Wire::dial(path).await?;
    let welcome = wire.hello().await?;
    wire.send(&Call::Watch).await?;
    // What it knows now comes at once; a root half that takes the call and says nothing is no link.
    let mut frame = wire.answer().await?;
    let mut first = true;
    let version = welcome.version;
    loop {
        let Seen { snapshot } = Answer::parse(&frame)?;
        drop(frame);
        let news = Cursor::news(&snapshot);
        if first {
            tracing::info!("link: up, socle-host {version}");
        }
        hardware.send_modify(|seen| {
            seen.take(snapshot);
            if std::mem::take(&mut first) {
                seen.link = LinkState {
                    up: true,
                    since: Some(Past::now()),
                    version: Some(version.clone()),
                    error: None,
                    errors: seen.link.errors,
                };
            }
        });
        cursor.follow(news).await?;
        frame = next(&mut wire, path).await?;
    }
}

/// The next snapshot's frame, whenever it comes. While there is none the root half is asked on another
/// connection whether it lives.
async fn next(wire: &mut Wire, path: &Path) -> Result<Vec<u8>, LinkError> {
    loop {
        if let Ok(frame) = timeout(PING, wire.frame()).await {
            return frame;
        }
        if !wire.frames.is_empty() {
            return Err(LinkError::Stalled);
        }
        Wire::dial(path).await?.hello().await?;
    }
}

/// How far the SEL was read.
struct Cursor {
    path: PathBuf,
    started: Option<Timestamp>,
    head: u64,
    records: mpsc::Sender<Vec<SelRecord>>,
}

impl Cursor {
    /// When the root half started, and how many records the snapshot says are there.
    fn news(snapshot: &Snapshot) -> (Timestamp, u64) {
        let sel = snapshot.bmc.data().and_then(|data| data.sel);
        (snapshot.started, sel.map_or(0, |sel| sel.head))
    }

    /// Fetches the records that are there. They come over a connection of their own: the first one
    /// is taken by `Watch`.
    async fn follow(&mut self, (started, head): (Timestamp, u64)) -> Result<(), LinkError> {
        if self.started != Some(started) {
            (self.started, self.head) = (Some(started), 0);
        }
        if head <= self.head {
            return Ok(());
        }
        let mut wire = Wire::dial(&self.path).await?;
        wire.hello().await?;
        while self.head < head {
            wire.send(&Call::Events(After { after: self.head })).await?;
            let Records { started, records, more } = Answer::parse(&wire.answer().await?)?;
            let last = records.iter().map(|record| record.head).max();
            if Some(started) != self.started {
                break; // It restarted in between; the next snapshot tells.
            }
            // A host that promises records and gives none is not asked for them for ever.
            self.head = last.unwrap_or(head).max(self.head + 1);
            if !records.is_empty() && self.records.send(records).await.is_err() {
                break;
            }
            if !more {
                self.head = self.head.max(head);
            }
        }
        Ok(())
    }
}

/// One connection.
struct Wire {
    stream: UnixStream,
    frames: Frames,
    buffer: Vec<u8>,
}

impl Wire {
    async fn dial(path: &Path) -> Result<Self, LinkError> {
        let connect = |source| LinkError::Connect { path: path.display().to_string(), source };
        let stream = timeout(PATIENCE, UnixStream::connect(path))
            .await
            .map_err(|_| LinkError::Silent)?
            .map_err(connect)?;
        Ok(Wire { stream, frames: Frames::new(REPLY_LIMIT), buffer: vec![0; 16 << 10] })
    }

    async fn hello(&mut self) -> Result<Welcome, LinkError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.send(&Call::Hello(Hello { version, schema: SCHEMA })).await?;
        let frame = self.answer().await?;
        if let Some(theirs) = mismatch(&frame) {
            return Err(LinkError::strangers(String::new(), theirs));
        }
        let welcome: Welcome = Answer::parse(&frame)?;
        if !neighbours(SCHEMA, welcome.schema) {
            return Err(LinkError::strangers(welcome.version, welcome.schema));
        }
        Ok(welcome)
    }

    async fn send(&mut self, call: &Call) -> Result<(), LinkError> {
        let frame = call.encode();
        timeout(PATIENCE, self.stream.write_all(&frame))
            .await
            .map_err(|_| LinkError::Silent)?
            .map_err(LinkError::Write)
    }

    /// The next frame, soon.
    async fn answer(&mut self) -> Result<Vec<u8>, LinkError> {
        timeout(PATIENCE, self.frame()).await.map_err(|_| LinkError::Silent)?
    }

    /// The next frame, whenever it comes. May be dropped half-way: what came stays.
    async fn frame(&mut self) -> Result<Vec<u8>, LinkError> {
        loop {
            if let Some(frame) = self.frames.next_frame()? {
                return Ok(frame);
            }
            let read = self.stream.read(&mut self.buffer).await.map_err(LinkError::Read)?;
            if read == 0 {
                return Err(LinkError::HungUp);
            }
            self.frames.push(self.buffer.get(..read).unwrap_or_default());
        }
    }
}
