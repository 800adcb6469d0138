//! `edac`: memory error counts of `/sys/devices/system/edac/mc`.

use crate::attr::{Attr, entries, numbered};
use crate::{ReadError, Root, Source};
use socle_model::facts::EdacCount;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::{Path, PathBuf};

/// One family with its files; a file that must be there fails the source when it is not.
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

fn directory(root: &Root) -> PathBuf {
    root.sysfs.join("devices/system/edac/mc")
}

impl Source for Edac {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        for group in &mut self.groups {
            let mark = page.mark();
            page.family(&group.family);
            for (series, file, required) in &mut group.files {
                match file.integer() {
                    Ok(value) => page.sample(series, value),
                    Err(error) if *required => return Err(error),
                    Err(_) => {}
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
        self.groups = vec![ce, ue, row_ce, row_ue, channel_ce, channel_ue];
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

/// The counts that the verdict needs: per DIMM where the driver places errors, and what it could not
/// place.
pub(crate) fn counts(root: &Root) -> Vec<EdacCount> {
    let mut counts = Vec::new();
    for (number, path) in numbered(&directory(root), "mc").unwrap_or_default() {
        let controller = number.to_string();
        for (dimm, path) in dimms(&path) {
            let read = |file: &str| Attr::new(path.join(file)).integer();
            let text =
                |file: &str| Attr::new(path.join(file)).text().ok().filter(|text| !text.is_empty());
            let (Ok(corrected), Ok(uncorrected)) = (read("dimm_ce_count"), read("dimm_ue_count"))
            else {
                continue;
            };
            counts.push(EdacCount {
                controller: controller.clone(),
                file: path.to_string_lossy().into_owned(),
                dimm: Some(dimm),
                label: text("dimm_label"),
                location: text("dimm_location"),
                corrected,
                uncorrected,
            });
        }
        // With DIMMs that count, the controller's own is the rest; without, it is all there is.
        let placed = counts.iter().any(|count| count.controller == controller);
        let (ce, ue) =
            if placed { ("ce_noinfo_count", "ue_noinfo_count") } else { ("ce_count", "ue_count") };
        let read = |file: &str| Attr::new(path.join(file)).integer();
        if let (Ok(corrected), Ok(uncorrected)) = (read(ce), read(ue)) {
            counts.push(EdacCount {
                controller: controller.clone(),
                dimm: None,
                label: None,
                location: None,
                corrected,
                uncorrected,
                file: path.to_string_lossy().into_owned(),
            });
        }
    }
    counts
}

/// `dimmN` or `rankN` directories of a controller.
fn dimms(controller: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for prefix in ["dimm", "rank"] {
        for (number, path) in numbered(controller, prefix).unwrap_or_default() {
            found.push((format!("{prefix}{number}"), path));
        }
    }
    found
}
