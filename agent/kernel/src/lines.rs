//! A text file, read line by line and in pieces: some tables of /proc are larger than any buffer should be.

use crate::attr::budget::Place;
use crate::{ReadError, Source};
use memchr::memchr;
use socle_model::metrics::{Page, Value};
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// More than the kernel gives of a table at a time; what a read does not fill costs no memory.
const PIECE: usize = 64 << 10;
/// What nearly every file that comes in one piece has room in.
const WHOLE: usize = 4096;
/// More than the line of an interrupt has on 8,192 CPUs.
const LONGEST: usize = 1 << 20;
/// More than the largest table has: that of the scheduler's domains on such a machine.
const MOST: u64 = 256 << 20;

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) item: String,
    pub(crate) expected: &'static str,
}

impl Fault {
    /// At most 40 characters of the item are kept.
    pub(crate) fn new(item: impl AsRef<[u8]>, expected: &'static str) -> Self {
        let item = String::from_utf8_lossy(item.as_ref()).chars().take(40).collect();
        Fault { item, expected }
    }
}

/// What a source makes of a text, line by line. It does not know where the text comes from.
pub(crate) trait Text: Send {
    /// Begins a new reading.
    fn begin(&mut self);

    /// Takes the next line, counted from 1, without its newline.
    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), Fault>;

    /// There are no more lines.
    fn end(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Writes the families.
    fn write(&self, page: &mut Page);

    /// After a reading: forgets what it did not list, and looks for what it does not show.
    ///
    /// # Errors
    /// What it looks at beside the text was refused or not understood.
    fn discover(&mut self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// The file, kept open and read again from its start.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    file: Option<File>,
    /// Without a place the file is closed after each reading.
    place: Option<Place>,
    buffer: Vec<u8>,
    in_one_piece: bool,
    missing: bool,
}

impl Lines {
    pub(crate) fn new(path: PathBuf) -> Self {
        Lines::with(path, PIECE, false)
    }

    /// A file that the kernel gives in one piece where the buffer is large enough (`single_open` in its
    /// source): a read that leaves room was the last.
    pub(crate) fn in_one_piece(path: PathBuf) -> Self {
        Lines::with(path, WHOLE, true)
    }

    fn with(path: PathBuf, size: usize, in_one_piece: bool) -> Self {
        let buffer = vec![0; size];
        Lines { path, file: None, place: None, buffer, in_one_piece, missing: false }
    }

    /// Hands each line to `each`, up to the first fault.
    pub(crate) fn read(
        &mut self,
        each: impl FnMut(usize, &[u8]) -> Result<(), Fault>,
    ) -> Result<(), ReadError> {
        let read = self.pieces(each);
        if self.file.is_some() && self.place.is_none() {
            self.place = Place::take();
            if self.place.is_none() {
                self.file = None;
            }
        }
        read
    }

    fn pieces(
        &mut self,
        mut each: impl FnMut(usize, &[u8]) -> Result<(), Fault>,
    ) -> Result<(), ReadError> {
        let mut held = self.first()?;
        let (mut offset, mut number, mut read) = (held as u64, 0, held);
        while read > 0 {
            let full = held == self.buffer.len();
            let mut rest = self.buffer.get(..held).unwrap_or_default();
            while let Some(end) = memchr(b'\n', rest) {
                let (line, after) = rest.split_at(end);
                rest = after.get(1..).unwrap_or_default();
                number += 1;
                each(number, line).map_err(|fault| bad(&self.path, number, fault))?;
            }
            let left = rest.len();
            self.buffer.copy_within(held - left..held, 0);
            held = left;
            if self.in_one_piece && !full {
                break;
            }
            read = self.next(held, offset)?;
            offset += read as u64;
            held += read;
        }
        match self.buffer.get(..held) {
            Some(line) if held > 0 => {
                each(number + 1, line).map_err(|fault| self.bad(number + 1, fault))
            }
            _ => Ok(()),
        }
    }

    /// As [`Lines::read`], into a text, with its beginning and its end.
    pub(crate) fn read_into(&mut self, text: &mut dyn Text) -> Result<(), ReadError> {
        text.begin();
        let mut last = 0;
        self.read(|number, line| {
            last = number;
            text.line(number, line)
        })?;
        text.end().map_err(|fault| self.bad(last, fault))
    }

    /// As [`Lines::read`], of a file that may be missing; false where it is. It is then not asked for
    /// again before [`Lines::look_again`].
    pub(crate) fn read_if_there(
        &mut self,
        each: impl FnMut(usize, &[u8]) -> Result<(), Fault>,
    ) -> Result<bool, ReadError> {
        if !self.missing {
            match self.read(each) {
                Err(ReadError::NoData(_)) => self.missing = true,
                result => result?,
            }
        }
        Ok(!self.missing)
    }

    /// The file may be there now.
    pub(crate) fn look_again(&mut self) {
        self.missing = false;
    }

    /// The error of a file that is not there.
    pub(crate) fn no_data(&self) -> ReadError {
        ReadError::NoData(self.path.clone())
    }

    /// The error of a line.
    pub(crate) fn bad(&self, line: usize, fault: Fault) -> ReadError {
        bad(&self.path, line, fault)
    }

    /// Reads the first piece. A descriptor that no longer works is opened again, once.
    fn first(&mut self) -> Result<usize, ReadError> {
        let kept = self.file.as_ref().map(|file| pread(file, &mut self.buffer, 0));
        if let Some(Ok(length)) = kept {
            return Ok(length);
        }
        self.file = None;
        let opened = File::open(&self.path).and_then(|file| {
            let length = pread(&file, &mut self.buffer, 0)?;
            Ok((file, length))
        });
        match opened {
            Ok((file, length)) => {
                self.file = Some(file);
                Ok(length)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.no_data()),
            Err(source) => Err(ReadError::Failed { path: self.path.clone(), source }),
        }
    }

    /// Reads the piece at `offset` behind the `held` bytes of a line that is not whole yet.
    fn next(&mut self, held: usize, offset: u64) -> Result<usize, ReadError> {
        let failed = |source| ReadError::Failed { path: self.path.clone(), source };
        if held >= LONGEST || offset >= MOST {
            let limit = "a line of 1 MiB, or more than 256 MiB";
            return Err(failed(Error::new(ErrorKind::FileTooLarge, limit)));
        }
        if held == self.buffer.len() || self.in_one_piece {
            self.buffer.resize((self.buffer.len() * 2).min(LONGEST), 0);
        }
        let Some(file) = &self.file else { return Ok(0) };
        pread(file, self.buffer.get_mut(held..).unwrap_or_default(), offset).map_err(failed)
    }
}

fn bad(path: &std::path::Path, line: usize, fault: Fault) -> ReadError {
    ReadError::Parse { path: path.to_owned(), line, item: fault.item, expected: fault.expected }
}

fn pread(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A source that is one text file.
pub(crate) struct OneFile<T> {
    file: Lines,
    text: T,
}

impl<T: Text> OneFile<T> {
    pub(crate) fn new(file: Lines, text: T) -> Self {
        OneFile { file, text }
    }
}

impl<T: Text> Source for OneFile<T> {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.file.read_into(&mut self.text)?;
        self.text.write(page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.file.read_into(&mut self.text)?;
        self.text.discover()
    }
}

/// A whole number, negative or not.
pub(crate) fn whole(word: Option<&[u8]>) -> Option<Value> {
    let word = std::str::from_utf8(word?).ok()?;
    let positive = word.parse().ok().map(Value::Int);
    positive.or_else(|| word.parse().ok().map(Value::Signed))
}

/// A number in hexadecimal digits.
pub(crate) fn hex(word: Option<&[u8]>) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(word?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 100;

    /// The lines that come of a file of this content.
    fn lines_of(content: &[u8], in_one_piece: bool) -> Vec<(usize, Vec<u8>)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let path = file.path().to_owned();
        let mut lines = Lines::with(path, SIZE, in_one_piece);
        let mut first = Vec::new();
        for _ in 0..2 {
            let mut found = Vec::new();
            lines
                .read(|number, line| {
                    found.push((number, line.to_owned()));
                    Ok(())
                })
                .unwrap();
            assert!(first.is_empty() || found == first, "the second reading is as the first");
            first = found;
        }
        first
    }

    #[test]
    fn lines_come_whole_wherever_a_piece_ends() {
        for in_one_piece in [false, true] {
            assert_eq!(lines_of(b"", in_one_piece), []);
            assert_eq!(
                lines_of(b"a\n\nb", in_one_piece),
                [(1, b"a".to_vec()), (2, Vec::new()), (3, b"b".to_vec())]
            );
            for length in [SIZE - 1, SIZE, SIZE + 1, 3 * SIZE, 10 * SIZE + 7] {
                let long = vec![b'x'; length];
                let content = [&long[..], b"\nsecond\n"].concat();
                let second = (2, b"second".to_vec());
                assert_eq!(lines_of(&content, in_one_piece), [(1, long), second], "{length}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_refused_and_a_fault_names_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![b'x'; LONGEST + 1]).unwrap();
        let mut lines = Lines::new(file.path().to_owned());
        let error = lines.read(|_, _| Ok(())).unwrap_err();
        assert!(matches!(error, ReadError::Failed { .. }), "{error}");
        std::fs::write(file.path(), "a\nb\n").unwrap();
        let refuse = |number, line: &[u8]| match number {
            2 => Err(Fault::new(line, "another word")),
            _ => Ok(()),
        };
        let error = lines.read(refuse).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("another word"), "{error}");
    }

    #[test]
    fn a_missing_file_is_asked_for_again_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut lines = Lines::new(dir.path().join("x"));
        assert!(!lines.read_if_there(|_, _| Ok(())).unwrap());
        std::fs::write(dir.path().join("x"), "a\n").unwrap();
        assert!(!lines.read_if_there(|_, _| Ok(())).unwrap());
        lines.look_again();
        let mut found = 0;
        let read = lines.read_if_there(|number, _| {
            found = number;
            Ok(())
        });
        assert_eq!((read.unwrap(), found), (true, 1));
    }

    #[test]
    fn numbers_are_read_as_they_stand() {
        assert_eq!(whole(Some(b"18446744073709551615")), Some(Value::Int(u64::MAX)));
        assert_eq!(whole(Some(b"-1")), Some(Value::Signed(-1)));
        assert_eq!((whole(Some(b"1.5")), whole(None)), (None, None));
        assert_eq!((hex(Some(b"00ff")), hex(Some(b"g"))), (Some(255), None));
    }
}
