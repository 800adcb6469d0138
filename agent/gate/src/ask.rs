//! A question to the root half from a reading thread: bounded in time, over a connection that is kept.

use crate::link::Hardware;
use serde::Deserialize;
use socle_model::link::{Answer, Call, Frames, REPLY_LIMIT};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What a scrape grants the root half: it reads files of /sys, nothing slower.
const PATIENCE: Duration = Duration::from_millis(500);
/// A root half that said nothing is not asked again for so long: its silence costs one scrape.
const PAUSE: Duration = Duration::from_secs(10);

/// Where the root half is, and whether it is heard.
#[derive(Debug, Clone)]
pub(crate) struct Near {
    /// Its socket.
    pub(crate) path: PathBuf,
    /// What the link says.
    pub(crate) hardware: watch::Receiver<Hardware>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The root half says that it cannot be had.
    Refused(String),
    /// It did not say anything, or nothing that can be read.
    Failed(String),
}

/// Asks.
#[derive(Debug)]
pub(crate) struct Asker {
    near: Near,
    patience: Duration,
    kept: Option<UnixStream>,
    silent: Option<Instant>,
}

impl Asker {
    /// For questions within a scrape. Nothing is opened before the first one.
    pub(crate) fn new(near: Near) -> Self {
        Self::patient(near, PATIENCE)
    }

    /// For questions for which nobody waits.
    pub(crate) fn patient(near: Near, patience: Duration) -> Self {
        Asker { near, patience, kept: None, silent: None }
    }

    /// The answer to one call.
    pub(crate) fn ask<T: for<'a> Deserialize<'a>>(&mut self, call: &Call) -> Result<T, Unanswered> {
        let failed = |why: &str| Err(Unanswered::Failed(why.to_owned()));
        if !self.near.hardware.borrow().link.up {
            self.kept = None;
            return failed("the root half does not answer; see source link");
        }
        if self.silent.is_some_and(|at| at.elapsed() < PAUSE) {
            return failed("the root half did not answer; it is asked again in some seconds");
        }
        self.silent = None;
        let end = Instant::now() + self.patience;
        // A connection that was kept may be to a root half that is gone.
        let frame = match self.kept.take().map(|stream| self.exchange(stream, call, end)) {
            Some(Ok(frame)) => Ok(frame),
            Some(Err(_)) | None => self.dial().and_then(|stream| self.exchange(stream, call, end)),
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                self.silent = Some(Instant::now());
                let path = self.near.path.display();
                return failed(&format!("asking the root half at {path}: {error}"));
            }
        };
        understood(&frame)
    }

    fn dial(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(&self.near.path)
    }

    /// Keeps the connection when it worked.
    fn exchange(
        &mut self,
        mut stream: UnixStream,
        call: &Call,
        end: Instant,
    ) -> std::io::Result<Vec<u8>> {
        let other = |text: String| std::io::Error::other(text);
        stream.set_write_timeout(Some(left(end)))?;
        stream.write_all(&call.encode())?;
        let mut frames = Frames::new(REPLY_LIMIT);
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = frames.next_frame().map_err(|error| other(error.to_string()))? {
                self.kept = Some(stream);
                return Ok(frame);
            }
            if Instant::now() >= end {
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left(end)))?;
            match stream.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => frames.push(buffer.get(..read).unwrap_or_default()),
            }
        }
    }
}

/// A time-out of zero would be none at all.
fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn understood<T: for<'a> Deserialize<'a>>(frame: &[u8]) -> Result<T, Unanswered> {
    let unread = |error: serde_json::Error| {
        Unanswered::Failed(format!("the root half said what cannot be read: {error}"))
    };
    let answer: Answer = serde_json::from_slice(frame).map_err(unread)?;
    let text = answer.parameters.as_ref().map_or("{}", |raw| raw.get());
    match answer.error.as_deref() {
        None => serde_json::from_str(text).map_err(unread),
        Some("org.varlink.service.MethodNotFound") => Err(Unanswered::Refused(
            "this socle-host does not know how: upgrade it to the version of socle-gate".into(),
        )),
        Some("io.socle.Host.Unavailable") => {
            #[derive(Deserialize)]
            struct Why {
                why: String,
            }
            let why = serde_json::from_str::<Why>(text).map_err(unread)?.why;
            Err(Unanswered::Refused(why))
        }
        Some(error) => Err(Unanswered::Failed(format!("the root half answered {error} {text}"))),
    }
}
