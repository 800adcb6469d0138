//! The link between the halves: varlink's wire format, the methods that exist, and their limits.
//!
//! Pure: bytes in, frames and calls out. A frame is JSON ended by a NUL byte. The bound is checked
//! before anything is parsed. Calls are strict (an unknown key is `InvalidParameter`), answers are
//! lenient (a newer host may say more), so that neighbours N and N+1 work together.

use crate::bmc::SelRecord;
use crate::ethtool::{DEVICES_LIMIT, Devices};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The largest call a host reads, in bytes.
pub const REQUEST_LIMIT: usize = 64 << 10;
/// The largest answer a gate reads, in bytes.
pub const REPLY_LIMIT: usize = 4 << 20;
/// The deepest nesting of arrays and objects that is parsed.
pub const DEPTH_LIMIT: usize = 32;
/// The version of what crosses the link. A host serves gates of `SCHEMA - 1` and `SCHEMA + 1` too.
pub const SCHEMA: u32 = 1;
/// Most SEL records in one answer.
pub const RECORDS_LIMIT: usize = 256;
/// The interface that `socle-host` serves.
pub const INTERFACE: &str = "io.socle.Host";
/// Its description, as `varlinkctl introspect` prints it.
pub const DESCRIPTION: &str = include_str!("io.socle.Host.varlink");

/// Why a connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No NUL within the bound.
    #[error("a frame of more than {limit} bytes; the limit of this side")]
    TooLong {
        /// The bound in bytes.
        limit: usize,
    },
    /// Arrays or objects nested too deeply.
    #[error("JSON nested deeper than {DEPTH_LIMIT}")]
    TooDeep,
    /// No varlink message.
    #[error("not a varlink message: {0}")]
    Malformed(String),
}

/// Collects bytes until a NUL ends a frame; never holds more than the limit plus what one
/// [`Frames::push`] brings.
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Where the frame begins that is not handed out yet.
    start: usize,
    searched: usize,
    limit: usize,
}

/// Bytes of memory that a reader keeps for the next frame.
const SPARE: usize = 16 * 1024;

impl Frames {
    /// A reader of frames of at most `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Frames { buffer: Vec::new(), start: 0, searched: 0, limit }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether nothing is held: the peer has not begun another frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    /// The next whole frame without its NUL, if there is one. Each byte is searched once.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] as soon as the frame must exceed the limit, [`FrameError::TooDeep`].
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|&byte| byte == 0) else {
            // Many short frames are moved once, when the last of them was taken; what a long one needed
            // is given back.
            if self.start > 0 {
                self.buffer.drain(..self.start);
                self.buffer.shrink_to(SPARE);
                self.start = 0;
            }
            self.searched = self.buffer.len();
            if self.searched > self.limit {
                return Err(FrameError::TooLong { limit: self.limit });
            }
            return Ok(None);
        };
        let end = self.searched + at;
        if end - self.start > self.limit {
            return Err(FrameError::TooLong { limit: self.limit });
        }
        // A copy: a frame that kept the buffer's memory would hold all that came with it.
        let frame = self.buffer.get(self.start..end).unwrap_or_default().to_vec();
        self.start = end + 1;
        self.searched = self.start;
        if depth(&frame) > DEPTH_LIMIT { Err(FrameError::TooDeep) } else { Ok(Some(frame)) }
    }
}

