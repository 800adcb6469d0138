//! Reading a repository (sections 33.9 to 33.12): reservation, partial reads, and what goes wrong.
//!
//! A state machine without I/O: [`Walk::next`] says what to ask, [`Walk::feed`] takes the answer.

use super::{HEAD, Record, head};
use crate::cursor::{Cursor, Short};
use crate::{Completion, Request, Response};
use std::collections::BTreeSet;

/// First chunk size; FFh in the request means "the rest", which many BMCs refuse.
const CHUNK: u8 = 32;
/// Smaller than this nobody needs.
const SMALLEST: u8 = 4;
/// How many ids after one that the BMC would not give are tried, when it did not say which is next.
const PROBES: u8 = 16;
/// How often a walk starts over because the repository changed, or a record's read is repeated.
const RESTARTS: u8 = 5;
/// Most bytes kept of a repository: a 16-bit count of records of 260 bytes is 17 MB, no real one is.
const BYTES: usize = 1 << 20;

/// Repository info: what tells whether it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Records.
    pub count: u16,
    /// Most recent addition.
    pub added: u32,
    /// Most recent erase.
    pub erased: u32,
}

impl Stamp {
    /// From the answer to Get SDR Repository Info.
    ///
    /// # Errors
    /// [`Short`] for a torn answer.
    pub fn parse(data: &[u8]) -> Result<Self, Short> {
        let mut cursor = Cursor::new(data);
        cursor.u8("SDR version")?;
        let count = cursor.u16("record count")?;
        cursor.u16("free space")?;
        Ok(Stamp { count, added: cursor.u32("addition time")?, erased: cursor.u32("erase time")? })
    }

    /// The request.
    #[must_use]
    pub fn request() -> Request {
        Request::new(0x0A, 0x20, &[])
    }
}

/// What the walk is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Info,
    Reserve,
    Read,
    Verify,
    Done,
}

/// Why a walk gave up. What was read until then stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// The BMC refuses the repository.
    #[error("the BMC has no readable SDR repository: {0}")]
    Refused(Completion),
    /// It changed again and again.
    #[error("the SDR repository kept changing while it was read")]
    Restless,
    /// An answer is too short.
    #[error("reading SDR record {id}: {short}")]
    Torn {
        /// Record id.
        id: u16,
        /// What is missing.
        short: Short,
    },
    /// The chain of record ids goes round in a circle or is too long.
    #[error("the SDR repository's chain of records has no end: record {0} comes again")]
    Circle(u16),
    /// More than a repository can hold.
    #[error("the SDR repository is larger than {BYTES} bytes")]
    TooLarge,
}

/// A walk through the repository.
#[derive(Debug)]
pub struct Walk {
    stage: Stage,
    device: bool,
    reservation: u16,
    stamp: Stamp,
    id: u16,
    next_id: u16,
    bytes: Vec<u8>,
    wanted: usize,
    chunk: u8,
    /// Chunk size before the present record, for the records after one that cannot be read at all.
    chunk_before: u8,
    /// Ids tried since the last record whose successor is known; none when zero.
    probes: u8,
    retries: u8,
    restarts: u8,
    seen: BTreeSet<u16>,
    total: usize,
    /// Records read so far.
    pub records: Vec<Record>,
    /// Records the BMC would not give: id and reason.
    pub bad: Vec<(u16, String)>,
}

impl Default for Walk {
    fn default() -> Self {
        Walk {
            stage: Stage::Info,
            device: false,
            reservation: 0,
            stamp: Stamp::default(),
            id: 0,
            next_id: 0xFFFF,
            bytes: Vec::new(),
            wanted: HEAD,
            chunk: CHUNK,
            chunk_before: CHUNK,
            probes: 0,
            retries: 0,
            restarts: 0,
            seen: BTreeSet::new(),
            total: 0,
            records: Vec::new(),
            bad: Vec::new(),
        }
    }
}

