//! A connection to the system bus: asks systemd, within a deadline, nothing else.

use super::wire::{Call, FIXED, Message, Reader, Value, WireError, total};
use std::collections::HashMap;
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// Calls on the way at once.
const AT_ONCE: usize = 32;
/// Most units that are looked at.
const UNITS: usize = 20_000;
/// Messages that answer nothing of ours (signals) before a peer is given up.
const STRANGERS: usize = 1000;

/// One unit of `ListUnits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) load_state: String,
    pub(super) active_state: String,
    pub(super) path: String,
}

/// A property of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Property<'a> {
    pub(super) path: &'a str,
    /// `Service`, `Timer`; empty for the unit's own.
    pub(super) interface: &'static str,
    pub(super) name: &'static str,
}

/// An open connection, good until its deadline.
pub(super) struct Bus {
    stream: UnixStream,
    deadline: Instant,
    serial: u32,
}

impl Bus {
    /// Connects and says hello.
    ///
    /// # Errors
    /// No bus, a refusal, or no answer in time.
    pub(super) fn open(socket: &Path, deadline: Instant) -> Result<Self> {
        let mut bus = Bus { stream: UnixStream::connect(socket)?, deadline, serial: 0 };
        // Who we are the bus asks the kernel, as with libsystemd.
        bus.send(b"\0AUTH EXTERNAL\r\nDATA\r\n")?;
        bus.expect_line("DATA")?;
        bus.expect_line("OK ")?;
        bus.send(b"BEGIN\r\n")?;
        let name = "org.freedesktop.DBus";
        let hello = Call {
            path: "/org/freedesktop/DBus",
            destination: name,
            interface: name,
            member: "Hello",
            arguments: &[],
        };
        bus.one(&hello)?;
        Ok(bus)
    }

    /// Every unit that systemd has in memory.
    pub(super) fn units(&mut self) -> Result<Vec<Unit>> {
        let call = Call {
            path: MANAGER_PATH,
            destination: SYSTEMD,
            interface: MANAGER,
            member: "ListUnits",
            arguments: &[],
        };
        let reply = self.one(&call)?;
        match reply.signature.as_str() {
            "a(ssssssouso)" => units(&reply.body).map_err(broken),
            other => Err(broken(WireError::Type(other.to_owned()))),
        }
    }

    /// A property of the manager.
    pub(super) fn manager(&mut self, name: &'static str) -> Result<Value> {
        let arguments = [MANAGER, name];
        let call = get(MANAGER_PATH, &arguments);
        self.one(&call)?.property().map_err(broken)
    }

