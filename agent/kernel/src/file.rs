//! A file of /proc or /sys, kept open and read again from its start into one buffer.

use crate::ReadError;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// More than any file here has on the largest machines.
const LIMIT: usize = 8 << 20;

#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    length: usize,
    in_one_piece: bool,
}

impl Kept {
    pub(crate) fn new(path: PathBuf) -> Self {
        Kept { path, file: None, buffer: vec![0; 4096], length: 0, in_one_piece: false }
    }

    /// A file that the kernel gives in one piece where the buffer is large enough (`single_open` in its
    /// source): a read that leaves room was the last, so that the end is not asked for.
    pub(crate) fn in_one_piece(path: PathBuf) -> Self {
        Kept { in_one_piece: true, ..Kept::new(path) }
    }

    /// The whole content. A descriptor that no longer works is opened again, once.
    pub(crate) fn read(&mut self) -> Result<&[u8], ReadError> {
        self.length =
            match self.file.as_ref().map(|file| fill(file, &mut self.buffer, self.in_one_piece)) {
                Some(Ok(length)) => length,
                Some(Err(_)) | None => self.reopen()?,
            };
        Ok(self.last())
    }

    /// The content as it was last read.
    pub(crate) fn last(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    fn reopen(&mut self) -> Result<usize, ReadError> {
        self.file = None;
        let opened = File::open(&self.path).and_then(|file| {
            let length = fill(&file, &mut self.buffer, self.in_one_piece)?;
            Ok((file, length))
        });
        match opened {
            Ok((file, length)) => {
                self.file = Some(file);
                Ok(length)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Err(ReadError::NoData(self.path.clone())),
            Err(source) => Err(ReadError::Failed { path: self.path.clone(), source }),
        }
    }

    pub(crate) fn bad(&self, line: usize, item: &str, expected: &'static str) -> ReadError {
        ReadError::Parse { path: self.path.clone(), line, item: item.to_owned(), expected }
    }
}

fn fill(file: &File, buffer: &mut Vec<u8>, in_one_piece: bool) -> std::io::Result<usize> {
    let mut length = 0;
    loop {
        if length == buffer.len() {
            if length >= LIMIT {
                return Err(Error::new(ErrorKind::FileTooLarge, "more than 8 MiB"));
            }
            buffer.resize((length * 2).min(LIMIT), 0);
        }
        match file.read_at(buffer.get_mut(length..).unwrap_or_default(), length as u64) {
            Ok(0) => return Ok(length),
            Ok(n) => {
                length += n;
                if in_one_piece && length < buffer.len() {
                    return Ok(length);
                }
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The words of a line.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A number, parsed where it stands.
pub(crate) fn number<T: std::str::FromStr>(word: Option<&[u8]>) -> Option<T> {
    std::str::from_utf8(word?).ok()?.parse().ok()
}
