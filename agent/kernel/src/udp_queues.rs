//! `udp_queues`: bytes in the queues of all UDP sockets, `/proc/net/{udp,udp6}`.

use crate::file::words;
use crate::lines::{Fault, Lines, Text, hex};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};

/// Where the queues stand in a line, and how many words it has at least.
const QUEUES: usize = 4;
const FEWEST: usize = 10;

/// The sums of one table.
pub(crate) struct Queues {
    family: Family,
    series: [Series; 2],
    /// Sent and received.
    sums: [u64; 2],
}

pub(crate) struct UdpQueues {
    family: Family,
    tables: [(Lines, Queues); 2],
}

fn family() -> Family {
    let help = "Number of allocated memory in the kernel for UDP datagrams in bytes.";
    Family::new("node_udp_queues", Kind::Gauge, help)
}

impl UdpQueues {
    pub(crate) fn new(root: &Root) -> Self {
        let table = |name, ip| (Lines::new(root.procfs.join("net").join(name)), Queues::new(ip));
        UdpQueues { family: family(), tables: [table("udp", "v4"), table("udp6", "v6")] }
    }
}

impl Queues {
    pub(crate) fn new(ip: &str) -> Self {
        let family = family();
        let series = ["tx", "rx"].map(|queue| family.series(&[("ip", ip), ("queue", queue)]));
        Queues { family, series, sums: [0; 2] }
    }

    fn samples(&self, page: &mut Page) {
        self.series.iter().zip(self.sums).for_each(|(series, sum)| page.sample(series, sum));
    }
}

impl Text for Queues {
    fn begin(&mut self) {
        self.sums = [0; 2];
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), Fault> {
        // The first line is the heading.
        if number == 1 {
            return Ok(());
        }
        let fault = || Fault::new(line, "a socket of 10 words, its queues as tx:rx");
        let mut words = words(line);
        let queues = words.nth(QUEUES).ok_or_else(fault)?;
        words.nth(FEWEST - QUEUES - 2).ok_or_else(fault)?;
        let mut queues = queues.split(|byte| *byte == b':');
        for sum in &mut self.sums {
            *sum = sum.saturating_add(hex(queues.next()).ok_or_else(fault)?);
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        page.family(&self.family);
        self.samples(page);
    }
}

impl Source for UdpQueues {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let mark = page.mark();
        page.family(&self.family);
        let mut found = false;
        for (file, queues) in &mut self.tables {
            queues.begin();
            // Either protocol may be off.
            if file.read_if_there(|number, line| queues.line(number, line))? {
                queues.samples(page);
                found = true;
            }
        }
        match &self.tables {
            [(file, _), _] if !found => {
                page.rewind(mark);
                Err(file.no_data())
            }
            _ => Ok(()),
        }
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.tables.iter_mut().for_each(|(file, _)| file.look_again());
        Ok(())
    }
}
