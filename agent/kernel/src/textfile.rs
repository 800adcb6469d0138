//! `textfile`: metrics that other programs leave in files, `*.prom` of one or several folders, as
//! node_exporter's collector of that name shows them.
//!
//! A file is read and parsed when it has changed; otherwise a reading costs one `stat` for each file and
//! folder. A bad file costs itself, is named with its line by [`Source::faults`], and sets
//! `node_textfile_scrape_error`.

mod files;
mod merge;
mod render;

use crate::settings::{Flag, Takes};
use crate::{ReadError, Root, Settings, Source};
use files::{Place, Stamp};
use merge::merge;
use render::{Ready, ready};
use socle_model::metrics::exposition;
use socle_model::metrics::{Family, Kind, Page};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[("textfile.directory", Takes::Text)];

/// Where Debian's and Red Hat's packages of node_exporter look.
pub(crate) const DEFAULT: &str = "/var/lib/prometheus/node-exporter";

/// Most bytes of all files together. Their parsed form takes a multiple of it.
const LIMIT: u64 = 4 << 20;

/// A file that changed so short a time before it was read may have changed since without its time
/// saying so: the clock of a file system is coarse.
const SETTLED: Duration = Duration::from_secs(1);

/// A file as it was last read.
#[derive(Debug)]
struct File {
    real: PathBuf,
    shown: String,
    stamp: Option<Stamp>,
    settled: bool,
    size: u64,
    read: Result<Vec<Ready>, String>,
}

/// A folder, or what was to be one, as it was when it was listed.
type Watched = (PathBuf, Option<Stamp>);

pub(crate) struct Textfile {
    places: Vec<Place>,
    watched: Vec<Watched>,
    files: Vec<File>,
    /// The page of these files.
    page: Page,
    faults: Vec<String>,
    told: usize,
    mtime: Family,
    error: Family,
}

impl Textfile {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Self {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        let given = settings.filters.get("textfile.directory");
        let patterns = given.map_or(&*settings.textfile_dir, std::slice::from_ref);
        let default = [DEFAULT.to_owned()];
        let patterns = if patterns.is_empty() { &default[..] } else { patterns };
        let places = patterns.iter().filter(|pattern| !pattern.is_empty());
        let mut textfile = Textfile {
            places: places.map(|pattern| Place::new(root, pattern)).collect(),
            watched: Vec::new(),
            files: Vec::new(),
            page: Page::default(),
            faults: Vec::new(),
            told: 0,
            mtime: gauge(
                "node_textfile_mtime_seconds",
                "Unixtime mtime of textfiles successfully read.",
            ),
            error: gauge(
                "node_textfile_scrape_error",
                "1 if there was an error opening or reading a file, 0 otherwise",
            ),
        };
        textfile.load();
        textfile
    }

    fn changed(&self) -> bool {
        self.watched.iter().any(|(dir, stamp)| Stamp::of(dir) != *stamp)
            || self.files.iter().any(|file| !file.settled || Stamp::of(&file.real) != file.stamp)
    }

    /// Lists the folders and reads what is new in them.
    fn load(&mut self) {
        let mut faults = Vec::new();
        let mut before = std::mem::take(&mut self.files);
        self.watched.clear();
        let mut left = LIMIT;
        for place in &self.places {
            for (real, shown) in place.list(&mut self.watched, &mut faults) {
                if self.files.iter().any(|file| file.shown == shown) {
                    continue;
                }
                let stamp = Stamp::of(&real);
                let known = before.iter().position(|file| {
                    file.real == real && file.settled && file.stamp == stamp && file.size <= left
                });
                let file = match known {
                    Some(at) => before.swap_remove(at),
                    None => File::read(real, shown, stamp, left),
                };
                left -= file.size.min(left);
                self.files.push(file);
            }
        }
        self.files.sort_by(|a, b| a.shown.cmp(&b.shown));
        let failed = self.files.iter().filter_map(|file| file.read.as_ref().err());
        faults.extend(failed.cloned());
        let read =
            self.files.iter().filter_map(|file| Some((&*file.shown, &**file.read.as_ref().ok()?)));
        let merged = merge(read, &mut faults);
        let mut page = std::mem::take(&mut self.page);
        page.clear();
        merged.write(&mut page);
        self.own(&mut page, !faults.is_empty());
        self.page = page;
        // What was told before is not told again.
        if self.faults != faults {
            (self.faults, self.told) = (faults, 0);
        }
    }

    /// What it says of the files.
    fn own(&self, page: &mut Page, failed: bool) {
        let good = || self.files.iter().filter(|file| file.read.is_ok());
        page.family_of(&self.mtime, |page| {
            for file in good() {
                let series = self.mtime.series(&[("file", &file.shown)]);
                page.sample(&series, file.stamp.map_or(0, |stamp| stamp.mtime));
            }
        });
        page.single(&self.error, failed);
    }
}

impl File {
    fn read(real: PathBuf, shown: String, stamp: Option<Stamp>, limit: u64) -> Self {
        let settled = stamp.is_some_and(|stamp| stamp.is_older_than(SETTLED, SystemTime::now()));
        let text = files::read(&real, limit);
        let mut size = text.as_ref().map_or(0, |text| text.len() as u64);
        let read = text.map_err(|why| format!("{shown}: {why}")).and_then(|text| {
            let found = exposition::read(&text).map_err(|fault| format!("{shown}: {fault}"))?;
            let shows = render::size(&found, &shown);
            if shows > limit {
                let most = LIMIT >> 20;
                return Err(format!(
                    "{shown}: on the page the files together would have more than {most} MiB: give each \
                     metric its own few labels"
                ));
            }
            size = size.max(shows);
            Ok(ready(&found))
        });
        File { real, shown, stamp, settled, size, read }
    }
}

impl Source for Textfile {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.changed() {
            self.load();
        }
        page.append(&self.page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.load();
        Ok(())
    }

    fn faults(&mut self) -> Vec<String> {
        let new = self.faults.get(self.told..).unwrap_or_default().to_vec();
        self.told = self.faults.len();
        new
    }
}
