//! What is kept of the log over a restart: whose it is, how far it was read, and the ring of its last
//! records. A small JSON file that a thread of its own writes, so that a disk that hangs holds up nobody.

use serde::{Deserialize, Serialize};
use socle_ipmi::sel::Position;
use socle_model::bmc::SelRecord;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The file in the state folder.
pub(crate) const FILE: &str = "sel.json";
/// The layout that is written and read.
const VERSION: u32 = 1;
/// A full ring takes a fifth of it; a longer file is not ours.
const FILE_MAX: u64 = 1 << 20;
/// How long the last write may take when the agent ends.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// Which BMC a log is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// IANA enterprise number.
    pub(crate) manufacturer: u32,
    /// Product id.
    pub(crate) product: u16,
    /// Device id.
    pub(crate) device: u8,
    /// Its GUID in hex, where it tells one.
    pub(crate) guid: Option<String>,
}

impl Identity {
    /// Whether both can be of one BMC: a GUID that is not told says nothing.
    pub(crate) fn may_be(&self, other: &Identity) -> bool {
        let model = |one: &Identity| (one.manufacturer, one.product, one.device);
        let guids = self.guid.as_ref().zip(other.guid.as_ref());
        model(self) == model(other) && guids.is_none_or(|(one, two)| one == two)
    }
}

/// One record as it is kept: id, epoch, its 16 bytes.
pub(crate) type Raw = (u16, u32, [u8; 16]);

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) bmc: Identity,
    pub(crate) position: Position,
    pub(crate) records: Vec<Raw>,
}

/// The file's layout. Of another version nothing is taken.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    bmc: Identity,
    epoch: u32,
    entries: u16,
    erased: u32,
    last: Option<(u16, String)>,
    /// Record id, epoch and bytes in hex, oldest first.
    records: Vec<(u16, u32, String)>,
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// The file's bytes.
pub(crate) fn document(bmc: &Identity, position: Position, records: &[SelRecord]) -> Vec<u8> {
    let hex = |raw: [u8; 16]| raw.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let records = records.iter().map(|one| (one.record_id, one.epoch, one.raw.clone()));
    let document = Document {
        version: VERSION,
        bmc: bmc.clone(),
        epoch: position.epoch,
        entries: position.entries,
        erased: position.erased,
        last: position.last.map(|(id, raw)| (id, hex(raw))),
        records: records.collect(),
    };
    // Numbers and strings: nothing that JSON could not hold.
    let mut text = serde_json::to_vec(&document).unwrap_or_default();
    text.push(b'\n');
    text
}

/// What is kept in the folder; `None` when there is nothing, or nothing that can be used: that is said.
pub(crate) fn read(folder: &Path) -> Option<Kept> {
    let path = folder.join(FILE);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes));
    let why = match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => error.to_string(),
        Ok(_) => match parse(&bytes) {
            Ok(kept) => return Some(kept),
            Err(why) => why,
        },
    };
    tracing::warn!(path = %path.display(), why, "the place in the BMC's log is not known: it is read whole");
    None
}

fn parse(bytes: &[u8]) -> Result<Kept, String> {
    let head: Head = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if head.version != VERSION {
        return Err(format!("it is of version {}, this agent reads {VERSION}", head.version));
    }
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let Document { bmc, epoch, entries, erased, last, records, .. } = document;
    let last = last.map(|(id, hex)| Ok::<_, String>((id, unhex(&hex)?))).transpose()?;
    let raw = |(id, epoch, hex): (u16, u32, String)| Ok((id, epoch, unhex(&hex)?));
    let records = records.into_iter().map(raw).collect::<Result<_, String>>()?;
    Ok(Kept { bmc, position: Position { last, epoch, entries, erased }, records })
}

fn unhex(text: &str) -> Result<[u8; 16], String> {
    let wrong = || format!("{text:?} is no record of 16 bytes in hex");
    let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = u128::from_str_radix(text, 16).ok().filter(|_| plain).ok_or_else(wrong)?;
    Ok(value.to_be_bytes())
}

/// Writes the file on a thread that is there only while something is to be written; the latest wins.
#[derive(Debug)]
pub(crate) struct Saver {
    desk: Arc<Desk>,
    path: PathBuf,
}

#[derive(Debug, Default)]
struct Desk {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: Option<Vec<u8>>,
    /// Whether a thread is there.
    writing: bool,
    trouble: Option<String>,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next text to be written; without one the thread ends.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let next = state.next.take();
        if next.is_none() {
            state.writing = false;
            self.ended.notify_all();
        }
        next
    }

    fn wrote(&self, path: &Path, outcome: io::Result<()>) {
        self.told(outcome.err().map(|error| format!("{}: {error}", path.display())));
    }

    fn told(&self, trouble: Option<String>) {
        let mut state = self.lock();
        if let Some(why) = trouble.as_ref().filter(|&why| state.trouble.as_ref() != Some(why)) {
            tracing::warn!(why, "the place in the BMC's log is not saved");
        }
        state.trouble = trouble;
    }
}

