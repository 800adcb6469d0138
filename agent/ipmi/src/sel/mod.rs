//! The System Event Log (sections 31 and 32): info, entries in their order, and what they say.

mod record;
mod tail;

pub use record::{Body, Entry, Event, Time};
pub use tail::{Position, Step, Tail, TailError};

use crate::cursor::{Cursor, Short};
use crate::{Command, Request};

/// Get SEL Info (section 31.2).
#[derive(Debug, Clone, Copy)]
pub struct GetSelInfo;

/// Its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as in section 31.2")]
pub struct SelInfo {
    pub entries: u16,
    pub free_bytes: u16,
    pub added: u32,
    pub erased: u32,
    pub overflow: bool,
}

impl Command for GetSelInfo {
    type Reply = SelInfo;

    fn request(&self) -> Request {
        Request::new(0x0A, 0x40, &[])
    }

    fn reply(&self, data: &[u8]) -> Result<SelInfo, Short> {
        let mut cursor = Cursor::new(data);
        cursor.u8("SEL version")?;
        Ok(SelInfo {
            entries: cursor.u16("entries")?,
            free_bytes: cursor.u16("free space")?,
            added: cursor.u32("addition time")?,
            erased: cursor.u32("erase time")?,
            overflow: cursor.u8("operation support")? & 0x80 != 0,
        })
    }
}

/// Get SEL Entry (section 31.5), whole record.
#[derive(Debug, Clone, Copy)]
pub struct GetSelEntry {
    /// Record id; 0000h first, FFFFh last.
    pub id: u16,
}

impl Command for GetSelEntry {
    type Reply = (u16, [u8; 16]);

    fn request(&self) -> Request {
        let [low, high] = self.id.to_le_bytes();
        Request::new(0x0A, 0x43, &[0, 0, low, high, 0, 0xFF])
    }

    fn reply(&self, data: &[u8]) -> Result<(u16, [u8; 16]), Short> {
        let mut cursor = Cursor::new(data);
        let next = cursor.u16("next record id")?;
        let mut record = [0; 16];
        record.copy_from_slice(cursor.take(16, "SEL record")?);
        Ok((next, record))
    }
}
