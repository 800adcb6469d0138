//! Starts the real `socle-gate` on a tree and talks HTTP to it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails loudly"
)]
#![expect(dead_code, reason = "each test file uses its own part")]

pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod schema;

use command_fds::{CommandFdExt as _, FdMapping};
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A tree, the sockets and the process on it.
pub(crate) struct Gate {
    pub(crate) dir: TempDir,
    pub(crate) address: SocketAddr,
    page: TcpListener,
    door: UnixListener,
    child: Option<Child>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Gate {
    /// A small tree and sockets, nothing running yet.
    pub(crate) fn prepare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        for (path, text) in [
            ("proc/loadavg", "0.50 0.25 0.10 1/200 4711\n"),
            ("proc/meminfo", "MemTotal:       16000 kB\nMemFree:         8000 kB\n"),
            ("proc/sys/kernel/hostname", "node7\n"),
            ("sys/class/dmi/id/sys_vendor", "Bull\n"),
            ("sys/class/dmi/id/product_name", "BullSequana S800\n"),
        ] {
            write(&root.join(path), text);
        }
        let page = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = UnixListener::bind(dir.path().join("door")).unwrap();
        let address = page.local_addr().unwrap();
        let gate = Gate { dir, address, page, door, child: None };
        gate.configure("");
        gate
    }

    /// The same, running.
    pub(crate) fn start() -> Self {
        let mut gate = Self::prepare();
        gate.spawn();
        gate
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub(crate) fn link(&self) -> PathBuf {
        self.dir.path().join("link")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The door's path.
    pub(crate) fn door(&self) -> PathBuf {
        self.dir.path().join("door")
    }

    pub(crate) fn configure(&self, text: &str) {
        write(&self.dir.path().join("socle.toml"), text);
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id().try_into().unwrap()
    }

    /// Starts the process with the sockets, and waits until it answers.
    pub(crate) fn spawn(&mut self) {
        self.spawn_with(&[]);
    }

    /// The same with these variables.
    pub(crate) fn spawn_with(&mut self, variables: &[(&str, &std::ffi::OsStr)]) {
        self.launch(variables);
        assert_eq!(self.get("/healthz").status, 200);
    }

    /// The same without waiting.
    pub(crate) fn launch(&mut self, variables: &[(&str, &std::ffi::OsStr)]) {
        let mut command = command(&self.dir.path().join("socle.toml"));
        command
            .args(["--root".as_ref(), self.root().as_os_str()])
            .args(["--state".as_ref(), self.state().as_os_str()])
            .args(["--link".as_ref(), self.link().as_os_str()])
            .env("LISTEN_FDS", "2")
            .env("LISTEN_FDNAMES", "page:door")
            .envs(variables.iter().copied())
            .stderr(Stdio::from(fs::File::create(self.dir.path().join("log")).unwrap()));
        let page = FdMapping { parent_fd: self.page.try_clone().unwrap().into(), child_fd: 3 };
        let door = FdMapping { parent_fd: self.door.try_clone().unwrap().into(), child_fd: 4 };
        command.fd_mappings(vec![page, door]).unwrap();
        self.child = Some(command.spawn().unwrap());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(path, "GET", "Host: localhost\r\n")
    }

    /// One request on a connection of its own; `headers` end in CRLF each.
    pub(crate) fn ask(&self, path: &str, method: &str, headers: &str) -> Answer {
        request(TcpStream::connect(self.address).unwrap(), path, method, headers)
    }

    pub(crate) fn ask_door(&self, path: &str) -> Answer {
        request(UnixStream::connect(self.door()).unwrap(), path, "GET", "Host: socle\r\n")
    }

    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Asks until `good` says so.
    pub(crate) fn until(&self, path: &str, what: &str, good: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path);
            if good(answer.text()) {
                return answer.text().to_owned();
            }
            assert!(Instant::now() < end, "{what}: {}\n{}", answer.text(), self.log());
            pause();
        }
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for its end, at most `limit`.
    pub(crate) fn ended(&mut self, limit: Duration) -> ExitStatus {
        let end = Instant::now() + limit;
        let mut child = self.child.take().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() >= end {
                let _ = child.kill();
                let _ = child.wait();
                unreachable!("still running after {limit:?}: {}", self.log());
            }
            pause();
        }
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[expect(clippy::disallowed_types, reason = "starts the program under test")]
pub(crate) fn command(config: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_socle-gate"));
    command.arg("--config").arg(config);
    command
}

#[expect(clippy::disallowed_methods, reason = "polls another process")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(crate) fn request<S: Read + Write>(
    mut stream: S,
    path: &str,
    method: &str,
    headers: &str,
) -> Answer {
    let text = format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let headers = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, headers, body: bytes[head + 4..].to_vec() }
}

/// Reads lines of a chunked answer as they come.
pub(crate) fn follow(gate: &Gate, path: &str) -> impl Iterator<Item = String> {
    let mut stream = TcpStream::connect(gate.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.filter(|line| line.starts_with('{'))
}

/// One sample's value on a page.
pub(crate) fn sample(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}
