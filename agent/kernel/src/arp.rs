//! `arp`: entries of the neighbour table of IPv4 by device, `/proc/net/arp`.

use crate::file::words;
use crate::lines::{Fault, Lines, OneFile, Text};
use crate::settings::{Filter, Flag, Takes};
use crate::table::{Seen, Table};
use crate::{ReadError, Root, Settings};
use socle_model::metrics::{Family, Kind, Page, Series};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] =
    &[("arp.device-exclude", Takes::Regex), ("arp.device-include", Takes::Regex)];

struct Row {
    /// `None` for a device that the filter leaves out.
    series: Option<Series>,
    entries: u64,
}

pub(crate) struct Arp {
    family: Family,
    filter: Filter,
    rows: Table<Row>,
}

pub(crate) fn open(root: &Root, settings: &Settings) -> OneFile<Arp> {
    OneFile::new(Lines::new(root.procfs.join("net/arp")), Arp::new(settings))
}

impl Arp {
    pub(crate) fn new(settings: &Settings) -> Self {
        Arp {
            family: Family::new("node_arp_entries", Kind::Gauge, "ARP entries by device"),
            filter: settings.filter("arp.device", ""),
            rows: Table::default(),
        }
    }
}

impl Text for Arp {
    fn begin(&mut self) {
        self.rows.begin();
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), Fault> {
        // The first line is the heading.
        if number == 1 {
            return Ok(());
        }
        // Address, type, flags, hardware address, mask, device. A tunnel has no hardware address.
        let count = words(line).count();
        let Some(device) = words(line).last().filter(|_| count == 6 || count == 5) else {
            return Err(Fault::new(line, "6 columns"));
        };
        let shown = String::from_utf8_lossy(device);
        let Arp { family, filter, rows } = self;
        let make = || Row {
            series: (!filter.ignores(&shown)).then(|| family.series(&[("device", &shown)])),
            entries: 0,
        };
        match rows.row(shown.as_bytes(), make) {
            Some((row, Seen::Twice)) => row.entries += 1,
            Some((row, _)) => row.entries = 1,
            None => {}
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        page.family_of(&self.family, |page| {
            for row in self.rows.present() {
                if let Some(series) = &row.series {
                    page.sample(series, row.entries);
                }
            }
        });
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.rows.sweep();
        Ok(())
    }
}
