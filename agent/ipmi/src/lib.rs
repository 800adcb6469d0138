//! IPMI 2.0, bytes in, values out: requests, answers, SDR, SEL, readings, and the order to ask in.
//!
//! No I/O and no clock: a [`Transport`] carries one request at a time, time is an argument. Sections
//! named in the comments are those of the IPMI 2.0 specification, revision 1.1.

pub mod app;
pub mod chassis;
pub mod completion;
pub mod cursor;
pub mod dcmi;
pub mod sdr;
pub mod sel;
pub mod sensor;
pub mod sweep;

pub use completion::Completion;
pub use cursor::{Cursor, Short};

use std::time::Duration;

/// A request to a LUN of the BMC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Network function, even.
    pub netfn: u8,
    /// LUN of the responder, 0 to 3.
    pub lun: u8,
    /// Command.
    pub cmd: u8,
    /// Parameters.
    pub data: Vec<u8>,
}

impl Request {
    /// A request to LUN 0.
    #[must_use]
    pub fn new(netfn: u8, cmd: u8, data: &[u8]) -> Self {
        Request { netfn, lun: 0, cmd, data: data.into() }
    }
}

/// An answer: completion code and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Completion code.
    pub completion: Completion,
    /// The bytes after it.
    pub data: Vec<u8>,
}

/// Why a transport gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The driver or the interface is busy: wait and ask again.
    #[error("the interface is busy")]
    Busy,
    /// No answer within the deadline.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The device or the connection is gone.
    #[error("the interface is gone: {0}")]
    Gone(String),
    /// Opening or using it is refused.
    #[error("the interface refuses: {0}")]
    Refused(String),
}

/// Carries one request and its answer. Two exist: /dev/ipmi0 and OpenIPMI's VM serial protocol.
pub trait Transport {
    /// Sends and waits at most `timeout`.
    ///
    /// # Errors
    /// Why there is no answer; an answer with a bad completion code is none of these.
    fn exchange(
        &mut self,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError>;
}

/// One command: how to ask, and how to read the answer.
pub trait Command {
    /// What the answer means.
    type Reply;
    /// The request.
    fn request(&self) -> Request;
    /// Reads the data after a completion code of 00h.
    ///
    /// # Errors
    /// When the BMC sent fewer bytes than the layout needs.
    fn reply(&self, data: &[u8]) -> Result<Self::Reply, Short>;
}

/// Why a command gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An answer that refuses.
    #[error("the BMC answers {0}")]
    Completion(Completion),
    /// An answer that is too short.
    #[error("the BMC's answer is torn: {0}")]
    Torn(#[from] Short),
}
