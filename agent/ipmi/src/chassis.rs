//! Get Chassis Status (section 28.2).

use crate::cursor::{Cursor, Short};
use crate::{Command, Request};

/// The command.
#[derive(Debug, Clone, Copy)]
pub struct GetChassisStatus;

/// Its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in section 28.2")]
pub struct ChassisStatus {
    pub power_on: bool,
    pub power_overload: bool,
    pub power_fault: bool,
    pub power_control_fault: bool,
    pub intrusion: bool,
    pub drive_fault: bool,
    pub cooling_fault: bool,
}

impl Command for GetChassisStatus {
    type Reply = ChassisStatus;

    fn request(&self) -> Request {
        Request::new(0x00, 0x01, &[])
    }

    fn reply(&self, data: &[u8]) -> Result<ChassisStatus, Short> {
        let mut cursor = Cursor::new(data);
        let power = cursor.u8("current power state")?;
        cursor.u8("last power event")?;
        let misc = cursor.u8("misc. chassis state")?;
        Ok(ChassisStatus {
            power_on: power & 0x01 != 0,
            power_overload: power & 0x02 != 0,
            power_fault: power & 0x08 != 0,
            power_control_fault: power & 0x10 != 0,
            intrusion: misc & 0x01 != 0,
            drive_fault: misc & 0x04 != 0,
            cooling_fault: misc & 0x08 != 0,
        })
    }
}
