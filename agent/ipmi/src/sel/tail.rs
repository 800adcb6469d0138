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
    /// Goes on after an entry that an earlier follower had: its id and bytes, see [`Tail::position`].
    /// Where the log no longer holds that entry it is read from its beginning.
    #[must_use]
    pub fn after(id: u16, raw: [u8; 16]) -> Self {
        Tail { last: Some((id, raw)), ..Tail::default() }
    }

    /// The last entry that was read: id and bytes.
    #[must_use]
    pub const fn position(&self) -> Option<(u16, [u8; 16])> {
        self.last
    }

    /// Takes the latest SEL info: when it changed, or at first, a pass begins.
    pub fn look(&mut self, info: SelInfo) {
        let before = self.info.replace(info);
        if info.entries == 0 {
            *self = Tail { info: Some(info), ..Tail::default() };
            return;
        }
        let erased = before.is_some_and(|before| before.erased != info.erased);
        // A running pass sees additions by itself; after an erase its next id may be another record's.
        if before == Some(info) || (self.next.is_some() && !erased) {
            return;
        }
        self.begin();
    }

    /// Begins a pass: at the last entry, to see whether it is still there, or at the first.
    fn begin(&mut self) {
        self.seen.clear();
        self.confirming = self.last.is_some();
        self.next = Some(self.last.map_or(0, |(id, _)| id));
    }

    /// Begins again at the first entry: the log is another one.
    fn start_over(&mut self) {
        self.last = None;
        self.begin();
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
        let Some(asked) = self.next.take() else { return Ok(None) };
        if self.seen.contains(&asked) {
            return Err(TailError::Circle(asked));
        }
        let confirming = std::mem::take(&mut self.confirming);
        let (next, raw) = match answer {
            Ok(answer) => answer,
            Err(CallError::Completion(code)) if gone(code) => {
                if confirming {
                    self.start_over();
                } else {
                    // Erased under our hands: look again, from the last entry that was read.
                    self.info = None;
                }
                return Ok(None);
            }
            Err(error) => {
                self.info = None;
                return Err(TailError::Entry { id: asked, error });
            }
        };
        let known = self.last.is_some_and(|(_, bytes)| bytes == raw);
        if confirming && !known {
            // The same id with other bytes: the log was cleared and filled again.
            self.start_over();
            return Ok(None);
        }
        let mut entry = Entry::parse(raw)
            .map_err(|short| TailError::Entry { id: asked, error: short.into() })?;
        if asked != 0 {
            // Some BMCs write another id into the record; the one it is asked by is what counts.
            entry.id = asked;
        }
        self.seen.extend([asked, entry.id]);
        self.last = Some((entry.id, raw));
        self.next = Some(next).filter(|&next| next != 0xFFFF);
        Ok(Some(entry).filter(|_| !confirming))
    }
}

/// Whether the code says that there is no such record; CCh is OpenBMC's word for it.
fn gone(code: Completion) -> bool {
    matches!(code, Completion::NOT_PRESENT | Completion::RANGE | Completion::INVALID_FIELD)
}
