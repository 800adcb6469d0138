//! DCMI 1.5 Get Power Reading (section 6.6.1).

use crate::cursor::{Cursor, Short};
use crate::{Command, Request};

/// The command, in mode "system power statistics".
#[derive(Debug, Clone, Copy)]
pub struct GetPowerReading;

/// Its answer, in watts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the specification")]
pub struct PowerReading {
    pub current_watts: u16,
    pub minimum_watts: u16,
    pub maximum_watts: u16,
    pub average_watts: u16,
    /// Whether power is being measured; when not, the watts mean nothing.
    pub active: bool,
}

impl Command for GetPowerReading {
    type Reply = PowerReading;

    fn request(&self) -> Request {
        Request::new(0x2C, 0x02, &[0xDC, 0x01, 0x00, 0x00])
    }

    fn reply(&self, data: &[u8]) -> Result<PowerReading, Short> {
        let mut cursor = Cursor::new(data);
        cursor.u8("group extension")?;
        let reading = PowerReading {
            current_watts: cursor.u16("current power")?,
            minimum_watts: cursor.u16("minimum power")?,
            maximum_watts: cursor.u16("maximum power")?,
            average_watts: cursor.u16("average power")?,
            active: false,
        };
        cursor.take(8, "time stamp and reporting period")?;
        Ok(PowerReading { active: cursor.u8("power reading state")? & 0x40 != 0, ..reading })
    }
}
