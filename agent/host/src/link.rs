//! The doors: varlink on a Unix socket, one task per connection, everything bounded.
//!
//! What a peer may do to us is written down in `model::link`: frames bounded before they are parsed,
//! answers with a deadline, so many connections per uid, no descriptors (plain reads drop them), no
//! upgrade. A peer that breaks the protocol loses its connection and nothing else.

use crate::asks::Question;
use crate::door::{Cap, Hall};
use socle_model::link::{
    After, Call, CallError, DESCRIPTION, Described, Envelope, Frames, Hello, INTERFACE,
    REQUEST_LIMIT, SCHEMA, ServiceInfo, Welcome, answer_frame, error_frame, neighbours,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A peer that does not take an answer within this time is dropped.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// The pause after an accept error, such as no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes taken from a peer at once.
const READ_CHUNK: usize = 4096;
/// The description of the interface that every varlink service has (varlink.org/Service).
const SERVICE: &str = include_str!("org.varlink.service.varlink");

/// Answers at one socket for ever. Connections end with it.
pub(crate) async fn serve(door: &'static str, socket: UnixListener, hall: Arc<Hall>) {
    let cap = Cap::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(door, %error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let uid = match stream.peer_cred() {
            Ok(peer) => peer.uid(),
            Err(error) => {
                tracing::warn!(door, %error, "a peer without credentials was dropped");
                continue;
            }
        };
        let Some(place) = cap.take(uid) else {
            tracing::warn!(door, uid, "a connection too many of one user was dropped");
            continue;
        };
        let hall = Arc::clone(&hall);
        connections.spawn(async move {
            if let Err(why) = converse(stream, &hall).await {
                tracing::warn!(door, uid, why, "a connection was closed");
            }
            drop(place);
        });
    }
}

/// Answers calls until the peer hangs up.
///
/// # Errors
/// Why the connection is closed by us.
async fn converse(stream: UnixStream, hall: &Hall) -> Result<(), String> {
    let (mut from, mut to) = stream.into_split();
    let mut frames = Frames::new(REQUEST_LIMIT);
    let mut chunk = [0u8; READ_CHUNK];
    loop {
        while let Some(frame) = frames.next_frame().map_err(|error| error.to_string())? {
            let envelope = Envelope::parse(&frame).map_err(|error| error.to_string())?;
            match answer(&envelope, hall) {
                Next::Send(bytes) if envelope.oneway => drop(bytes),
                Next::Send(bytes) => send(&mut to, &bytes).await?,
                Next::Ask(_) if envelope.oneway => {}
                Next::Ask(question) => send(&mut to, &hall.asks.answer(question).await).await?,
                // Several answers to a call that wants none: there is nothing to do for it.
                Next::Stream if envelope.oneway => {}
                Next::Stream if frames.is_empty() => return push(&mut from, &mut to, hall).await,
                Next::Stream => return Err("a subscriber went on talking".into()),
            }
        }
        match from.read(&mut chunk).await {
            Ok(0) => return Ok(()),
            Ok(taken) => frames.push(chunk.get(..taken).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(format!("reading failed: {error}")),
        }
    }
}

/// What follows a call.
enum Next {
    Send(Vec<u8>),
    /// Something that has to be read first.
    Ask(Question),
    Stream,
}

fn answer(envelope: &Envelope, hall: &Hall) -> Next {
    if envelope.upgrade {
        return Next::Send(error_frame(&CallError::InvalidParameter("upgrade".into())));
    }
    let call = match Call::decode(envelope) {
        Ok(Call::Watch) => return Next::Stream,
        Ok(Call::Energy) => return Next::Ask(Question::Energy),
        Ok(Call::Ethtool(devices)) => return Next::Ask(Question::Ethtool(devices)),
        Ok(call) => call,
        Err(error) => return Next::Send(error_frame(&error)),
    };
    let frame = match call {
        Call::Watch | Call::Energy | Call::Ethtool(_) | Call::GetInfo => {
            answer_frame(&info(), false)
        }
        Call::GetInterfaceDescription(which) => match which.interface.as_str() {
            INTERFACE => answer_frame(&Described { description: DESCRIPTION.into() }, false),
            "org.varlink.service" => {
                answer_frame(&Described { description: SERVICE.into() }, false)
            }
            _ => Ok(error_frame(&CallError::InterfaceNotFound(which.interface))),
        },
        Call::Hello(hello) => greet(&hello),
        Call::Events(After { after }) => answer_frame(&hall.records(after), false),
    };
    Next::Send(frame.unwrap_or_else(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        error_frame(&CallError::MethodNotFound(envelope.method.clone()))
    }))
}

fn greet(hello: &Hello) -> Result<Vec<u8>, serde_json::Error> {
    if !neighbours(SCHEMA, hello.schema) {
        tracing::warn!(theirs = hello.schema, ours = SCHEMA, "a peer of a distant version");
        let error = CallError::SchemaMismatch { theirs: hello.schema, ours: SCHEMA };
        return Ok(error_frame(&error));
    }
    answer_frame(&Welcome { version: env!("CARGO_PKG_VERSION").into(), schema: SCHEMA }, false)
}

fn info() -> ServiceInfo {
    ServiceInfo {
        vendor: "socle".into(),
        product: "socle-host".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        url: String::new(),
        interfaces: vec!["org.varlink.service".into(), INTERFACE.into()],
    }
}

/// Sends the latest snapshot now and after each change, until the peer talks, hangs up or stalls.
async fn push(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    hall: &Hall,
) -> Result<(), String> {
    let mut latest = hall.latest();
    let mut byte = [0u8; 1];
    loop {
        let frame = Arc::clone(&latest.borrow_and_update());
        tokio::select! {
            sent = send(to, &frame) => sent?,
            read = from.read(&mut byte) => return ended(read),
        }
        tokio::select! {
            changed = latest.changed() => if changed.is_err() { return Ok(()) },
            read = from.read(&mut byte) => return ended(read),
        }
    }
}

fn ended(read: std::io::Result<usize>) -> Result<(), String> {
    match read {
        Ok(0) | Err(_) => Ok(()),
        Ok(_) => Err("a subscriber went on talking".into()),
    }
}

async fn send(to: &mut OwnedWriteHalf, bytes: &[u8]) -> Result<(), String> {
    match timeout(WRITE_DEADLINE, to.write_all(bytes)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Ok(Err(error)) => Err(format!("writing failed: {error}")),
        Err(_) => Err(format!("an answer was not taken within {} s", WRITE_DEADLINE.as_secs())),
    }
}
