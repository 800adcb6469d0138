//! Where log lines go: the journal when it holds our standard error, else readable text. One place in
//! the code says at most [`A_MINUTE`] lines a minute; what was left out is counted and said later.

use socle_model::ratelimit::{RateLimit, Verdict};
use std::io::IsTerminal as _;
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
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    registry.with(text).init();
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
    use std::io::Write;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_place_is_cut_short_and_another_is_not() {
        let lines = Lines::default();
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
}
