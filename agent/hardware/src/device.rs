//! The way to the BMC: the driver's device file, or a Unix socket in OpenIPMI's VM form. Opening it,
//! with the reason when it cannot be had, and the lock that keeps two agents apart.

use crate::serial::Serial;
use socle_ipmi::{Completion, Request, Response, Transport, TransportError};
use socle_sys::Errno;
use socle_sys::ipmi::{MESSAGE_MAX, RECEIVED_RESPONSE, Received, Target, receive, send, wait};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The first pause when the driver is busy; doubles up to [`PAUSE_MOST`].
const PAUSE_LEAST: Duration = Duration::from_millis(10);
/// The longest pause when the driver is busy.
const PAUSE_MOST: Duration = Duration::from_millis(500);

/// Why the device cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such file.
    #[error("it is not there")]
    Missing,
    /// No right to open it.
    #[error("this process may not open it")]
    Denied,
    /// Another agent holds the lock.
    #[error("another process holds it{}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Held {
        /// Which, if `/proc/locks` tells.
        pid: Option<u32>,
    },
    /// The driver lets nobody else in now.
    #[error("another driver or tool holds it")]
    Busy,
    /// Anything else.
    #[error("it cannot be opened: {0}")]
    Other(String),
}

/// Opens `path`; `locks` is `/proc/locks`, to name who holds it.
///
/// # Errors
/// See [`OpenError`].
pub fn open(path: &Path, locks: &Path) -> Result<Box<dyn Transport + Send>, OpenError> {
    let kind = fs::metadata(path).map_err(|error| unopened(&error))?.file_type();
    if kind.is_socket() {
        let stream = UnixStream::connect(path).map_err(|error| unopened(&error))?;
        let serial = Serial::start(stream).map_err(|error| unopened(&error))?;
        return Ok(Box::new(serial));
    }
    if !kind.is_char_device() {
        return Err(OpenError::Other("it is neither a device nor a socket".into()));
    }
    let file = File::options().read(true).write(true).open(path);
    let file = file.map_err(|error| unopened(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(Box::new(Driver { file, last_id: 0 })),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held { pid: holder(&file, locks) }),
        Err(TryLockError::Error(error)) => Err(unopened(&error)),
    }
}

fn unopened(error: &io::Error) -> OpenError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => OpenError::Missing,
        Some(Errno::EACCES | Errno::EPERM) => OpenError::Denied,
        Some(Errno::EBUSY) => OpenError::Busy,
        _ => OpenError::Other(error.to_string()),
    }
}

/// Who holds the lock on `file`, as `/proc/locks` shows it to this process's pid namespace.
#[must_use]
pub fn holder(file: &File, locks: &Path) -> Option<u32> {
    let inode = file.metadata().ok()?.ino();
    let text = fs::read_to_string(locks).ok()?;
    text.lines().find_map(|line| {
        // "1: FLOCK  ADVISORY  WRITE 1234 00:05:678 0 EOF"
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = *fields.as_slice() else { return None };
        let (_, found) = place.rsplit_once(':')?;
        // Device numbers differ between stat and this file on some file systems: the inode decides.
        let same = found.parse() == Ok(inode);
        same.then(|| pid.parse().ok().filter(|&pid| pid > 0))?
    })
}

/// `/dev/ipmi0`. Answers come back by our own message number, so that one that is late is known.
#[derive(Debug)]
struct Driver {
    file: File,
    last_id: i64,
}

impl Transport for Driver {
    fn exchange(
        &mut self,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        let deadline = Instant::now() + timeout;
        self.last_id += 1;
        self.send(request, deadline)?;
        loop {
            if !self.wait(remaining(deadline))? {
                if remaining(deadline).is_zero() {
                    return Err(TransportError::TimedOut(timeout));
                }
                continue;
            }
            let mut buffer = [0; MESSAGE_MAX];
            let Some(taken) = self.take(&mut buffer)? else { continue };
            if let Some(response) = self.ours(request, &taken, &buffer) {
                return Ok(response);
            }
        }
    }
}

