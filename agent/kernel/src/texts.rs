//! The parsers of text tables over bytes instead of files: for the fuzz target, and the replay of its seeds.

use crate::arp::Arp;
use crate::conntrack::Statistics;
use crate::interrupts::Interrupts;
use crate::lines::{Fault, Text};
use crate::mdadm::Mdstat;
use crate::mountstats::Mounts;
use crate::netstat::Figures;
use crate::nfs::Rpc;
use crate::os::Release;
use crate::pressure::Totals;
use crate::schedstat::Schedstat;
use crate::sockstat::Sockets;
use crate::softnet::Softnet;
use crate::udp_queues::Queues;
use crate::vmstat::Vmstat;
use crate::zoneinfo::Zoneinfo;
use crate::{Settings, processes};
use socle_model::metrics::Page;

/// The tables, each by its file beneath a root.
pub const FILES: &[&str] = &[
    "etc/os-release",
    "proc/interrupts",
    "proc/mdstat",
    "proc/net/arp",
    "proc/net/netstat",
    "proc/net/rpc/nfs",
    "proc/net/rpc/nfsd",
    "proc/net/sockstat",
    "proc/net/softnet_stat",
    "proc/net/stat/nf_conntrack",
    "proc/net/udp",
    "proc/schedstat",
    "proc/self/mountstats",
    "proc/vmstat",
    "proc/zoneinfo",
];

/// Files that make no page of their own.
pub const PARTS: &[&str] = &["proc/412/stat", "proc/pressure/io"];

/// What a source prints for such a file of this content, read twice by the same parser; `None` where the
/// content is refused.
#[must_use]
pub fn pages(file: &str, content: &[u8]) -> Option<[Page; 2]> {
    let settings = Settings::default();
    let mut text: Box<dyn Text> = match file {
        "etc/os-release" => Box::new(Release::new()),
        "proc/interrupts" => Box::new(Interrupts::new(&settings)),
        "proc/mdstat" => Box::new(Mdstat::new()),
        "proc/net/arp" => Box::new(Arp::new(&settings)),
        "proc/net/netstat" => Box::new(Figures::new(&settings)),
        "proc/net/rpc/nfs" => Box::new(Rpc::client()),
        "proc/net/rpc/nfsd" => Box::new(Rpc::server()),
        "proc/net/sockstat" => Box::new(Sockets::new()),
        "proc/net/softnet_stat" => Box::new(Softnet::new()),
        "proc/net/stat/nf_conntrack" => Box::new(Statistics::new()),
        "proc/net/udp" => Box::new(Queues::new("v4")),
        "proc/schedstat" => Box::new(Schedstat::new()),
        "proc/self/mountstats" => Box::new(Mounts::new()),
        "proc/vmstat" => Box::new(Vmstat::new(&settings)),
        "proc/zoneinfo" => Box::new(Zoneinfo::new()),
        _ => return None,
    };
    let mut pages = [Page::default(), Page::default()];
    for page in &mut pages {
        read(&mut *text, content).ok()?;
        text.write(page);
    }
    Some(pages)
}

fn read(text: &mut dyn Text, content: &[u8]) -> Result<(), Fault> {
    text.begin();
    let whole = content.strip_suffix(b"\n").unwrap_or(content);
    for (n, line) in whole.split(|byte| *byte == b'\n').enumerate() {
        text.line(n + 1, line)?;
    }
    text.end()
}

/// Whether one of [`PARTS`] is taken.
pub fn takes(part: &str, content: &[u8]) -> bool {
    match part {
        "proc/412/stat" => processes::parse(content).is_some(),
        "proc/pressure/io" => {
            let mut totals = Totals::default();
            content.split(|byte| *byte == b'\n').all(|line| totals.line(line).is_ok())
        }
        _ => false,
    }
}
