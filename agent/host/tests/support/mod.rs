//! A root half under test: the real binary with the sockets that systemd would pass.

#![expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::panic,
    reason = "shared by several tests that each use a part; a broken set-up may fail them loudly"
)]

use command_fds::{CommandFdExt, FdMapping};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socle_model::bmc::Snapshot;
use socle_model::link::{Answer, Frames, REPLY_LIMIT, Seen};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running root half; killed at the end.
pub struct Host {
    pub dir: TempDir,
    pub child: Child,
}

/// The binary.
pub fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_socle-host"))
}

impl Host {
    /// Over an empty root, with `config` as its configuration.
    pub fn start(config: &str) -> Host {
        Host::start_with(config, |_| {})
    }

    /// The same; `change` may add to the command.
    pub fn start_with(config: &str, change: impl FnOnce(&mut Command)) -> Host {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::write(dir.path().join("socle.toml"), config).unwrap();
        let mut command = with_sockets(dir.path());
        command.arg("--root").arg(dir.path().join("root"));
        command.stderr(fs::File::create(dir.path().join("log")).unwrap());
        change(&mut command);
        let child = command.spawn().unwrap();
        let host = Host { dir, child };
        // Answers as soon as the runtime turns.
        host.call("link", "org.varlink.service.GetInfo", "{}");
        host
    }

    pub fn connect(&self, door: &str) -> UnixStream {
        connect(&self.dir.path().join(door))
    }

    /// One call, one answer.
    pub fn call(&self, door: &str, method: &str, parameters: &str) -> String {
        let mut stream = self.connect(door);
        ask(&mut stream, method, parameters);
        String::from_utf8(Reader::default().frame(&mut stream).unwrap()).unwrap()
    }

    /// The latest snapshot for which `wanted` holds, within ten seconds.
    pub fn snapshot(&self, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut stream = self.connect("link");
        stream.write_all(b"{\"method\":\"io.socle.Host.Watch\",\"more\":true}\0").unwrap();
        let mut reader = Reader::default();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let frame = reader.frame(&mut stream).unwrap();
            let seen: Seen = Answer::parse(&frame).unwrap();
            if wanted(&seen.snapshot) {
                return seen.snapshot;
            }
            assert!(Instant::now() < deadline, "{:?}\n{}", seen.snapshot, self.log());
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// A number of `/proc/PID/status`.
    pub fn status(&self, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    }

    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    pub fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running: {}", self.log());
            pause(10);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary with both sockets in `dir`, its configuration and its state there.
pub fn with_sockets(dir: &Path) -> Command {
    let mut command = binary();
    let mappings: Vec<_> = ["link", "admin"]
        .into_iter()
        .zip(3..)
        .map(|(name, child_fd)| {
            let path = dir.join(name);
            let _ = fs::remove_file(&path);
            let parent_fd = UnixListener::bind(path).unwrap().into();
            FdMapping { parent_fd, child_fd }
        })
        .collect();
    command.fd_mappings(mappings).unwrap();
    command.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", "link:admin");
    command.arg("--config").arg(dir.join("socle.toml"));
    command.arg("--state").arg(dir.join("state"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

pub fn connect(path: &PathBuf) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

pub fn ask(stream: &mut UnixStream, method: &str, parameters: &str) {
    let call = format!("{{\"method\":\"{method}\",\"parameters\":{parameters}}}\0");
    stream.write_all(call.as_bytes()).unwrap();
}

/// Waits without a call that production code may not make.
pub fn pause(milliseconds: u64) {
    std::thread::park_timeout(Duration::from_millis(milliseconds));
}

/// Frames out of a stream.
pub struct Reader(Frames);

impl Default for Reader {
    fn default() -> Self {
        Reader(Frames::new(REPLY_LIMIT))
    }
}

impl Reader {
    /// The next frame; `None` when the other side hung up.
    pub fn frame(&mut self, stream: &mut UnixStream) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = self.0.next_frame().unwrap() {
                return Some(frame);
            }
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(taken) => self.0.push(chunk.get(..taken).unwrap()),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                // A child that ended elsewhere.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }
}

/// A character device of our own, to stand where the BMC's would: a terminal nobody uses.
pub fn device() -> (nix::pty::OpenptyResult, PathBuf) {
    let pair = nix::pty::openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(pair.slave.as_fd()).unwrap();
    (pair, path)
}
