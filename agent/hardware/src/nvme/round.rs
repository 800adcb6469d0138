//! One round over the controllers of `/sys/class/nvme`: which are asked, what they said.

use super::decode::{Role, SMART_LENGTH, SMART_PAGE, identity, smart_log};
use super::{Answers, AskError, Seen, Waiting, source};
use socle_model::Timestamp;
use socle_model::bmc::Source;
use socle_model::drives::{Drive, DriveState};
use socle_sys::Errno;
use socle_sys::nvme::{Refused, identify_controller, log_page};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Most controllers that are looked at.
const CONTROLLERS: usize = 256;
/// The first pause after a drive did not answer; doubles up to [`PAUSE_MOST`].
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause: a drive that hangs holds up the others for a minute each time.
const PAUSE_MOST: Duration = Duration::from_secs(3600);

/// How a drive is asked; a parameter for tests.
pub(super) type Ask = Box<dyn FnMut(&Path) -> Result<Answers, AskError> + Send>;

/// What is kept between rounds.
pub(super) struct Round {
    root: PathBuf,
    ask: Ask,
    waiting: Waiting,
    known: BTreeMap<u32, Known>,
}

#[derive(Debug)]
struct Known {
    drive: Drive,
    failures: u32,
    not_before: Option<Instant>,
}

impl Round {
    pub(super) fn new(root: PathBuf, waiting: Waiting) -> Self {
        Round { root, ask: Box::new(ask), waiting, known: BTreeMap::new() }
    }

    /// Looks at every controller once.
    pub(super) fn go(&mut self, began: Instant, before: &Source) -> Seen {
        let numbers = self.numbers();
        self.known.retain(|number, _| numbers.contains(number));
        let (mut answered, mut asked, mut error, mut degraded) = (false, false, None, None);
        for number in numbers {
            let mut known = self.known.remove(&number).unwrap_or_else(|| Known::new(number));
            let state = self.look(&mut known, began);
            match &state {
                DriveState::Answers => (asked, answered) = (true, true),
                DriveState::Failing(why) => {
                    asked = true;
                    error = Some(format!("{}: {why}", known.drive.device));
                }
                DriveState::Dead => {}
                DriveState::NotAsked(why) if why.starts_with(DENIED) => {
                    degraded = Some(why.clone())
                }
                DriveState::NotAsked(_) => {}
            }
            if known.drive.state != state {
                tracing::info!(device = known.drive.device, ?state, "an NVMe drive");
            }
            known.drive.state = state;
            self.known.insert(number, known);
        }
        let drives = self.known.values().map(|known| known.drive.clone()).collect();
        let source = source(before, answered, asked, began.elapsed(), error);
        Seen { drives, source, degraded }
    }

    /// The controllers' numbers; none on a host without any.
    fn numbers(&self) -> Vec<u32> {
        let listing =
            fs::read_dir(self.root.join("sys/class/nvme")).into_iter().flatten().flatten();
        let mut numbers: Vec<u32> = listing
            .filter_map(|entry| {
                let name = entry.file_name();
                let digits = name.to_str()?.strip_prefix("nvme")?;
                digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
            })
            .take(CONTROLLERS)
            .collect();
        numbers.sort_unstable();
        numbers
    }

    fn look(&mut self, known: &mut Known, now: Instant) -> DriveState {
        let device = known.drive.device.clone();
        let folder = self.root.join("sys/class/nvme").join(&device);
        let attribute = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
            text.trim().to_owned()
        };
        match attribute("transport").as_str() {
            "pcie" => {}
            other => {
                let over = if other.is_empty() { "an unknown transport" } else { other };
                let why = format!("it is reached over {over}: only local drives are asked");
                return DriveState::NotAsked(why);
            }
        }
        match attribute("state").as_str() {
            "live" => {}
            "dead" => return DriveState::Dead,
            state => return DriveState::Failing(format!("the kernel says it is {state:?}")),
        }
        if known.not_before.is_some_and(|at| now < at) {
            return known.drive.state.clone();
        }
        let waiting = |what| *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = what;
        waiting(Some((device.clone(), Instant::now())));
        let answers = (self.ask)(&self.root.join("dev").join(&device));
        waiting(None);
        match answers {
            Ok(answers) => known.answered(&answers),
            Err(AskError::Denied(why)) => DriveState::NotAsked(format!("{DENIED}{why}")),
            Err(AskError::Failed(why)) => known.failed(why, Instant::now()),
        }
    }
}

/// How the reason begins for which a drive is not asked that should be.
const DENIED: &str = "this process may not ask: ";

impl Known {
    fn new(number: u32) -> Self {
        let state = DriveState::NotAsked("not looked at yet".into());
        let drive = Drive::new(&format!("nvme{number}"), state);
        Known { drive, failures: 0, not_before: None }
    }