/// The deepest nesting outside strings.
fn depth(json: &[u8]) -> usize {
    let (mut now, mut most, mut text, mut escaped) = (0usize, 0usize, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'{' | b'[' if !text => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// The outer part of a call; the method's own parameters stay unparsed until the method is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Fully qualified method name.
    pub method: String,
    /// Its parameters, as they came.
    #[serde(default)]
    pub parameters: Option<Box<RawValue>>,
    /// Several answers wanted.
    #[serde(default)]
    pub more: bool,
    /// No answer wanted.
    #[serde(default)]
    pub oneway: bool,
    /// Protocol change wanted; refused.
    #[serde(default)]
    pub upgrade: bool,
}

impl Envelope {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError::Malformed`] when it is no varlink call: the connection is then closed.
    pub fn parse(frame: &[u8]) -> Result<Self, FrameError> {
        serde_json::from_slice(frame).map_err(|error| FrameError::Malformed(error.to_string()))
    }
}

/// Everything that may be asked of the root half. No path, command line, environment or unit
/// property crosses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `org.varlink.service.GetInfo`: always allowed.
    GetInfo,
    /// `org.varlink.service.GetInterfaceDescription`: always allowed.
    GetInterfaceDescription(Interface),
    /// `io.socle.Host.Hello`: version exchange, first thing after connecting.
    Hello(Hello),
    /// `io.socle.Host.Watch`: the latest snapshot now and after each change; needs `more`.
    Watch,
    /// `io.socle.Host.Events`: SEL records after a running number; always allowed.
    Events(After),
    /// `io.socle.Host.Energy`: the energy counters; always allowed, read once a second at most.
    Energy,
    /// `io.socle.Host.Ethtool`: what these network devices say of themselves; always allowed, nothing
    /// that only root may ask.
    Ethtool(Devices),
}

/// Parameters of `GetInterfaceDescription`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The interface asked for.
    pub interface: String,
}

/// Parameters of `Hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The caller's version, for the log.
    pub version: String,
    /// The caller's [`SCHEMA`].
    pub schema: u32,
}

/// Parameters of `Events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// Records with a greater `head` are wanted; 0 for all.
    pub after: u64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Answer to `Hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The host's version.
    pub version: String,
    /// The host's [`SCHEMA`].
    pub schema: u32,
}

/// Answer to `Events`: at most [`RECORDS_LIMIT`] records, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// When this root half started: `head` counts from there.
    pub started: Timestamp,
    /// The records.
    pub records: Vec<SelRecord>,
    /// Whether more are there.
    pub more: bool,
}

/// Answer to `Watch`, once per change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The latest snapshot.
    pub snapshot: crate::bmc::Snapshot,
}

/// Answer to `GetInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields of the varlink specification")]
pub struct ServiceInfo {
    pub vendor: String,
    pub product: String,
    pub version: String,
    pub url: String,
    pub interfaces: Vec<String>,
}

/// Answer to `GetInterfaceDescription`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The interface in varlink's own language.
    pub description: String,
}

/// Why a call is answered with an error; the connection lives on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the errors of the varlink specification and our own")]
pub enum CallError {
    #[error("interface {0} is not here")]
    InterfaceNotFound(String),
    #[error("method {0} is not here; the other side may be of another version")]
    MethodNotFound(String),
    #[error("wrong or missing parameter: {0}")]
    InvalidParameter(String),
    #[error("this method answers several times: call it with `more`")]
    ExpectedMore,
    #[error("schema {theirs} is no neighbour of {ours}: upgrade the older half")]
    SchemaMismatch { theirs: u32, ours: u32 },
    #[error("not to be had here: {0}")]
    Unavailable(String),
}

impl Call {
    /// Finds the method, then reads its own parameters.
    ///
    /// # Errors
    /// What to answer instead of a result.
    pub fn decode(envelope: &Envelope) -> Result<Self, CallError> {
        let Some((interface, method)) = envelope.method.rsplit_once('.') else {
            return Err(CallError::InvalidParameter("method".into()));
        };
        match (interface, method) {
            ("org.varlink.service", "GetInfo") => {
                parameters::<Nothing>(envelope).map(|_| Call::GetInfo)
            }
            ("org.varlink.service", "GetInterfaceDescription") => {
                parameters(envelope).map(Call::GetInterfaceDescription)
            }
            (INTERFACE, "Hello") => parameters(envelope).map(Call::Hello),
            (INTERFACE, "Watch") if !envelope.more => Err(CallError::ExpectedMore),
            (INTERFACE, "Watch") => parameters::<Nothing>(envelope).map(|_| Call::Watch),
            (INTERFACE, "Events") => parameters(envelope).map(Call::Events),
            (INTERFACE, "Energy") => parameters::<Nothing>(envelope).map(|_| Call::Energy),
            (INTERFACE, "Ethtool") => parameters(envelope).and_then(few).map(Call::Ethtool),
            (INTERFACE | "org.varlink.service", _) => {
                Err(CallError::MethodNotFound(envelope.method.clone()))
            }
            _ => Err(CallError::InterfaceNotFound(interface.into())),
        }
    }

