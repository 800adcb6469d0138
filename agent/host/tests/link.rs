//! The doors: what they answer, and the attacks they must live through.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a broken set-up may fail the tests loudly; prlimit is how limits of another process are set"
)]

mod support;

use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use socle_model::bmc::{Bmc, SourceState};
use socle_model::link::{Answer, DESCRIPTION, Described, Records, Welcome};
use std::io::{IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Host, Reader, ask, connect, pause};

/// Whether a fresh client is answered soon.
fn serves(host: &Host) -> bool {
    let asked = Instant::now();
    let answer = host.call("link", "io.socle.Host.Hello", r#"{"version":"1","schema":1}"#);
    let welcome: Welcome = Answer::parse(answer.as_bytes()).unwrap();
    welcome.schema == 1 && asked.elapsed() < Duration::from_secs(2)
}

#[test]
fn calls_are_answered_and_wrong_ones_get_their_error() {
    let host = Host::start("");
    for door in ["link", "admin"] {
        let mut stream = host.connect(door);
        let mut reader = Reader::default();
        let mut call = |method: &str, parameters: &str| {
            ask(&mut stream, method, parameters);
            String::from_utf8(reader.frame(&mut stream).unwrap()).unwrap()
        };
        let info = call("org.varlink.service.GetInfo", "{}");
        assert!(info.contains("socle-host") && info.contains("io.socle.Host"), "{info}");
        let get = "org.varlink.service.GetInterfaceDescription";
        let described = call(get, r#"{"interface":"io.socle.Host"}"#);
        let described: Described = Answer::parse(described.as_bytes()).unwrap();
        assert_eq!(described.description, DESCRIPTION);
        assert!(call(get, r#"{"interface":"a.b"}"#).contains("InterfaceNotFound"));
        let hello = "io.socle.Host.Hello";
        assert!(call(hello, r#"{"version":"1","schema":2}"#).contains("\"schema\":1"));
        let far = call(hello, r#"{"version":"9","schema":9}"#);
        assert!(far.contains("SchemaMismatch") && far.contains("\"theirs\":9"), "{far}");
        assert!(call(hello, r#"{"version":"1","schema":1,"x":1}"#).contains("InvalidParameter"));
        assert!(call("io.socle.Host.New", r#"{"a":{}}"#).contains("MethodNotFound"));
        assert!(call("io.socle.Host.Watch", "{}").contains("ExpectedMore"));
        let records = call("io.socle.Host.Events", r#"{"after":0}"#);
        let records: Records = Answer::parse(records.as_bytes()).unwrap();
        assert!(records.records.is_empty() && !records.more);
    }
}

#[test]
fn oneway_is_not_answered_and_upgrade_is_refused() {
    let host = Host::start("");
    let mut stream = host.connect("link");
    stream.write_all(b"{\"method\":\"org.varlink.service.GetInfo\",\"oneway\":true}\0").unwrap();
    stream.write_all(b"{\"method\":\"io.socle.Host.Nope\",\"oneway\":true}\0").unwrap();
    stream.write_all(b"{\"method\":\"org.varlink.service.GetInfo\",\"upgrade\":true}\0").unwrap();
    let first = Reader::default().frame(&mut stream).unwrap();
    assert!(String::from_utf8(first).unwrap().contains("InvalidParameter"));
}

#[test]
fn a_machine_without_a_bmc_is_absent_and_not_unknown() {
    let host = Host::start("");
    let seen = host.snapshot(|seen| seen.bmc != Bmc::Starting);
    assert_eq!(seen.bmc, Bmc::Absent);
    assert_eq!(seen.sources.first().map(|source| source.state), Some(SourceState::Absent));
    assert!(host.status("Threads") <= 4);
}

#[test]
fn a_subscriber_that_talks_or_hangs_up_is_dropped() {
    let host = Host::start("");
    let before = host.descriptors();
    let mut talker = host.connect("link");
    talker.write_all(b"{\"method\":\"io.socle.Host.Watch\",\"more\":true}\0").unwrap();
    let mut reader = Reader::default();
    assert!(reader.frame(&mut talker).is_some());
    talker.write_all(b"{").unwrap();
    while reader.frame(&mut talker).is_some() {}
    let mut quiet = host.connect("link");
    quiet.write_all(b"{\"method\":\"io.socle.Host.Watch\",\"more\":true}\0").unwrap();
    assert!(Reader::default().frame(&mut quiet).is_some());
    drop((quiet, talker));
    let deadline = Instant::now() + Duration::from_secs(3);
    while host.descriptors() > before {
        assert!(Instant::now() < deadline, "{} > {before}", host.descriptors());
        pause(20);
    }
}

#[test]
fn garbage_closes_its_own_connection_only() {
    let host = Host::start("");
    let mut deep = vec![b'['; 40];
    deep.push(0);
    let attacks: [&[u8]; 8] = [
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n\0",
        b"[]\0",
        b"{\"method\":1}\0",
        b"{\"method\":\"a.b\",\"method\":\"a.b\"}\0",
        b"{\"method\":\"a.b\",\"what\":1}\0",
        b"\xff\xfe\0",
        &deep,
    ];
    for attack in attacks {
        let mut stream = host.connect("link");
        stream.write_all(attack).unwrap();
        assert_eq!(Reader::default().frame(&mut stream), None, "{attack:?}");
    }
    assert!(serves(&host), "{}", host.log());
}

#[test]
fn a_hundred_megabytes_without_an_end_are_cut_off() {
    let host = Host::start("");
    let before = host.status("VmRSS");
    let mut stream = host.connect("link");
    let chunk = [b'x'; 1 << 16];
    let sent = (0..1600).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 100, "{sent} chunks were taken");
    assert!(host.status("VmRSS") < before + 4096, "more than 4 MiB for one frame");
    assert!(serves(&host));
}

#[test]
fn two_thousand_connections_of_one_user_cost_sixteen() {
    let host = Host::start("");
    let before = host.descriptors();
    let mut held = Vec::new();
    for _ in 0..2000 {
        held.push(connect(&host.dir.path().join("link")));
    }
    let mut last = held.pop().unwrap();
    assert_eq!(last.read(&mut [0]).unwrap_or(0), 0, "the last one was not dropped");
    assert!(host.descriptors() <= before + 17, "{} descriptors", host.descriptors());
    // The other door has its own places.
    assert!(host.call("admin", "org.varlink.service.GetInfo", "{}").contains("socle-host"));
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(3);
    while host.descriptors() > before && Instant::now() < deadline {
        pause(20);
    }
    assert!(serves(&host));
    // Rate-limited: far fewer lines than connections.
    assert!(host.log().lines().count() < 60, "{} lines", host.log().lines().count());
}

#[test]
fn a_reader_that_stalls_delays_nobody_and_is_dropped() {
    let host = Host::start("");
    let mut stalled = host.connect("link");
    stalled.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let call = b"{\"method\":\"org.varlink.service.GetInfo\"}\0".repeat(1000);
    let mut stuck = 0;
    while stalled.write_all(&call).is_ok() {
        stuck += 1;
        assert!(stuck < 1000, "a reader that never reads was served for ever");
    }
    assert!(serves(&host));
    let deadline = Instant::now() + Duration::from_secs(8);
    while !host.log().contains("was not taken") {
        assert!(Instant::now() < deadline, "{}", host.log());
        pause(50);
    }
    assert!(serves(&host));
}

#[test]
fn descriptors_that_are_sent_are_not_kept() {
    let host = Host::start("");
    let stream = host.connect("link");
    let before = host.descriptors();
    let file = std::fs::File::open("/dev/null").unwrap();
    let many = vec![file.as_raw_fd(); 200];
    for _ in 0..20 {
        let rights = [ControlMessage::ScmRights(&many)];
        let part = [IoSlice::new(b"{\"method\":")];
        sendmsg::<()>(stream.as_raw_fd(), &part, &rights, MsgFlags::empty(), None).unwrap();
    }
    assert!(serves(&host));
    assert!(host.descriptors() <= before + 1, "{} > {before}", host.descriptors());
}

#[test]
fn without_free_descriptors_the_door_waits_and_goes_on() {
    let host = Host::start("");
    let limit = |number: usize| {
        let pid = host.child.id().to_string();
        let number = format!("--nofile={number}:");
        Command::new("prlimit").args(["--pid", &pid, &number]).status().unwrap()
    };
    if !limit(host.descriptors()).success() {
        println!("skipped: prlimit (package util-linux) may not change limits here");
        return;
    }
    // More than one: a connection from the start may still have been open when it was counted.
    let mut waiting: Vec<_> = (0..4).map(|_| host.connect("link")).collect();
    for stream in &mut waiting {
        ask(stream, "org.varlink.service.GetInfo", "{}");
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while !host.log().contains("could not be accepted") {
        assert!(Instant::now() < deadline, "{}", host.log());
        pause(20);
    }
    assert!(limit(1024).success());
    for stream in &mut waiting {
        assert!(Reader::default().frame(stream).is_some(), "one that waited");
    }
    assert!(serves(&host));
}

#[test]
fn half_a_frame_for_ever_hurts_nobody() {
    let mut host = Host::start("");
    let mut slow = host.connect("link");
    slow.write_all(b"{\"method\":").unwrap();
    assert!(serves(&host));
    host.signal(Signal::SIGTERM);
    assert!(host.ended_within(Duration::from_secs(2)).success());
}
