//! How many small files may stay open. A machine with thousands of sensors would otherwise take every
//! descriptor that the process may have, also those for its connections.

use nix::sys::resource::{Resource, getrlimit};
use std::fs::File;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Files kept open now.
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Half of what the process may have open; the other half is for everything else.
fn most() -> u64 {
    static MOST: OnceLock<u64> = OnceLock::new();
    // Where the limit cannot be asked for it is at least POSIX' 20.
    *MOST.get_or_init(|| getrlimit(Resource::RLIMIT_NOFILE).map_or(10, |(soft, _)| soft / 2))
}

/// A file that stays open, and is counted.
#[derive(Debug)]
pub(super) struct Kept(File);

impl Kept {
    /// Keeps a file, unless there are too many: then it is closed, and read by its path next time.
    pub(super) fn new(file: File) -> Option<Self> {
        if KEPT.fetch_add(1, Ordering::Relaxed) < most() {
            return Some(Kept(file));
        }
        KEPT.fetch_sub(1, Ordering::Relaxed);
        None
    }

    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.fetch_sub(1, Ordering::Relaxed);
    }
}
