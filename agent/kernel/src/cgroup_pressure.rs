//! `cgroup_pressure`: how long the tasks of each slice and service waited, `*.pressure` of cgroup v2
//! (admin-guide/cgroup-v2). Opt-in.

use crate::attr::entries;
use crate::lines::Lines;
use crate::pressure::{Totals, seconds};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::{Path, PathBuf};

/// Slices, and what is in them.
const DEPTH: usize = 2;
/// Most groups: each has up to four files, which stay open.
const MOST: usize = 256;
const RESOURCES: [&str; 4] = ["cpu", "io", "memory", "irq"];

/// A file of a group, and what it said last.
struct Resource {
    file: Lines,
    waiting: Series,
    stalled: Series,
    totals: Option<Totals>,
}

pub(crate) struct CgroupPressure {
    dir: PathBuf,
    groups: Vec<PathBuf>,
    resources: Vec<Resource>,
    waiting: Family,
    stalled: Family,
}

impl CgroupPressure {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let counter = |name: &str, help| {
            let name = format!("socle_cgroup_pressure_{name}_seconds_total");
            Family::new(&name, Kind::Counter, help)
        };
        let mut pressure = CgroupPressure {
            dir: root.sysfs.join("fs/cgroup"),
            groups: Vec::new(),
            resources: Vec::new(),
            waiting: counter("waiting", "Seconds in which some task of the group waited."),
            stalled: counter("stalled", "Seconds in which no task of the group could go on."),
        };
        pressure.discover()?;
        Ok(pressure)
    }
}

/// The groups beneath a directory, parents first, names in order.
fn groups(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    for path in entries(dir)? {
        if found.len() >= MOST {
            return Ok(());
        }
        if path.is_dir() && !path.is_symlink() {
            found.push(path.clone());
            if depth > 1 {
                groups(&path, depth - 1, found)?;
            }
        }
    }
    Ok(())
}

impl Source for CgroupPressure {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.resources.is_empty() {
            return Err(ReadError::NoData(self.dir.clone()));
        }
        for resource in &mut self.resources {
            resource.totals = match Totals::read(&mut resource.file) {
                // A group that ended while its file was open.
                Err(ReadError::Failed { .. }) => None,
                totals => totals?,
            };
        }
        page.family_of(&self.waiting, |page| {
            for Resource { waiting, totals, .. } in &self.resources {
                if let Some(some) = totals.and_then(|totals| totals.some) {
                    page.sample(waiting, seconds(some));
                }
            }
        });
        page.family_of(&self.stalled, |page| {
            for Resource { stalled, totals, .. } in &self.resources {
                if let Some(full) = totals.and_then(|totals| totals.full) {
                    page.sample(stalled, seconds(full));
                }
            }
        });
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = Vec::new();
        // Where systemd also mounts the old hierarchies, the new one is beneath.
        let root = match self.dir.join("unified/cgroup.controllers").is_file() {
            true => self.dir.join("unified"),
            false => self.dir.clone(),
        };
        groups(&root, DEPTH, &mut found)?;
        if found == self.groups {
            return Ok(());
        }
        let CgroupPressure { resources, waiting, stalled, .. } = self;
        resources.clear();
        for group in &found {
            // A name that is not UTF-8 could be shown as another one is.
            let Some(name) = group.strip_prefix(&root).unwrap_or(group).to_str() else { continue };
            for resource in RESOURCES {
                let file = group.join(format!("{resource}.pressure"));
                // No file for a controller that is off, nor for groups of v1.
                if file.is_file() {
                    let labels = [("cgroup", name), ("resource", resource)];
                    resources.push(Resource {
                        file: Lines::in_one_piece(file),
                        waiting: waiting.series(&labels),
                        stalled: stalled.series(&labels),
                        totals: None,
                    });
                }
            }
        }
        self.groups = found;
        Ok(())
    }
}
