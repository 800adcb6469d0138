//! `nfs` and `nfsd`: what the client and the server of NFS count, `/proc/net/rpc/{nfs,nfsd}`.

mod procedures;

use crate::Root;
use crate::file::{number, words};
use crate::lines::{Fault, Lines, OneFile, Text};
use procedures::{CLIENT_V4, SERVER_V4, V2, V3};
use socle_model::metrics::{Family, Kind, Page, Series};

/// A figure: first word of the line, column behind it, name, label, type and help.
type Plain = (&'static str, usize, &'static str, (&'static str, &'static str), Kind, &'static str);

/// No label.
const NONE: (&str, &str) = ("", "");
const PACKETS: &str = "Total NFSd network packets (sent+received) by protocol type.";
const CONNECTIONS: &str = "Total number of NFSd TCP connections.";
const ERRORS: &str = "Total number of NFSd RPC errors by error type.";

const CLIENT: [Plain; 6] = [
    ("net", 1, "packets_total", ("protocol", "udp"), Kind::Counter, PACKETS),
    ("net", 2, "packets_total", ("protocol", "tcp"), Kind::Counter, PACKETS),
    ("net", 3, "connections_total", NONE, Kind::Counter, CONNECTIONS),
    ("rpc", 0, "rpcs_total", NONE, Kind::Counter, "Total number of RPCs performed."),
    (
        "rpc",
        1,
        "rpc_retransmissions_total",
        NONE,
        Kind::Counter,
        "Number of RPC transmissions performed.",
    ),
    (
        "rpc",
        2,
        "rpc_authentication_refreshes_total",
        NONE,
        Kind::Counter,
        "Number of RPC authentication refreshes performed.",
    ),
];

const SERVER: [Plain; 16] = [
    (
        "rc",
        0,
        "reply_cache_hits_total",
        NONE,
        Kind::Counter,
        "Total number of NFSd Reply Cache hits (client lost server response).",
    ),
    (
        "rc",
        1,
        "reply_cache_misses_total",
        NONE,
        Kind::Counter,
        "Total number of NFSd Reply Cache an operation that requires caching (idempotent).",
    ),
    (
        "rc",
        2,
        "reply_cache_nocache_total",
        NONE,
        Kind::Counter,
        "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…).",
    ),
    (
        "fh",
        0,
        "file_handles_stale_total",
        NONE,
        Kind::Counter,
        "Total number of NFSd stale file handles",
    ),
    ("io", 0, "disk_bytes_read_total", NONE, Kind::Counter, "Total NFSd bytes read."),
    ("io", 1, "disk_bytes_written_total", NONE, Kind::Counter, "Total NFSd bytes written."),
    (
        "th",
        0,
        "server_threads",
        NONE,
        Kind::Gauge,
        "Total number of NFSd kernel threads that are running.",
    ),
    (
        "ra",
        0,
        "read_ahead_cache_size_blocks",
        NONE,
        Kind::Gauge,
        "How large the read ahead cache is in blocks.",
    ),
    (
        "ra",
        11,
        "read_ahead_cache_not_found_total",
        NONE,
        Kind::Counter,
        "Total number of NFSd read ahead cache not found.",
    ),
    ("net", 1, "packets_total", ("proto", "udp"), Kind::Counter, PACKETS),
    ("net", 2, "packets_total", ("proto", "tcp"), Kind::Counter, PACKETS),
    ("net", 3, "connections_total", NONE, Kind::Counter, CONNECTIONS),
    ("rpc", 2, "rpc_errors_total", ("error", "fmt"), Kind::Counter, ERRORS),
    ("rpc", 3, "rpc_errors_total", ("error", "auth"), Kind::Counter, ERRORS),
    ("rpc", 4, "rpc_errors_total", ("error", "cInt"), Kind::Counter, ERRORS),
    ("rpc", 0, "server_rpcs_total", NONE, Kind::Counter, "Total number of NFSd RPCs."),
];

struct Figure {
    key: &'static str,
    column: usize,
    family: Family,
    series: Series,
    value: u64,
}

/// The procedures of a version.
struct Version {
    key: &'static str,
    /// Whether a count comes before the figures.
    counted: bool,
    /// `None` for what is not shown.
    procedures: Vec<(Option<Series>, u64)>,
}

pub(crate) struct Rpc {
    figures: Vec<Figure>,
    requests: Family,
    versions: Vec<Version>,
}

pub(crate) fn client(root: &Root) -> OneFile<Rpc> {
    OneFile::new(Lines::in_one_piece(root.procfs.join("net/rpc/nfs")), Rpc::client())
}

pub(crate) fn server(root: &Root) -> OneFile<Rpc> {
    OneFile::new(Lines::in_one_piece(root.procfs.join("net/rpc/nfsd")), Rpc::server())
}

fn figure(prefix: &str, (key, column, name, label, kind, help): Plain) -> Figure {
    let family = Family::new(&format!("{prefix}_{name}"), kind, help);
    let labels = [label];
    let series = family.series(if label == NONE { &[] } else { &labels });
    Figure { key, column, family, series, value: 0 }
}

impl Rpc {
    pub(crate) fn client() -> Self {
        let help = "Number of NFS procedures invoked.";
        let requests = Family::new("node_nfs_requests_total", Kind::Counter, help);
        let version = |key, proto, names: &[&str]| Version::new(&requests, key, proto, names);
        let versions = vec![
            version("proc2", "2", &V2),
            version("proc3", "3", &V3),
            version("proc4", "4", &CLIENT_V4),
        ];
        let figures = CLIENT.map(|plain| figure("node_nfs", plain)).into();
        Rpc { figures, requests, versions }
    }

    pub(crate) fn server() -> Self {
        let help = "Total number NFSd Requests by method and protocol.";
        let requests = Family::new("node_nfsd_requests_total", Kind::Counter, help);
        let version = |key, proto, names: &[&str]| Version::new(&requests, key, proto, names);
        // The server's own procedure `Null` is not shown.
        let shown = |names: &[&'static str]| -> Vec<&str> {
            names.iter().map(|name| if *name == "Null" { "" } else { name }).collect()
        };
        let delegations = version("wdeleg_getattr", "4", &["WdelegGetattr"]);
        let versions = vec![
            version("proc2", "2", &shown(&V2)),
            version("proc3", "3", &shown(&V3)),
            version("proc4ops", "4", &SERVER_V4),
            Version { counted: false, ..delegations },
        ];
        let figures = SERVER.map(|plain| figure("node_nfsd", plain)).into();
        Rpc { figures, requests, versions }
    }
}

impl Version {
    fn new(requests: &Family, key: &'static str, proto: &str, names: &[&str]) -> Self {
        let series = |name: &str| requests.series(&[("method", name), ("proto", proto)]);
        let shown = |name: &&str| (!name.is_empty()).then(|| series(name));
        let procedures = names.iter().map(|name| (shown(name), 0)).collect();
        Version { key, counted: true, procedures }
    }

    /// The figures of a line. Kernels differ in how many they have; what they have not is 0.
    fn read<'a>(&mut self, mut words: impl Iterator<Item = &'a [u8]>) -> Result<(), Fault> {
        let fault = || Fault::new(self.key, "as many whole numbers as the first one says");
        let mut left = match self.counted {
            true => number(words.next()).ok_or_else(fault)?,
            false => 1u64,
        };
        for (_, value) in &mut self.procedures {
            *value = 0;
            if left > 0 {
                left -= 1;
                *value = number(words.next()).ok_or_else(fault)?;
            }
        }
        Ok(())
    }
}

impl Text for Rpc {
    fn begin(&mut self) {
        self.figures.iter_mut().for_each(|figure| figure.value = 0);
        let procedures = self.versions.iter_mut().flat_map(|version| &mut version.procedures);
        procedures.for_each(|(_, value)| *value = 0);
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        let Some(key) = words.next() else { return Ok(()) };
        for figure in self.figures.iter_mut().filter(|figure| figure.key.as_bytes() == key) {
            let word = crate::file::words(line).nth(figure.column + 1);
            let value = number(word);
            figure.value = value.ok_or_else(|| Fault::new(line, "whole numbers"))?;
        }
        match self.versions.iter_mut().find(|version| version.key.as_bytes() == key) {
            Some(version) => version.read(words),
            None => Ok(()),
        }
    }

    fn write(&self, page: &mut Page) {
        let mut last = "";
        for Figure { family, series, value, .. } in &self.figures {
            if family.name() != last {
                page.family(family);
                last = family.name();
            }
            page.sample(series, *value);
        }
        page.family(&self.requests);
        for (series, value) in self.versions.iter().flat_map(|version| &version.procedures) {
            if let Some(series) = series {
                page.sample(series, *value);
            }
        }
    }
}
