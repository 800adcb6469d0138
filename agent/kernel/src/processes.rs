//! `processes`: how many processes and threads there are, in which states, `/proc/PID/stat`. Opt-in: it reads a
//! file of every thread.

use crate::attr::Attr;
use crate::file::{number, words};
use crate::{ReadError, Root, Source};
use nix::errno::Errno;
use rustix::fs::RawDir;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::ffi::OsStr;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// More than a stat line has.
const SIZE: usize = 1024;
/// Room for some two hundred names at a time.
const LISTING: usize = 8192;
/// Where `num_threads` stands behind the state (proc_pid_stat(5)).
const THREADS: usize = 17;

/// A count for each state that was ever seen.
struct States {
    family: Family,
    label: &'static str,
    seen: Vec<(u8, Series, u64)>,
}

impl States {
    fn new(name: &str, label: &'static str, help: &str) -> Self {
        States { family: Family::new(name, Kind::Gauge, help), label, seen: Vec::new() }
    }

    fn begin(&mut self) {
        self.seen.iter_mut().for_each(|(_, _, count)| *count = 0);
    }

    fn count(&mut self, state: u8) {
        if let Some((_, _, count)) = self.seen.iter_mut().find(|(known, ..)| *known == state) {
            *count += 1;
            return;
        }
        let text = char::from(state).to_string();
        self.seen.push((state, self.family.series(&[(self.label, &text)]), 1));
    }

    fn write(&self, page: &mut Page) {
        page.family_of(&self.family, |page| {
            for (_, series, count) in self.seen.iter().filter(|(.., count)| *count > 0) {
                page.sample(series, *count);
            }
        });
    }
}

pub(crate) struct Processes {
    /// `/proc`, and while it is read what is beneath: one buffer for all paths.
    path: PathBuf,
    processes: States,
    threads: States,
    allocated: Family,
    pids: Family,
    limits: [(Family, Attr); 2],
}

impl Processes {
    pub(crate) fn new(root: &Root) -> Self {
        let gauge = |name: &str, help: &str| {
            Family::new(&format!("node_processes_{name}"), Kind::Gauge, help)
        };
        let limit = |name, file, help| {
            (gauge(name, help), Attr::new(root.procfs.join("sys/kernel").join(file)))
        };
        Processes {
            path: root.procfs.clone(),
            processes: States::new(
                "node_processes_state",
                "state",
                "Number of processes in each state.",
            ),
            threads: States::new(
                "node_processes_threads_state",
                "thread_state",
                "Number of threads in each state.",
            ),
            allocated: gauge("threads", "Allocated threads in system"),
            pids: gauge("pids", "Number of PIDs"),
            limits: [
                limit("max_threads", "threads-max", "Limit of threads in the system"),
                limit("max_processes", "pid_max", "Number of max PIDs limit"),
            ],
        }
    }

    /// Counts all of them: processes, and threads as their processes say.
    fn collect(&mut self) -> Result<(u64, u64), ReadError> {
        self.processes.begin();
        self.threads.begin();
        let (mut pids, mut allocated) = (0, 0u64);
        let Processes { path, processes, threads, .. } = self;
        let found = each_number(path, |path, pid| {
            // One that has ended meanwhile is not counted.
            let Some((state, count)) = stat(path)? else { return Ok(()) };
            pids += 1;
            allocated = allocated.saturating_add(count);
            processes.count(state);
            path.push("task");
            let listed = each_number(path, |path, thread| {
                let found = if thread == pid { Some((state, 1)) } else { stat(path)? };
                if let Some((state, _)) = found {
                    threads.count(state);
                }
                Ok(())
            });
            path.pop();
            listed.map(drop)
        });
        match found? {
            true => Ok((pids, allocated)),
            false => Err(ReadError::NoData(self.path.clone())),
        }
    }
}

/// Calls `each` with every entry of a directory that is a number, its path and its name; false where there is
/// no such directory. The path is left as it was.
fn each_number(
    path: &mut PathBuf,
    mut each: impl FnMut(&mut PathBuf, &OsStr) -> Result<(), ReadError>,
) -> Result<bool, ReadError> {
    let listing = match File::open(&*path) {
        Ok(listing) => listing,
        Err(error) if gone(&error) => return Ok(false),
        Err(source) => return Err(ReadError::Failed { path: path.clone(), source }),
    };
    let mut buffer = [const { MaybeUninit::uninit() }; LISTING];
    let mut listing = RawDir::new(listing, &mut buffer);
    while let Some(entry) = listing.next() {
        let entry = match entry.map_err(std::io::Error::from) {
            Ok(entry) => entry,
            // The process has ended while its threads were listed.
            Err(error) if gone(&error) => return Ok(true),
            Err(source) => return Err(ReadError::Failed { path: path.clone(), source }),
        };
        let name = entry.file_name().to_bytes();
        if name.iter().all(u8::is_ascii_digit) {
            let name = OsStr::from_bytes(name);
            path.push(name);
            let result = each(path, name);
            path.pop();
            result?;
        }
    }
    Ok(true)
}

/// State and number of threads of a process or thread; none where it has ended. The path is left as it was.
fn stat(path: &mut PathBuf) -> Result<Option<(u8, u64)>, ReadError> {
    path.push("stat");
    let mut buffer = [0; SIZE];
    let read = File::open(&*path).and_then(|file| file.read_at(&mut buffer, 0));
    let found = match read {
        Ok(length) => {
            let found = parse(buffer.get(..length).unwrap_or_default());
            found.map(Some).ok_or_else(|| ReadError::Parse {
                path: path.clone(),
                line: 1,
                item: "num_threads".into(),
                expected: "a state and whole numbers behind the name in brackets",
            })
        }
        Err(error) if gone(&error) => Ok(None),
        Err(source) => Err(ReadError::Failed { path: path.clone(), source }),
    };
    path.pop();
    found
}

fn gone(error: &std::io::Error) -> bool {
    let gone = [Errno::ENOENT, Errno::ESRCH, Errno::ENOTDIR].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|errno| gone.contains(&errno))
}

/// State and number of threads of `1 (systemd) S 0 …`; the name may hold brackets and blanks.
pub(crate) fn parse(line: &[u8]) -> Option<(u8, u64)> {
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let mut fields = words(line.get(end + 1..)?);
    let state = *fields.next().filter(|state| state.len() == 1)?.first()?;
    let threads = number(fields.nth(THREADS - 1))?;
    state.is_ascii_alphabetic().then_some((state, threads))
}

impl Source for Processes {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let (pids, allocated) = self.collect()?;
        page.single(&self.allocated, allocated);
        page.single(&self.pids, pids);
        for (family, file) in &mut self.limits {
            page.single(family, file.integer()?);
        }
        self.processes.write(page);
        self.threads.write(page);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = b"17 (a) b (c)) R 1 2 3 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 12 0 5 0";
        assert_eq!(parse(line), Some((b'R', 12)));
        for bad in [&b""[..], b"17 (a) S 1 2", b"17 (a", b"17 (a) SS 1", b"17 (a)\xff"] {
            assert_eq!(parse(bad), None);
        }
    }
}
