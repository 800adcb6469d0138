//! `socle run` with its real halves: what it says, where it lives, how it ends.

use crate::common::{Agent, ask, kill, launch, socle, text, tree, until};
use nix::sys::signal::Signal::{SIGHUP, SIGKILL, SIGTERM};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

#[test]
fn it_says_once_that_there_is_no_bmc_and_ends_cleanly() {
    let mut agent = Agent::start(None);
    until("the notice", || agent.said().contains("no BMC"));
    let run = fs::read_to_string(agent.state.join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["pid"], agent.child.id());
    assert_eq!(run["page"], format!("http://{}", agent.page));
    let sockets: Vec<_> =
        ["gate", "admin"].iter().map(|door| PathBuf::from(run[door].as_str().unwrap())).collect();
    assert!(sockets.iter().all(|path| path.exists()));
    assert!(agent.door("/v1/status").unwrap().1.contains("socle.status/1"));
    // A restart of a half is no new beginning.
    kill(agent.half("socle-host").unwrap(), SIGKILL);
    until("host again", || agent.half("socle-host").is_some());
    agent.signal(SIGTERM);
    assert!(agent.child.wait().unwrap().success());
    assert!(!agent.state.join("run.json").exists());
    assert!(sockets.iter().all(|path| !path.exists()));
    assert_eq!(agent.said().matches("no BMC").count(), 1, "{}", agent.said());
}

#[test]
fn a_second_agent_on_the_same_state_is_refused_with_the_pid() {
    let agent = Agent::start(None);
    let state = agent.state.to_str().unwrap();
    let words = ["run", "--listen", "127.0.0.1:0", "--state", state];
    let second = ask(agent.home.path(), &words);
    assert_eq!(second.status.code(), Some(2));
    let pid = format!("pid {}", agent.child.id());
    assert!(text(&second.stderr).contains(&pid), "{}", text(&second.stderr));
    assert_eq!(agent.get("/healthz").unwrap().0, 200);
}

