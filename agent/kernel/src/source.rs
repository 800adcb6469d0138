//! The table of sources.

use crate::bonding::Bonding;
use crate::cgroup_pressure::CgroupPressure;
use crate::conntrack::Conntrack;
use crate::cpu::Cpu;
use crate::cpufreq::Cpufreq;
use crate::dimm::Dimm;
use crate::diskstats::Diskstats;
use crate::dmi::Dmi;
use crate::edac::Edac;
use crate::fibrechannel::FibreChannel;
use crate::filesystem::Filesystem;
use crate::hwmon::Hwmon;
use crate::infiniband::Infiniband;
use crate::ksmd::Ksmd;
use crate::loadavg::Loadavg;
use crate::mce::Mce;
use crate::mdadm::Mdadm;
use crate::meminfo::Meminfo;
use crate::meminfo_numa::MeminfoNuma;
use crate::mountstats::Mountstats;
use crate::netclass::Netclass;
use crate::netdev::Netdev;
use crate::netstat::Netstat;
use crate::numa::Numa;
use crate::nvme::Nvme;
use crate::os::Os;
use crate::pcie::Pcie;
use crate::power_supply::PowerSupply;
use crate::pressure::Pressure;
use crate::processes::Processes;
use crate::rapl::Rapl;
use crate::settings::Flag;
use crate::singles::{Filefd, Singles};
use crate::sockstat::Sockstat;
use crate::stat::Stat;
use crate::textfile::Textfile;
use crate::thermal_zone::ThermalZone;
use crate::time::Time;
use crate::timex::Timex;
use crate::udp_queues::UdpQueues;
use crate::uname::Uname;
use crate::watchdog::Watchdog;
use crate::xfs::Xfs;
use crate::{
    ReadError, Root, Settings, arp, cpu, diskstats, filesystem, hwmon, infiniband, interrupts,
    netclass, netdev, netstat, nfs, power_supply, rapl, schedstat, softnet, stat, textfile, vmstat,
    zoneinfo,
};
use socle_model::metrics::Page;
use std::time::Duration;

/// A source of metric families, open.
pub trait Source: Send {
    /// Writes the current samples. What was written before an error is the caller's to rewind.
    ///
    /// # Errors
    /// A file was not there, was refused or was not understood.
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError>;

    /// Looks for new devices; slow, so never called within a scrape.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn discover(&mut self) -> Result<(), ReadError> {
        Ok(())
    }

    /// One read of those that sleep or send interrupts, which therefore are never done within a scrape.
    /// Returns how long to wait before the next; `None` where the source has no such reads.
    fn step(&mut self) -> Option<Duration> {
        None
    }

    /// What the last readings left out although they did not fail, each said once: file, line and why.
    fn faults(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// All of these reads, for somebody who reads the source only once.
    fn catch_up(&mut self) {}
}

/// Opens a source under a root, filtered as the settings say.
pub type Open = fn(&Root, &Settings) -> Result<Box<dyn Source>, ReadError>;

/// One line of the table.
#[derive(Debug)]
pub struct Entry {
    /// node_exporter's name of the collector.
    pub name: &'static str,
    /// Whether it runs unless excluded.
    pub on_by_default: bool,
    /// Its flags.
    pub(crate) flags: &'static [Flag],
    /// Opens it.
    pub open: Open,
}

