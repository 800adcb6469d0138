//! Which files there are, whether they have changed, and their bytes.

use super::{DEFAULT, Watched};
use crate::Root;
use nix::fcntl::OFlag;
use regex::Regex;
use std::fs::{Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    mtime_nsec: i64,
    ctime: i64,
    ctime_nsec: i64,
}

impl Stamp {
    /// `None` where there is nothing.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Stamp {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            mtime: file.mtime(),
            mtime_nsec: file.mtime_nsec(),
            ctime: file.ctime(),
            ctime_nsec: file.ctime_nsec(),
        })
    }

    /// Whether it last changed more than so long before `now`. A time in the future is old: waiting for
    /// it would mean to read the file again and again.
    pub(super) fn is_older_than(&self, age: Duration, now: SystemTime) -> bool {
        let seconds = u64::try_from(self.ctime).unwrap_or_default();
        let nanos = u32::try_from(self.ctime_nsec).unwrap_or_default();
        let changed = SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos));
        changed.and_then(|changed| now.duration_since(changed).ok()).is_none_or(|past| past > age)
    }
}

/// A folder of the configuration, or the pattern of several.
#[derive(Debug)]
pub(super) struct Place {
    /// Where the paths of the configuration begin: `/`, or the tree that is read instead.
    base: PathBuf,
    pattern: String,
}

impl Place {
    pub(super) fn new(root: &Root, pattern: &str) -> Self {
        Place { base: root.base().to_owned(), pattern: pattern.to_owned() }
    }

    /// The path that is meant on this machine.
    fn real(&self, shown: &str) -> PathBuf {
        match self.base == Path::new("/") {
            true => PathBuf::from(shown),
            false => self.base.join(shown.trim_start_matches('/')),
        }
    }

    /// The files of its folders, by name: where they are, and what they are called. Folders that were
    /// looked at go into `watched`, with what they were before.
    pub(super) fn list(
        &self,
        watched: &mut Vec<Watched>,
        faults: &mut Vec<String>,
    ) -> Vec<(PathBuf, String)> {
        let mut dirs = self.expand(watched);
        if dirs.is_empty() {
            dirs.push(self.pattern.clone());
        }
        let mut files = Vec::new();
        for dir in dirs {
            let real = self.real(&dir);
            watched.push((real.clone(), Stamp::of(&real)));
            match names(&real) {
                Ok(names) => files.extend(names.into_iter().filter_map(|name| {
                    let shown = format!("{}/{name}", dir.trim_end_matches('/'));
                    name.ends_with(".prom").then(|| (real.join(name), shown))
                })),
                // Nobody asked for the default: a machine without it lacks nothing.
                Err(error) if error.kind() == ErrorKind::NotFound && self.pattern == DEFAULT => {}
                Err(error) => faults.push(format!("{dir}: {error}")),
            }
        }
        files.sort_by(|(_, a), (_, b)| a.cmp(b));
        files
    }

    /// The folders that a pattern names, part by part; none where it is no pattern.
    fn expand(&self, watched: &mut Vec<Watched>) -> Vec<String> {
        if !self.pattern.contains(['*', '?', '[']) {
            return Vec::new();
        }
        let start = if self.pattern.starts_with('/') { "/" } else { "" };
        let mut found = vec![start.to_owned()];
        for part in self.pattern.split('/').filter(|part| !part.is_empty()) {
            let Some(wanted) = glob(part) else { return Vec::new() };
            found = found.iter().flat_map(|dir| self.inside(dir, part, &wanted, watched)).collect();
        }
        found
    }

    fn inside(
        &self,
        dir: &str,
        part: &str,
        wanted: &Regex,
        watched: &mut Vec<Watched>,
    ) -> Vec<String> {
        let join = |name: &str| match dir {
            "" | "/" => format!("{dir}{name}"),
            _ => format!("{dir}/{name}"),
        };
        if !part.contains(['*', '?', '[', '\\']) {
            let path = join(part);
            return if self.real(&path).exists() { vec![path] } else { Vec::new() };
        }
        let real = self.real(if dir.is_empty() { "." } else { dir });
        watched.push((real.clone(), Stamp::of(&real)));
        let names = names(&real).unwrap_or_default();
        names.iter().filter(|name| wanted.is_match(name)).map(|name| join(name)).collect()
    }
}

/// The names in a folder, sorted; what is not UTF-8 is left out.
fn names(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// A part of a path with Go's `*`, `?`, `[a-z]`, `[^a-z]` and `\`.
fn glob(part: &str) -> Option<Regex> {
    let mut pattern = String::from("(?s)^");
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '[' => class(&mut chars, &mut pattern)?,
            '\\' => pattern.push_str(&regex::escape(&chars.next()?.to_string())),
            c => pattern.push_str(&regex::escape(&c.to_string())),
        }
    }
    pattern.push('$');
    Regex::new(&pattern).ok()
}

/// From behind the bracket to its end.
fn class(chars: &mut std::str::Chars<'_>, pattern: &mut String) -> Option<()> {
    pattern.push('[');
    let mut first = true;
    loop {
        match chars.next()? {
            ']' if !first => break,
            '^' if first => {
                pattern.push('^');
                continue;
            }
            '-' => pattern.push('-'),
            '\\' => pattern.push_str(&regex::escape(&chars.next()?.to_string())),
            c => pattern.push_str(&regex::escape(&c.to_string())),
        }
        first = false;
    }
    pattern.push(']');
    Some(())
}

/// The bytes of a regular file of at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    let regular = |file: &Metadata| match file.is_file() {
        true => Ok(()),
        false => Err("no regular file".to_owned()),
    };
    // Before it is opened, because opening a device may do something; and after, because it may have
    // been replaced.
    regular(&std::fs::metadata(path).map_err(text)?)?;
    let mut options = OpenOptions::new();
    let file =
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).map_err(text)?;
    let known = file.metadata().map_err(text)?;
    regular(&known)?;
    let too_large = || format!("the files together have more than {} MiB", super::LIMIT >> 20);
    if known.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // One byte more tells a file that grows from one that just fits.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(text)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_gos() {
        for (pattern, name, matches) in [
            ("*", "abc", true),
            ("a*c", "abbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a.c", "abc", false),
            ("[]a]", "]", true),
            ("(a|b)+", "a", false),
        ] {
            assert_eq!(glob(pattern).unwrap().is_match(name), matches, "{pattern} {name}");
        }
        assert!(glob("[a").is_none() && glob("a\\").is_none());
    }

    #[test]
    fn what_changed_just_now_may_change_unseen() {
        let stamp = |ctime| Stamp {
            device: 1,
            inode: 1,
            size: 1,
            mtime: 1,
            mtime_nsec: 0,
            ctime,
            ctime_nsec: 0,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let second = Duration::from_secs(1);
        assert!(stamp(50).is_older_than(second, now) && !stamp(99).is_older_than(second, now));
        assert!(stamp(200).is_older_than(second, now), "a clock that was set back");
    }
}