impl Saver {
    /// Nothing runs yet.
    pub(crate) fn new(folder: &Path) -> Saver {
        Saver { desk: Arc::default(), path: folder.join(FILE) }
    }

    /// Has the file written soon.
    pub(crate) fn save(&self, text: Vec<u8>) {
        let mut state = self.desk.lock();
        state.next = Some(text);
        if std::mem::replace(&mut state.writing, true) {
            return;
        }
        drop(state);
        let (desk, path) = (Arc::clone(&self.desk), self.path.clone());
        let body = move || {
            while let Some(text) = desk.next() {
                desk.wrote(&path, replace(&path, &text));
            }
        };
        if let Err(error) = std::thread::Builder::new().name("save".into()).spawn(body) {
            self.desk.lock().writing = false;
            self.desk.told(Some(format!("no thread to write with: {error}")));
        }
    }

    /// Why the last write failed.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.desk.lock().trouble.clone()
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        // One that hangs is left behind.
        let state = self.desk.lock();
        drop(self.desk.ended.wait_timeout_while(state, LAST_WRITE, |state| state.writing));
    }
}

/// Puts the text in the file's place as a whole: after a power cut there is the old one or the new one.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_extension("json.new");
    let options = File::options().write(true).create(true).truncate(true).mode(0o600).clone();
    let mut file = options.open(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bmc(guid: Option<&str>) -> Identity {
        Identity { manufacturer: 674, product: 256, device: 32, guid: guid.map(str::to_owned) }
    }

    fn kept() -> Kept {
        let raw = |id: u8| [id, 0, 2, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 4, 4, 0x30, 1, 0x52, 0, 15];
        let records = vec![(1, 0, raw(1)), (1, 2, raw(1)), (2, 2, raw(2))];
        let position = Position { last: Some((2, raw(2))), epoch: 2, entries: 2, erased: 77 };
        Kept { bmc: bmc(Some("a1")), position, records }
    }

    fn text(kept: &Kept) -> Vec<u8> {
        let record = |&(id, epoch, raw): &Raw| {
            let entry = socle_ipmi::sel::Entry::parse(raw).unwrap();
            let record = crate::reading::sel_record(&entry, &[]);
            SelRecord { record_id: id, epoch, ..record }
        };
        let records: Vec<_> = kept.records.iter().map(record).collect();
        document(&kept.bmc, kept.position, &records)
    }

    #[test]
    fn what_is_kept_comes_back_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), None);
        let good = text(&kept());
        let put = |bytes: &[u8]| fs::write(folder.path().join(FILE), bytes).unwrap();
        put(&good);
        assert_eq!(read(folder.path()), Some(kept()));
        let whole = String::from_utf8(good.clone()).unwrap();
        let long = " ".repeat(usize::try_from(FILE_MAX).unwrap()) + &whole;
        for bad in [
            whole.get(..whole.len() / 2).unwrap().to_owned(),
            whole.replace("\"version\":1", "\"version\":2"),
            whole.replace("\"epoch\":2", "\"epoch\":2,\"more\":1"),
            whole.replace("0200", "+200"),
            whole.replace("0200", "02000"),
            long,
            String::new(),
        ] {
            put(bad.as_bytes());
            assert_eq!(read(folder.path()), None, "{bad:.200}");
        }
        let newer = parse(whole.replace("\"version\":1", "\"version\":2").as_bytes());
        assert!(newer.unwrap_err().contains("version 2"));
    }

    #[test]
    fn another_bmc_is_known_by_what_both_tell() {
        assert!(bmc(Some("a")).may_be(&bmc(Some("a"))) && bmc(Some("a")).may_be(&bmc(None)));
        assert!(!bmc(Some("a")).may_be(&bmc(Some("b"))));
        assert!(!bmc(None).may_be(&Identity { product: 257, ..bmc(None) }));
    }

    #[test]
    fn a_disk_that_is_full_is_said_and_a_write_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let good = text(&kept());
        let saver = Saver::new(folder.path());
        saver.save(b"{}".to_vec());
        saver.save(good.clone());
        drop(saver);
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), good);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mode = fs::metadata(folder.path().join(FILE)).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
        // A device that is full, in the place where the new file is written.
        std::os::unix::fs::symlink("/dev/full", folder.path().join("sel.json.new")).unwrap();
        let saver = Saver::new(folder.path());
        saver.save(b"{}".to_vec());
        while saver.trouble().is_none() {
            std::thread::yield_now();
        }
        assert!(saver.trouble().is_some_and(|why| why.contains("sel.json")));
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), good, "the old one stays");
    }
}