/// Every source of this room, by name.
pub const SOURCES: &[Entry] = &[
    entry("arp", arp::FLAGS, |r, s| Ok(Box::new(arp::open(r, s)))),
    entry("bonding", &[], |r, _| Ok(Box::new(Bonding::new(r)))),
    opt_in("cgroup_pressure", &[], |r, _| Ok(Box::new(CgroupPressure::new(r)?))),
    entry("conntrack", &[], |r, _| Ok(Box::new(Conntrack::new(r)))),
    entry("cpu", cpu::FLAGS, |r, s| Ok(Box::new(Cpu::new(r, s)?))),
    entry("cpufreq", &[], |r, s| Ok(Box::new(Cpufreq::new(r, s)?))),
    entry("dimm", &[], |r, _| Ok(Box::new(Dimm::new(r)?))),
    entry("diskstats", diskstats::FLAGS, |r, s| Ok(Box::new(Diskstats::new(r, s)))),
    entry("dmi", &[], |r, _| Ok(Box::new(Dmi::new(r)))),
    entry("edac", &[], |r, _| Ok(Box::new(Edac::new(r)?))),
    entry("entropy", &[], |r, _| Ok(Box::new(Singles::entropy(r)))),
    entry("fibrechannel", &[], |r, _| Ok(Box::new(FibreChannel::new(r)?))),
    entry("filefd", &[], |r, _| Ok(Box::new(Filefd::new(r)))),
    entry("filesystem", filesystem::FLAGS, |r, s| Ok(Box::new(Filesystem::new(r, s)))),
    entry("hwmon", hwmon::FLAGS, |r, s| Ok(Box::new(Hwmon::new(r, s)?))),
    entry("infiniband", infiniband::FLAGS, |r, s| Ok(Box::new(Infiniband::new(r, s)?))),
    opt_in("interrupts", interrupts::FLAGS, |r, s| Ok(Box::new(interrupts::open(r, s)))),
    entry("kernel_hung", &[], |r, _| Ok(Box::new(Singles::kernel_hung(r)))),
    opt_in("ksmd", &[], |r, _| Ok(Box::new(Ksmd::new(r)))),
    entry("loadavg", &[], |r, _| Ok(Box::new(Loadavg::new(r)))),
    entry("mce", &[], |r, _| Ok(Box::new(Mce::new(r)))),
    entry("mdadm", &[], |r, _| Ok(Box::new(Mdadm::new(r)?))),
    entry("meminfo", &[], |r, _| Ok(Box::new(Meminfo::new(r)))),
    entry("meminfo_numa", &[], |r, _| Ok(Box::new(MeminfoNuma::new(r)?))),
    opt_in("mountstats", &[], |r, _| Ok(Box::new(Mountstats::new(r)))),
    entry("netclass", netclass::FLAGS, |r, s| Ok(Box::new(Netclass::new(r, s)?))),
    entry("netdev", netdev::FLAGS, |r, s| Ok(Box::new(Netdev::new(r, s)))),
    entry("netstat", netstat::FLAGS, |r, s| Ok(Box::new(Netstat::new(r, s)))),
    entry("nfs", &[], |r, _| Ok(Box::new(nfs::client(r)))),
    entry("nfsd", &[], |r, _| Ok(Box::new(nfs::server(r)))),
    entry("numa", &[], |r, _| Ok(Box::new(Numa::new(r)?))),
    entry("nvme", &[], |r, _| Ok(Box::new(Nvme::new(r)?))),
    entry("os", &[], |r, _| Ok(Box::new(Os::new(r)))),
    entry("pcie", &[], |r, _| Ok(Box::new(Pcie::new(r)?))),
    entry("powersupplyclass", power_supply::FLAGS, |r, s| Ok(Box::new(PowerSupply::new(r, s)?))),
    entry("pressure", &[], |r, _| Ok(Box::new(Pressure::new(r)))),
    opt_in("processes", &[], |r, _| Ok(Box::new(Processes::new(r)))),
    entry("rapl", rapl::FLAGS, |r, s| Ok(Box::new(Rapl::new(r, s)?))),
    entry("schedstat", &[], |r, s| Ok(Box::new(schedstat::open(r, s)?))),
    entry("sockstat", &[], |r, _| Ok(Box::new(Sockstat::new(r)))),
    entry("softnet", &[], |r, s| Ok(Box::new(softnet::open(r, s)?))),
    entry("stat", stat::FLAGS, |r, s| Ok(Box::new(Stat::new(r, s)))),
    entry("textfile", textfile::FLAGS, |r, s| Ok(Box::new(Textfile::new(r, s)))),
    entry("thermal_zone", &[], |r, _| Ok(Box::new(ThermalZone::new(r)?))),
    entry("time", &[], |r, _| Ok(Box::new(Time::new(r)?))),
    entry("timex", &[], |_, _| Ok(Box::new(Timex::new()))),
    entry("udp_queues", &[], |r, _| Ok(Box::new(UdpQueues::new(r)))),
    entry("uname", &[], |r, _| Ok(Box::new(Uname::new(r)))),
    entry("vmstat", vmstat::FLAGS, |r, s| Ok(Box::new(vmstat::open(r, s)))),
    entry("watchdog", &[], |r, _| Ok(Box::new(Watchdog::new(r)?))),
    entry("xfs", &[], |r, _| Ok(Box::new(Xfs::new(r)?))),
    opt_in("zoneinfo", &[], |r, _| Ok(Box::new(zoneinfo::open(r)))),
];

const fn entry(name: &'static str, flags: &'static [Flag], open: Open) -> Entry {
    Entry { name, on_by_default: true, flags, open }
}

/// A source that runs only where `metrics.enable` or `metrics.collectors` names it.
const fn opt_in(name: &'static str, flags: &'static [Flag], open: Open) -> Entry {
    Entry { name, on_by_default: false, flags, open }
}
