//! Where log lines go: the journal when it holds our standard error, else readable text.

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging. Called once.
pub(crate) fn start() {
    let registry = tracing_subscriber::registry().with(LevelFilter::INFO);
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