impl Walk {
    /// What to ask now; `None` when the walk is over.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        let netfn = if self.device { 0x04 } else { 0x0A };
        let command = |repository: u8, device: u8| if self.device { device } else { repository };
        match self.stage {
            Stage::Info | Stage::Verify => Some(Request::new(netfn, command(0x20, 0x20), &[])),
            Stage::Reserve => Some(Request::new(netfn, command(0x22, 0x22), &[])),
            Stage::Read => {
                let length = self.asked();
                let offset = u8::try_from(self.bytes.len()).unwrap_or(u8::MAX);
                let [r0, r1] = self.reservation.to_le_bytes();
                let [i0, i1] = self.id.to_le_bytes();
                Some(Request::new(netfn, command(0x23, 0x21), &[r0, r1, i0, i1, offset, length]))
            }
            Stage::Done => None,
        }
    }

    /// The repository's stamp when the walk began; `None` for device SDRs, which have none.
    #[must_use]
    pub const fn stamp(&self) -> Option<Stamp> {
        if self.device { None } else { Some(self.stamp) }
    }

    /// Bytes to ask for now.
    fn asked(&self) -> u8 {
        let left = self.wanted.saturating_sub(self.bytes.len());
        u8::try_from(left).unwrap_or(u8::MAX).min(self.chunk)
    }

    /// Takes the answer to [`Walk::next`].
    ///
    /// # Errors
    /// When the walk is over without an end; [`Walk::records`] keeps what there is.
    pub fn feed(&mut self, response: &Response) -> Result<(), WalkError> {
        let fed = match self.stage {
            Stage::Info => self.info(response),
            Stage::Reserve => self.reserved(response),
            Stage::Read => self.read(response),
            Stage::Verify => self.verify(response),
            Stage::Done => Ok(()),
        };
        if fed.is_err() {
            self.stage = Stage::Done;
        }
        fed
    }

    fn info(&mut self, response: &Response) -> Result<(), WalkError> {
        if response.completion == Completion::INVALID_COMMAND && !self.device {
            self.device = true;
            return Ok(());
        }
        if response.completion.passing() {
            return self.again(WalkError::Refused(response.completion), Stage::Info);
        }
        if response.completion != Completion::OK {
            return Err(WalkError::Refused(response.completion));
        }
        self.retries = 0;
        if !self.device {
            self.stamp =
                Stamp::parse(&response.data).map_err(|short| WalkError::Torn { id: 0, short })?;
            if self.stamp.count == 0 {
                self.stage = Stage::Done;
                return Ok(());
            }
        }
        self.stage = Stage::Reserve;
        Ok(())
    }

    fn reserved(&mut self, response: &Response) -> Result<(), WalkError> {
        // A BMC without reservations (C1h) wants 0 in partial reads.
        self.reservation = match response.completion {
            code if code.passing() => {
                return self.again(WalkError::Refused(code), Stage::Reserve);
            }
            Completion::OK => Cursor::new(&response.data)
                .u16("reservation")
                .map_err(|short| WalkError::Torn { id: self.id, short })?,
            _ => 0,
        };
        self.bytes.clear();
        self.wanted = HEAD;
        self.stage = Stage::Read;
        Ok(())
    }

    fn read(&mut self, response: &Response) -> Result<(), WalkError> {
        match response.completion {
            Completion::OK => self.chunk_arrived(&response.data),
            Completion::RESERVATION => self.again(WalkError::Restless, Stage::Reserve),
            code if too_many(code) && self.asked() > SMALLEST => {
                self.chunk = (self.asked() / 2).max(SMALLEST);
                Ok(())
            }
            // Nothing smaller to ask for: once more, in case it was a whim.
            code if too_many(code) && self.retries == 0 => {
                self.again(WalkError::Refused(code), Stage::Read)
            }
            code if code.passing() => self.again(WalkError::Refused(code), Stage::Read),
            code => self.unreadable(&code.to_string()),
        }
    }

    /// Skips the record. When the BMC never said which one is next, the following ids are tried.
    fn unreadable(&mut self, why: &str) -> Result<(), WalkError> {
        self.chunk = self.chunk_before;
        if self.probes == 0 {
            self.bad.push((self.id, why.to_owned()));
        }
        let found = self.records.len() + self.bad.len();
        let more = !self.device && found < usize::from(self.stamp.count);
        // The id after the last is FFFFh: no record, and the end of the chain.
        if self.bytes.is_empty() && self.next_id == 0xFFFF && more && self.probes < PROBES {
            self.next_id = self.id.saturating_add(1);
            self.probes += 1;
        }
        self.advance()
    }

    /// Reads the record once more, from `stage`; gives up with `error` after a few times.
    fn again(&mut self, error: WalkError, stage: Stage) -> Result<(), WalkError> {
        self.retries += 1;
        if self.retries > RESTARTS {
            return Err(error);
        }
        self.bytes.clear();
        self.wanted = HEAD;
        self.stage = stage;
        Ok(())
    }

    fn chunk_arrived(&mut self, data: &[u8]) -> Result<(), WalkError> {
        let torn = |id, short| WalkError::Torn { id, short };
        let mut cursor = Cursor::new(data);
        let next_id = cursor.u16("next record id").map_err(|short| torn(self.id, short))?;
        let bytes = cursor.rest();
        self.probes = 0;
        if bytes.is_empty() {
            self.next_id = next_id;
            self.bad.push((self.id, "the BMC sends no bytes of it".into()));
            return self.advance();
        }
        // Some BMCs send the whole record whatever the length asked.
        self.bytes.extend_from_slice(bytes);
        self.next_id = next_id;
        if self.wanted == HEAD && self.bytes.len() >= HEAD {
            let (_, length) = head(&self.bytes).map_err(|short| torn(self.id, short))?;
            self.wanted = HEAD + length;
        }
        if self.bytes.len() < self.wanted {
            return Ok(());
        }
        self.total += self.bytes.len();
        if self.total > BYTES {
            return Err(WalkError::TooLarge);
        }
        if self.id == 0 {
            // "The first record": only its head says which one that is.
            self.seen.insert(0);
            let own = Cursor::new(&self.bytes).u16("record id");
            self.id = own.map_err(|short| torn(self.id, short))?;
        }
        let record = Record::parse(self.id, &self.bytes).map_err(|short| torn(self.id, short))?;
        self.records.push(record);
        self.advance()
    }

    fn advance(&mut self) -> Result<(), WalkError> {
        self.seen.insert(self.id);
        self.chunk_before = self.chunk;
        self.retries = 0;
        self.bytes.clear();
        self.wanted = HEAD;
        let next = std::mem::replace(&mut self.next_id, 0xFFFF);
        if next == 0xFFFF {
            self.stage = if self.device { Stage::Done } else { Stage::Verify };
            return Ok(());
        }
        if self.seen.contains(&next) {
            return Err(WalkError::Circle(next));
        }
        self.id = next;
        Ok(())
    }

    fn verify(&mut self, response: &Response) -> Result<(), WalkError> {
        let now = match response.completion {
            Completion::OK => Stamp::parse(&response.data).unwrap_or(self.stamp),
            code if code.passing() => {
                return self.again(WalkError::Refused(code), Stage::Verify);
            }
            _ => self.stamp,
        };
        if now == self.stamp {
            self.stage = Stage::Done;
            return Ok(());
        }
        let restarts = self.restarts + 1;
        if restarts > RESTARTS {
            return Err(WalkError::Restless);
        }
        *self = Walk {
            restarts,
            stamp: now,
            chunk: self.chunk,
            chunk_before: self.chunk,
            stage: Stage::Reserve,
            ..Walk::default()
        };
        Ok(())
    }
}

/// Whether the code may mean that fewer bytes should be asked for.
fn too_many(code: Completion) -> bool {
    matches!(
        code,
        Completion::TOO_MANY | Completion::LENGTH | Completion::UNSPECIFIED | Completion(0xC7)
    )
}