#[test]
fn several_listeners() {
    let home = tempfile::tempdir().unwrap();
    let (config, state) = (home.path().join("socle.toml"), home.path().join("state"));
    fs::write(&config, "").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut words = vec!["run", "--listen", "127.0.0.1:0", "--listen"];
    let (free, paths) = (free.to_string(), [&config, &state].map(|path| path.to_str().unwrap()));
    words.extend([free.as_str(), "--config", paths[0], "--state", paths[1]]);
    let mut child = socle(home.path()).args(words).stderr(Stdio::null()).spawn().unwrap();
    until("run.json", || state.join("run.json").exists());
    let run = fs::read_to_string(state.join("run.json")).unwrap();
    assert!(run.contains("\"page\":\"http://127.0.0.1:"), "{run}");
    assert!(std::net::TcpStream::connect(&free).is_ok(), "the second one listens too");
    kill(child.id(), SIGTERM);
    child.wait().unwrap();
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let words = ["run", "--listen", &address, "--state", state.to_str().unwrap()];
    let output = ask(home.path(), &words);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn killed_itself_it_takes_its_halves_along_and_the_next_one_starts_at_once() {
    let mut agent = Agent::start(None);
    let halves = ["socle-host", "socle-gate"].map(|name| agent.half(name).unwrap());
    agent.signal(SIGKILL);
    agent.child.wait().unwrap();
    let mut next = socle(agent.home.path());
    next.args(["run", "--listen", &agent.page.to_string(), "--state"]).arg(&agent.state);
    next.arg("--root").arg(agent.home.path().join("tree"));
    let (child, page, err) = launch(next);
    assert_eq!(page, agent.page);
    (agent.child, agent.err) = (child, err);
    agent.ready();
    for pid in halves {
        until("the old halves end", || !alive(pid));
    }
}

fn alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

#[test]
fn a_reload_takes_a_good_configuration_and_refuses_a_bad_one() {
    let agent = Agent::start(None);
    let file = agent.home.path().join("socle.toml");
    let page = || agent.get("/metrics/node").unwrap().1;
    assert!(
        page().contains("\nnode_load1 0.25\n") && page().contains("node_memory_MemTotal_bytes")
    );
    fs::write(&file, "[metrics]\ncollectors = [\"loadavg\"]\n").unwrap();
    agent.signal(SIGHUP);
    until("the new configuration", || !page().contains("node_memory_MemTotal_bytes"));
    fs::write(&file, "[metrics]\n\ncolectors = []\n[ipmi]\ninterval_s = 0\n").unwrap();
    agent.signal(SIGHUP);
    until("the refusal", || agent.said().contains("metrics.colectors"));
    assert!(page().contains("node_load1") && !page().contains("node_memory_MemTotal_bytes"));
    let doctor = agent.ask(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    let said = text(&doctor.stdout);
    let place = format!("{}:3: metrics.colectors", file.display());
    assert!(said.contains(&place) && said.contains("metrics.collectors"), "{said}");
}

#[test]
fn a_bad_configuration_at_the_start_ends_it_and_later_does_not() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("socle.toml");
    fs::write(&file, "[ipmi]\nintervall_s = 5\n").unwrap();
    let output = socle(home.path())
        .args(["run", "--listen", "127.0.0.1:0", "--config", file.to_str().unwrap(), "--state"])
        .arg(home.path().join("state"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("ipmi.interval_s"), "{}", text(&output.stderr));

    let agent = Agent::start(None);
    let file = agent.home.path().join("socle.toml");
    fs::write(&file, "[ipmi]\nintervall_s = 5\n").unwrap();
    let before = agent.half("socle-host").unwrap();
    kill(before, SIGKILL);
    until("host says why", || agent.said().contains("ipmi.intervall_s"));
    assert_eq!(agent.get("/healthz").unwrap().0, 200);
    fs::write(&file, "").unwrap();
    until("host serves again", || {
        agent.door("/v1/doctor").is_ok_and(|(_, body)| body.contains("socle-host 0"))
    });
}

/// A user without rights.
const NOBODY: u32 = 65534;

#[test]
fn without_flags_it_lives_where_xdg_says() {
    let home = tempfile::tempdir().unwrap();
    let (state, runtime) = (home.path().join("state"), home.path().join("runtime"));
    let mut command = socle(home.path());
    command.args(["run", "--listen", "127.0.0.1:0"]);
    command.env("XDG_STATE_HOME", &state).env("XDG_RUNTIME_DIR", &runtime);
    for folder in [&state, &runtime] {
        fs::create_dir(folder).unwrap();
    }
    // Root's places are the package's: the test is made as somebody else.
    if nix::unistd::geteuid().is_root() {
        for folder in [home.path(), &state, &runtime] {
            chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY);
        let tried = socle(home.path()).arg("--version").uid(NOBODY).gid(NOBODY).output();
        if tried.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            println!("skipped: the build folder is closed to other users");
            return;
        }
    }
    let (mut child, ..) = launch(command);
    assert!(state.join("socle/run.json").exists() && runtime.join("socle/gate").exists());
    kill(child.id(), SIGTERM);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_state_folder_too_deep_for_sockets_gets_a_private_folder_for_them() {
    let home = tempfile::tempdir().unwrap();
    tree(&home.path().join("tree"));
    let state = home.path().join("d".repeat(90));
    let mut agent = Agent::on(home, state, |command, home| {
        command.arg("--root").arg(home.join("tree"));
    });
    let run = fs::read_to_string(agent.state.join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    let folder = Path::new(run["gate"].as_str().unwrap()).parent().unwrap().to_owned();
    assert!(folder.starts_with(std::env::temp_dir()) && !folder.starts_with(&agent.state));
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    until("it can be asked", || agent.ask(&["status"]).status.success());
    agent.signal(SIGKILL);
    agent.child.wait().unwrap();
    assert!(folder.exists());
    let mut next = socle(agent.home.path());
    next.args(["run", "--listen", "127.0.0.1:0", "--state"]).arg(&agent.state);
    next.arg("--root").arg(agent.home.path().join("tree"));
    let (child, ..) = launch(next);
    agent.child = child;
    assert!(!folder.exists(), "what a killed agent left behind is removed");
    agent.signal(SIGTERM);
    assert!(agent.child.wait().unwrap().success());
}
