//! `web.yml`, the exporter toolkit's file, in force: TLS, passwords, headers and the limit of the page's
//! TCP listeners. It and the files that it names are looked at before each connection and each request;
//! what changed is taken over whole, or not at all.

mod clients;
mod file;
mod file_tls;
pub(crate) mod passwords;
pub(crate) mod refused;
mod tls;
mod words;
mod x509;
mod yaml;

use self::file::{Rate, WebFile};
use self::passwords::{Passwords, Users};
use self::refused::Refused;
use self::tls::Files;
pub(crate) use self::tls::Spoken;
use anyhow::Context as _;
use axum::http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use socle_model::documents::{Check, CheckResult};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What holds for one connection or request.
#[derive(Debug, Default)]
pub(crate) struct Active {
    /// TLS, where it is spoken.
    pub(crate) tls: Option<Spoken>,
    /// Who must give a password.
    pub(crate) users: Users,
    /// Headers of every answer.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    rate: Option<Rate>,
    notes: Vec<String>,
    /// Whether there is a file at all.
    there: bool,
}

/// Where the file is, and whether it must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Named by `gate.web_config`.
    pub(crate) named: bool,
}

/// The file in force.
#[derive(Debug)]
pub(crate) struct Web {
    now: Mutex<Now>,
    bucket: Mutex<Bucket>,
    /// Checks passwords.
    pub(crate) passwords: Passwords,
    /// What was refused.
    pub(crate) refused: Refused,
}

#[derive(Debug)]
struct Now {
    origin: Origin,
    active: Arc<Active>,
    seen: Seen,
    /// Why the files as they are now were not taken over.
    fault: Option<String>,
}

/// The files as they were when last read.
#[derive(Debug, Default)]
struct Seen {
    stamps: Vec<(PathBuf, Option<Stamp>)>,
    /// Of all that was read.
    content: u64,
    /// One of them was so fresh that another change may bear the same time.
    fresh: bool,
}

/// What changes with a file's content or with the file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

/// A file's time is told in steps of the kernel's tick; what is older than this cannot change unseen.
const FRESH: Duration = Duration::from_secs(2);

fn stamp(path: &Path) -> Option<(Stamp, bool)> {
    let meta = fs::metadata(path).ok()?;
    let seconds = u64::try_from(meta.ctime()).unwrap_or_default();
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    // A file of the future is as old as can be: the clock was set back, and stays behind for long.
    let fresh = changed.elapsed().is_ok_and(|age| age < FRESH);
    let stamp = Stamp {
        device: meta.dev(),
        inode: meta.ino(),
        length: meta.len(),
        changed: (meta.ctime(), meta.ctime_nsec()),
    };
    Some((stamp, fresh))
}

/// Reads files and notes how they were before they were read.
#[derive(Default)]
struct Reader {
    seen: Seen,
    hasher: DefaultHasher,
}

impl Files for Reader {
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let stamped = stamp(path);
        self.seen.fresh |= stamped.is_some_and(|(_, fresh)| fresh);
        self.seen.stamps.push((path.to_owned(), stamped.map(|(stamp, _)| stamp)));
        let bytes = crate::config::bytes(path)?;
        bytes.hash(&mut self.hasher);
        Ok(bytes)
    }
}

impl Reader {
    fn load(&mut self, origin: &Origin) -> Result<Active, String> {
        let bytes = match self.read(&origin.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !origin.named => {
                return Ok(Active::default());
            }
            Err(error) => {
                let path = origin.path.display();
                return Err(format!(
                    "{path}: {error}: correct gate.web_config, or the file's mode"
                ));
            }
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| format!("{} is not UTF-8 text", origin.path.display()))?;
        let lines = |faults: Vec<socle_model::settings::Fault>| {
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let file = file::parse(&origin.path, &text).map_err(lines)?;
        let WebFile { tls, headers, users, rate, notes } = file;
        let tls = match &tls {
            None => None,
            Some(tls) => {
                let spoken = tls::build(&origin.path, tls, self);
                // All of them, so that a change of any is seen, also when an earlier one was at fault.
                for file in tls::files(tls) {
                    if !self.seen.stamps.iter().any(|(path, _)| *path == file) {
                        let stamped = stamp(&file).map(|(stamp, _)| stamp);
                        self.seen.stamps.push((file, stamped));
                    }
                }
                Some(spoken.map_err(|fault| lines(vec![fault]))?)
            }
        };
        Ok(Active { tls, users: Users::new(users), headers, rate, notes, there: true })
    }

    fn done(mut self) -> Seen {
        self.seen.content = self.hasher.finish();
        self.seen
    }
}

/// Whether the file at `origin` can be taken; what it does not do in full.
///
/// # Errors
/// Every fault of it.
pub(crate) fn check(origin: &Origin) -> anyhow::Result<Vec<String>> {
    let active = Reader::default().load(origin).map_err(anyhow::Error::msg)?;
    Ok(active.notes)
}

impl Web {
    /// The file at `origin`, in force.
    ///
    /// # Errors
    /// It cannot be taken: nothing is served that is less guarded than the file says.
    pub(crate) fn open(origin: Origin) -> anyhow::Result<Arc<Self>> {
        let mut reader = Reader::default();
        let active = reader.load(&origin).map_err(anyhow::Error::msg)?;
        tell(&active);
        let (active, seen) = (Arc::new(active), reader.done());
        let now = Now { origin, active, seen, fault: None };
        Ok(Arc::new(Web {
            now: Mutex::new(now),
            bucket: Mutex::default(),
            passwords: Passwords::new().context("web.yml")?,
            refused: Refused::default(),
        }))
    }