    fn answered(&mut self, answers: &Answers) -> DriveState {
        let read = identity(&answers.identify).and_then(|(identity, role)| {
            let log =
                answers.smart.as_ref().map(|bytes| smart_log(bytes, &identity)).transpose()?;
            Ok((identity, role, log))
        });
        let (identity, role, log) = match read {
            Ok(read) => read,
            Err(short) => return self.failed(short.to_string(), Instant::now()),
        };
        (self.failures, self.not_before) = (0, None);
        self.drive.identity = Some(identity);
        match (role, log) {
            (Role::Drive, Some(log)) => {
                self.drive.log = Some(log);
                self.drive.at = Some(Timestamp::now());
                DriveState::Answers
            }
            (Role::Drive, None) => self.failed("it gave no log".into(), Instant::now()),
            (Role::Other(kind), _) => {
                DriveState::NotAsked(format!("it is no drive (controller type {kind})"))
            }
        }
    }

    fn failed(&mut self, why: String, now: Instant) -> DriveState {
        let pause = PAUSE.saturating_mul(2u32.saturating_pow(self.failures.min(6)));
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.checked_add(pause.min(PAUSE_MOST));
        DriveState::Failing(why)
    }
}

/// Asks a drive through its device file.
fn ask(path: &Path) -> Result<Answers, AskError> {
    let name = path.display();
    let file = fs::File::open(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => AskError::Denied(format!("{name}: {error}")),
        _ => AskError::Failed(format!("{name}: {error}")),
    })?;
    if !file.metadata().is_ok_and(|data| data.file_type().is_char_device()) {
        return Err(AskError::Failed(format!("{name} is no device file")));
    }
    let said = |refused: Refused, command: &str| match refused {
        Refused::Kernel(errno @ (Errno::EACCES | Errno::EPERM)) => AskError::Denied(format!(
            "{name}: {command}: {} (the kernel asks for CAP_SYS_ADMIN)",
            errno.desc()
        )),
        Refused::Kernel(errno) => AskError::Failed(format!("{command}: {}", errno.desc())),
        Refused::Status(status) => {
            AskError::Failed(format!("{command}: the controller answered status {status:#x}"))
        }
    };
    let identify = identify_controller(file.as_fd())
        .map_err(|refused| said(refused, "Identify Controller"))?;
    // A controller that is no drive need not have the log.
    let drive = matches!(identity(&identify), Ok((_, Role::Drive)));
    let smart = match drive {
        true => Some(
            log_page(file.as_fd(), SMART_PAGE, SMART_LENGTH)
                .map_err(|refused| said(refused, "Get Log Page 02h"))?,
        ),
        false => None,
    };
    Ok(Answers { identify, smart })
}

#[cfg(test)]
mod tests {
    use super::super::decode::tests::{identify_bytes, smart_bytes};
    use super::*;
    use socle_model::bmc::SourceState;
    use std::sync::{Arc, Mutex};

    /// Which drives were asked, and what they answer.
    struct Bench {
        dir: tempfile::TempDir,
        asked: Arc<Mutex<Vec<String>>>,
        round: Round,
        source: Source,
        now: Instant,
    }

    impl Bench {
        fn new(answer: impl Fn(&str) -> Result<Answers, AskError> + Send + 'static) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let asked = Arc::new(Mutex::new(Vec::new()));
            let mut round = Round::new(dir.path().to_owned(), Waiting::default());
            let (log, waiting) = (asked.clone(), round.waiting.clone());
            round.ask = Box::new(move |path| {
                let device = path.file_name().unwrap().to_str().unwrap().to_owned();
                assert_eq!(waiting.lock().unwrap().as_ref().unwrap().0, device);
                log.lock().unwrap().push(device.clone());
                answer(&device)
            });
            let source = Seen::starting().source;
            Bench { dir, asked, round, source, now: Instant::now() }
        }

        fn put(&self, device: &str, transport: &str, state: &str) {
            let folder = self.dir.path().join("sys/class/nvme").join(device);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("transport"), format!("{transport}\n")).unwrap();
            fs::write(folder.join("state"), format!("{state}\n")).unwrap();
        }

