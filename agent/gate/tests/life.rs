//! Start, reload, end: signals, configuration, what survives a kill.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]

mod common;

use common::host::{Host, record};
use common::{Gate, command, follow, sample};
use nix::sys::signal::Signal;
use socle_model::bmc::Bmc;
use std::time::Duration;

#[test]
fn sigterm_ends_it_cleanly() {
    let mut gate = Gate::start();
    let idle = std::net::TcpStream::connect(gate.address).unwrap();
    gate.signal(Signal::SIGTERM);
    let status = gate.ended(Duration::from_secs(6));
    assert!(status.success(), "{status}: {}", gate.log());
    drop(idle);
}

#[test]
fn a_follower_does_not_hold_up_the_end() {
    let mut gate = Gate::start();
    let follower = std::net::TcpStream::connect(gate.address).unwrap();
    let text = b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::io::Write::write_all(&mut (&follower), text).unwrap();
    gate.signal(Signal::SIGTERM);
    assert!(gate.ended(Duration::from_secs(6)).success());
}

#[test]
fn a_reload_takes_a_good_configuration_and_refuses_a_bad_one() {
    let gate = Gate::start();
    let has_load = |page: &str| page.contains("node_load1");
    assert!(has_load(gate.get("/metrics").text()));
    gate.configure("[metrics]\nexclude = [\"loadavg\"]\n");
    gate.signal(Signal::SIGHUP);
    gate.until("/metrics", "without loadavg", |page| !has_load(page));
    gate.configure("[metrics]\nexclude = [\"loadavgg\"]\n");
    gate.signal(Signal::SIGHUP);
    let end = std::time::Instant::now() + common::PATIENCE;
    while !gate.log().contains("the nearest that exists is loadavg") {
        assert!(std::time::Instant::now() < end, "{}", gate.log());
        common::pause();
    }
    assert!(!has_load(gate.get("/metrics").text()), "the old configuration stays");
    let doctor = gate.get("/v1/doctor").text().to_owned();
    assert!(doctor.contains("the last reload was refused"), "{doctor}");
    gate.configure("");
    gate.signal(Signal::SIGHUP);
    gate.until("/v1/doctor", "all is well", |text| !text.contains("was refused"));
    assert!(has_load(gate.get("/metrics").text()));
}

#[test]
fn without_sockets_it_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("socle.toml");
    std::fs::write(&config, "").unwrap();
    let output = command(&config).arg("--state").arg(dir.path()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("socle run"), "{text}");
}

