//! One small file of /sys: a number or a word, kept open and read into the stack.

use crate::ReadError;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// More than any single value has; node_exporter reads as much of a hwmon file.
const SIZE: usize = 128;

#[derive(Debug)]
pub(crate) struct Attr {
    path: PathBuf,
    file: Option<File>,
}

impl Attr {
    pub(crate) fn new(path: PathBuf) -> Self {
        Attr { path, file: None }
    }

    /// Reads the value and hands it to `parse`, without the newline at its end. A descriptor that no
    /// longer works is opened again, once: the device may have gone and come back.
    pub(crate) fn read<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, ReadError> {
        let mut buffer = [0; SIZE];
        let kept = self.file.as_ref().and_then(|file| file.read_at(&mut buffer, 0).ok());
        let length = match kept {
            Some(length) => length,
            None => self.reopen(&mut buffer)?,
        };
        let value = buffer.get(..length).unwrap_or_default().trim_ascii();
        parse(value).ok_or_else(|| ReadError::Parse {
            path: self.path.clone(),
            line: 1,
            item: String::from_utf8_lossy(value).chars().take(40).collect(),
            expected,
        })
    }

    /// A whole number.
    pub(crate) fn integer(&mut self) -> Result<u64, ReadError> {
        self.read("a whole number", |text| crate::file::number(Some(text)))
    }

    /// Any number.
    pub(crate) fn float(&mut self) -> Result<f64, ReadError> {
        self.read("a number", |text| crate::file::number(Some(text)))
    }

    /// Text; what is not UTF-8 becomes U+FFFD, as node_exporter prints it.
    pub(crate) fn text(&mut self) -> Result<String, ReadError> {
        self.read("text", |text| Some(String::from_utf8_lossy(text).into_owned()))
    }

    fn reopen(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        self.file = None;
        let opened = File::open(&self.path).and_then(|file| Ok((file.read_at(buffer, 0)?, file)));
        match opened {
            Ok((length, file)) => {
                self.file = Some(file);
                Ok(length)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Err(ReadError::NoData(self.path.clone())),
            Err(source) => Err(ReadError::Failed { path: self.path.clone(), source }),
        }
    }
}

/// The names in a directory that `wanted` accepts, with the number behind the prefix, in its order.
/// A directory that does not exist has none.
pub(crate) fn numbered(dir: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>, ReadError> {
    let mut found = Vec::new();
    for path in entries(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(number) = name.strip_prefix(prefix).and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The entries of a directory; none where it does not exist.
pub(crate) fn entries(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Failed { path: dir.to_owned(), source };
    let listing = match std::fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}
