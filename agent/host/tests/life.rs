//! The life of the process: arguments, configuration, signals, the service manager, locks.

mod support;

use nix::sys::signal::Signal;
use socle_model::bmc::Bmc;
use socle_model::documents::CheckResult;
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use support::{Host, binary, device, pause, with_sockets};
use tempfile::TempDir;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_check_names_file_line_and_nearest_key() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("a.toml");
    fs::write(&file, "[gate]\nwhatever = 1\n\n[ipmi]\nintervall_s = 5\n").unwrap();
    let said = binary().arg("--check").arg(&file).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    let wanted = format!("{}:5: ipmi.intervall_s: no such key", file.display());
    assert!(text(&said.stderr).starts_with(&wanted), "{}", text(&said.stderr));
    assert!(text(&said.stderr).contains("ipmi.interval_s"));

    fs::write(&file, "[ipmi]\ninterval_s = 0\n").unwrap();
    assert_eq!(binary().arg("--check").arg(&file).output().unwrap().status.code(), Some(2));
    fs::write(&file, "[ipmi]\ninterval_s = 1\nbus_share = 0.5\n").unwrap();
    assert_eq!(binary().arg("--check").arg(&file).status().unwrap().code(), Some(0));
    let missing = binary().arg("--check").arg(dir.path().join("none")).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("none:1: cannot be read"));
}

#[test]
fn drop_ins_lie_beside_the_file_and_win() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("socle.toml");
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    fs::write(&file, "[ipmi]\ninterval_s = 5\n").unwrap();
    fs::write(dir.path().join("conf.d/9.toml"), "[ipmi]\ninterval_s = 99999\n").unwrap();
    fs::write(dir.path().join("conf.d/readme.txt"), "no TOML").unwrap();
    let said = binary().arg("--check").arg("--config").arg(&file).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(text(&said.stderr).contains("conf.d/9.toml:2: ipmi.interval_s"));
}

#[test]
fn the_printed_default_is_valid_and_changes_nothing() {
    let said = binary().arg("--print-default").output().unwrap();
    let sample = text(&said.stdout);
    assert!(sample.contains("[ipmi]") && sample.contains("#interval_s = 30"), "{sample}");
    assert!(!sample.lines().any(|line| line.contains('=') && !line.starts_with('#')));
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("sample.toml");
    fs::write(&file, sample.replace("\n#", "\n").replace("\n ", "\n# ")).unwrap();
    assert_eq!(binary().arg("--check").arg(&file).status().unwrap().code(), Some(0));
}

#[test]
fn without_sockets_it_refuses_with_the_remedy() {
    let said = binary().output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    let said = text(&said.stderr);
    assert!(said.contains("socle run") && said.contains("socle-link.socket"), "{said}");
    assert_eq!(binary().arg("--nonsense").output().unwrap().status.code(), Some(2));
}

#[test]
fn a_bad_configuration_at_the_start_is_fatal() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("socle.toml"), "[ipmi]\nintervall_s = 1\n").unwrap();
    let said = with_sockets(dir.path()).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(text(&said.stderr).contains("socle.toml:2: ipmi.intervall_s"));
}

#[test]
fn a_reload_takes_a_good_file_and_refuses_a_bad_one_without_stopping() {
    let host = Host::start("");
    let file = host.dir.path().join("socle.toml");
    let state = |seen: &socle_model::bmc::Snapshot| {
        let mut checks = seen.checks.iter();
        checks.find(|check| check.name == "host configuration").unwrap().clone()
    };
    fs::write(&file, "[ipmi]\nbus_share = 9\n").unwrap();
    host.signal(Signal::SIGHUP);
    let seen = host.snapshot(|seen| state(seen).result == CheckResult::Failed);
    assert!(state(&seen).text.contains("socle.toml:2: ipmi.bus_share"), "{}", state(&seen).text);
    assert!(host.log().contains("refused"));
    // Good again, and another device, which is looked at: it is not there, and somebody named it.
    fs::write(&file, "[ipmi]\ndevice = \"/dev/ipmi7\"\n").unwrap();
    host.signal(Signal::SIGHUP);
    let seen = host.snapshot(|seen| {
        state(seen).result == CheckResult::Ok && matches!(seen.bmc, Bmc::Unknown { .. })
    });
    let Bmc::Unknown { cause, remedy, .. } = seen.bmc else { panic!("{:?}", seen.bmc) };
    assert!(cause.contains("/dev/ipmi7"), "{cause}");
    assert!(remedy.contains("modprobe ipmi_devintf"), "{remedy}");
}

#[test]
fn sigterm_ends_it_cleanly_and_at_once() {
    let mut host = Host::start("");
    let asked = Instant::now();
    host.signal(Signal::SIGTERM);
    assert!(host.ended_within(Duration::from_secs(2)).success());
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert!(host.log().contains("ending"));
}

#[test]
fn the_service_manager_is_told() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let host = Host::start_with("", |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000");
    });
    let mut told = Vec::new();
    let mut until = |word: &str| {
        loop {
            let mut buffer = [0; 4096];
            let size = socket.recv(&mut buffer).unwrap();
            told.push(text(buffer.get(..size).unwrap()));
            if told.last().unwrap().contains(word) {
                return told.clone();
            }
        }
    };
    assert!(until("READY=1").len() <= 2);
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    host.signal(Signal::SIGHUP);
    let told = until("RELOADING=1");
    assert!(told.last().unwrap().contains("MONOTONIC_USEC="), "{told:?}");
    until("READY=1");
    host.signal(Signal::SIGTERM);
    until("STOPPING=1");
}

#[test]
fn a_second_agent_on_the_same_state_names_the_first() {
    let host = Host::start("");
    let other = TempDir::new().unwrap();
    fs::write(other.path().join("socle.toml"), "").unwrap();
    std::os::unix::fs::symlink(host.dir.path().join("state"), other.path().join("state")).unwrap();
    let said = with_sockets(other.path()).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    let named = format!("held by pid {}", host.child.id());
    assert!(text(&said.stderr).contains(&named), "{}", text(&said.stderr));
}

#[test]
fn a_device_that_another_holds_is_refused_with_its_pid() {
    let (pair, path) = device();
    let lock = File::open(&path).unwrap();
    lock.try_lock().unwrap();
    let dir = TempDir::new().unwrap();
    let config = format!("[ipmi]\ndevice = \"{}\"\n", path.display());
    fs::write(dir.path().join("socle.toml"), config).unwrap();
    let said = with_sockets(dir.path()).output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    let holder = format!("(pid {})", std::process::id());
    let device = format!("{}: stop the other agent", path.display());
    for named in [holder, device] {
        assert!(text(&said.stderr).contains(&named), "{}", text(&said.stderr));
    }
    drop(pair);
}

#[test]
fn logs_are_limited_per_place() {
    let host = Host::start("");
    for _ in 0..200 {
        let mut stream = host.connect("link");
        std::io::Write::write_all(&mut stream, b"nonsense\0").unwrap();
        let _ = support::Reader::default().frame(&mut stream);
    }
    pause(100);
    let lines = host.log().lines().filter(|line| line.contains("a connection was closed")).count();
    assert_eq!(lines, 20, "{}", host.log());
}
