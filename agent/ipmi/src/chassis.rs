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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_its_own() {
        let bits = |data: &[u8]| {
            let got = GetChassisStatus.reply(data).unwrap();
            let power =
                [got.power_on, got.power_overload, got.power_fault, got.power_control_fault];
            (power, [got.intrusion, got.drive_fault, got.cooling_fault])
        };
        let one = |n: usize| std::array::from_fn(|bit| bit == n);
        for (power, n) in [(0x01, 0), (0x02, 1), (0x08, 2), (0x10, 3), (0xE4, 9)] {
            assert_eq!(bits(&[power, 0xFF, 0]), (one(n), [false; 3]), "{power:02X}h");
        }
        for (misc, n) in [(0x01, 0), (0x04, 1), (0x08, 2), (0xF2, 9)] {
            assert_eq!(bits(&[0, 0, misc]), ([false; 4], std::array::from_fn(|bit| bit == n)));
        }
        assert!(GetChassisStatus.reply(&[0x21, 0x10]).is_err());
    }
}
