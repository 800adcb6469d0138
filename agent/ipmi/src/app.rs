//! Application commands: identity, self test, system firmware version (sections 20 and 22).

use crate::cursor::{Cursor, Short};
use crate::{Command, Completion, Request, Response};

/// Get Device ID (section 20.1).
#[derive(Debug, Clone, Copy)]
pub struct GetDeviceId;

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in section 20.1")]
pub struct DeviceId {
    pub device_id: u8,
    pub device_revision: u8,
    pub firmware_major: u8,
    /// Binary coded decimal.
    pub firmware_minor: u8,
    pub updating: bool,
    /// BCD with the digits swapped: 02h is 2.0, 51h is 1.5.
    pub ipmi_version: u8,
    pub support: u8,
    /// IANA enterprise number, 20 bits.
    pub manufacturer: u32,
    pub product: u16,
    pub auxiliary: Option<[u8; 4]>,
}

impl Command for GetDeviceId {
    type Reply = DeviceId;

    fn request(&self) -> Request {
        Request::new(0x06, 0x01, &[])
    }

    fn reply(&self, data: &[u8]) -> Result<DeviceId, Short> {
        let mut cursor = Cursor::new(data);
        let device_id = cursor.u8("device id")?;
        let device_revision = cursor.u8("device revision")?;
        let major = cursor.u8("firmware revision 1")?;
        let firmware_minor = cursor.u8("firmware revision 2")?;
        let ipmi_version = cursor.u8("IPMI version")?;
        let support = cursor.u8("device support")?;
        let manufacturer = cursor.take(3, "manufacturer id")?;
        let manufacturer = manufacturer.iter().rev().fold(0, |id, &byte| id << 8 | u32::from(byte));
        let product = cursor.u16("product id")?;
        Ok(DeviceId {
            device_id,
            device_revision: device_revision & 0x0F,
            firmware_major: major & 0x7F,
            firmware_minor,
            updating: major & 0x80 != 0,
            ipmi_version,
            support,
            manufacturer: manufacturer & 0x000F_FFFF,
            product,
            auxiliary: cursor.take(4, "auxiliary").ok().and_then(|bytes| bytes.try_into().ok()),
        })
    }
}

impl DeviceId {
    /// "2.60", as FreeIPMI prints it.
    #[must_use]
    pub fn firmware(&self) -> String {
        format!("{}.{:02x}", self.firmware_major, self.firmware_minor)
    }

    /// "2.0".
    #[must_use]
    pub fn version(&self) -> String {
        format!("{}.{}", self.ipmi_version & 0x0F, self.ipmi_version >> 4)
    }
}

/// Get Device GUID (section 20.8).
#[derive(Debug, Clone, Copy)]
pub struct GetDeviceGuid;

impl Command for GetDeviceGuid {
    type Reply = [u8; 16];

    fn request(&self) -> Request {
        Request::new(0x06, 0x08, &[])
    }

    fn reply(&self, data: &[u8]) -> Result<[u8; 16], Short> {
        let mut guid = [0; 16];
        guid.copy_from_slice(Cursor::new(data).take(16, "GUID")?);
        Ok(guid)
    }
}

/// Get Self Test Results (section 20.4).
#[derive(Debug, Clone, Copy)]
pub struct GetSelfTest;

/// Its answer: passed or not, and the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTest {
    /// Passed, or not implemented.
    pub passed: bool,
    /// The words.
    pub text: String,
}

impl Command for GetSelfTest {
    type Reply = SelfTest;

    fn request(&self) -> Request {
        Request::new(0x06, 0x04, &[])
    }

    fn reply(&self, data: &[u8]) -> Result<SelfTest, Short> {
        const FAULTS: [&str; 8] = [
            "controller operational firmware corrupted",
            "controller update boot block firmware corrupted",
            "internal use area of BMC FRU corrupted",
            "SDR repository empty",
            "IPMB signal lines do not respond",
            "cannot access BMC FRU device",
            "cannot access SDR repository",
            "cannot access SEL device",
        ];
        let mut cursor = Cursor::new(data);
        let (result, detail) = (cursor.u8("result")?, cursor.u8("detail")?);
        let faults = FAULTS.iter().enumerate().filter(|(bit, _)| detail >> bit & 1 == 1);
        let text = match result {
            0x55 => "passed".to_owned(),
            0x56 => "not implemented".to_owned(),
            0x57 => faults.map(|(_, fault)| *fault).collect::<Vec<_>>().join(", "),
            0x58 => format!("fatal hardware error {detail:02X}h"),
            code => format!("device-specific failure {code:02X}h {detail:02X}h"),
        };
        Ok(SelfTest { passed: matches!(result, 0x55 | 0x56), text })
    }
}

