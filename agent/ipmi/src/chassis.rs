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
    pub interlock: bool,
    pub power_fault: bool,
    pub power_control_fault: bool,
    /// After mains return: 0 stays off, 1 as before, 2 powers up, 3 unknown.
    pub restore_policy: u8,
    pub last: LastPowerEvent,
    pub intrusion: bool,
    pub front_panel_lockout: bool,
    pub drive_fault: bool,
    pub cooling_fault: bool,
    /// 0 off, 1 for a time, 2 until told otherwise; `None` where the BMC does not say.
    pub identify: Option<u8>,
}

/// Why power went last, or how it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as in section 28.2")]
pub struct LastPowerEvent {
    pub ac_failed: bool,
    pub overload: bool,
    pub interlock: bool,
    pub fault: bool,
    pub on_by_command: bool,
}

impl Command for GetChassisStatus {
    type Reply = ChassisStatus;

    fn request(&self) -> Request {
        Request::new(0x00, 0x01, &[])
    }

    fn reply(&self, data: &[u8]) -> Result<ChassisStatus, Short> {
        let mut cursor = Cursor::new(data);
        let power = cursor.u8("current power state")?;
        let last = cursor.u8("last power event")?;
        let misc = cursor.u8("misc. chassis state")?;
        Ok(ChassisStatus {
            power_on: power & 0x01 != 0,
            power_overload: power & 0x02 != 0,
            interlock: power & 0x04 != 0,
            power_fault: power & 0x08 != 0,
            power_control_fault: power & 0x10 != 0,
            restore_policy: power >> 5 & 0x03,
            last: LastPowerEvent {
                ac_failed: last & 0x01 != 0,
                overload: last & 0x02 != 0,
                interlock: last & 0x04 != 0,
                fault: last & 0x08 != 0,
                on_by_command: last & 0x10 != 0,
            },
            intrusion: misc & 0x01 != 0,
            front_panel_lockout: misc & 0x02 != 0,
            drive_fault: misc & 0x04 != 0,
            cooling_fault: misc & 0x08 != 0,
            identify: (misc & 0x40 != 0).then_some(misc >> 4 & 0x03),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_its_own() {
        let got = GetChassisStatus.reply(&[0x21, 0x10, 0x58]).unwrap();
        assert!(got.power_on && got.cooling_fault && got.last.on_by_command);
        assert!(!got.drive_fault && !got.power_fault && !got.intrusion && !got.last.ac_failed);
        assert_eq!((got.restore_policy, got.identify), (1, Some(1)));
        let got = GetChassisStatus.reply(&[0x08, 0x01, 0x05]).unwrap();
        assert!(got.power_fault && got.last.ac_failed && got.drive_fault && got.intrusion);
        assert_eq!((got.power_on, got.identify), (false, None));
        assert!(GetChassisStatus.reply(&[0x21, 0x10]).is_err());
    }
}
