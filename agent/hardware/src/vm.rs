//! OpenIPMI's serial protocol in its VM form, which ipmi_sim and QEMU's external BMC speak
//! (OpenIPMI `lanserv/serial_ipmi.c`, QEMU `hw/ipmi/ipmi_bmc_extern.c`).
//!
//! A message is `id, netfn << 2 | lun, command, data…, checksum`, ended by A0h; a control command is
//! ended by A1h; A0h, A1h and AAh inside are written as AAh and the byte with bit 4 set. The sum over
//! a message is 0. We say our protocol version and that we can do nothing, then only send messages.

/// Ends a message.
const MESSAGE: u8 = 0xa0;
/// Ends a control command.
const CONTROL: u8 = 0xa1;
/// The next byte has bit 4 set to hide it.
const ESCAPE: u8 = 0xaa;
/// Control: "a protocol version follows".
const VERSION: u8 = 0xff;
/// The version spoken.
const PROTOCOL: u8 = 1;
/// Control: "what I can do follows".
const CAPABILITIES: u8 = 0x08;
/// No message of the protocol is longer; more is thrown away until its end.
const FRAME_MAX: usize = 320;

/// What we say first: version 1, no capability.
#[must_use]
pub fn greeting() -> Vec<u8> {
    let mut bytes = Vec::new();
    for control in [[VERSION, PROTOCOL], [CAPABILITIES, 0]] {
        control.iter().for_each(|&byte| escape(byte, &mut bytes));
        bytes.push(CONTROL);
    }
    bytes
}

/// The bytes of one request.
#[must_use]
pub fn encode(id: u8, netfn: u8, lun: u8, command: u8, data: &[u8]) -> Vec<u8> {
    let head = [id, (netfn << 2) | (lun & 3), command];
    let mut bytes = Vec::with_capacity(2 * (data.len() + 4) + 1);
    let mut sum = 0u8;
    for &byte in head.iter().chain(data) {
        sum = sum.wrapping_add(byte);
        escape(byte, &mut bytes);
    }
    escape(sum.wrapping_neg(), &mut bytes);
    bytes.push(MESSAGE);
    bytes
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        MESSAGE | CONTROL | ESCAPE => out.extend([ESCAPE, byte | 0x10]),
        _ => out.push(byte),
    }
}

/// One message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id of the request.
    pub id: u8,
    /// Network function (odd for an answer).
    pub netfn: u8,
    /// Command.
    pub command: u8,
    /// What follows; in an answer the first byte is the completion code.
    pub data: Vec<u8>,
}

/// Takes bytes as they come and gives whole messages; what is torn, too long or has a wrong checksum
/// is thrown away, control commands (attention, reset, power) likewise: they are for a machine.
#[derive(Debug, Default)]
pub struct Decoder {
    frame: Vec<u8>,
    escaped: bool,
    too_long: bool,
}

impl Decoder {
    /// Takes one byte.
    pub fn feed(&mut self, byte: u8) -> Option<Message> {
        match byte {
            MESSAGE | CONTROL => {
                let sound = !self.escaped && !self.too_long && byte == MESSAGE;
                let message = if sound { message(&self.frame) } else { None };
                *self = Decoder { frame: std::mem::take(&mut self.frame), ..Decoder::default() };
                self.frame.clear();
                return message;
            }
            ESCAPE => self.escaped = true,
            _ if self.frame.len() >= FRAME_MAX => self.too_long = true,
            _ => {
                let hidden = std::mem::take(&mut self.escaped);
                self.frame.push(if hidden { byte & !0x10 } else { byte });
            }
        }
        None
    }
}

fn message(frame: &[u8]) -> Option<Message> {
    let sum = frame.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    let [id, netfn_lun, command, ref data @ .., _checksum] = *frame else { return None };
    (sum == 0).then(|| Message { id, netfn: netfn_lun >> 2, command, data: data.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<Message> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|&byte| decoder.feed(byte)).collect()
    }

    #[test]
    fn every_byte_survives() {
        let data: Vec<u8> = (0..=255).collect();
        let bytes = encode(0xa0, 0x0a, 1, 0xaa, &data);
        assert_eq!(bytes.iter().filter(|&&byte| byte == MESSAGE).count(), 1);
        let expected = Message { id: 0xa0, netfn: 0x0a, command: 0xaa, data };
        assert_eq!(decode(&bytes), [expected]);
    }

    #[test]
    fn the_greeting_is_no_message() {
        assert_eq!(greeting(), [0xff, 1, 0xa1, 8, 0, 0xa1]);
        assert!(decode(&greeting()).is_empty());
    }

    #[test]
    fn what_is_torn_or_wrong_is_thrown_away_and_the_next_is_read() {
        let good = encode(7, 7, 0, 1, &[0]);
        let mut wrong = good.clone();
        if let Some(byte) = wrong.first_mut() {
            *byte ^= 1;
        }
        let mut bytes = wrong;
        bytes.extend([ESCAPE, MESSAGE, 1, 2, CONTROL, 3, MESSAGE]);
        bytes.extend(vec![5; 5000]);
        bytes.push(MESSAGE);
        bytes.extend(&good);
        assert_eq!(decode(&bytes).iter().map(|message| message.id).collect::<Vec<_>>(), [7]);
    }
}
