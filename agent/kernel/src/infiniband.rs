//! `infiniband`: InfiniBand and RoCE adapters, `/sys/class/infiniband`.

mod counters;

use crate::attr::{AttrFamily, numbered};
use crate::class::{Column, Words, add_existing, devices, must_exist, unsigned};
use crate::settings::{Filter, Flag, Takes};
use crate::{ReadError, Root, Settings, Source};
use counters::COUNTERS;
use socle_model::metrics::{Family, Kind, Page};
use std::path::{Path, PathBuf};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] =
    &[("infiniband.device-exclude", Takes::Regex), ("infiniband.device-include", Takes::Regex)];

const fn gauge(file: &'static str, name: &'static str, help: &'static str) -> Column {
    Column { file, name, kind: Kind::Gauge, help }
}

const STATE: Column = gauge(
    "state",
    "state_id",
    "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, 4: active, 5: act defer)",
);
const PHYSICAL_STATE: Column = gauge(
    "phys_state",
    "physical_state_id",
    "Physical state of the InfiniBand port (0: no change, 1: sleep, 2: polling, 3: disable, 4: shift, 5: link up, 6: link error recover, 7: phytest)",
);
const RATE: Column = gauge("rate", "rate_bytes_per_second", "Maximum signal transfer rate");
const LIFESPAN: Column = gauge(
    "hw_counters/lifespan",
    "lifespan_seconds",
    "The maximum period in ms which defines the aging of the counter reads. Two consecutive reads within this period might return the same values.",
);

/// Labels of `node_infiniband_info` and their files.
const WORDS: [(&str, &str); 3] =
    [("board_id", "board_id"), ("firmware_version", "fw_ver"), ("hca_type", "hca_type")];

#[derive(PartialEq)]
struct Found {
    adapters: Vec<Words>,
    state: AttrFamily,
    physical_state: AttrFamily,
    rate: AttrFamily,
    lifespan: AttrFamily,
    counters: Vec<AttrFamily>,
}

impl Found {
    fn nothing() -> Self {
        let family = |column: &Column| column.family("node_infiniband_");
        Found {
            adapters: Vec::new(),
            state: family(&STATE),
            physical_state: family(&PHYSICAL_STATE),
            rate: family(&RATE),
            lifespan: family(&LIFESPAN),
            counters: COUNTERS.iter().map(family).collect(),
        }
    }

    fn add_port(&mut self, device: &str, port: u64, dir: &Path) {
        let port = port.to_string();
        let labels = [("device", device), ("port", port.as_str())];
        self.state.add(&labels, dir.join(STATE.file));
        self.physical_state.add(&labels, dir.join(PHYSICAL_STATE.file));
        self.rate.add(&labels, dir.join(RATE.file));
        add_existing(&mut self.lifespan, &labels, dir.join(LIFESPAN.file));
        for (column, family) in COUNTERS.iter().zip(&mut self.counters) {
            add_existing(family, &labels, dir.join(column.file));
        }
    }
}

pub(crate) struct Infiniband {
    dir: PathBuf,
    filter: Filter,
    info: Family,
    found: Found,
}

impl Infiniband {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let mut infiniband = Infiniband {
            dir: root.sysfs.join("class/infiniband"),
            filter: settings.filter("infiniband.device", ""),
            info: Family::new(
                "node_infiniband_info",
                Kind::Gauge,
                "Non-numeric data from /sys/class/infiniband/<device>, value is always 1.",
            ),
            found: Found::nothing(),
        };
        infiniband.discover()?;
        Ok(infiniband)
    }
}

/// The 4 of `4: ACTIVE`.
fn state(text: &[u8]) -> Option<u64> {
    let mut parts = text.split(|byte| *byte == b':');
    let (number, _, None) = (parts.next()?, parts.next()?, parts.next()) else { return None };
    crate::file::number::<u32>(Some(number.trim_ascii())).map(u64::from)
}

/// Bytes a second of `100 Gb/sec (4X EDR)`; in the precision that node_exporter takes.
fn rate(text: &[u8]) -> Option<f64> {
    let mut words = crate::file::words(text);
    let gigabits: f32 = crate::file::number(words.next())?;
    words.next()?;
    let bytes = f64::from(gigabits) * 125_000_000.0;
    (bytes.is_finite() && bytes >= 0.0).then(|| bytes.trunc())
}

/// Whether a file counts in lanes of four, each a quarter of the bytes.
fn in_lanes(file: &str) -> bool {
    ["rcv_data", "xmit_data", "rcv_data_64", "xmit_data_64"]
        .iter()
        .any(|end| file.strip_suffix(end).is_some_and(|rest| rest.ends_with("/port_")))
}

impl Source for Infiniband {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Found { adapters, state: states, physical_state, rate: rates, lifespan, counters } =
            &mut self.found;
        if adapters.is_empty() {
            return must_exist(&self.dir);
        }
        page.family_of(&self.info, |page| {
            for words in adapters {
                if words.refresh() {
                    words.write(page, &self.info);
                }
            }
        });
        states.write(page, state);
        physical_state.write(page, state);
        rates.write(page, rate);
        // A port without a performance agent says `N/A (no PMA)`: it has no sample.
        for (column, family) in COUNTERS.iter().zip(counters) {
            let factor = if in_lanes(column.file) { 4 } else { 1 };
            family.write(page, |text| unsigned(text).map(|value| value.wrapping_mul(factor)));
        }
        lifespan.write(page, |text| unsigned(text).map(|milliseconds| milliseconds / 1000));
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = Found::nothing();
        for (name, dir) in devices(&self.dir)? {
            if self.filter.ignores(&name) {
                continue;
            }
            let mut words = Words::new(&[("device", &name)]);
            for (label, file) in WORDS {
                words.add(label, dir.join(file), Some(""));
            }
            found.adapters.push(words);
            for (port, dir) in numbered(&dir.join("ports"), "")? {
                found.add_port(&name, port, &dir);
            }
        }
        if self.found != found {
            self.found = found;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_rates_as_the_kernel_writes_them() {
        assert_eq!(state(b"4: ACTIVE"), Some(4));
        for bad in [&b"ACTIVE"[..], b"4: A: B", b"x: A", b""] {
            assert_eq!(state(bad), None);
        }
        assert_eq!(rate(b"2.5 Gb/sec (1X SDR)"), Some(312_500_000.0));
        assert_eq!(rate(b"400 Gb/sec (4X NDR)"), Some(5e10));
        for bad in [&b"100"[..], b"", b"fast Gb/sec", b"inf Gb/sec", b"-1 Gb/sec"] {
            assert_eq!(rate(bad), None);
        }
        let lanes = COUNTERS.iter().filter(|column| in_lanes(column.file));
        assert_eq!(lanes.count(), 4);
    }
}