#[test]
fn check_and_print_default() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("socle.toml");
    let output = command(&file).arg("--print-default").output().unwrap();
    assert!(output.status.success());
    std::fs::write(&file, &output.stdout).unwrap();
    let output = command(&file).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let other = dir.path().join("other.toml");
    for (text, expected) in [
        (
            "[metrics]\n\nseries_mx = 1\n",
            "other.toml:3: metrics.series_mx: no such key; the nearest that exists is metrics.series_max",
        ),
        ("[metrics.filters]\n\"hwmon.chip-includ\" = \"x\"\n", "hwmon.chip-include"),
        ("[metrics.filters]\n\"netdev.device-exclude\" = \"(\"\n", "netdev.device-exclude"),
        ("[metrics]\ncollectors = [\"laodavg\"]\n", "loadavg"),
        ("[gate]\nlisten = \"nonsense\"\n", "gate.listen"),
    ] {
        std::fs::write(&other, text).unwrap();
        let output = command(&file).arg("--check").arg(&other).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_kill_loses_no_event_and_no_number() {
    let mut gate = Gate::prepare();
    let host = Host::start(&gate.link());
    host.say(|said| {
        said.records = (1..=5).map(|n| record(n, &format!("event {n}"))).collect();
        set_head(said, 5);
    });
    gate.spawn();
    let text = gate.until("/v1/events", "five events", |text| text.matches("event ").count() >= 5);
    let before = numbers(&text);
    assert!(before.windows(2).all(|pair| pair[0] < pair[1]), "{before:?}");
    let stored = gate.state().join("events.ndjson");
    let end = std::time::Instant::now() + common::PATIENCE;
    while std::fs::read_to_string(&stored).unwrap_or_default().lines().count() < before.len() {
        assert!(std::time::Instant::now() < end, "{}", gate.log());
        common::pause();
    }
    gate.kill();
    gate.spawn();
    let text = gate.get("/v1/events").text().to_owned();
    assert_eq!(numbers(&text)[..before.len()], before[..], "kept");
    let mut news = follow(&gate, "/v1/events?follow=1");
    host.say(|said| {
        said.records.push(record(6, "event six"));
        set_head(said, 6);
    });
    let line = news.find(|line| line.contains("event six")).unwrap();
    let seq = numbers(&line)[0];
    assert!(seq > *before.last().unwrap(), "{line}");
    let text = gate.get("/v1/events").text().to_owned();
    for n in 1..=5 {
        assert_eq!(text.matches(&format!("event {n}")).count(), 1, "once: {text}");
    }
    let since = gate.get(&format!("/v1/events?since={}", seq - 1)).text().to_owned();
    assert_eq!(numbers(&since)[0], seq);
    assert_eq!(numbers(gate.get("/v1/events?limit=2").text()).len(), 2);
    let page = gate.get("/metrics/socle");
    let total = "socle_events_total{kind=\"sel\",severity=\"critical\"}";
    assert!(sample(page.text(), total).is_some());
}

#[test]
fn a_state_folder_that_cannot_be_written_is_said_and_stops_nothing() {
    let mut gate = Gate::prepare();
    let host = Host::start(&gate.link());
    std::fs::write(gate.state(), "no folder").unwrap();
    host.say(|said| {
        said.records = vec![record(1, "event one")];
        set_head(said, 1);
    });
    gate.spawn();
    let series = "socle_degraded{feature=\"state\"}";
    gate.until("/metrics", "the folder", |page| sample(page, series) == Some(1.0));
    gate.until("/v1/events", "the event", |text| text.contains("event one"));
    std::fs::remove_file(gate.state()).unwrap();
    gate.until("/metrics", "recovery", |page| sample(page, series).is_none());
    let stored = std::fs::read_to_string(gate.state().join("events.ndjson")).unwrap();
    assert!(stored.contains("event one"), "{stored}");
}

#[test]
fn the_watchdog_is_fed_and_ready_is_said() {
    let mut gate = Gate::prepare();
    let path = gate.dir.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(common::PATIENCE)).unwrap();
    gate.spawn_with(&[("NOTIFY_SOCKET", path.as_os_str()), ("WATCHDOG_USEC", "200000".as_ref())]);
    let mut heard = String::new();
    let mut hear = |what: &str, times: usize| {
        while heard.matches(what).count() < times {
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).unwrap();
            heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
            heard.push('\n');
        }
        heard.clone()
    };
    hear("READY=1", 1);
    hear("WATCHDOG=1", 3);
    gate.signal(Signal::SIGHUP);
    let heard = hear("READY=1", 2);
    assert!(heard.contains("RELOADING=1"), "{heard}");
    assert!(heard.contains("MONOTONIC_USEC="), "{heard}");
    gate.signal(Signal::SIGTERM);
    assert!(gate.ended(Duration::from_secs(6)).success());
}

fn set_head(said: &mut common::host::Said, head: u64) {
    if let Bmc::Present(data) = &mut said.snapshot.bmc
        && let Some(sel) = &mut data.sel
    {
        sel.head = head;
    }
}

fn numbers(text: &str) -> Vec<u64> {
    let event = |line| serde_json::from_str::<socle_model::event::Event>(line).unwrap();
    text.lines().map(|line| event(line).seq).collect()
}