    /// The frame of this call, NUL included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Call::GetInfo => call_frame("org.varlink.service.GetInfo", &(), false),
            Call::GetInterfaceDescription(which) => {
                call_frame("org.varlink.service.GetInterfaceDescription", which, false)
            }
            Call::Hello(hello) => call_frame("io.socle.Host.Hello", hello, false),
            Call::Watch => call_frame("io.socle.Host.Watch", &(), true),
            Call::Events(after) => call_frame("io.socle.Host.Events", after, false),
            Call::Energy => call_frame("io.socle.Host.Energy", &(), false),
            Call::Ethtool(devices) => call_frame("io.socle.Host.Ethtool", devices, false),
        }
    }
}

fn few(asked: Devices) -> Result<Devices, CallError> {
    match asked.devices.len() {
        0..=DEVICES_LIMIT => Ok(asked),
        more => {
            Err(CallError::InvalidParameter(format!("{more} devices, most are {DEVICES_LIMIT}")))
        }
    }
}

fn parameters<T: for<'a> Deserialize<'a>>(envelope: &Envelope) -> Result<T, CallError> {
    let text = envelope.parameters.as_ref().map_or("{}", |raw| raw.get());
    serde_json::from_str(text).map_err(|error| CallError::InvalidParameter(error.to_string()))
}

fn call_frame<T: Serialize>(method: &str, parameters: &T, more: bool) -> Vec<u8> {
    let mut call = serde_json::json!({ "method": method });
    if let Some(object) = call.as_object_mut() {
        match serde_json::to_value(parameters) {
            Ok(value) if !value.is_null() => drop(object.insert("parameters".into(), value)),
            _ => {}
        }
        if more {
            object.insert("more".into(), true.into());
        }
    }
    let mut frame = call.to_string().into_bytes();
    frame.push(0);
    frame
}

/// The frame of an answer, NUL included. `continues` while more answers follow.
///
/// # Errors
/// When `parameters` cannot be written as JSON, such as a map with keys that are no strings.
pub fn answer_frame<T: Serialize>(
    parameters: &T,
    continues: bool,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut frame = b"{\"parameters\":".to_vec();
    serde_json::to_writer(&mut frame, parameters)?;
    frame.extend_from_slice(if continues { b",\"continues\":true}\0" } else { b"}\0" });
    Ok(frame)
}

/// The frame of an error answer, NUL included.
#[must_use]
pub fn error_frame(error: &CallError) -> Vec<u8> {
    let (name, parameters) = match error {
        CallError::InterfaceNotFound(interface) => {
            ("org.varlink.service.InterfaceNotFound", serde_json::json!({ "interface": interface }))
        }
        CallError::MethodNotFound(method) => {
            ("org.varlink.service.MethodNotFound", serde_json::json!({ "method": method }))
        }
        CallError::InvalidParameter(parameter) => {
            ("org.varlink.service.InvalidParameter", serde_json::json!({ "parameter": parameter }))
        }
        CallError::ExpectedMore => ("org.varlink.service.ExpectedMore", serde_json::json!({})),
        CallError::SchemaMismatch { theirs, ours } => {
            ("io.socle.Host.SchemaMismatch", serde_json::json!({ "theirs": theirs, "ours": ours }))
        }
        CallError::Unavailable(why) => {
            ("io.socle.Host.Unavailable", serde_json::json!({ "why": why }))
        }
    };
    let mut frame =
        serde_json::json!({ "error": name, "parameters": parameters }).to_string().into_bytes();
    frame.push(0);
    frame
}

/// An answer as the caller reads it.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The result or the error's parameters.
    #[serde(default)]
    pub parameters: Option<Box<RawValue>>,
    /// More answers follow.
    #[serde(default)]
    pub continues: bool,
    /// The error's name, if it is one.
    #[serde(default)]
    pub error: Option<String>,
}

