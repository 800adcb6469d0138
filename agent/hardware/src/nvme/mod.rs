//! The SMART / Health log of the NVMe drives: one thread asks one drive after the other, once a minute.
//!
//! Only what every I/O controller must answer is sent, Identify Controller and Get Log Page 02h, because
//! a command that a drive does not know grows its error log. Only local drives in state `live` are asked:
//! a controller across a fabric, or one that is being reset, may hold the thread.

mod decode;
mod round;

use round::Round;
use socle_model::Timestamp;
use socle_model::bmc::{Source, SourceState};
use socle_model::drives::{Drive, DriveState};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between the starts of two rounds.
const PACE: Duration = Duration::from_secs(60);
/// A drive that has not answered for so long is said to be silent; the kernel gives it a minute.
const SILENT: Duration = Duration::from_secs(10);
/// The source's name. `nvme` is node_exporter's collector of /sys.
pub const SOURCE: &str = "nvme_smart";

/// What a round saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Every controller, by the kernel's number.
    pub drives: Vec<Drive>,
    /// The source.
    pub source: Source,
    /// Why drives are not asked although they should be, if so.
    pub degraded: Option<String>,
}

impl Seen {
    /// Before anything was looked at: nothing is known, so nothing is claimed.
    #[must_use]
    pub fn starting() -> Self {
        let source = Source {
            name: SOURCE.into(),
            state: SourceState::Absent,
            last_data: None,
            duration_s: None,
            errors: 0,
            error: None,
        };
        Seen { drives: Vec::new(), source, degraded: None }
    }
}

/// The two structures that one drive gave.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Identify Controller.
    pub identify: Box<[u8]>,
    /// The log; `None` for a controller that need not have it.
    pub smart: Option<Box<[u8]>>,
}

/// Why one drive gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// This process may not.
    Denied(String),
    /// It did not work.
    Failed(String),
}

/// The drive whose answer is waited for, and since when.
type Waiting = Arc<Mutex<Option<(String, Instant)>>>;

/// The running thread.
#[derive(Debug)]
pub struct Drives {
    stop: Sender<()>,
    waiting: Waiting,
    ended: Receiver<()>,
}

impl Drives {
    /// Starts the thread. `publish` gets what each round saw.
    ///
    /// # Errors
    /// No thread can be made.
    pub fn start(root: PathBuf, publish: Box<dyn FnMut(Seen) + Send>) -> std::io::Result<Self> {
        let waiting = Waiting::default();
        let (stop, told) = channel();
        let (alive, ended) = channel();
        let round = Round::new(root, waiting.clone());
        let body = move || {
            run(round, &told, publish);
            drop(alive);
        };
        std::thread::Builder::new().name("nvme".into()).spawn(body)?;
        Ok(Drives { stop, waiting, ended })
    }

    /// The drive that does not answer, and for how long it has been waited for, if that is too long.
    #[must_use]
    pub fn silent(&self) -> Option<(String, Duration)> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (device, since) = waiting.as_ref()?;
        let time = since.elapsed();
        (time > SILENT).then(|| (device.clone(), time))
    }

    /// Asks the thread to end and waits for it as long as `limit`; one that waits for a drive is left
    /// behind.
    pub fn stop(self, limit: Duration) {
        // A thread that is gone has closed both channels.
        let _ = self.stop.send(());
        let _ = self.ended.recv_timeout(limit);
    }
}

fn run(mut round: Round, stop: &Receiver<()>, mut publish: Box<dyn FnMut(Seen) + Send>) {
    let mut before = Seen::starting();
    loop {
        let began = Instant::now();
        let seen = round.go(began, &before.source);
        // A host without drives has nothing to tell each minute.
        if seen != before {
            publish(seen.clone());
        }
        before = seen;
        match stop.recv_timeout(PACE.saturating_sub(began.elapsed())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Marks the drive that does not answer. Within the first round nothing else is known of it.
pub fn mark_silent(seen: &mut Seen, device: &str, time: Duration) {
    let state = DriveState::Failing(format!("it has not answered for {} s", time.as_secs()));
    match seen.drives.iter_mut().find(|drive| drive.device == device) {
        Some(drive) => drive.state = state,
        None => seen.drives.push(Drive::new(device, state)),
    }
}

fn source(
    before: &Source,
    answered: bool,
    asked: bool,
    took: Duration,
    error: Option<String>,
) -> Source {
    let state = match (asked, answered) {
        (false, _) => SourceState::Absent,
        (true, true) => SourceState::Ok,
        (true, false) => SourceState::Failing,
    };
    Source {
        name: SOURCE.into(),
        state,
        last_data: if answered { Some(Timestamp::now()) } else { before.last_data },
        duration_s: asked.then_some(took.as_secs_f64()),
        errors: before.errors.saturating_add(u64::from(error.is_some())),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_tells_what_changes_and_ends_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sys/class/nvme/nvme0");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("transport"), "rdma\n").unwrap();
        let (to, seen) = channel();
        let publish = Box::new(move |seen| to.send(seen).unwrap());
        let drives = Drives::start(dir.path().to_owned(), publish).unwrap();
        let mut first = seen.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(
            matches!(&first.drives[0].state, DriveState::NotAsked(why) if why.contains("rdma"))
        );
        assert_eq!(drives.silent(), None);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(11)).unwrap();
        *drives.waiting.lock().unwrap() = Some(("nvme7".to_owned(), long_ago));
        let (device, time) = drives.silent().unwrap();
        for _ in 0..2 {
            mark_silent(&mut first, &device, time);
        }
        assert_eq!((first.drives.len(), &*first.drives[1].device), (2, "nvme7"));
        assert_eq!(
            first.drives[1].state,
            DriveState::Failing("it has not answered for 11 s".into())
        );
        let began = Instant::now();
        drives.stop(Duration::from_secs(5));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(seen.recv().is_err(), "nothing more is told");
    }
}
