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

/// Leave to keep one file open, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(());

impl Place {
    /// A place, unless all are taken.
    pub(crate) fn take() -> Option<Self> {
        if KEPT.fetch_add(1, Ordering::Relaxed) < most() {
            return Some(Place(()));
        }
        KEPT.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        KEPT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file that stays open, and is counted.
#[derive(Debug)]
pub(super) struct Kept(File, Place);

impl Kept {
    /// Keeps a file, unless there are too many: then it is closed, and read by its path next time.
    pub(super) fn new(file: File) -> Option<Self> {
        Place::take().map(|place| Kept(file, place))
    }

    pub(super) fn file(&self) -> &File {
        &self.0
    }
}
