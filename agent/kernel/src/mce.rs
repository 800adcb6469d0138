//! `mce`: machine checks, as the rows MCE, MCP and THR of `/proc/interrupts` count them.
//!
//! That table has a number for each interrupt and CPU: 10 MB where there are 1,792 CPUs, and the rows
//! wanted are its last. So it is read at its own pace, never within a scrape.

use crate::file::{number, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// More than the table has on the largest machines.
const LIMIT: u64 = 64 << 20;
/// How often it is read where that costs little.
const PAUSE: Duration = Duration::from_secs(15);
/// At most this part of one CPU's time is spent on it.
const SHARE: u32 = 200;

/// Row, name and help.
const ROWS: [(&[u8], &str, &str); 3] = [
    (
        b"MCE:",
        "socle_machine_check_exceptions_total",
        "Machine check exceptions: errors that the hardware could not correct, of all CPUs.",
    ),
    (
        b"MCP:",
        "socle_machine_check_polls_total",
        "Looks of the kernel for machine checks that were corrected, of all CPUs.",
    ),
    (
        b"THR:",
        "socle_machine_check_threshold_interrupts_total",
        "Interrupts of hardware that had corrected more errors than a threshold, of all CPUs.",
    ),
];

pub(crate) struct Mce {
    path: PathBuf,
    file: Option<File>,
    families: [Family; ROWS.len()],
    sums: [Option<u64>; ROWS.len()],
    failed: Option<ErrorKind>,
}

impl Mce {
    pub(crate) fn new(root: &Root) -> Self {
        let mut mce = Mce {
            path: root.procfs.join("interrupts"),
            file: None,
            families: ROWS.map(|(_, name, help)| Family::new(name, Kind::Counter, help)),
            sums: [None; ROWS.len()],
            failed: None,
        };
        mce.refresh();
        mce
    }

    fn refresh(&mut self) {
        match self.collect() {
            Ok(sums) => (self.sums, self.failed) = (sums, None),
            Err(error) => {
                (self.file, self.failed) = (None, Some(error.kind()));
            }
        }
    }

    fn collect(&mut self) -> std::io::Result<[Option<u64>; ROWS.len()]> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        file.seek(SeekFrom::Start(0))?;
        let mut sums = [None; ROWS.len()];
        let mut reader = BufReader::with_capacity(64 << 10, (&file).take(LIMIT));
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let row = line.trim_ascii_start();
            for ((name, ..), sum) in ROWS.iter().zip(&mut sums) {
                if let Some(counts) = row.strip_prefix(*name) {
                    *sum = Some(total(counts));
                }
            }
            line.clear();
        }
        self.file = Some(file);
        Ok(sums)
    }
}

/// The sum of a row's counts; its text stands behind them.
fn total(counts: &[u8]) -> u64 {
    let counts = words(counts).map_while(|word| number::<u64>(Some(word)));
    counts.fold(0, u64::wrapping_add)
}

impl Source for Mce {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        match self.failed {
            None => {}
            Some(ErrorKind::NotFound) => return Err(ReadError::NoData(self.path.clone())),
            Some(kind) => {
                return Err(ReadError::Failed { path: self.path.clone(), source: kind.into() });
            }
        }
        for (family, sum) in self.families.iter().zip(self.sums) {
            if let Some(sum) = sum {
                page.single(family, sum);
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Option<Duration> {
        let began = Instant::now();
        self.refresh();
        Some(PAUSE.max(began.elapsed() * SHARE))
    }
}
