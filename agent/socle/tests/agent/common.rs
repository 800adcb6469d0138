//! An agent of real processes on a small tree, and the few things a test does with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[expect(clippy::disallowed_types, reason = "tests start the programs they test")]
pub(crate) type Command = std::process::Command;

/// How long anything may take that is expected to happen.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The command line, in an environment of its own.
pub(crate) fn socle(home: &Path) -> Command {
    halves();
    let mut command = Command::new(env!("CARGO_BIN_EXE_socle"));
    command.env_clear().env("HOME", home).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

/// Runs `socle WORDS` to its end.
pub(crate) fn ask(home: &Path, words: &[&str]) -> Output {
    socle(home).args(words).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Builds the two halves beside the command line where they are missing, or older than a source file:
/// `cargo test -p socle` does not.
fn halves() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let socle = Path::new(env!("CARGO_BIN_EXE_socle"));
        let folder = socle.parent().unwrap();
        let agent = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let newest = newest(agent);
        let built = |name: &str| {
            fs::metadata(folder.join(name)).is_ok_and(|half| half.modified().unwrap() >= newest)
        };
        if built("socle-host") && built("socle-gate") {
            return;
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--bins", "-p", "socle-host", "-p", "socle-gate"]);
        cargo.arg("--target-dir").arg(folder.parent().unwrap()).current_dir(agent);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the halves cannot be built");
        for half in ["socle-host", "socle-gate"] {
            assert!(folder.join(half).is_file(), "{half} is not in {}", folder.display());
        }
    });
}

fn newest(folder: &Path) -> std::time::SystemTime {
    let mut newest = std::time::UNIX_EPOCH;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") && !path.ends_with("agent/socle") {
            newest = newest.max(self::newest(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            newest = newest.max(fs::metadata(&path).unwrap().modified().unwrap());
        }
    }
    newest
}

/// A machine without a BMC, of a few files.
pub(crate) fn tree(root: &Path) {
    let files = [
        ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc\n\n"),
        ("proc/loadavg", "0.25 0.50 0.75 1/200 4711\n"),
        ("proc/meminfo", "MemTotal:       1000 kB\nMemFree:         400 kB\n"),
        ("proc/sys/kernel/hostname", "q01\n"),
        ("proc/sys/kernel/osrelease", "6.1.0\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
        ("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet\n"),
    ];
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A running agent; ends with this value.
pub(crate) struct Agent {
    pub(crate) home: TempDir,
    pub(crate) state: PathBuf,
    pub(crate) page: SocketAddr,
    pub(crate) child: Child,
    pub(crate) err: Arc<Mutex<String>>,
}

impl Agent {
    /// One on the small tree that is ready.
    pub(crate) fn start(config: Option<&str>) -> Agent {
        let home = tempfile::tempdir().unwrap();
        tree(&home.path().join("tree"));
        let file = home.path().join("socle.toml");
        fs::write(&file, config.unwrap_or_default()).unwrap();
        let state = home.path().join("state");
        Agent::on(home, state, |command, home| {
            command.arg("--root").arg(home.join("tree"));
            command.arg("--config").arg(home.join("socle.toml"));
        })
    }

    /// One with more flags, kept under `state`.
    pub(crate) fn on(
        home: TempDir,
        state: PathBuf,
        flags: impl FnOnce(&mut Command, &Path),
    ) -> Agent {
        let mut command = socle(home.path());
        command.args(["run", "--listen", "127.0.0.1:0"]);
        command.arg("--state").arg(&state);
        flags(&mut command, home.path());
        let (child, page, err) = launch(command);
        let agent = Agent { home, state, page, child, err };
        agent.ready();
        agent
    }

    /// The words of `socle`, then `--state` of this agent.
    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        let mut command = socle(self.home.path());
        command.args(words).arg("--state").arg(&self.state).output().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        let stream = TcpStream::connect(self.page)?;
        stream.set_read_timeout(Some(SOON))?;
        exchange(stream, path)
    }

    /// Waits until the page says that it is ready.
    #[track_caller]
    pub(crate) fn ready(&self) {
        let deadline = Instant::now() + SOON;
        let mut last = self.get("/readyz");
        while !last.as_ref().is_ok_and(|(status, _)| *status == 200) {
            assert!(Instant::now() < deadline, "{last:?}\n{}", self.said());
            std::thread::park_timeout(Duration::from_millis(20));
            last = self.get("/readyz");
        }
    }

    pub(crate) fn door(&self, path: &str) -> std::io::Result<(u16, String)> {
        let run = fs::read_to_string(self.state.join("run.json")).unwrap();
        let run: serde_json::Value = serde_json::from_str(&run).unwrap();
        exchange(
            UnixStream::connect(run.get("gate").and_then(serde_json::Value::as_str).unwrap())?,
            path,
        )
    }

    /// The process of a half that this agent's supervisor started.
    pub(crate) fn half(&self, name: &str) -> Option<u32> {
        let parent = format!("PPid:\t{}", self.child.id());
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.into_iter().find(|pid| {
            let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
            read("comm").is_ok_and(|comm| comm.trim_end() == name)
                && read("status").is_ok_and(|status| status.lines().any(|line| line == parent))
        })
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        kill(self.child.id(), signal);
    }

    pub(crate) fn said(&self) -> String {
        self.err.lock().unwrap().clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal(nix::sys::signal::Signal::SIGTERM);
            self.child.wait().unwrap();
        }
    }
}

/// Starts `socle run`; returns it with its page and what it says on stderr.
pub(crate) fn launch(mut command: Command) -> (Child, SocketAddr, Arc<Mutex<String>>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let err = Arc::new(Mutex::new(String::new()));
    let (pipe, lines) = (child.stderr.take().unwrap(), err.clone());
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let line = line.unwrap_or_default();
            lines.lock().unwrap().push_str(&(line + "\n"));
        }
    });
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let page = first.trim().strip_prefix("page   http://").and_then(|url| url.split('/').next());
    let page = page.and_then(|page| page.parse().ok());
    assert!(page.is_some(), "{first:?}: {}", err.lock().unwrap());
    (child, page.unwrap(), err)
}

pub(crate) fn kill(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}

/// Waits until it holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn exchange(
    mut stream: impl std::io::Read + std::io::Write,
    path: &str,
) -> std::io::Result<(u16, String)> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let cut = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (Some(status), Some((_, body))) = (status, answer.split_once("\r\n\r\n")) else {
        return Err(cut);
    };
    Ok((status, body.into()))
}
