//! D-Bus messages (D-Bus Specification 0.42, "Message Protocol"): what this half sends and can read.
//! Bytes in, values out; little-endian only, which is what a bus of this machine speaks.

/// The longest header and body that are read: ListUnits of 20,000 units is about 6 MiB.
const FIELDS_MAX: usize = 64 << 10;
const BODY_MAX: usize = 16 << 20;
/// Bytes before the header fields.
pub(super) const FIXED: usize = 16;

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("a D-Bus message ends early")]
    Short,
    #[error("no D-Bus message of version 1 in little-endian")]
    Foreign,
    #[error("a D-Bus message of {0} bytes is longer than is read")]
    Long(usize),
    #[error("a D-Bus value of type {0:?} where another was expected")]
    Type(String),
    #[error("D-Bus text that is not UTF-8")]
    Text,
}

/// A method call without file descriptors; its arguments are strings.
pub(super) struct Call<'a> {
    pub(super) path: &'a str,
    pub(super) destination: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) arguments: &'a [&'a str],
}

impl Call<'_> {
    /// Appends the message; nothing is sent that does not fit a length of 32 bits.
    pub(super) fn encode(&self, serial: u32, out: &mut Vec<u8>) -> Result<(), WireError> {
        let mut body = Vec::new();
        for text in self.arguments {
            string(&mut body, text)?;
        }
        // Byte order, method call, no flags, version 1.
        let mut message = vec![b'l', 1, 0, 1];
        message.extend(length(body.len())?);
        message.extend(serial.to_le_bytes());
        let mut fields = Vec::new();
        for (code, kind, text) in [
            (1, b'o', self.path),
            (2, b's', self.interface),
            (3, b's', self.member),
            (6, b's', self.destination),
        ] {
            pad(&mut fields, 8);
            fields.extend([code, 1, kind, 0]);
            string(&mut fields, text)?;
        }
        if !self.arguments.is_empty() {
            let signature = "s".repeat(self.arguments.len());
            pad(&mut fields, 8);
            fields.extend([8, 1, b'g', 0]);
            fields.push(u8::try_from(signature.len()).map_err(|_| WireError::Short)?);
            fields.extend(signature.as_bytes());
            fields.push(0);
        }
        message.extend(length(fields.len())?);
        message.extend(fields);
        pad(&mut message, 8);
        message.extend(body);
        out.extend(message);
        Ok(())
    }
}

fn length(length: usize) -> Result<[u8; 4], WireError> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(|_| WireError::Long(length))
}

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

fn string(out: &mut Vec<u8>, text: &str) -> Result<(), WireError> {
    pad(out, 4);
    out.extend(length(text.len())?);
    out.extend(text.as_bytes());
    out.push(0);
    Ok(())
}

/// How long the message is that begins with these bytes.
///
/// # Errors
/// It is none, or longer than is read.
pub(super) fn total(fixed: &[u8; FIXED]) -> Result<usize, WireError> {
    let [order, _, _, version, ..] = *fixed;
    if order != b'l' || version != 1 {
        return Err(WireError::Foreign);
    }
    let mut reader = Reader::new(fixed.get(4..).unwrap_or_default());
    let (body, _serial, fields) = (reader.size()?, reader.u32()?, reader.size()?);
    if body > BODY_MAX || fields > FIELDS_MAX {
        return Err(WireError::Long(body.saturating_add(fields)));
    }
    Ok((FIXED + fields).next_multiple_of(8) + body)
}

/// A message that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The call that it answers; `None` for a signal.
    pub(super) reply_to: Option<u32>,
    /// The name of the error that it is.
    pub(super) error: Option<String>,
    /// The body's signature.
    pub(super) signature: String,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Reads a whole message, of the length that [`total`] said.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let kind = *bytes.get(1).ok_or(WireError::Short)?;
        let mut reader = Reader::new(bytes);
        reader.at = 12;
        let end = reader.size()?.checked_add(FIXED).ok_or(WireError::Short)?;
        let mut message =
            Message { reply_to: None, error: None, signature: String::new(), body: Vec::new() };
        while reader.at < end {
            reader.align(8)?;
            let code = reader.u8()?;
            let value = reader.variant()?;
            match (code, value) {
                (4, Value::Text(name)) => message.error = Some(name),
                (5, Value::U32(serial)) => message.reply_to = Some(serial),
                (8, Value::Text(signature)) => message.signature = signature,
                _ => {}
            }
        }
        // An error without a name is one all the same.
        if kind == 3 && message.error.is_none() {
            message.error = Some("an error".into());
        }
        reader.align(8)?;
        message.body = reader.rest().to_vec();
        Ok(message)
    }

    /// The body as one string, if it begins with one: what an error says.
    pub(super) fn text(&self) -> Option<String> {
        self.signature.starts_with('s').then(|| Reader::new(&self.body).string().ok()).flatten()
    }

    /// The body as one variant: the answer to `Properties.Get`.
    pub(super) fn property(&self) -> Result<Value, WireError> {
        match self.signature.as_str() {
            "v" => Reader::new(&self.body).variant(),
            other => Err(WireError::Type(other.to_owned())),
        }
    }
}

/// The values that are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    U32(u32),
    U64(u64),
}

