//! A bus under test, and ipmi_sim behind it.

use socle_hardware::bus::{Bus, Opener, Seen};
use socle_hardware::device::OpenError;
use socle_hardware::sel_ring::SelRing;
use socle_hardware::serial::{Serial, Stream};
use socle_hardware::settings::Settings;
use socle_ipmi::Transport;
use socle_model::bmc::{Bmc, BmcData};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// ipmi_sim with a command file; killed at the end.
pub(crate) struct Sim {
    dir: TempDir,
    ports: [u16; 3],
    child: Child,
}

impl Sim {
    /// `None`, said on stdout, when ipmi_sim is not installed.
    pub(crate) fn start(emu: &Path) -> Option<Sim> {
        let ports = free_ports();
        let dir = TempDir::new().unwrap();
        let child = Sim::spawn(&dir, ports, emu)?;
        let sim = Sim { dir, ports, child };
        sim.wait();
        Some(sim)
    }

    fn spawn(dir: &TempDir, ports: [u16; 3], emu: &Path) -> Option<Child> {
        let [lan, serial, console] = ports;
        let config = format!(
            "name \"bmc0\"\nset_working_mc 0x20\nstartlan 1\naddr 127.0.0.1 {lan}\npriv_limit admin\n\
             allowed_auths_admin none md2 md5 straight\nguid a123456789abcdefa123456789abcdef\nendlan\n\
             serial 15 127.0.0.1 {serial} codec VM\nconsole 127.0.0.1 {console}\n\
             user 2 true \"ipmiusr\" \"test\" admin 10 none md2 md5 straight\n"
        );
        fs::write(dir.path().join("lan.conf"), config).unwrap();
        // What it kept of its last life would be added to.
        let _ = fs::remove_dir_all(dir.path().join("state"));
        fs::create_dir_all(dir.path().join("state")).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let spawned = Command::new("ipmi_sim")
            .arg("-n")
            .arg("-c")
            .arg(dir.path().join("lan.conf"))
            .arg("-f")
            .arg(emu)
            .arg("-s")
            .arg(dir.path().join("state"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        if spawned.is_err() {
            println!("skipped: ipmi_sim is not installed (package openipmi)");
        }
        spawned.ok()
    }

    /// Until the command file has been read: the console answers after it.
    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.console("").is_none() {
            assert!(Instant::now() < deadline, "ipmi_sim: {}", self.log());
            pause(50);
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// One command of ipmi_sim_cmd(5); what it says until its prompt.
    pub(crate) fn console(&self, command: &str) -> Option<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[2]));
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut said = Vec::new();
        for wanted in 1..=2 {
            while said.iter().filter(|&&byte| byte == b'>').count() < wanted {
                let mut chunk = [0; 512];
                let taken = stream.read(&mut chunk).ok().filter(|&taken| taken > 0)?;
                said.extend_from_slice(chunk.get(..taken).unwrap());
            }
            if wanted == 1 {
                stream.write_all(format!("{command}\n").as_bytes()).ok()?;
            }
        }
        Some(String::from_utf8_lossy(&said).into_owned())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[1]))
    }

    /// Ends it, as a power cut of the BMC would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same ports with another command file.
    pub(crate) fn start_again(&mut self, emu: &Path) {
        self.child = Sim::spawn(&self.dir, self.ports, emu).unwrap();
        self.wait();
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_ports() -> [u16; 3] {
    let held = [0; 3].map(|_: u8| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// The root half has no TCP; the tests reach ipmi_sim by it all the same.
#[derive(Debug)]
struct Tcp(TcpStream);

impl Read for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Stream for Tcp {
    fn limit(&self, limit: Duration) -> io::Result<()> {
        self.0.set_read_timeout(Some(limit))?;
        self.0.set_write_timeout(Some(limit))
    }
}

/// Opens ipmi_sim's serial port.
pub(crate) fn over_tcp(address: SocketAddr) -> Opener {
    Box::new(move |_| {
        let stream = TcpStream::connect(address).map_err(|_| OpenError::Missing)?;
        stream.set_nodelay(true).map_err(|error| OpenError::Other(error.to_string()))?;
        let serial = Serial::start(Tcp(stream));
        let serial = serial.map_err(|error| OpenError::Other(error.to_string()))?;
        Ok(Box::new(serial) as Box<dyn Transport + Send>)
    })
}

/// A running bus and what it publishes.
pub(crate) struct Watched {
    pub(crate) bus: Bus,
    pub(crate) records: Arc<Mutex<SelRing>>,
    seen: Receiver<Seen>,
    _root: TempDir,
}

impl Watched {
    /// A sweep a second, the bus for us alone.
    pub(crate) fn start(opener: Opener) -> Watched {
        Watched::start_shared(opener, 1.0)
    }

    /// The same with less of the bus for us.
    pub(crate) fn start_shared(opener: Opener, bus_share: f64) -> Watched {
        let settings = Settings { device: "/dev/test".into(), interval_s: 1, bus_share };
        Watched::with(opener, settings)
    }

    pub(crate) fn with(opener: Opener, settings: Settings) -> Watched {
        Watched::keeping(opener, settings, None)
    }

    /// With a state folder.
    pub(crate) fn keeping(opener: Opener, settings: Settings, state: Option<&Path>) -> Watched {
        let root = TempDir::new().unwrap();
        let records = Arc::new(Mutex::new(SelRing::default()));
        let (to, seen) = channel();
        let publish = Box::new(move |next| drop(to.send(next)));
        let place: PathBuf = root.path().into();
        let (state, shared) = (state.map(PathBuf::from), Arc::clone(&records));
        let bus = Bus::start_with(place, state, settings, shared, publish, opener).unwrap();
        Watched { bus, records, seen, _root: root }
    }

    /// The first thing published for which `wanted` holds.
    pub(crate) fn until(&self, limit_s: u64, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = Instant::now() + Duration::from_secs(limit_s);
        let mut last = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.seen.recv_timeout(left) {
                Ok(seen) if wanted(&seen) => return seen,
                Ok(seen) => last = Some(seen),
                Err(_) => panic!("not seen within {limit_s} s; the last was {last:#?}"),
            }
        }
    }

    /// What the BMC says in the next snapshot for which `wanted` holds.
    pub(crate) fn present(&self, limit_s: u64, wanted: impl Fn(&BmcData) -> bool) -> Box<BmcData> {
        let seen =
            self.until(limit_s, |seen| matches!(&seen.bmc, Bmc::Present(data) if wanted(data)));
        let Bmc::Present(data) = seen.bmc else { panic!("just matched") };
        data
    }
}

/// Waits without a call that production code may not make.
pub(crate) fn pause(milliseconds: u64) {
    std::thread::park_timeout(Duration::from_millis(milliseconds));
}
