//! A BMC at the other end of a byte stream, in OpenIPMI's VM form.

use crate::device::remaining;
use crate::vm::{Decoder, Message, encode, greeting};
use socle_ipmi::{Completion, Request, Response, Transport, TransportError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A stream whose reads and writes give up after a time.
pub trait Stream: Read + Write {
    /// Sets the time for reads and writes; never zero.
    ///
    /// # Errors
    /// The kernel's.
    fn limit(&self, limit: Duration) -> io::Result<()>;
}

impl Stream for UnixStream {
    fn limit(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

/// The transport. Answers carry our one-byte id, so one that is late is known and dropped.
#[derive(Debug)]
pub struct Serial<S> {
    stream: S,
    decoder: Decoder,
    last_id: u8,
}

impl<S: Stream> Serial<S> {
    /// Greets the other side.
    ///
    /// # Errors
    /// When it does not even take that.
    pub fn start(mut stream: S) -> io::Result<Self> {
        stream.limit(Duration::from_secs(1))?;
        stream.write_all(&greeting())?;
        Ok(Serial { stream, decoder: Decoder::default(), last_id: 0 })
    }

    fn ours(&self, request: &Request, message: &Message) -> Option<Response> {
        let ours = message.id == self.last_id
            && message.netfn == request.netfn | 1
            && message.command == request.cmd;
        let (&completion, data) = message.data.split_first()?;
        ours.then(|| Response { completion: Completion(completion), data: data.to_vec() })
    }
}

impl<S: Stream> Transport for Serial<S> {
    fn exchange(
        &mut self,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        let deadline = Instant::now() + timeout;
        self.last_id = self.last_id.wrapping_add(1);
        let bytes = encode(self.last_id, request.netfn, request.lun, request.cmd, &request.data);
        self.stream.limit(timeout.max(Duration::from_millis(1))).map_err(gone)?;
        self.stream.write_all(&bytes).map_err(gone)?;
        let mut chunk = [0; 512];
        loop {
            let left = remaining(deadline);
            if left.is_zero() {
                return Err(TransportError::TimedOut(timeout));
            }
            self.stream.limit(left.max(Duration::from_millis(1))).map_err(gone)?;
            let taken = match self.stream.read(&mut chunk) {
                Ok(0) => return Err(TransportError::Gone("it hung up".into())),
                Ok(taken) => taken,
                Err(error) if waits(&error) => continue,
                Err(error) => return Err(gone(error)),
            };
            let mut answer = None;
            for &byte in chunk.get(..taken).unwrap_or_default() {
                if let Some(message) = self.decoder.feed(byte) {
                    answer = self.ours(request, &message).or(answer);
                }
            }
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err")]
fn gone(error: io::Error) -> TransportError {
    TransportError::Gone(error.to_string())
}
