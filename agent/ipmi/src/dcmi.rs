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
        let dcmi = cursor.u8("group extension")? == 0xDC;
        let reading = PowerReading {
            current_watts: cursor.u16("current power")?,
            minimum_watts: cursor.u16("minimum power")?,
            maximum_watts: cursor.u16("maximum power")?,
            average_watts: cursor.u16("average power")?,
            active: false,
        };
        cursor.take(8, "time stamp and reporting period")?;
        let state = cursor.u8("power reading state")?;
        // An answer of another group is no measurement.
        Ok(PowerReading { active: dcmi && state & 0x40 != 0, ..reading })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watts_count_only_while_measured() {
        let mut data =
            vec![0xDC, 0x2C, 1, 1, 0, 0xFF, 0xFF, 0x10, 0, 1, 2, 3, 4, 0xE8, 3, 0, 0, 0x40];
        let got = GetPowerReading.reply(&data).unwrap();
        assert_eq!((got.current_watts, got.maximum_watts, got.average_watts), (300, 65535, 16));
        assert!(got.active);
        for end in 0..data.len() {
            assert!(GetPowerReading.reply(&data[..end]).is_err(), "{end}");
        }
        data[17] = 0;
        assert!(!GetPowerReading.reply(&data).unwrap().active);
        (data[0], data[17]) = (0x00, 0x40);
        assert!(!GetPowerReading.reply(&data).unwrap().active);
    }
}
