//! The VM serial transport against a peer that is late, torn, chatty or gone.

#![expect(clippy::unwrap_used, reason = "a broken set-up may fail the tests loudly")]

use socle_hardware::serial::Serial;
use socle_hardware::vm::encode;
use socle_ipmi::{Completion, Request, Transport, TransportError};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const GREETING: usize = 6;
/// `id, netfn, command, checksum, end`: what a request without data is long, nothing escaped.
const REQUEST: usize = 5;

/// The transport and its peer, past the greeting.
fn pair() -> (Serial<UnixStream>, UnixStream) {
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let serial = Serial::start(ours).unwrap();
    let mut greeting = [0; GREETING];
    peer.read_exact(&mut greeting).unwrap();
    assert_eq!(greeting, [0xff, 1, 0xa1, 8, 0, 0xa1]);
    (serial, peer)
}

/// Takes a request and gives its id.
fn take(peer: &mut UnixStream) -> u8 {
    let mut request = [0; REQUEST];
    peer.read_exact(&mut request).unwrap();
    request[0]
}

fn device_id() -> Request {
    Request::new(6, 1, &[])
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(5);

#[test]
fn a_late_answer_is_dropped_and_the_right_one_taken() {
    let (mut serial, mut peer) = pair();
    assert!(matches!(serial.exchange(&device_id(), SHORT), Err(TransportError::TimedOut(_))));
    let late = take(&mut peer);
    let peer = std::thread::spawn(move || {
        let id = take(&mut peer);
        peer.write_all(&encode(late, 7, 0, 1, &[0, 0xee])).unwrap();
        // The right id with another command, then noise, attention, and the answer in pieces.
        peer.write_all(&encode(id, 7, 0, 2, &[0, 0xdd])).unwrap();
        peer.write_all(&[0x01, 0xa1, 0xaa, 0xa0, 0x55]).unwrap();
        peer.write_all(&[0xa0]).unwrap();
        for byte in encode(id, 7, 0, 1, &[0, 0xa0, 0xaa]) {
            peer.write_all(&[byte]).unwrap();
            std::thread::park_timeout(Duration::from_millis(1));
        }
        peer
    });
    let answer = serial.exchange(&device_id(), LONG).unwrap();
    assert_eq!((answer.completion, answer.data), (Completion::OK, vec![0xa0, 0xaa]));
    drop(peer.join().unwrap());
}

#[test]
fn a_peer_that_only_talks_does_not_stretch_the_deadline() {
    let (mut serial, mut peer) = pair();
    let chatter = std::thread::spawn(move || {
        take(&mut peer);
        while peer.write_all(&[0x02, 0xa1]).is_ok() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    });
    let asked = Instant::now();
    let answer = serial.exchange(&device_id(), Duration::from_millis(300));
    assert!(matches!(answer, Err(TransportError::TimedOut(_))), "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(2));
    drop(serial);
    chatter.join().unwrap();
}

#[test]
fn a_peer_that_hangs_up_is_gone() {
    let (mut serial, mut peer) = pair();
    let peer = std::thread::spawn(move || {
        take(&mut peer);
        // Half an answer, then nothing.
        let half = encode(1, 7, 0, 1, &[0; 20]);
        peer.write_all(half.get(..10).unwrap()).unwrap();
    });
    let answer = serial.exchange(&device_id(), LONG);
    assert!(matches!(answer, Err(TransportError::Gone(_))), "{answer:?}");
    peer.join().unwrap();
}

#[test]
fn an_answer_without_a_completion_code_is_none() {
    let (mut serial, mut peer) = pair();
    let peer = std::thread::spawn(move || {
        let id = take(&mut peer);
        peer.write_all(&encode(id, 7, 0, 1, &[])).unwrap();
        peer
    });
    let answer = serial.exchange(&device_id(), SHORT);
    assert!(matches!(answer, Err(TransportError::TimedOut(_))), "{answer:?}");
    drop(peer.join().unwrap());
}
