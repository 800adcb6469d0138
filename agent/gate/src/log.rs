//! Where log lines go: the journal when it holds our standard error, else readable text. One place in
//! the code says at most [`A_MINUTE`] lines a minute; what was left out is counted and said later.

use socle_model::fault::log_line;
use socle_model::ratelimit::{RateLimit, Verdict};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tracing::callsite::Identifier;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Most lines a minute of one place in the code.
const A_MINUTE: u32 = 30;

/// Starts logging. Called once.
pub(crate) fn start() {
    let limit = Limit { began: Instant::now(), places: Mutex::new(RateLimit::new(A_MINUTE)) };
    let registry = tracing_subscriber::registry().with(LevelFilter::INFO).with(limit);
    if under_journal()
        && let Ok(journal) = tracing_journald::layer()
    {
        registry.with(journal.with_field_prefix(None)).init();
        return;
    }
    let text = tracing_subscriber::fmt::layer()
        .with_writer(|| Lines(io::stderr()))
        .with_target(false)
        .with_ansi(false);
    registry.with(text).init();
}

/// Writes each event as one line, whatever a device's name holds: the formatter hands over one whole
/// event at a time. The journal keeps events apart by itself.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(log_line(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether standard error is the stream that systemd named in `JOURNAL_STREAM` (device:inode).
fn under_journal() -> bool {
    let Some(named) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let stderr = std::io::stderr();
    let Ok(stat) = nix::sys::stat::fstat(stderr.as_fd()) else { return false };
    named.to_str() == Some(&format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Leaves out what one place says too often.
struct Limit {
    began: Instant,
    places: Mutex<RateLimit<Identifier>>,
}

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let place = event.metadata();
        let now = self.began.elapsed();
        let verdict = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.judge(place.callsite(), now)
        };
        match verdict {
            Verdict::LeaveOut => false,
            Verdict::Say { left_out: 0 } => true,
            Verdict::Say { left_out } => {
                let file = place.file().unwrap_or_default();
                tracing::warn!("{left_out} more lines of {file} were left out");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_place_is_cut_short_and_another_is_not() {
        let lines = Kept::default();
        let writer = lines.clone();
        let limit = Limit { began: Instant::now(), places: Mutex::new(RateLimit::new(A_MINUTE)) };
        let text = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(limit).with(text);
        tracing::subscriber::with_default(subscriber, || {
            for n in 0..100 {
                tracing::info!("flood {n}");
            }
            tracing::info!("another");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("flood").count(), A_MINUTE as usize, "{text}");
        assert_eq!(text.matches("another").count(), 1, "{text}");
    }

    #[test]
    fn a_name_with_a_line_feed_is_one_line() {
        let lines = Kept::default();
        let writer = lines.clone();
        let text = tracing_subscriber::fmt::layer()
            .with_writer(move || Lines(writer.clone()))
            .with_ansi(false);
        let subscriber = tracing_subscriber::registry().with(text);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(component = %"FAN\nERROR forged", "event: {}", "PSU\r\nERROR forged too");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.ends_with('\n') && text.contains("FAN\\nERROR"), "{text}");
    }
}
