//! Following the SEL: everything once, then only what is new. Sees a log that was cleared or wrapped.

use super::{Entry, GetSelEntry, SelInfo};
use crate::{CallError, Completion};
use std::collections::BTreeSet;

/// What to do now.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Ask for this entry and give the answer to [`Tail::feed`].
    Ask(GetSelEntry),
    /// Nothing new; look at SEL info again later.
    Idle,
}

/// Why a pass through the log ended early. The next pass starts where this one stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// The chain of ids goes round in a circle.
    #[error("the SEL's chain of records has no end: record {0} comes again")]
    Circle(u16),
    /// An entry could not be read.
    #[error("reading SEL record {id}: {error}")]
    Entry {
        /// Record id.
        id: u16,
        /// Why.
        error: CallError,
    },
}

/// A position in the log.
#[derive(Debug, Default)]
pub struct Tail {
    info: Option<SelInfo>,
    /// The last entry that was read, and its bytes: they tell whether the log is still the same.
    last: Option<(u16, [u8; 16])>,
    next: Option<u16>,
    confirming: bool,
    seen: BTreeSet<u16>,
}

impl Tail {
    /// Takes the latest SEL info: when it changed, or at first, a pass begins.
    pub fn look(&mut self, info: SelInfo) {
        let changed = self.info != Some(info);
        let cleared = self
            .info
            .is_some_and(|before| before.erased != info.erased || before.entries > info.entries);
        self.info = Some(info);
        if cleared {
            self.last = None;
        }
        if !changed || self.next.is_some() || info.entries == 0 {
            return;
        }
        self.seen.clear();
        self.confirming = self.last.is_some();
        self.next = Some(self.last.map_or(0, |(id, _)| id));
    }

    /// What to do now.
    #[must_use]
    pub fn step(&self) -> Step {
        self.next.map_or(Step::Idle, |id| Step::Ask(GetSelEntry { id }))
    }

    /// Takes the answer to [`Step::Ask`]; gives the entry if it is new.
    ///
    /// # Errors
    /// When this pass must end here.
    pub fn feed(
        &mut self,
        answer: Result<(u16, [u8; 16]), CallError>,
    ) -> Result<Option<Entry>, TailError> {
        let asked = self.next.take().unwrap_or_default();
        let (next, raw) = match answer {
            Ok(answer) => answer,
            // The entry that was last is gone, or the log is empty: start over, or be done.
            Err(CallError::Completion(Completion::NOT_PRESENT | Completion::RANGE)) => {
                let start_over = std::mem::take(&mut self.confirming);
                self.last = None;
                self.next = start_over.then_some(0);
                return Ok(None);
            }
            Err(error) => {
                // Look again at the next change of info, from the last entry that was read.
                self.info = None;
                return Err(TailError::Entry { id: asked, error });
            }
        };
        if std::mem::take(&mut self.confirming) && self.last.is_some_and(|(_, bytes)| bytes == raw)
        {
            return self.go_on(next).map(|()| None);
        }
        let entry = Entry::parse(raw)
            .map_err(|short| TailError::Entry { id: asked, error: short.into() })?;
        if self.last.is_some_and(|(_, bytes)| bytes == raw) {
            self.go_on(next)?;
            return Ok(None);
        }
        if asked != 0 && self.last.is_some_and(|(id, _)| id == asked) {
            // The same id with other bytes: the log was cleared and filled again.
            self.last = None;
            self.next = Some(0);
            return Ok(None);
        }
        self.last = Some((entry.id, raw));
        self.go_on(next)?;
        Ok(Some(entry))
    }

    fn go_on(&mut self, next: u16) -> Result<(), TailError> {
        if next == 0xFFFF {
            return Ok(());
        }
        if !self.seen.insert(next) {
            return Err(TailError::Circle(next));
        }
        self.next = Some(next);
        Ok(())
    }
}