        /// A round this many seconds later, and who was asked.
        fn go(&mut self, later: u64) -> (Seen, Vec<String>) {
            self.now += Duration::from_secs(later);
            let seen = self.round.go(self.now, &self.source);
            self.source = seen.source.clone();
            (seen, std::mem::take(&mut *self.asked.lock().unwrap()))
        }
    }

    fn good() -> Result<Answers, AskError> {
        Ok(Answers { identify: identify_bytes().into(), smart: Some(smart_bytes().into()) })
    }

    #[test]
    fn a_host_without_drives_has_no_such_source() {
        let (seen, asked) = Bench::new(|_| good()).go(0);
        assert_eq!((seen, asked), (Seen::starting(), vec![]));
    }

    #[test]
    fn local_live_drives_are_asked_one_after_the_other() {
        let mut bench = Bench::new(|_| good());
        for (device, transport, state) in [
            ("nvme10", "pcie", "live"),
            ("nvme2", "pcie", "live"),
            ("nvme3", "tcp", "live"),
            ("nvme4", "pcie", "resetting"),
            ("nvme5", "pcie", "dead"),
            ("nvme-subsys0", "pcie", "live"),
            ("nvme07", "pcie", "live"),
        ] {
            bench.put(device, transport, state);
        }
        let (seen, asked) = bench.go(0);
        assert_eq!(asked, ["nvme2", "nvme10"]);
        let states: Vec<_> = seen.drives.iter().map(|one| (&*one.device, &one.state)).collect();
        let words = |state: &DriveState| format!("{state:?}");
        assert_eq!(states.len(), 5);
        assert_eq!(states[0], ("nvme2", &DriveState::Answers));
        assert!(words(states[1].1).contains("NotAsked(\"it is reached over tcp"), "{states:?}");
        assert!(words(states[2].1).contains("resetting"), "{states:?}");
        assert_eq!((states[3].1, states[4].0), (&DriveState::Dead, "nvme10"));
        assert_eq!(seen.drives[0].log.as_ref().unwrap().spare_percent, 97);
        assert!(!serde_json::to_string(&seen.drives).unwrap().contains("SERIAL"));
        assert_eq!(seen.source.state, SourceState::Ok);

        fs::remove_dir_all(bench.dir.path().join("sys/class/nvme/nvme2")).unwrap();
        assert_eq!(bench.go(60).0.drives.len(), 4, "a drive that was pulled is gone");
    }

    #[test]
    fn a_drive_that_fails_is_asked_less_often_and_keeps_its_last_words() {
        let broken = Arc::new(Mutex::new(false));
        let now = broken.clone();
        let mut bench = Bench::new(move |_| match *now.lock().unwrap() {
            true => Err(AskError::Failed("Input/output error".into())),
            false => good(),
        });
        bench.put("nvme0", "pcie", "live");
        assert_eq!(bench.go(0).0.source.errors, 0);
        *broken.lock().unwrap() = true;
        let (seen, asked) = bench.go(60);
        assert_eq!((asked.len(), seen.source.state), (1, SourceState::Failing));
        assert_eq!(seen.source.error.as_deref(), Some("nvme0: Input/output error"));
        assert!(seen.drives[0].log.is_some() && seen.source.last_data.is_some());
        let asked: usize = (0..60).map(|_| bench.go(60).1.len()).sum();
        assert!((5..8).contains(&asked), "{asked} times in an hour");
        *broken.lock().unwrap() = false;
        let (seen, asked) = bench.go(3600);
        assert_eq!((asked.len(), &seen.drives[0].state), (1, &DriveState::Answers));
        assert_eq!(bench.go(60).1.len(), 1, "at the usual pace again");
    }

    #[test]
    fn a_process_that_may_not_ask_says_so_and_claims_no_failure() {
        let mut bench = Bench::new(|_| Err(AskError::Denied("/dev/nvme0: permission".into())));
        bench.put("nvme0", "pcie", "live");
        let (seen, _) = bench.go(0);
        assert_eq!(seen.source.state, SourceState::Absent);
        assert!(seen.degraded.unwrap().contains("/dev/nvme0"));
    }

    #[test]
    fn words_that_are_cut_short_and_files_that_are_no_device_are_failures() {
        let short = |_: &str| Ok(Answers { identify: [1; 64].into(), smart: None });
        let mut bench = Bench::new(short);
        bench.put("nvme0", "pcie", "live");
        let (seen, _) = bench.go(0);
        let DriveState::Failing(why) = &seen.drives[0].state else { unreachable!("{seen:?}") };
        assert!(why.contains("Identify Controller ends before byte"), "{why}");
        fs::create_dir(bench.dir.path().join("dev")).unwrap();
        fs::write(bench.dir.path().join("dev/nvme0"), "").unwrap();
        let file = bench.dir.path().join("dev/nvme0");
        let why = AskError::Failed(format!("{} is no device file", file.display()));
        assert_eq!(ask(&file).unwrap_err(), why);
        let other = ask(Path::new("/dev/null")).unwrap_err();
        let AskError::Failed(why) = other else { unreachable!("{other:?}") };
        assert!(why == "Identify Controller: Not a typewriter", "{why}");
    }
}
