//! What is read when a peer asks: energy counters, once a second at most, and network devices. A counter
//! that hangs costs its own answer only.

#![expect(clippy::unwrap_used, reason = "a broken set-up may fail the tests loudly")]

mod support;

use nix::sys::stat::Mode;
use socle_model::energy::Energy;
use socle_model::ethtool::Nics;
use socle_model::link::Answer;
use std::fs;
use std::time::{Duration, Instant};
use support::{Host, pause};

fn energy(host: &Host) -> Energy {
    let answer = host.call("link", "io.socle.Host.Energy", "{}");
    Answer::parse(answer.as_bytes()).unwrap()
}

#[test]
fn counters_are_read_when_asked_and_not_finer_than_a_second() {
    let host = Host::start("");
    let threads = host.status("Threads");
    let none = host.call("link", "io.socle.Host.Energy", "{}");
    assert!(none.contains("io.socle.Host.Unavailable") && none.contains("powercap"), "{none}");
    assert_eq!(host.status("Threads"), threads + 1, "the thread is there once it is needed");
    let zone = host.dir.path().join("root/sys/class/powercap/intel-rapl:0");
    fs::create_dir_all(&zone).unwrap();
    fs::write(zone.join("name"), "package-0\n").unwrap();
    fs::write(zone.join("energy_uj"), "240422366267\n").unwrap();
    pause(1100);
    let first = energy(&host);
    let [zone_energy] = first.zones.as_slice() else { unreachable!("{first:?}") };
    assert_eq!((&*zone_energy.zone, zone_energy.microjoules), ("intel-rapl:0", 240_422_366_267));
    fs::write(zone.join("energy_uj"), "240422366999\n").unwrap();
    assert_eq!(energy(&host), first);
    pause(1100);
    let second = energy(&host);
    assert_eq!(second.zones.first().unwrap().microjoules, 240_422_366_999);
    assert!(second.at > first.at);
    assert!(host.call("link", "io.socle.Host.Energy", r#"{"zone":"x"}"#).contains("Invalid"));
}

#[test]
fn a_counter_that_hangs_holds_up_nobody_else() {
    let host = Host::start("");
    let zone = host.dir.path().join("root/sys/class/powercap/intel-rapl:0");
    fs::create_dir_all(&zone).unwrap();
    fs::write(zone.join("name"), "package-0\n").unwrap();
    // Opening it waits for somebody who writes.
    nix::unistd::mkfifo(&zone.join("energy_uj"), Mode::S_IRWXU).unwrap();
    let mut hanging = host.connect("link");
    support::ask(&mut hanging, "io.socle.Host.Energy", "{}");
    let asked = Instant::now();
    assert!(host.call("link", "org.varlink.service.GetInfo", "{}").contains("socle-host"));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let answer = support::Reader::default().frame(&mut hanging).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("Unavailable") && answer.contains("not read within 2 s"), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}

#[test]
fn network_devices_are_asked_by_name() {
    let host = Host::start("");
    let ask = |parameters: &str| host.call("link", "io.socle.Host.Ethtool", parameters);
    let nics: Nics = Answer::parse(ask(r#"{"devices":["lo","nope0"]}"#).as_bytes()).unwrap();
    let names: Vec<_> = nics.devices.iter().map(|nic| nic.device.as_str()).collect();
    assert_eq!(names, ["lo"]);
    assert!(ask("{}").contains("InvalidParameter"));
    assert!(ask(r#"{"devices":["lo"],"all":true}"#).contains("InvalidParameter"));
}
