//! `/proc/stat`, which two sources show: read once for both. The kernel adds up every interrupt of every
//! CPU for it, which is the dearest part of a scrape on a large machine.

use crate::ReadError;
use crate::file::Kept;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long after one source's reading the other may use it: within one collection, not a later one.
const SAME: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Read {
    file: Kept,
    /// When it was read for one and not yet taken by the other.
    fresh: Option<Instant>,
}

/// The file, shared by those who have a clone.
#[derive(Debug, Clone)]
pub(crate) struct ProcStat(Arc<Mutex<Read>>);

impl ProcStat {
    pub(crate) fn new(path: PathBuf) -> Self {
        ProcStat(Arc::new(Mutex::new(Read { file: Kept::in_one_piece(path), fresh: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the file and hands it to `parse`; the next [`Self::again`] gets the same.
    pub(crate) fn read<T>(&self, parse: impl FnOnce(&Kept) -> T) -> Result<T, ReadError> {
        let mut read = self.lock();
        read.fresh = None;
        read.file.read()?;
        read.fresh = Some(Instant::now());
        Ok(parse(&read.file))
    }

    /// What was just read, once; else what the file says now.
    pub(crate) fn again<T>(&self, parse: impl FnOnce(&Kept) -> T) -> Result<T, ReadError> {
        let mut read = self.lock();
        if read.fresh.take().is_none_or(|at| at.elapsed() > SAME) {
            read.file.read()?;
        }
        Ok(parse(&read.file))
    }
}
