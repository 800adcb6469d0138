//! Where the log goes: to the journal when systemd gave us one, else as text to stderr; either way
//! no place in the code may say more than so much a minute.

use socle_model::fault::log_line;
use socle_model::ratelimit::{RateLimit, Verdict};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::time::Instant;
use tracing::callsite::Identifier;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// Lines a minute that one place in the code may write.
const LINES_A_MINUTE: u32 = 20;
/// The target of the line that tells how many were left out; itself never limited.
const LEFT_OUT: &str = "socle::log";

/// Sets up the log of this process. Called once, before anything may log.
pub(crate) fn start() {
    let journal = is_journal().then(tracing_journald::layer).and_then(Result::ok);
    let set = match journal {
        Some(journal) => {
            let journal = journal.with_syslog_identifier("socle-host".into());
            tracing::subscriber::set_global_default(
                Registry::default().with(LevelFilter::INFO).with(Limited::new(journal)),
            )
        }
        None => {
            let text = tracing_subscriber::fmt::layer()
                .with_writer(|| Lines(std::io::stderr()))
                .with_ansi(false);
            tracing::subscriber::set_global_default(
                Registry::default().with(LevelFilter::INFO).with(Limited::new(text)),
            )
        }
    };
    if set.is_err() {
        let _ = writeln!(std::io::stderr(), "the log was set up twice");
    }
}

/// Writes each event as one line, whatever a device's name holds: the formatter hands over one whole
/// event at a time. The journal keeps events apart by itself.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.write_all(log_line(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Whether stderr is the journal's stream: `JOURNAL_STREAM` is then `DEVICE:INODE` of it.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() else { return false };
    std::fs::File::from(stderr)
        .metadata()
        .is_ok_and(|found| named == format!("{}:{}", found.dev(), found.ino()))
}

/// A layer whose events are limited per place in the code.
struct Limited<L> {
    inner: L,
    limit: Mutex<RateLimit<Identifier>>,
    began: Instant,
}

impl<L> Limited<L> {
    fn new(inner: L) -> Self {
        Limited { inner, limit: Mutex::new(RateLimit::new(LINES_A_MINUTE)), began: Instant::now() }
    }
}

impl<S: Subscriber, L: Layer<S>> Layer<S> for Limited<L> {
    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let place = event.metadata();
        if place.target() == LEFT_OUT {
            return self.inner.on_event(event, ctx);
        }
        let now = self.began.elapsed();
        let verdict = match self.limit.lock() {
            Ok(mut limit) => limit.judge(place.callsite(), now),
            Err(_) => Verdict::Say { left_out: 0 },
        };
        let Verdict::Say { left_out } = verdict else { return };
        self.inner.on_event(event, ctx);
        if left_out > 0 {
            let (file, line) = (place.file().unwrap_or("?"), place.line().unwrap_or(0));
            tracing::warn!(target: LEFT_OUT, left_out, file, line, "lines like the last one were left out");
        }
    }
}
