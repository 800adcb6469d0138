//! What the tests of this room share: trees to read, pages to compare.

use socle_kernel::{ReadError, Root, SOURCES, Settings, Source};
use socle_model::metrics::Page;
use socle_model::metrics::parse::parse;
use std::collections::{BTreeMap, BTreeSet};
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
    page_of(|_| true, root, settings)
}

/// The page of the sources whose names are wanted.
pub(crate) fn page_of(wanted: impl Fn(&str) -> bool, root: &Root, settings: &Settings) -> String {
    let mut page = Page::default();
    for entry in SOURCES.iter().filter(|entry| wanted(entry.name)) {
        let mark = page.mark();
        match (entry.open)(root, settings).and_then(|mut source| source.read(&mut page)) {
            Ok(()) => {}
            Err(ReadError::NoData(_) | ReadError::RootOnly(_)) => page.rewind(mark),
            Err(error) => panic!("{}: {error}", entry.name),
        }
    }
    page.as_str().to_owned()
}

/// Where the third-party fixtures are; says so once where they are not.
pub(crate) fn corpus() -> Option<PathBuf> {
    let dir = std::env::var_os("SOCLE_CORPUS").map(|dir| PathBuf::from(dir).join("node_exporter"));
    static SAID: std::sync::Once = std::sync::Once::new();
    if dir.is_none() {
        SAID.call_once(|| {
            println!("skipped: SOCLE_CORPUS not set, node_exporter's own fixtures are not here")
        });
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

/// The tree of this room: 4 CPUs, 2 disks, 2 NICs, 2 hwmon chips, 2 memory controllers.
pub(crate) fn rack() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rack")
}

/// A copy of it to change.
pub(crate) struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    pub(crate) fn rack() -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(&rack(), dir.path());
        Tree { dir }
    }

    pub(crate) fn root(&self) -> Root {
        Root::at(self.dir.path())
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Writes in place, as the kernel does: who has the file open sees it.
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        self.write(file, text.replace(from, to));
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.path(path);
        match path.is_dir() && !path.is_symlink() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }

    /// This process' open files in the tree, each by its number and path.
    pub(crate) fn descriptors(&self) -> Vec<String> {
        let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let files = links.filter_map(|fd| Some((fd.file_name(), fd.path().read_link().ok()?)));
        let here = files.filter(|(_, file)| file.starts_with(self.dir.path()));
        let mut open: Vec<_> =
            here.map(|(fd, file)| format!("{} {}", fd.display(), file.display())).collect();
        open.sort();
        open
    }

    /// A source of this tree.
    pub(crate) fn open(&self, name: &str) -> Box<dyn Source> {
        open(name, &self.root(), &Settings::default()).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let to = to.join(name);
        if from.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(from).unwrap(), to).unwrap();
        } else if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// What a source prints now.
pub(crate) fn read(source: &mut Box<dyn Source>) -> Result<String, ReadError> {
    let mut page = Page::default();
    source.read(&mut page)?;
    assert_clean(page.as_str());
    Ok(page.as_str().to_owned())
}

/// The value of a series, written `name{label="value"}`.
pub(crate) fn value(page: &str, series: &str) -> Option<f64> {
    let text = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(text.parse().unwrap())
}

/// No family and no series twice, every sample below its own family's head.
pub(crate) fn assert_clean(page: &str) {
    let parsed = parse(page).unwrap();
    assert_eq!(parsed.series().len(), parsed.samples.len(), "a series twice in\n{page}");
    let (mut families, mut family, mut kind, mut samples) = (BTreeSet::new(), "", "", 1);
    for line in page.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            assert!(samples > 0, "{family} has no samples in\n{page}");
            (family, kind) = head.split_once(' ').unwrap();
            samples = 0;
            assert!(families.insert(family), "{family} twice in\n{page}");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let part =
                ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
            let whole = ["histogram", "summary"].contains(&kind) && part == Some(family);
            assert!(name == family || whole, "{name} below {family} in\n{page}");
            samples += 1;
        }
    }
    assert!(samples > 0, "{family} has no samples in\n{page}");
}