    /// What holds now.
    pub(crate) fn current(&self) -> Arc<Active> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.look();
        now.active.clone()
    }

    /// Takes the file at `origin` from now on.
    ///
    /// # Errors
    /// It cannot be taken; what held before holds on.
    pub(crate) fn move_to(&self, origin: Origin) -> anyhow::Result<()> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.origin == origin {
            now.look();
        } else {
            let mut reader = Reader::default();
            let active = reader.load(&origin).map_err(anyhow::Error::msg)?;
            tell(&active);
            let (active, seen) = (Arc::new(active), reader.done());
            *now = Now { origin, active, seen, fault: None };
        }
        match &now.fault {
            Some(fault) => Err(anyhow::Error::msg(fault.clone())),
            None => Ok(()),
        }
    }

    /// Whether one more request is within `rate_limit`.
    pub(crate) fn lets_through(&self, active: &Active) -> bool {
        let Some(rate) = active.rate else { return true };
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(rate, Instant::now())
    }

    /// Seconds until the first certificate of the page's chain expires; negative when one has.
    pub(crate) fn expiry_seconds(&self, now: Timestamp) -> Option<i64> {
        let until = self.current().tls.as_ref()?.until?;
        Some(i64::try_from(until).ok()?.saturating_sub(now.as_second()))
    }

    /// The check of `socle doctor`.
    pub(crate) fn doctor(&self, now: Timestamp) -> Check {
        let check = |result, text: String, remedy: &str| Check {
            name: "page door".into(),
            result,
            text,
            remedy: (!remedy.is_empty()).then(|| remedy.into()),
        };
        let active = self.current();
        let (fault, path) = {
            let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            (now.fault.clone(), now.origin.path.display().to_string())
        };
        if let Some(fault) = fault {
            let text = format!("what {path} held before stays in force: {fault}");
            return check(CheckResult::Failed, text, "correct it; `socle check` tests it");
        }
        let said = active.describe();
        let renew = "renew the certificate: the files are read again by themselves";
        match self.expiry_seconds(now) {
            Some(left) if left <= 0 => {
                let text = format!("{said}; the certificate has expired");
                check(CheckResult::Failed, text, renew)
            }
            Some(left) if left < SOON => {
                let text = format!("{said}; the certificate expires in {} h", left / 3600);
                check(CheckResult::Warning, text, renew)
            }
            left => {
                let days = left.map(|left| format!("; the certificate holds {} d", left / 86_400));
                let text = said + &days.unwrap_or_default();
                match active.notes.is_empty() {
                    true => check(CheckResult::Ok, text, ""),
                    false => {
                        let text = format!("{text}; {}", active.notes.join("; "));
                        check(CheckResult::Warning, text, "change the key, or read docs/doors.md")
                    }
                }
            }
        }
    }
}

/// So long before the end a certificate is worth a word: 14 days.
const SOON: i64 = 14 * 86_400;

impl Active {
    fn describe(&self) -> String {
        let tls = match &self.tls {
            None => "no TLS",
            Some(spoken) if spoken.verified => "TLS with clients' certificates",
            Some(_) => "TLS",
        };
        match (self.there, self.users.is_empty()) {
            (false, _) => "plain HTTP, no web.yml".to_owned(),
            (true, true) => format!("{tls}, no passwords"),
            (true, false) => format!("{tls}, passwords"),
        }
    }
}

fn tell(active: &Active) {
    if active.there {
        tracing::info!("page: {}", active.describe());
    }
    for note in &active.notes {
        tracing::warn!("{note}");
    }
}

impl Now {
    /// Takes over what changed.
    fn look(&mut self) {
        let stamp_of = |path: &Path| stamp(path).map(|(stamp, _)| stamp);
        let same = self.seen.stamps.iter().all(|(path, seen)| stamp_of(path) == *seen);
        if same && !self.seen.fresh {
            return;
        }
        let mut reader = Reader::default();
        // A file that is gone turns nothing off: that would open the door to everybody.
        let origin =
            Origin { named: self.origin.named || self.active.there, ..self.origin.clone() };
        let loaded = reader.load(&origin);
        let seen = reader.done();
        let same = seen.content == self.seen.content && seen.stamps.len() == self.seen.stamps.len();
        self.seen = seen;
        match loaded {
            Ok(active) => {
                if !same || self.fault.is_some() {
                    tell(&active);
                    self.active = Arc::new(active);
                }
                self.fault = None;
            }
            Err(fault) => {
                if self.fault.as_ref() != Some(&fault) {
                    tracing::error!("what was in force stays: {fault}");
                }
                self.fault = Some(fault);
            }
        }
    }
}

/// A bucket of tokens.
#[derive(Debug, Default)]
struct Bucket {
    rate: Option<Rate>,
    tokens: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let most = f64::from(rate.burst);
        if self.rate != Some(rate) {
            *self = Bucket { rate: Some(rate), tokens: most, at: Some(now) };
        }
        let past = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.at = Some(now);
        self.tokens = (self.tokens + past.as_secs_f64() / rate.interval.as_secs_f64()).min(most);
        let some = self.tokens >= 1.0;
        if some {
            self.tokens -= 1.0;
        }
        some
    }
}
