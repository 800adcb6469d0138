//! `watchdog`: `/sys/class/watchdog`.

use crate::attr::AttrFamily;
use crate::class::{Column, Words, add_existing, devices, must_exist, signed};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};
use std::path::PathBuf;

const fn gauge(file: &'static str, name: &'static str, help: &'static str) -> Column {
    Column { file, name, kind: Kind::Gauge, help }
}

const COLUMNS: [Column; 7] = [
    gauge("bootstatus", "bootstatus", "Value of /sys/class/watchdog/<watchdog>/bootstatus"),
    gauge("fw_version", "fw_version", "Value of /sys/class/watchdog/<watchdog>/fw_version"),
    gauge("nowayout", "nowayout", "Value of /sys/class/watchdog/<watchdog>/nowayout"),
    gauge("timeleft", "timeleft_seconds", "Value of /sys/class/watchdog/<watchdog>/timeleft"),
    gauge("timeout", "timeout_seconds", "Value of /sys/class/watchdog/<watchdog>/timeout"),
    gauge("pretimeout", "pretimeout_seconds", "Value of /sys/class/watchdog/<watchdog>/pretimeout"),
    gauge("access_cs0", "access_cs0", "Value of /sys/class/watchdog/<watchdog>/access_cs0"),
];

/// Labels of `node_watchdog_info`, each a file's name.
const WORDS: [&str; 5] = ["identity", "options", "pretimeout_governor", "state", "status"];

#[derive(Default, PartialEq)]
struct Found {
    columns: Vec<AttrFamily>,
    watchdogs: Vec<(PathBuf, Words)>,
}

pub(crate) struct Watchdog {
    dir: PathBuf,
    info: Family,
    found: Found,
}

impl Watchdog {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let mut watchdog = Watchdog {
            dir: root.sysfs.join("class/watchdog"),
            info: Family::new(
                "node_watchdog_info",
                Kind::Gauge,
                "Info of /sys/class/watchdog/<watchdog>",
            ),
            found: Found::default(),
        };
        watchdog.discover()?;
        Ok(watchdog)
    }
}

impl Source for Watchdog {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Found { columns, watchdogs } = &mut self.found;
        if watchdogs.is_empty() {
            return must_exist(&self.dir);
        }
        columns.iter_mut().for_each(|column| column.write(page, signed));
        page.family_of(&self.info, |page| {
            for (dir, words) in watchdogs {
                // A kernel without CONFIG_WATCHDOG_SYSFS has the device and none of these files.
                if words.refresh() || dir.exists() {
                    words.write(page, &self.info);
                }
            }
        });
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = Found {
            columns: COLUMNS.iter().map(|column| column.family("node_watchdog_")).collect(),
            watchdogs: Vec::new(),
        };
        for (name, dir) in devices(&self.dir)? {
            let label = [("name", name.as_str())];
            for (column, family) in COLUMNS.iter().zip(&mut found.columns) {
                add_existing(family, &label, dir.join(column.file));
            }
            let mut words = Words::new(&label);
            WORDS.iter().for_each(|word| words.add(word, dir.join(word), Some("")));
            found.watchdogs.push((dir, words));
        }
        if self.found != found {
            self.found = found;
        }
        Ok(())
    }
}
