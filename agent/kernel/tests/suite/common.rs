//! What the tests of this room share: trees to read, pages to compare.

use socle_kernel::{ReadError, Root, SOURCES, Settings, Source};
use socle_model::metrics::Page;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A source over a root.
pub(crate) fn open(
    name: &str,
    root: &Root,
    settings: &Settings,
) -> Result<Box<dyn Source>, ReadError> {
    let entry = SOURCES.iter().find(|entry| entry.name == name).unwrap();
    (entry.open)(root, settings)
}

/// Checked settings of these flags.
pub(crate) fn settings(flags: &[(&str, &str)]) -> Settings {
    let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Settings::new(flags.collect::<BTreeMap<_, _>>()).unwrap()
}

/// The page of all sources, each in its turn; one that fails fails the test.
pub(crate) fn page(root: &Root, settings: &Settings) -> String {
    let mut page = Page::default();
    for entry in SOURCES {
        let mark = page.mark();
        match (entry.open)(root, settings).and_then(|mut source| source.read(&mut page)) {
            Ok(()) => {}
            Err(ReadError::NoData(_)) => page.rewind(mark),
            Err(error) => panic!("{}: {error}", entry.name),
        }
    }
    page.as_str().to_owned()
}

/// Where the third-party fixtures are; says so once where they are not.
pub(crate) fn corpus() -> Option<PathBuf> {
    let dir = std::env::var_os("SOCLE_CORPUS").map(|dir| PathBuf::from(dir).join("node_exporter"));
    if dir.is_none() {
        println!("skipped: SOCLE_CORPUS not set, node_exporter's own fixtures are not here");
    }
    dir
}

/// Unpacks prometheus' archive format `ttar`: a text file of paths, links and lines.
pub(crate) fn unpack(archive: &Path, into: &Path) {
    let text = std::fs::read_to_string(archive).unwrap();
    let mut lines = text.lines();
    let mut path = into.to_owned();
    while let Some(line) = lines.next() {
        match line.split_once(": ") {
            Some(("Directory", name)) => {
                path = into.join(name);
                std::fs::create_dir_all(&path).unwrap();
            }
            Some(("Path", name)) => path = into.join(name),
            Some(("SymlinkTo", target)) => std::os::unix::fs::symlink(target, &path).unwrap(),
            Some(("Lines", count)) => {
                let content = lines.by_ref().take(count.parse().unwrap()).map(line_of);
                std::fs::write(&path, content.collect::<String>()).unwrap();
            }
            // The owner may read everything; what the archive's modes forbid is not tested here.
            Some(("Mode", _)) => {}
            _ if line.starts_with('#') => {}
            _ => panic!("{line:?} is no line of ttar"),
        }
    }
}

/// `EOF` at a line's end stands for a missing newline, `NULLBYTE` for a zero.
fn line_of(line: &str) -> String {
    match line.replace("NULLBYTE", "\0").strip_suffix("EOF") {
        Some(last) => last.to_owned(),
        None => format!("{}\n", line.replace("NULLBYTE", "\0")),
    }
}
