//! One small file of /sys: a number or a word, kept open and read into the stack.

pub(crate) mod budget;

use crate::ReadError;
use budget::Kept;
use socle_model::metrics::{Family, Kind, Page, Series, Value};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// More than any single value has; node_exporter reads as much of a hwmon file.
const SIZE: usize = 128;

#[derive(Debug)]
pub(crate) struct Attr {
    path: PathBuf,
    file: Option<Kept>,
}

impl Attr {
    pub(crate) fn new(path: PathBuf) -> Self {
        Attr { path, file: None }
    }

    /// Reads the value and hands it to `parse`, without the newline at its end.
    pub(crate) fn read<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, ReadError> {
        let mut buffer = [0; SIZE];
        let length = self.fill(&mut buffer).map_err(|error| self.refused(error))?;
        let value = buffer.get(..length).unwrap_or_default().trim_ascii();
        parse(value).ok_or_else(|| ReadError::Parse {
            path: self.path.clone(),
            line: 1,
            item: String::from_utf8_lossy(value).chars().take(40).collect(),
            expected,
        })
    }

    /// What `parse` makes of the text, where there is any: a file that may be missing makes no error.
    pub(crate) fn parsed<T>(&mut self, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let mut buffer = [0; SIZE];
        let length = self.fill(&mut buffer).ok()?;
        parse(buffer.get(..length)?.trim_ascii())
    }

    /// The same for a file that is longer than a single value.
    pub(crate) fn parsed_into<T>(
        &mut self,
        buffer: &mut [u8],
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let length = self.fill(buffer).ok()?;
        parse(buffer.get(..length)?)
    }

    /// The number, where there is one.
    pub(crate) fn value<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.parsed(|text| crate::file::number(Some(text)))
    }

    /// A whole number that must be there.
    pub(crate) fn integer(&mut self) -> Result<u64, ReadError> {
        self.read("a whole number", |text| crate::file::number(Some(text)))
    }

    /// Text; what is not UTF-8 becomes U+FFFD, as node_exporter prints it.
    pub(crate) fn text(&mut self) -> Result<String, ReadError> {
        self.read("text", |text| Some(String::from_utf8_lossy(text).into_owned()))
    }

    /// Text without line ends, and with the blanks around it.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut buffer = [0; SIZE];
        let length = self.fill(&mut buffer).ok()?;
        let text = String::from_utf8_lossy(buffer.get(..length)?);
        Some(text.trim_matches('\n').to_owned())
    }

    /// A descriptor that no longer works is opened again, once: the device may have gone and come
    /// back.
    fn fill(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(Ok(length)) = self.file.as_ref().map(|kept| kept.file().read_at(buffer, 0)) {
            return Ok(length);
        }
        self.file = None;
        let file = File::open(&self.path)?;
        let length = file.read_at(buffer, 0)?;
        self.file = Kept::new(file);
        Ok(length)
    }

    fn refused(&self, source: std::io::Error) -> ReadError {
        match source.kind() {
            ErrorKind::NotFound => ReadError::NoData(self.path.clone()),
            _ => ReadError::Failed { path: self.path.clone(), source },
        }
    }
}

/// A family whose samples are small files, one each.
#[derive(Debug, PartialEq)]
pub(crate) struct AttrFamily {
    pub(crate) family: Family,
    pub(crate) files: Vec<(Series, Attr)>,
}

impl AttrFamily {
    pub(crate) fn new(name: &str, kind: Kind, help: &str) -> Self {
        AttrFamily { family: Family::new(name, kind, help), files: Vec::new() }
    }

    /// Adds a file; it is opened when it is first read.
    pub(crate) fn add(&mut self, labels: &[(&str, &str)], file: PathBuf) {
        self.files.push((self.family.series(labels), Attr::new(file)));
    }

    /// Writes the files that are there and hold what `parse` takes.
    pub(crate) fn write<V: Into<Value>>(
        &mut self,
        page: &mut Page,
        parse: impl Fn(&[u8]) -> Option<V>,
    ) {
        let AttrFamily { family, files } = self;
        page.family_of(family, |page| {
            for (series, file) in files {
                if let Some(value) = file.parsed(&parse) {
                    page.sample(series, value);
                }
            }
        });
    }
}

/// Two are the same when they read the same file.
impl PartialEq for Attr {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

/// The entries of a directory that are the prefix and a number, in the number's order. A directory that
/// does not exist has none.
pub(crate) fn numbered(dir: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>, ReadError> {
    let mut found = Vec::new();
    for path in entries(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let digits = name.strip_prefix(prefix).unwrap_or_default();
        // `cpu07` and `cpu+7` are no names of the kernel's.
        if let Some(number) = digits.parse().ok().filter(|n: &u64| n.to_string() == digits) {
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
