//! Sensor Data Records (section 43): the records' common head, and sensors out of them.

mod locator;
mod name;
mod record;
pub mod walk;

pub use locator::{FruLocator, Locator, McLocator, locator};
pub use name::{id_string, padded_id_string};
pub use record::{Analog, Masks, Owner, SensorRecord, sensors};

use crate::cursor::{Cursor, Short};

/// A record as it came from the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The id it was asked by; some BMCs write another into the record itself.
    pub id: u16,
    /// Record type: 01h full, 02h compact, 03h event-only, 11h FRU, 12h MC, C0h OEM.
    pub kind: u8,
    /// What follows the five bytes of the head.
    pub body: Vec<u8>,
}

/// Bytes of a record's head: id, version, type, length.
pub const HEAD: usize = 5;

/// The head of a record: type and length of the body.
///
/// # Errors
/// [`Short`] for fewer than five bytes.
pub fn head(bytes: &[u8]) -> Result<(u8, usize), Short> {
    let mut cursor = Cursor::new(bytes);
    cursor.u16("record id")?;
    cursor.u8("SDR version")?;
    Ok((cursor.u8("record type")?, cursor.u8("record length")?.into()))
}

impl Record {
    /// A record from its bytes. A body that is longer than its length says is cut; a shorter one is
    /// kept, the decoder of its type says what is missing.
    ///
    /// # Errors
    /// [`Short`] for fewer bytes than a head.
    pub fn parse(id: u16, bytes: &[u8]) -> Result<Self, Short> {
        let (kind, length) = head(bytes)?;
        let body = bytes.get(HEAD..).unwrap_or_default();
        Ok(Record { id, kind, body: body.get(..length).unwrap_or(body).into() })
    }
}