impl Driver {
    /// Queues the command. A driver that is busy is waited for, never given up as gone: full queues
    /// (100 messages a user), maintenance after a reset of the BMC, a BMC that is dead for now.
    fn send(&mut self, request: &Request, deadline: Instant) -> Result<(), TransportError> {
        let Request { netfn, lun, cmd, ref data } = *request;
        let mut pause = PAUSE_LEAST;
        loop {
            // Late answers leave the queue: full, it would make the driver drop the one we wait for.
            while self.wait(Duration::ZERO)? && self.take(&mut [0; MESSAGE_MAX])?.is_some() {}
            let target = Target::Bmc { lun };
            match send(self.file.as_fd(), target, self.last_id, netfn, cmd, data) {
                Ok(()) => return Ok(()),
                Err(Errno::EBUSY | Errno::EAGAIN | Errno::EINTR | Errno::ENOMEM) => {}
                Err(errno) => return Err(failed(errno)),
            }
            let left = remaining(deadline);
            if left.is_zero() {
                return Err(TransportError::Busy);
            }
            self.wait(pause.min(left))?;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }

    fn wait(&self, limit: Duration) -> Result<bool, TransportError> {
        wait(self.file.as_fd(), limit).map_err(failed)
    }

    /// The next message of the queue, `None` when another reader was faster.
    fn take(&self, buffer: &mut [u8]) -> Result<Option<Received>, TransportError> {
        match receive(self.file.as_fd(), buffer) {
            Ok(taken) => Ok(Some(taken)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// The answer, if the message is the one we wait for; events and late answers are not.
    fn ours(&self, request: &Request, taken: &Received, buffer: &[u8]) -> Option<Response> {
        let ours = taken.kind == RECEIVED_RESPONSE
            && taken.msgid == self.last_id
            && taken.netfn == request.netfn | 1
            && taken.cmd == request.cmd;
        let (&completion, data) = buffer.get(..taken.len)?.split_first()?;
        (ours && !taken.truncated)
            .then(|| Response { completion: Completion(completion), data: data.to_vec() })
    }
}

fn failed(errno: Errno) -> TransportError {
    match errno {
        Errno::EINVAL | Errno::EMSGSIZE | Errno::EPERM | Errno::EACCES => {
            TransportError::Refused(errno.desc().into())
        }
        _ => TransportError::Gone(errno.desc().into()),
    }
}

pub(crate) fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_no_device_is_told_apart() {
        let dir = std::env::temp_dir().join(format!("socle-device-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let locks = Path::new("/proc/locks");
        assert!(matches!(open(&dir.join("none"), locks), Err(OpenError::Missing)));
        assert!(matches!(open(&dir, locks), Err(OpenError::Other(_))));
        // A device that is no BMC is opened and locked; the first command fails.
        let pair = nix::pty::openpty(None, None).unwrap();
        let path = nix::unistd::ttyname(&pair.slave).unwrap();
        let mut terminal = open(&path, locks).unwrap();
        assert!(matches!(open(&path, locks), Err(OpenError::Held { .. })));
        let request = Request::new(6, 1, &[]);
        let answer = terminal.exchange(&request, Duration::from_millis(50));
        assert!(matches!(answer, Err(TransportError::Gone(_))), "{answer:?}");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_busy_driver_is_no_wrong_configuration() {
        let unopened = |errno: Errno| unopened(&io::Error::from_raw_os_error(errno as i32));
        assert!(matches!(unopened(Errno::EBUSY), OpenError::Busy));
        assert!(matches!(unopened(Errno::ENXIO), OpenError::Missing));
        assert!(matches!(unopened(Errno::EIO), OpenError::Other(_)));
    }

    #[test]
    fn the_holder_of_a_lock_is_named() {
        let path = std::env::temp_dir().join(format!("socle-lock-{}", std::process::id()));
        let (one, two) = (File::create(&path).unwrap(), File::open(&path).unwrap());
        one.try_lock().unwrap();
        assert!(matches!(two.try_lock(), Err(TryLockError::WouldBlock)));
        assert_eq!(holder(&two, Path::new("/proc/locks")), Some(std::process::id()));
        drop(one);
        assert_eq!(holder(&two, Path::new("/proc/locks")), None);
        fs::remove_file(&path).unwrap();
    }
}
