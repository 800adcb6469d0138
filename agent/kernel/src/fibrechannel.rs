//! `fibrechannel`: Fibre Channel host ports, `/sys/class/fc_host`.

use crate::attr::{Attr, AttrFamily};
use crate::class::{Column, Cut, Latest, Words, devices, must_exist, unsigned};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::PathBuf;

const fn counter(file: &'static str, name: &'static str, help: &'static str) -> Column {
    Column { file, name, kind: Kind::Counter, help }
}

/// Files of a port's `statistics`.
const COUNTERS: [Column; 14] = [
    counter("dumped_frames", "dumped_frames_total", "Number of dumped frames"),
    counter("error_frames", "error_frames_total", "Number of errors in frames"),
    counter("invalid_crc_count", "invalid_crc_total", "Invalid Cyclic Redundancy Check count"),
    counter("rx_frames", "rx_frames_total", "Number of frames received"),
    counter("rx_words", "rx_words_total", "Number of words received by host port"),
    counter("tx_frames", "tx_frames_total", "Number of frames transmitted by host port"),
    counter("tx_words", "tx_words_total", "Number of words transmitted by host port"),
    counter(
        "seconds_since_last_reset",
        "seconds_since_last_reset_total",
        "Number of seconds since last host port reset",
    ),
    counter(
        "invalid_tx_word_count",
        "invalid_tx_words_total",
        "Number of invalid words transmitted by host port",
    ),
    counter(
        "link_failure_count",
        "link_failure_total",
        "Number of times the host port link has failed",
    ),
    counter(
        "loss_of_sync_count",
        "loss_of_sync_total",
        "Number of failures on either bit or transmission word boundaries",
    ),
    counter("loss_of_signal_count", "loss_of_signal_total", "Number of times signal has been lost"),
    counter(
        "nos_count",
        "nos_total",
        "Number Not_Operational Primitive Sequence received by host port",
    ),
    counter("fcp_packet_aborts", "fcp_packet_aborts_total", "Number of aborted packets"),
];

/// Labels of `node_fibrechannel_info`, each a file's name, and whether the file's `0x` is left out.
const WORDS: [(&str, bool); 10] = [
    ("dev_loss_tmo", false),
    ("fabric_name", true),
    ("port_id", true),
    ("port_name", true),
    ("port_state", false),
    ("port_type", false),
    ("speed", false),
    ("supported_classes", false),
    ("supported_speeds", false),
    ("symbolic_name", false),
];

#[derive(PartialEq)]
struct Port {
    words: Words,
    counters: Vec<(Series, Attr)>,
    there: Latest<bool>,
}

pub(crate) struct FibreChannel {
    dir: PathBuf,
    info: Family,
    families: Vec<Family>,
    ports: Vec<Port>,
}

impl FibreChannel {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let family = |column: &Column| {
            let AttrFamily { family, .. } = column.family("node_fibrechannel_");
            family
        };
        let mut ports = FibreChannel {
            dir: root.sysfs.join("class/fc_host"),
            info: Family::new(
                "node_fibrechannel_info",
                Kind::Gauge,
                "Non-numeric data from /sys/class/fc_host/<host>, value is always 1.",
            ),
            families: COUNTERS.iter().map(family).collect(),
            ports: Vec::new(),
        };
        ports.discover()?;
        Ok(ports)
    }
}

/// Without its first two characters, where there are more.
fn without_0x(word: &[u8]) -> &[u8] {
    if word.len() > 2 { word.get(2..).unwrap_or_default() } else { word }
}

impl Port {
    /// A port that is off counts nothing, and drivers answer with anything: node_exporter shows 0.
    fn is_off(&self) -> bool {
        matches!(self.words.word("port_state"), None | Some(b"Unknown"))
    }

    /// A count that the adapter does not have is all ones.
    fn count(&mut self, n: usize) -> Option<(&Series, u64)> {
        let off = self.is_off();
        let (series, file) = self.counters.get_mut(n)?;
        let value = if off { Some(0) } else { file.parsed(unsigned) };
        Some((series, value.filter(|value| *value != u64::MAX)?))
    }
}

impl Source for FibreChannel {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.ports.is_empty() {
            return must_exist(&self.dir);
        }
        page.family_of(&self.info, |page| {
            for port in &mut self.ports {
                port.there.0 = port.words.refresh();
                if port.there.0 {
                    port.words.write(page, &self.info);
                }
            }
        });
        for (n, family) in self.families.iter().enumerate() {
            page.family_of(family, |page| {
                for port in self.ports.iter_mut().filter(|port| port.there.0) {
                    if let Some((series, value)) = port.count(n) {
                        page.sample(series, value);
                    }
                }
            });
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut found = Vec::new();
        for (name, dir) in devices(&self.dir)? {
            let label = [("fc_host", name.as_str())];
            let mut words = Words::new(&label);
            for (word, hex) in WORDS {
                let cut: Cut = if hex { without_0x } else { |word| word };
                words.add_cut(word, dir.join(word), Some(""), cut);
            }
            let files = COUNTERS.iter().map(|column| dir.join("statistics").join(column.file));
            let series = self.families.iter().map(|family| family.series(&label));
            let counters = series.zip(files.map(Attr::new)).collect();
            found.push(Port { words, counters, there: Latest(false) });
        }
        if self.ports != found {
            self.ports = found;
        }
        Ok(())
    }
}
