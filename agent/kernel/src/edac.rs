//! `edac`: memory error counts of `/sys/devices/system/edac/mc`.

use crate::attr::{Attr, entries, numbered};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::{Path, PathBuf};

pub(crate) mod counts;

/// One family with its files; a file that must be there fails the source when it is not.
#[derive(PartialEq)]
struct Group {
    family: Family,
    files: Vec<(Series, Attr, bool)>,
}

pub(crate) struct Edac {
    dir: PathBuf,
    groups: Vec<Group>,
}

impl Edac {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let mut edac = Edac { dir: directory(root), groups: Vec::new() };
        edac.discover()?;
        Ok(edac)
    }
}

pub(crate) fn directory(root: &Root) -> PathBuf {
    root.sysfs.join("devices/system/edac/mc")
}

impl Source for Edac {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        for group in &mut self.groups {
            let mark = page.mark();
            page.family(&group.family);
            for (series, file, required) in &mut group.files {
                let value = if *required { Some(file.integer()?) } else { file.value() };
                if let Some(value) = value {
                    page.sample(series, value);
                }
            }
            if page.samples_since(mark) == 0 {
                page.rewind(mark);
            }
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let counter = |name: &str, help| {
            Family::new(&format!("node_edac_{name}_errors_total"), Kind::Counter, help)
        };
        let group = |name, help| Group { family: counter(name, help), files: Vec::new() };
        let mut ce = group("correctable", "Total correctable memory errors.");
        let mut ue = group("uncorrectable", "Total uncorrectable memory errors.");
        let mut row_ce =
            group("csrow_correctable", "Total correctable memory errors for this csrow.");
        let mut row_ue =
            group("csrow_uncorrectable", "Total uncorrectable memory errors for this csrow.");
        let mut channel_ce =
            group("channel_correctable", "Total correctable memory errors for this channel.");
        let mut channel_ue =
            group("channel_uncorrectable", "Total uncorrectable memory errors for this channel.");
        for (controller, path) in numbered(&self.dir, "mc")? {
            let controller = controller.to_string();
            let label = [("controller", controller.as_str())];
            ce.add(&label, path.join("ce_count"), true);
            ue.add(&label, path.join("ue_count"), true);
            let label = [("controller", controller.as_str()), ("csrow", "unknown")];
            row_ce.add(&label, path.join("ce_noinfo_count"), true);
            row_ue.add(&label, path.join("ue_noinfo_count"), true);
            for (row, path) in numbered(&path, "csrow")? {
                let row = row.to_string();
                let label = [("controller", controller.as_str()), ("csrow", row.as_str())];
                row_ce.add(&label, path.join("ce_count"), true);
                row_ue.add(&label, path.join("ue_count"), true);
                for channel in channels(&path)? {
                    let dimm = dimm_label(&path, &channel);
                    let label = [
                        ("channel", channel.as_str()),
                        ("controller", controller.as_str()),
                        ("csrow", row.as_str()),
                        ("dimm_label", dimm.as_str()),
                    ];
                    channel_ce.add(&label, path.join(format!("ch{channel}_ce_count")), true);
                    channel_ue.add(&label, path.join(format!("ch{channel}_ue_count")), false);
                }
            }
        }
        let groups = vec![ce, ue, row_ce, row_ue, channel_ce, channel_ue];
        // DIMM labels are set by a tool after boot, so they are read again; what is the same stays open.
        if self.groups != groups {
            self.groups = groups;
        }
        Ok(())
    }
}

impl Group {
    fn add(&mut self, labels: &[(&str, &str)], file: PathBuf, required: bool) {
        self.files.push((self.family.series(labels), Attr::new(file), required));
    }
}

/// Channels of a csrow: the n of its `chN_ce_count`.
fn channels(csrow: &Path) -> Result<Vec<String>, ReadError> {
    let names = entries(csrow)?;
    let names = names.iter().filter_map(|path| path.file_name()?.to_str());
    let numbers = names.filter_map(|name| name.strip_prefix("ch")?.strip_suffix("_ce_count"));
    Ok(numbers
        .filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect())
}

/// node_exporter's form of a DIMM label.
fn dimm_label(csrow: &Path, channel: &str) -> String {
    match Attr::new(csrow.join(format!("ch{channel}_dimm_label"))).text() {
        Ok(label) => {
            label.replace('#', "").replace("csrow", "_csrow").replace("channel", "_channel")
        }
        Err(_) => "unknown".to_owned(),
    }
}
