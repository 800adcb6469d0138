//! One file per command.

pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod metrics;
pub(crate) mod run;
pub(crate) mod sensors;
pub(crate) mod status;

use anyhow::{Context as _, Result};
use std::io::Write as _;

/// Writes to stdout.
///
/// # Errors
/// Nobody reads it any more, or the disk behind it is full.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to stdout")
}

/// Writes JSON documents to stdout, each on its line.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(text: &str) -> Result<()> {
    print(&(crate::paint::json(text.trim_end()) + "\n"))
}