impl Answer {
    /// Reads a frame as an answer with parameters of type `T`.
    ///
    /// # Errors
    /// [`FrameError::Malformed`] for no varlink answer, an error answer, or other parameters.
    pub fn parse<T: for<'a> Deserialize<'a>>(frame: &[u8]) -> Result<T, FrameError> {
        let answer: Answer = serde_json::from_slice(frame)
            .map_err(|error| FrameError::Malformed(error.to_string()))?;
        let text = answer.parameters.as_ref().map_or("{}", |raw| raw.get());
        if let Some(error) = answer.error {
            return Err(FrameError::Malformed(format!("answered {error} {text}")));
        }
        serde_json::from_str(text).map_err(|error| FrameError::Malformed(error.to_string()))
    }
}

/// Whether sides of these schemas can work together.
#[must_use]
pub const fn neighbours(ours: u32, theirs: u32) -> bool {
    ours.abs_diff(theirs) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Call, CallError> {
        Call::decode(&Envelope::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn calls_survive_the_wire() {
        for call in [
            Call::GetInfo,
            Call::GetInterfaceDescription(Interface { interface: INTERFACE.into() }),
            Call::Hello(Hello { version: "0.1.0".into(), schema: SCHEMA }),
            Call::Watch,
            Call::Events(After { after: 7 }),
            Call::Energy,
            Call::Ethtool(Devices { devices: vec!["eth0".into()] }),
        ] {
            let mut frames = Frames::new(REQUEST_LIMIT);
            frames.push(&call.encode());
            let frame = frames.next_frame().unwrap().unwrap();
            assert_eq!(Call::decode(&Envelope::parse(&frame).unwrap()), Ok(call));
        }
    }

    #[test]
    fn wrong_calls_get_an_answer_and_keep_the_connection() {
        let not_found = CallError::MethodNotFound("io.socle.Host.Nope".into());
        assert_eq!(
            decode(r#"{"method":"io.socle.Host.Nope","parameters":{"a":1}}"#),
            Err(not_found)
        );
        assert_eq!(decode(r#"{"method":"io.socle.Host.Watch"}"#), Err(CallError::ExpectedMore));
        for bad in [
            r#"{"method":"io.socle.Host.Events","parameters":{"after":1,"x":2}}"#,
            r#"{"method":"io.socle.Host.Events","parameters":{"after":-1}}"#,
            r#"{"method":"io.socle.Host.Events"}"#,
            r#"{"method":"nodot"}"#,
        ] {
            assert!(matches!(decode(bad), Err(CallError::InvalidParameter(_))), "{bad}");
        }
        let many = serde_json::json!({ "devices": vec!["eth0"; DEVICES_LIMIT + 1] });
        let many = serde_json::json!({ "method": "io.socle.Host.Ethtool", "parameters": many });
        assert!(matches!(decode(&many.to_string()), Err(CallError::InvalidParameter(_))));
        assert!(matches!(decode(r#"{"method":"a.b.C"}"#), Err(CallError::InterfaceNotFound(_))));
    }

    #[test]
    fn many_short_frames_hold_no_more_than_they_are() {
        let mut frames = Frames::new(REQUEST_LIMIT);
        frames.push(&b"{}\0".repeat(20_000));
        let mut held = 0;
        while let Some(frame) = frames.next_frame().unwrap() {
            held += frame.capacity();
        }
        assert_eq!(held, 2 * 20_000);
        assert!(frames.is_empty() && frames.buffer.capacity() <= SPARE);
    }

    #[test]
    fn frames_are_bounded_before_they_are_parsed() {
        let mut frames = Frames::new(16);
        frames.push(&[b'x'; 17]);
        assert_eq!(frames.next_frame(), Err(FrameError::TooLong { limit: 16 }));
        let mut frames = Frames::new(1000);
        frames.push(&[b'['; 33]);
        frames.push(&[0]);
        assert_eq!(frames.next_frame(), Err(FrameError::TooDeep));
        let mut frames = Frames::new(1000);
        frames.push(b"{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"}\0{}\0");
        assert!(frames.next_frame().unwrap().is_some());
        assert_eq!(frames.next_frame().unwrap().as_deref(), Some(b"{}".as_slice()));
        assert_eq!(frames.next_frame(), Ok(None));
    }
}