    /// Properties of units, in their order; `None` where systemd refuses one.
    pub(super) fn properties(&mut self, wanted: &[Property<'_>]) -> Result<Vec<Option<Value>>> {
        let mut values = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(AT_ONCE) {
            let mut calls = Vec::new();
            let first = self.serial.wrapping_add(1);
            for one in batch {
                let kind = if one.interface.is_empty() { "Unit" } else { one.interface };
                let interface = format!("{SYSTEMD}.{kind}");
                self.serial = self.serial.wrapping_add(1);
                get(one.path, &[&interface, one.name])
                    .encode(self.serial, &mut calls)
                    .map_err(broken)?;
            }
            self.send(&calls)?;
            let mut replies = self.replies(first, batch.len())?;
            values.extend((0u32..).zip(batch).map(|(at, _)| {
                let reply = replies.remove(&first.wrapping_add(at))?;
                reply.error.is_none().then(|| reply.property().ok()).flatten()
            }));
        }
        Ok(values)
    }

    /// One call, one answer; an error answer is an error.
    fn one(&mut self, call: &Call<'_>) -> Result<Message> {
        self.serial = self.serial.wrapping_add(1);
        let mut bytes = Vec::new();
        call.encode(self.serial, &mut bytes).map_err(broken)?;
        self.send(&bytes)?;
        let serial = self.serial;
        let reply = self.replies(serial, 1)?.remove(&serial);
        let reply = reply.ok_or_else(|| broken(WireError::Short))?;
        match &reply.error {
            None => Ok(reply),
            Some(error) => {
                let text = reply.text().unwrap_or_default();
                Err(Error::other(format!("{}: {error}: {text}", call.member)))
            }
        }
    }

    /// The answers to `count` calls from `first` on.
    fn replies(&mut self, first: u32, count: usize) -> Result<HashMap<u32, Message>> {
        let mut replies = HashMap::with_capacity(count);
        let mut strangers = 0;
        while replies.len() < count {
            let message = self.message()?;
            let ours = |serial: &u32| {
                usize::try_from(serial.wrapping_sub(first)).is_ok_and(|at| at < count)
            };
            match message.reply_to.filter(ours) {
                Some(serial) => drop(replies.insert(serial, message)),
                None => strangers += 1,
            }
            if strangers > STRANGERS {
                return Err(Error::other("the bus answers what was not asked"));
            }
        }
        Ok(replies)
    }

    fn message(&mut self) -> Result<Message> {
        let mut bytes = Vec::new();
        self.fill(&mut bytes, FIXED)?;
        let fixed = bytes.first_chunk().ok_or_else(|| broken(WireError::Short))?;
        let total = total(fixed).map_err(broken)?;
        self.fill(&mut bytes, total)?;
        Message::parse(&bytes).map_err(broken)
    }

    /// Reads until `bytes` has this length; memory grows with what came, not with what was promised.
    fn fill(&mut self, bytes: &mut Vec<u8>, length: usize) -> Result<()> {
        let mut chunk = [0; 16 << 10];
        while bytes.len() < length {
            let room = (length - bytes.len()).min(chunk.len());
            self.stream.set_read_timeout(Some(self.left()?))?;
            let part = chunk.get_mut(..room).unwrap_or_default();
            match self.stream.read(part).map_err(late)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => bytes.extend_from_slice(part.get(..read).unwrap_or_default()),
            }
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(bytes).map_err(late)
    }

    /// A line of the authentication, which must begin so.
    fn expect_line(&mut self, start: &str) -> Result<()> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            // Byte by byte: what follows the last line is a message.
            let length = line.len() + 1;
            if length > 1024 {
                return Err(Error::other("the bus says no line of the authentication"));
            }
            self.fill(&mut line, length)?;
        }
        match line.starts_with(start.as_bytes()) {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&line).trim().to_owned();
                Err(Error::other(format!("the bus refuses us: {said}")))
            }
        }
    }

    fn left(&self) -> Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

fn get<'a>(path: &'a str, arguments: &'a [&'a str]) -> Call<'a> {
    Call {
        path,
        destination: SYSTEMD,
        interface: "org.freedesktop.DBus.Properties",
        member: "Get",
        arguments,
    }
}

/// The body of ListUnits' answer: name, description, load state, active state, sub state, followed unit,
/// object path, job id, job type, job path.
fn units(body: &[u8]) -> std::result::Result<Vec<Unit>, WireError> {
    let mut reader = Reader::new(body);
    reader.size()?;
    let mut units = Vec::new();
    while units.len() < UNITS {
        // The end of an array needs no padding.
        if reader.over() || reader.align(8).is_err() || reader.over() {
            break;
        }
        let name = reader.string()?;
        let _description = reader.string()?;
        let (load_state, active_state) = (reader.string()?, reader.string()?);
        let (_sub_state, _following) = (reader.string()?, reader.string()?);
        let path = reader.string()?;
        let _job = (reader.u32()?, reader.string()?, reader.string()?);
        units.push(Unit { name, load_state, active_state, path });
    }
    Ok(units)
}

fn broken(error: WireError) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}

/// A read that ran into the socket's own time-out says `WouldBlock`.
fn late(error: Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}
