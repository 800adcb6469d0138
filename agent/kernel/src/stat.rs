//! `stat`: the lines of `/proc/stat` that are not per CPU.

use crate::file::{Kept, number, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};

pub(crate) struct Stat {
    file: Kept,
    families: [(&'static [u8], Family); 6],
}

impl Stat {
    pub(crate) fn new(root: &Root) -> Self {
        let counter = |name, help| Family::new(name, Kind::Counter, help);
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        Stat {
            file: Kept::new(root.procfs.join("stat")),
            families: [
                (b"intr", counter("node_intr_total", "Total number of interrupts serviced.")),
                (
                    b"ctxt",
                    counter("node_context_switches_total", "Total number of context switches."),
                ),
                (b"processes", counter("node_forks_total", "Total number of forks.")),
                (b"btime", gauge("node_boot_time_seconds", "Node boot time, in unixtime.")),
                (
                    b"procs_running",
                    gauge("node_procs_running", "Number of processes in runnable state."),
                ),
                (
                    b"procs_blocked",
                    gauge(
                        "node_procs_blocked",
                        "Number of processes blocked waiting for I/O to complete.",
                    ),
                ),
            ],
        }
    }
}

impl Source for Stat {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let mut bad = None;
        for (n, line) in self.file.read()?.split(|b| *b == b'\n').enumerate() {
            let mut fields = words(line);
            let key = fields.next().unwrap_or_default();
            let Some((_, family)) = self.families.iter().find(|(k, _)| *k == key) else { continue };
            let Some(value) = number::<u64>(fields.next()) else {
                bad = Some((n + 1, family.name()));
                break;
            };
            page.single(family, value);
        }
        bad.map_or(Ok(()), |(line, item)| Err(self.file.bad(line, item, "a whole number")))
    }
}
