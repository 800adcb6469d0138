//! One NFS mount, its transports and operations, with their series.

use super::figures::{MOUNT, OPERATION, TRANSPORT};
use crate::file::{number, words};
use crate::lines::Fault;
use crate::table::Table;
use socle_model::metrics::{Family, Kind, Page, Series};

/// node_exporter takes times modulo what a float holds exactly: some kernels count them below 0.
const EXACT: u64 = 1 << 53;
/// Which figure of a transport is such a time.
const IDLE: usize = 2;

/// The families of all mounts.
pub(super) struct Families {
    point: Family,
    mount: Vec<Family>,
    transport: Vec<Family>,
    operation: Vec<Family>,
}

impl Default for Families {
    fn default() -> Self {
        let family = |name: &str, kind, help| {
            Family::new(&format!("node_mountstats_nfs_{name}"), kind, help)
        };
        let point = family("mountpoint_info", Kind::Gauge, "Info metric for an NFS mountpoint.");
        Families {
            point,
            mount: MOUNT.iter().map(|(_, _, name, kind, help)| family(name, *kind, help)).collect(),
            transport: TRANSPORT
                .iter()
                .map(|(_, name, kind, help)| family(name, *kind, help))
                .collect(),
            operation: OPERATION
                .iter()
                .map(|(_, name, kind, help)| family(name, *kind, help))
                .collect(),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Families {
    /// The series of a mount point.
    pub(super) fn point(
        &self,
        export: &[u8],
        protocol: &[u8],
        address: &[u8],
        point: &[u8],
    ) -> Series {
        self.point.series(&[
            ("export", &text(export)),
            ("mountaddr", &text(address)),
            ("mountpoint", &text(point)),
            ("protocol", &text(protocol)),
        ])
    }

    /// Writes the families of the mounts that this reading has.
    pub(super) fn write<'a>(
        &self,
        page: &mut Page,
        points: impl Iterator<Item = &'a Series>,
        mounts: &[Mount],
    ) {
        let mounts = || mounts.iter().filter(|mount| mount.shown());
        page.family_of(&self.point, |page| points.for_each(|series| page.sample(series, 1u64)));
        for (n, family) in self.mount.iter().enumerate() {
            page.family_of(family, |page| {
                for mount in mounts() {
                    if let (Some(series), Some(value)) = (mount.series.get(n), mount.values.get(n))
                    {
                        page.sample(series, *value);
                    }
                }
            });
        }
        for (n, family) in self.transport.iter().enumerate() {
            page.family_of(family, |page| {
                let present = |mount: &'_ Mount| mount.present;
                for part in mounts().flat_map(|mount| mount.transports.iter().take(present(mount)))
                {
                    if let (Some(series), Some(value)) = (part.series.get(n), part.values.get(n)) {
                        page.sample(series, if n == IDLE { value % EXACT } else { *value });
                    }
                }
            });
        }
        for (n, family) in self.operation.iter().enumerate() {
            page.family_of(family, |page| {
                for part in mounts().flat_map(|mount| mount.operations.present()) {
                    match (part.series.get(n), part.values.get(n)) {
                        // The last three are times in milliseconds.
                        (Some(series), Some(value)) if n + 3 >= OPERATION.len() => {
                            page.sample(series, (value % EXACT) as f64 / 1000.0);
                        }
                        (Some(series), Some(value)) => page.sample(series, *value),
                        _ => {}
                    }
                }
            });
        }
    }
}

/// A transport or an operation.
#[derive(Debug)]
struct Part<const N: usize> {
    series: Vec<Series>,
    values: [u64; N],
}

/// A mount, by its server, export and protocol: several mount points may be one.
pub(super) struct Mount {
    key: Vec<u8>,
    labels: [String; 3],
    shown: bool,
    series: Vec<Series>,
    values: [u64; MOUNT.len()],
    transports: Vec<Part<{ TRANSPORT.len() }>>,
    /// How many of the transports this reading has.
    present: usize,
    operations: Table<Part<{ OPERATION.len() }>>,
}

impl Mount {
    pub(super) fn new(
        families: &Families,
        key: &[u8],
        export: &[u8],
        protocol: &[u8],
        address: &[u8],
    ) -> Self {
        let labels = [text(export), text(address), text(protocol)];
        Mount {
            key: key.to_owned(),
            series: series(&families.mount, &labels, None),
            labels,
            shown: false,
            values: [0; MOUNT.len()],
            transports: Vec::new(),
            present: 0,
            operations: Table::default(),
        }
    }

    pub(super) fn is(&self, key: &[u8]) -> bool {
        self.key == key
    }

    /// Whether this reading has it.
    pub(super) fn shown(&self) -> bool {
        self.shown
    }

    pub(super) fn forget(&mut self) {
        self.shown = false;
    }

    /// Takes the figures of the mount as such; false where this reading had it before.
    pub(super) fn begin(&mut self, values: &[u64; MOUNT.len()]) -> bool {
        if self.shown {
            return false;
        }
        self.shown = true;
        self.values = *values;
        self.present = 0;
        self.operations.begin();
        true
    }

    /// Takes the line of the n-th transport.
    pub(super) fn transport(
        &mut self,
        families: &Families,
        n: usize,
        protocol: &[u8],
        line: &[u8],
    ) -> Result<(), Fault> {
        self.present = n;
        if self.transports.len() < n {
            let label = ("transport", (n - 1).to_string());
            let series = series(&families.transport, &self.labels, Some(label));
            self.transports.push(Part { series, values: [0; TRANSPORT.len()] });
        }
        let Some(part) = self.transports.get_mut(n - 1) else { return Ok(()) };
        for (slot, (column, ..)) in part.values.iter_mut().zip(TRANSPORT) {
            *slot = match place(protocol, column) {
                // Behind the word `xprt:` and the protocol. Older kernels have fewer figures.
                Some(place) => match words(line).nth(place + 2) {
                    Some(word) => number(Some(word))
                        .ok_or_else(|| Fault::new(word, "whole numbers of a transport"))?,
                    None => 0,
                },
                None => 0,
            };
        }
        Ok(())
    }

    /// Takes the line of an operation: `READ: 1298 1298 0 207680 1210292152 6 79386 79407`.
    pub(super) fn operation(
        &mut self,
        families: &Families,
        key: &[u8],
        line: &[u8],
    ) -> Result<(), Fault> {
        let Mount { labels, operations, .. } = self;
        let name = String::from_utf8_lossy(key.strip_suffix(b":").unwrap_or(key));
        let make = || {
            let label = ("operation", name.clone().into_owned());
            let series = series(&families.operation, labels, Some(label));
            Part { series, values: [0; OPERATION.len()] }
        };
        let Some((part, _)) = operations.row(name.as_bytes(), make) else { return Ok(()) };
        for (slot, (column, ..)) in part.values.iter_mut().zip(OPERATION) {
            let figure = number(words(line).nth(column + 1));
            *slot = figure.ok_or_else(|| Fault::new(&*name, "8 whole numbers of an operation"))?;
        }
        Ok(())
    }
}

/// Where a figure of TCP stands in the line of a protocol, if it is there.
fn place(protocol: &[u8], column: usize) -> Option<usize> {
    match (protocol, column) {
        // No connection, hence none of the three figures about it.
        (b"udp", 2..=4) => None,
        (b"udp", 5..) => Some(column - 3),
        // Figures about memory regions come instead of those about queues.
        (b"rdma", 10..) => None,
        _ => Some(column),
    }
}

/// The series of a mount in each family.
fn series(families: &[Family], labels: &[String; 3], more: Option<(&str, String)>) -> Vec<Series> {
    let [export, address, protocol] = labels;
    let mut all = vec![("export", &**export), ("mountaddr", address), ("protocol", protocol)];
    all.extend(more.as_ref().map(|(label, value)| (*label, &**value)));
    families.iter().map(|family| family.series(&all)).collect()
}
