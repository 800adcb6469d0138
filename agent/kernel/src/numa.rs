//! `numa`: free memory of each NUMA node, `/sys/devices/system/node`.

use crate::attr::numbered;
use crate::file::{Kept, number, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::path::PathBuf;

struct Node {
    number: u64,
    series: Series,
    file: Kept,
}

pub(crate) struct Numa {
    dir: PathBuf,
    family: Family,
    nodes: Vec<Node>,
}

impl Numa {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let mut numa = Numa {
            dir: root.sysfs.join("devices/system/node"),
            family: Family::new(
                "socle_numa_free_bytes",
                Kind::Gauge,
                "Memory of a NUMA node that nothing uses, MemFree of its meminfo.",
            ),
            nodes: Vec::new(),
        };
        numa.discover()?;
        Ok(numa)
    }
}

/// Bytes of the line `Node 0 MemFree:  1024 kB`.
fn free(text: &[u8]) -> Option<u64> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = words(line).skip_while(|word| *word != b"MemFree:").skip(1);
        number::<u64>(words.next())?.checked_mul(1024)
    })
}

impl Source for Numa {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.nodes.is_empty() {
            return Err(ReadError::NoData(self.dir.clone()));
        }
        let Numa { family, nodes, .. } = self;
        page.family_of(family, |page| {
            for Node { series, file, .. } in nodes {
                // A node without memory of its own has no such line; one that was taken out no file.
                if let Some(bytes) = file.read().ok().and_then(free) {
                    page.sample(series, bytes);
                }
            }
        });
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let found = numbered(&self.dir, "node")?;
        if self.nodes.iter().map(|node| node.number).eq(found.iter().map(|(number, _)| *number)) {
            return Ok(());
        }
        let node = |(number, dir): (u64, PathBuf)| Node {
            number,
            series: self.family.series(&[("node", &number.to_string())]),
            file: Kept::in_one_piece(dir.join("meminfo")),
        };
        self.nodes = found.into_iter().map(node).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_one_line() {
        assert_eq!(free(b"Node 1 MemTotal: 9 kB\nNode 1 MemFree:   3 kB\n"), Some(3072));
        for bad in [&b""[..], b"Node 1 MemFree:\n", b"MemFree: 18446744073709551615 kB\n"] {
            assert_eq!(free(bad), None);
        }
    }
}
