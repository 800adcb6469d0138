//! Following the SEL: everything once, then only what is new. Sees a log that was cleared or wrapped.

use super::{Entry, GetSelEntry, SelInfo, Time};
use crate::{CallError, Completion};
use std::collections::BTreeSet;

/// "No further entry" (section 31.5).
const LAST: u16 = 0xFFFF;

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

/// Where a follower is in the log: enough to go on there after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The last entry that was read: id and bytes. They tell whether the log is still the same.
    pub last: Option<(u16, [u8; 16])>,
    /// Which log: grows whenever the BMC's log is found to be another one than before. A BMC without a
    /// clock writes the same bytes again after it was cleared; this tells them apart.
    pub epoch: u32,
    /// How many entries there were when the last one was last seen in its place.
    pub entries: u16,
    /// The time of the last erasure then, as the BMC gave it.
    pub erased: u32,
}

/// Follows the log.
#[derive(Debug, Default)]
pub struct Tail {
    position: Position,
    info: Option<SelInfo>,
    next: Option<u16>,
    confirming: bool,
    /// A pass ended early: the next one begins though the log be the same.
    again: bool,
    /// Something was erased, and yet the log is no shorter.
    doubt: bool,
    caught_up: bool,
    seen: BTreeSet<u16>,
}

impl Tail {
    /// Goes on where an earlier follower was, see [`Tail::position`]. Where the log no longer holds
    /// that entry it is read from its beginning, as another log.
    #[must_use]
    pub fn resume(position: Position) -> Self {
        Tail { position, ..Tail::default() }
    }

    /// Where this follower is.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Whether the end of the log was reached: what is read from then on is new, not just unread.
    #[must_use]
    pub const fn caught_up(&self) -> bool {
        self.caught_up
    }

    /// Nobody looked for a while: what is read before the end is reached may be old.
    pub fn was_away(&mut self) {
        self.caught_up = false;
    }

    /// The log is another BMC's: it is read from its beginning.
    pub fn another(&mut self) {
        let epoch = self.position.epoch.wrapping_add(1);
        *self = Tail::resume(Position { epoch, ..Position::default() });
    }

    /// Takes the latest SEL info: when it changed, or at first, a pass begins.
    pub fn look(&mut self, info: SelInfo) {
        let before = self.info.replace(info);
        if info.entries == 0 {
            if self.position.last.take().is_some() {
                self.position.epoch = self.position.epoch.wrapping_add(1);
            }
            *self = Tail { info: Some(info), caught_up: true, ..Tail::resume(self.position) };
            self.settle();
            return;
        }
        let erased = before.is_some_and(|before| before.erased != info.erased);
        let (was, is) = (&self.position, &info);
        self.doubt |= was.last.is_some() && was.erased != is.erased && is.entries >= was.entries;
        let same = before == Some(info) && !std::mem::take(&mut self.again);
        // A running pass sees additions by itself; after an erase its next id may be another record's.
        if same || (self.next.is_some() && !erased) {
            return;
        }
        self.begin();
    }

    /// Begins a pass: at the last entry, to see whether it is still there, or at the first.
    fn begin(&mut self) {
        self.seen.clear();
        self.confirming = self.position.last.is_some();
        self.next = Some(self.position.last.map_or(0, |(id, _)| id));
        if !self.confirming {
            self.settle();
        }
    }

    /// Begins again at the first entry: the log is another one.
    fn start_over(&mut self) {
        self.position.last = None;
        self.position.epoch = self.position.epoch.wrapping_add(1);
        self.begin();
    }

    /// The log is as the last info says, and the position is one in it.
    fn settle(&mut self) {
        self.doubt = false;
        if let Some(info) = self.info {
            (self.position.entries, self.position.erased) = (info.entries, info.erased);
        }
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
                    self.again = true;
                }
                return Ok(None);
            }
            Err(error) => {
                self.again = true;
                return Err(TailError::Entry { id: asked, error });
            }
        };
        let mut entry = Entry::parse(raw)
            .map_err(|short| TailError::Entry { id: asked, error: short.into() })?;
        if confirming {
            let known = self.position.last.is_some_and(|(_, bytes)| bytes == raw);
            // Something was erased, and yet the log is longer than before, or as long though nothing
            // came after: it was cleared and filled again with the same. With a clock the same bytes
            // are the same record.
            let longer = self.info.is_some_and(|info| info.entries > self.position.entries);
            let repeated = self.doubt && (longer || next == LAST) && !timed(&entry);
            if !known || repeated {
                self.start_over();
                return Ok(None);
            }
            self.settle();
        }
        if asked != 0 {
            // Some BMCs write another id into the record; the one it is asked by is what counts.
            entry.id = asked;
        }
        self.seen.extend([asked, entry.id]);
        self.position.last = Some((entry.id, raw));
        self.next = Some(next).filter(|&next| next != LAST);
        self.caught_up |= self.next.is_none();
        Ok(Some(entry).filter(|_| !confirming))
    }
}

/// Whether the record has the time of a clock.
fn timed(entry: &Entry) -> bool {
    matches!(entry.time, Time::Absolute(_))
}

/// Whether the code says that there is no such record; CCh is OpenBMC's word for it.
fn gone(code: Completion) -> bool {
    matches!(code, Completion::NOT_PRESENT | Completion::RANGE | Completion::INVALID_FIELD)
}
