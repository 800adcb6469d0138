//! Completion codes (table 5-2), and what the callers here conclude from them.

use std::fmt;

/// A completion code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Completion(pub u8);

impl Completion {
    /// Done.
    pub const OK: Self = Completion(0x00);
    /// Node busy.
    pub const BUSY: Self = Completion(0xC0);
    /// Invalid command.
    pub const INVALID_COMMAND: Self = Completion(0xC1);
    /// Timeout while processing.
    pub const TIMEOUT: Self = Completion(0xC3);
    /// Reservation cancelled.
    pub const RESERVATION: Self = Completion(0xC5);
    /// Request data length limit exceeded.
    pub const LENGTH: Self = Completion(0xC8);
    /// Parameter out of range.
    pub const RANGE: Self = Completion(0xC9);
    /// Cannot return that many bytes.
    pub const TOO_MANY: Self = Completion(0xCA);
    /// Sensor, data or record not present.
    pub const NOT_PRESENT: Self = Completion(0xCB);
    /// SDR repository in update mode.
    pub const UPDATING: Self = Completion(0xD0);
    /// Invalid data field; some BMCs say so of a record that is not there.
    pub const INVALID_FIELD: Self = Completion(0xCC);
    /// Unspecified.
    pub const UNSPECIFIED: Self = Completion(0xFF);

    /// Whether asking again later may help.
    #[must_use]
    pub const fn passing(self) -> bool {
        matches!(self.0, 0xC0 | 0xC3 | 0xC4 | 0xCE | 0xCF | 0xD0 | 0xD1 | 0xD2)
    }

    /// Whether the BMC's configuration forbids the command on this interface.
    #[must_use]
    pub const fn restricted(self) -> bool {
        matches!(self.0, 0xD4 | 0xD5)
    }

    /// The words of table 5-2.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self.0 {
            0x00 => "completed normally",
            0x01..=0x7E => "an OEM code",
            0x80..=0xBE => "a code of this command",
            0xC0 => "node busy",
            0xC1 => "invalid command",
            0xC2 => "command invalid for the LUN",
            0xC3 => "timeout while processing the command",
            0xC4 => "out of space",
            0xC5 => "reservation cancelled or invalid",
            0xC6 => "request data truncated",
            0xC7 => "request data length invalid",
            0xC8 => "request data field length limit exceeded",
            0xC9 => "parameter out of range",
            0xCA => "cannot return the number of requested bytes",
            0xCB => "requested sensor, data or record not present",
            0xCC => "invalid data field in the request",
            0xCD => "command illegal for the sensor or record type",
            0xCE => "response could not be provided",
            0xCF => "duplicated request",
            0xD0 => "SDR repository in update mode",
            0xD1 => "device in firmware update mode",
            0xD2 => "BMC initialization in progress",
            0xD3 => "destination unavailable",
            0xD4 => "insufficient privilege or firmware firewall",
            0xD5 => "not supported in the present state",
            0xD6 => "sub-function disabled or unavailable",
            0xFF => "unspecified error",
            _ => "a reserved code",
        }
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}h ({})", self.0, self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::Completion;

    #[test]
    fn words_and_conclusions() {
        assert_eq!(Completion(0x81).to_string(), "81h (a code of this command)");
        assert_eq!(Completion(0xC5).to_string(), "C5h (reservation cancelled or invalid)");
        assert!(Completion(0xD2).passing() && !Completion(0xCB).passing());
        assert!(Completion(0xD4).restricted() && !Completion(0xD3).restricted());
    }
}
