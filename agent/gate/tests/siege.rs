//! Everything at once beside one scraper: dribbled heads, heads without end, idle connections, bad
//! encodings, half-closed sockets, handshakes that stop. Every scrape answers, memory stays bounded.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::keys::{Ca, client};
use common::{Gate, pause, sample};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a siege lasts.
const SIEGE: Duration = Duration::from_secs(6);
/// How much the process may grow in it: 256 connections with their buffers, and what the allocator keeps.
const GROWTH_KIB: u64 = 24 << 10;

/// Private memory of the process in KiB: what it holds itself, whoever shares its program.
fn private_kib(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let fields = text.lines().filter(|line| line.starts_with("Private_"));
    fields.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

/// One besieger: connects and misbehaves until told to stop. An error is the gate's answer to it.
fn besiege(gate: &Gate, kind: usize, stop: &AtomicBool) {
    let mut held = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(gate.address) else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
        let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
        let _ = match kind {
            // Slow loris: one byte now and then.
            0 => b"GET /metrics HTTP/1.1\r\nHost: l".iter().try_for_each(|byte| {
                pause();
                stream.write_all(&[*byte])
            }),
            // A head without end.
            1 => (0..64).try_for_each(|_| stream.write_all(&[b'x'; 4096])),
            // Bad encodings of everything.
            2 => stream.write_all(
                b"GET /\xff\xfe%zz?collect[]=\x80 HTTP/1.1\r\nHost: \xc3\x28\r\n\
                  Transfer-Encoding: chunked, gzip\r\nContent-Length: -1\r\nAccept: ;;q=\xff\r\n\
                  Accept-Encoding: \x01\r\nAuthorization: Basic ====\r\n\r\n5\r\nhell",
            ),
            // Half-closed: asks, ends its side, and reads nothing.
            3 => stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .and_then(|()| stream.shutdown(Shutdown::Write)),
            // Asks again and again and takes no answer.
            4 => (0..200).try_for_each(|_| {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            }),
            // The first bytes of a handshake.
            5 => stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]),
            // Reads, and hangs up.
            _ => stream.read(&mut [0; 16]).map(drop),
        };
        held.push(stream);
        if held.len() > 40 {
            held.clear();
        }
        pause();
    }
}

/// Scrapes beside the besiegers: each is answered, soon, and the process does not grow.
fn beside(gate: &Gate, scrape: &dyn Fn() -> u16) {
    let idle: Vec<_> = (0..500).map(|_| TcpStream::connect(gate.address).unwrap()).collect();
    assert_eq!(scrape(), 200);
    let before = private_kib(gate.pid());
    let stop = AtomicBool::new(false);
    let (mut answers, mut slowest) = (0, Duration::ZERO);
    std::thread::scope(|scope| {
        for kind in 0..14 {
            let stop = &stop;
            scope.spawn(move || besiege(gate, kind % 7, stop));
        }
        let end = Instant::now() + SIEGE;
        while Instant::now() < end {
            let began = Instant::now();
            assert_eq!(scrape(), 200);
            slowest = slowest.max(began.elapsed());
            answers += 1;
            pause();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let grown = private_kib(gate.pid()).saturating_sub(before);
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", gate.pid())).unwrap().count();
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert!(answers > 20, "{answers}");
    assert!(grown < GROWTH_KIB, "{grown} KiB");
    assert!(descriptors < 300, "{descriptors} descriptors");
    drop(idle);
}

#[test]
fn a_siege_of_plain_http() {
    let gate = Gate::start();
    beside(&gate, &|| gate.get("/metrics").status);
}

#[test]
fn a_siege_of_tls_with_passwords() {
    let ca = Ca::new("ca");
    let mut gate = Gate::prepare();
    let hash = bcrypt::hash_with_salt("s3cret", 4, [9; 16]).unwrap();
    let text = format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n\
         basic_auth_users:\n  alice: {hash}\n"
    );
    gate.web(Some(&ca.issue(&["localhost"], 2090)), &text);
    gate.launch(&[]);
    let trusting = client(&ca, None);
    let right = "Authorization: Basic YWxpY2U6czNjcmV0\r\n";
    beside(&gate, &|| gate.ask_tls(&trusting, "/metrics", right).map_or(0, |it| it.status));
    let page = gate.ask_tls(&trusting, "/metrics", right).unwrap();
    let refused = "socle_http_refused_total{door=\"page\",reason=\"handshake\"}";
    assert!(sample(page.text(), refused).unwrap() > 0.0, "{}", page.text());
}