/// Takes values from bytes; alignment counts from the first.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(count).ok_or(WireError::Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(WireError::Short)?;
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.align(N)?;
        self.take(N)?.try_into().map_err(|_| WireError::Short)
    }

    pub(super) fn align(&mut self, to: usize) -> Result<(), WireError> {
        let at = self.at.next_multiple_of(to);
        self.at = if at <= self.bytes.len() { at } else { return Err(WireError::Short) };
        Ok(())
    }

    pub(super) fn over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn u8(&mut self) -> Result<u8, WireError> {
        self.fixed().map(u8::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        self.fixed().map(u32::from_le_bytes)
    }

    pub(super) fn size(&mut self) -> Result<usize, WireError> {
        self.u32().and_then(|size| usize::try_from(size).map_err(|_| WireError::Short))
    }

    /// A string or an object path.
    pub(super) fn string(&mut self) -> Result<String, WireError> {
        let length = self.size()?;
        self.terminated(length)
    }

    fn terminated(&mut self, length: usize) -> Result<String, WireError> {
        let text = self.take(length)?;
        self.take(1)?;
        String::from_utf8(text.to_vec()).map_err(|_| WireError::Text)
    }

    fn signature(&mut self) -> Result<String, WireError> {
        let length = usize::from(self.u8()?);
        self.terminated(length)
    }

    fn variant(&mut self) -> Result<Value, WireError> {
        let signature = self.signature()?;
        match signature.as_str() {
            "s" | "o" => self.string().map(Value::Text),
            "g" => self.signature().map(Value::Text),
            "u" => self.u32().map(Value::U32),
            "t" => self.fixed().map(u64::from_le_bytes).map(Value::U64),
            _ => Err(WireError::Type(signature)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A reply to `serial` with a body of this signature.
    pub(in crate::systemd) fn reply(serial: u32, signature: &str, body: &[u8]) -> Vec<u8> {
        let mut message = vec![b'l', 2, 1, 1];
        message.extend(length(body.len()).unwrap());
        message.extend(9u32.to_le_bytes());
        let mut fields = vec![5, 1, b'u', 0];
        fields.extend(serial.to_le_bytes());
        fields.extend([8, 1, b'g', 0, u8::try_from(signature.len()).unwrap()]);
        fields.extend(signature.as_bytes());
        fields.push(0);
        message.extend(length(fields.len()).unwrap());
        message.extend(fields);
        pad(&mut message, 8);
        message.extend(body);
        message
    }

    pub(in crate::systemd) fn text(out: &mut Vec<u8>, text: &str) {
        string(out, text).unwrap();
    }

    pub(in crate::systemd) fn align(out: &mut Vec<u8>) {
        pad(out, 8);
    }

    #[test]
    fn a_call_is_as_the_specification_has_it() {
        let call = Call {
            path: "/a",
            destination: "b.c",
            interface: "d.e",
            member: "F",
            arguments: &["x", "yz"],
        };
        let mut bytes = Vec::new();
        call.encode(7, &mut bytes).unwrap();
        let fixed: &[u8; FIXED] = bytes.first_chunk().unwrap();
        assert_eq!(total(fixed).unwrap(), bytes.len());
        assert_eq!(fixed[..4], *b"l\x01\x00\x01");
        let read = Message::parse(&bytes).unwrap();
        assert_eq!((read.reply_to, read.error, &*read.signature), (None, None, "ss"));
        assert_eq!(read.body, b"\x01\0\0\0x\0\0\0\x02\0\0\0yz\0");
    }

    #[test]
    fn properties_of_the_known_types_are_read() {
        let mut body = b"\x01t\0\0\0\0\0\0".to_vec();
        body.extend(u64::MAX.to_le_bytes());
        let message = Message::parse(&reply(3, "v", &body)).unwrap();
        assert_eq!((message.reply_to, message.property()), (Some(3), Ok(Value::U64(u64::MAX))));
        let message = Message::parse(&reply(3, "v", b"\x01u\0\0\x05\0\0\0")).unwrap();
        assert_eq!(message.property(), Ok(Value::U32(5)));
        let message = Message::parse(&reply(3, "v", b"\x01s\0\0\x01\0\0\0q\0")).unwrap();
        assert_eq!(message.property(), Ok(Value::Text("q".into())));
        let message = Message::parse(&reply(3, "v", b"\x02as\0\0\0\0\0")).unwrap();
        assert_eq!(message.property(), Err(WireError::Type("as".into())));
    }

    #[test]
    fn what_is_cut_short_too_long_or_foreign_is_refused() {
        let whole = reply(3, "v", b"\x01s\0\0\x01\0\0\0q\0");
        for cut in 0..whole.len() {
            let read = Message::parse(&whole[..cut]).and_then(|message| message.property());
            assert!(read.is_err(), "{cut}");
        }
        let fixed = |change: fn(&mut [u8; FIXED])| {
            let mut fixed = *whole.first_chunk::<FIXED>().unwrap();
            change(&mut fixed);
            total(&fixed)
        };
        assert_eq!(fixed(|bytes| bytes[0] = b'B'), Err(WireError::Foreign));
        assert_eq!(fixed(|bytes| bytes[3] = 2), Err(WireError::Foreign));
        assert!(matches!(fixed(|bytes| bytes[7] = 0xFF), Err(WireError::Long(_))));
        assert!(matches!(fixed(|bytes| bytes[15] = 0xFF), Err(WireError::Long(_))));
        // Every byte changed: an answer or an error, never a panic or a large allocation.
        for at in 0..whole.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = Message::parse(&bytes).and_then(|message| message.property());
            }
        }
    }
}
