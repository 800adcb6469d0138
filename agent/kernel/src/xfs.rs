//! `xfs`: the counters of each mounted XFS, `/sys/fs/xfs/DEVICE/stats/stats` (admin-guide/xfs).

mod figures;

use crate::attr::entries;
use crate::file::{number, words};
use crate::lines::{Fault, Lines};
use crate::{ReadError, Root, Source};
use figures::FIGURES;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::PathBuf;

struct Mounted {
    dir: PathBuf,
    lines: Lines,
    series: Vec<Series>,
    values: [u64; FIGURES.len()],
    there: bool,
}

pub(crate) struct Xfs {
    dir: PathBuf,
    families: Vec<Family>,
    mounted: Vec<Mounted>,
}

impl Xfs {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let family = |(_, _, name, help): &(&str, usize, &str, &str)| {
            Family::new(&format!("node_xfs_{name}"), Kind::Counter, help)
        };
        let mut xfs = Xfs {
            dir: root.sysfs.join("fs/xfs"),
            families: FIGURES.iter().map(family).collect(),
            mounted: Vec::new(),
        };
        xfs.discover()?;
        Ok(xfs)
    }
}

/// Puts the figures of a line into their places.
fn line(values: &mut [u64; FIGURES.len()], line: &[u8]) -> Result<(), Fault> {
    let Some(key) = words(line).next() else { return Ok(()) };
    let figures = FIGURES.iter().zip(values);
    for ((_, column, name, _), value) in figures.filter(|((k, ..), _)| k.as_bytes() == key) {
        let word = words(line).nth(column + 1);
        *value = number(word).ok_or_else(|| Fault::new(name, "a whole number"))?;
    }
    Ok(())
}

impl Source for Xfs {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        for Mounted { lines, values, there, .. } in &mut self.mounted {
            *values = [0; FIGURES.len()];
            // One that was unmounted is forgotten at the next discovery.
            *there = lines.read_if_there(|_, text| line(values, text))?;
        }
        for (n, family) in self.families.iter().enumerate() {
            page.family_of(family, |page| {
                for mounted in self.mounted.iter().filter(|mounted| mounted.there) {
                    if let (Some(series), Some(value)) =
                        (mounted.series.get(n), mounted.values.get(n))
                    {
                        page.sample(series, *value);
                    }
                }
            });
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = entries(&self.dir)?;
        found.retain(|dir| {
            dir.file_name().is_some_and(|name| name.is_ascii()) && dir.join("stats/stats").is_file()
        });
        if self.mounted.iter().map(|mounted| &mounted.dir).eq(&found) {
            self.mounted.iter_mut().for_each(|mounted| mounted.lines.look_again());
            return Ok(());
        }
        let mounted = |dir: PathBuf| {
            let device = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let series = self.families.iter().map(|family| family.series(&[("device", &device)]));
            Mounted {
                lines: Lines::in_one_piece(dir.join("stats/stats")),
                series: series.collect(),
                values: [0; FIGURES.len()],
                there: false,
                dir,
            }
        };
        self.mounted = found.into_iter().map(mounted).collect();
        Ok(())
    }
}