/// Collects the system firmware version from System Info parameter 1 (section 22.14b): blocks of
/// 16 bytes, the first with encoding and length.
#[derive(Debug, Default)]
pub struct SystemFirmware {
    block: u8,
    encoding: u8,
    length: usize,
    text: Vec<u8>,
}

impl SystemFirmware {
    /// The next request.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::new(0x06, 0x59, &[0, 1, self.block, 0])
    }

    /// Takes its answer. `Err(self)` while more blocks are needed; `Ok(None)` where the BMC has none.
    ///
    /// # Errors
    /// The collector itself, to be asked for the next block.
    pub fn feed(mut self, response: &Response) -> Result<Option<String>, Self> {
        match response.completion {
            Completion::OK => {}
            // A length that promises more blocks than there are: what came is the text.
            code if self.block > 0 && !code.passing() => return Ok(self.text()),
            _ => return Ok(None),
        }
        // Parameter revision, set selector, then the data.
        let mut data = response.data.get(2..).unwrap_or_default();
        if self.block == 0 {
            let (Some(&encoding), Some(&length)) = (data.first(), data.get(1)) else {
                return Ok(None);
            };
            (self.encoding, self.length) = (encoding & 0x0F, length.into());
            data = data.get(2..).unwrap_or_default();
        }
        self.text.extend_from_slice(data.get(..16).unwrap_or(data));
        self.block += 1;
        if self.text.len() < self.length && !data.is_empty() && self.block < 17 {
            return Err(self);
        }
        self.text.truncate(self.length);
        Ok(self.text())
    }

    fn text(&self) -> Option<String> {
        let text = match self.encoding {
            2 => {
                let pairs = self.text.as_chunks::<2>().0;
                let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
                char::decode_utf16(units)
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect()
            }
            1 => String::from_utf8_lossy(&self.text).into_owned(),
            _ => self.text.iter().map(|&byte| char::from(byte)).collect(),
        };
        let text = text.trim_end_matches(['\0', ' ']).to_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(data: &[u8]) -> Response {
        Response { completion: Completion::OK, data: data.into() }
    }

    fn refused(code: u8) -> Response {
        Response { completion: Completion(code), data: vec![] }
    }

    #[test]
    fn device_id_with_and_without_auxiliary_revision() {
        let data = [0x20, 0x81, 0x02, 0x09, 0x02, 0x9F, 0x2B, 0xA1, 0xF0, 1, 0, 9, 8, 7, 6];
        let got = GetDeviceId.reply(&data).unwrap();
        assert_eq!((got.firmware().as_str(), got.version().as_str()), ("2.09", "2.0"));
        assert_eq!((got.manufacturer, got.product, got.auxiliary), (0xA12B, 1, Some([9, 8, 7, 6])));
        assert_eq!(GetDeviceId.reply(&data[..11]).unwrap().auxiliary, None);
        for end in 0..11 {
            assert!(GetDeviceId.reply(&data[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn self_test_names_each_bit() {
        let got = GetSelfTest.reply(&[0x57, 0x88]).unwrap();
        assert_eq!(got.text, "SDR repository empty, cannot access SEL device");
        assert!(!got.passed && GetSelfTest.reply(&[0x55, 0]).unwrap().passed);
    }

    #[test]
    fn system_firmware_over_two_blocks() {
        let first = [&[0x11, 0, 0, 18][..], b"ABCDEFGHIJKLMN"].concat();
        let more = SystemFirmware::default().feed(&ok(&first)).unwrap_err();
        assert_eq!(more.request().data, [0, 1, 1, 0]);
        assert_eq!(more.feed(&ok(b"\x11\x01OPQRxx")).unwrap().unwrap(), "ABCDEFGHIJKLMNOPQR");
        let more = SystemFirmware::default().feed(&ok(&first)).unwrap_err();
        assert_eq!(more.feed(&refused(0xC9)).unwrap().unwrap(), "ABCDEFGHIJKLMN");
        let more = SystemFirmware::default().feed(&ok(&first)).unwrap_err();
        assert_eq!(more.feed(&refused(0xC0)).unwrap(), None);
    }

    #[test]
    fn system_firmware_encodings_and_none() {
        let one = |data: &[u8]| SystemFirmware::default().feed(&ok(data)).unwrap();
        assert_eq!(one(&[0x11, 0, 2, 4, b'4', 0, b'2', 0]).unwrap(), "42");
        assert_eq!(one(&[0x11, 0, 1, 2, 0xC3, 0xA9]).unwrap(), "é");
        assert_eq!(one(&[0x11, 0, 0, 1, 0xE9]).unwrap(), "é");
        assert_eq!(one(&[0x11, 0, 0, 0]), None);
        assert_eq!(one(&[0x11]), None);
        for code in [0x80, 0xC1, 0xCB] {
            assert_eq!(SystemFirmware::default().feed(&refused(code)).unwrap(), None);
        }
    }
}
