//! The sources that read text tables of /proc: their flags, and files that come and go.

use crate::common::{self, Tree, read, value};
use socle_kernel::{Detail, ReadError, Settings, Source};

fn open(tree: &Tree, name: &str, flags: &[(&str, &str)]) -> Box<dyn Source> {
    common::open(name, &tree.root(), &common::settings(flags)).unwrap()
}

fn page(tree: &Tree, name: &str, flags: &[(&str, &str)]) -> String {
    read(&mut open(tree, name, flags)).unwrap()
}

/// How many samples a page has.
fn samples(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn fields_and_devices_are_chosen_by_flags() {
    let tree = Tree::rack();
    let some = page(&tree, "vmstat", &[("vmstat.fields", "^nr_free")]);
    assert_eq!((samples(&some), value(&some, "node_vmstat_nr_free_pages")), (1, Some(3_977_204.0)));
    assert_eq!(samples(&page(&tree, "vmstat", &[("vmstat.fields", "")])), 15);
    let some = page(&tree, "netstat", &[("netstat.fields", "^(Tcp_MaxConn|IcmpMsg_.*)$")]);
    assert_eq!((samples(&some), value(&some, "node_netstat_Tcp_MaxConn")), (3, Some(-1.0)));
    let some = page(&tree, "arp", &[("arp.device-exclude", "^eno")]);
    assert_eq!((samples(&some), some.contains("eno1")), (2, false));
    let some = page(&tree, "arp", &[("arp.device-include", "^eno")]);
    assert_eq!((samples(&some), some.contains("eno1")), (1, true));
    let some = page(&tree, "interrupts", &[("interrupts.name-include", "^(LOC;Local|9;)")]);
    assert_eq!(samples(&some), 6);
    let some = page(&tree, "interrupts", &[("interrupts.name-exclude", "acpi")]);
    assert_eq!(samples(&some), 21);
    let some = page(&tree, "interrupts", &[("interrupts.include-zeros", "false")]);
    assert_eq!(samples(&some), 15);
}

#[test]
fn names_that_no_metric_may_have_are_left_out() {
    let tree = Tree::rack();
    tree.write("proc/vmstat", "a-b 1\nc\u{e9} 2\noom_kill 3\n");
    let found = page(&tree, "vmstat", &[("vmstat.fields", "")]);
    assert_eq!((samples(&found), value(&found, "node_vmstat_oom_kill")), (1, Some(3.0)));
    tree.write("proc/net/sockstat", "T{CP: inuse 3\nUDP: inuse 4\n");
    let found = page(&tree, "sockstat", &[]);
    assert_eq!(
        (found.contains("T{"), value(&found, "node_sockstat_UDP_inuse")),
        (false, Some(4.0))
    );
}

#[test]
fn figures_of_the_network_follow_the_names_above_them() {
    let tree = Tree::rack();
    let mut source = open(&tree, "netstat", &[("netstat.fields", "^(IcmpMsg|Udp)_")]);
    assert_eq!(samples(&read(&mut source).unwrap()), 2 + 9);
    // The first message of a type brings its column.
    tree.edit("proc/net/snmp", "IcmpMsg: InType3 OutType3", "IcmpMsg: InType3 InType8 OutType3");
    tree.edit("proc/net/snmp", "IcmpMsg: 104 120", "IcmpMsg: 104 7 120");
    let found = read(&mut source).unwrap();
    assert_eq!(samples(&found), 3 + 9);
    assert_eq!(value(&found, "node_netstat_IcmpMsg_InType8"), Some(7.0));
    assert_eq!(value(&found, "node_netstat_IcmpMsg_OutType3"), Some(120.0));
    assert_eq!(value(&found, "node_netstat_Udp_NoPorts"), Some(120.0));
    let text = std::fs::read_to_string(tree.path("proc/net/snmp")).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("IcmpMsg"));
    tree.write("proc/net/snmp", without.map(|line| format!("{line}\n")).collect::<String>());
    let found = read(&mut source).unwrap();
    assert_eq!((samples(&found), value(&found, "node_netstat_Udp_NoPorts")), (9, Some(120.0)));
}

#[test]
fn what_a_kernel_does_not_have_is_left_out_until_it_is_there() {
    for (name, optional, series, required) in [
        ("netstat", "proc/net/snmp6", "node_netstat_Ip6_InOctets", "proc/net/snmp"),
        ("sockstat", "proc/net/sockstat6", "node_sockstat_TCP6_inuse", ""),
        ("udp_queues", "proc/net/udp6", "node_udp_queues{ip=\"v6\",queue=\"rx\"}", ""),
        ("pressure", "proc/pressure/irq", "node_pressure_irq_stalled_seconds_total", ""),
        (
            "conntrack",
            "proc/net/stat/nf_conntrack",
            "node_nf_conntrack_stat_drop",
            "proc/sys/net/netfilter/nf_conntrack_count",
        ),
    ] {
        let tree = Tree::rack();
        let kept = std::fs::read(tree.path(optional)).unwrap();
        tree.remove(optional);
        let mut source = open(&tree, name, &[]);
        let found = read(&mut source).unwrap();
        assert!(samples(&found) > 0 && value(&found, series).is_none(), "{name}");
        tree.write(optional, kept);
        assert_eq!(value(&read(&mut source).unwrap(), series), None, "{name}: not asked for");
        source.discover().unwrap();
        assert!(value(&read(&mut source).unwrap(), series).is_some(), "{name}");
        if !required.is_empty() {
            tree.remove(required);
            let error = read(&mut open(&tree, name, &[])).unwrap_err();
            assert!(matches!(error, ReadError::NoData(_)), "{name}: {error}");
        }
    }
    let tree = Tree::rack();
    tree.remove("proc/net");
    tree.remove("proc/pressure");
    for name in ["sockstat", "udp_queues", "pressure", "nfs", "softnet"] {
        let error = read(&mut open(&tree, name, &[])).unwrap_err();
        assert!(matches!(error, ReadError::NoData(_)), "{name}: {error}");
    }
}

#[test]
fn per_cpu_figures_are_summed_where_that_is_asked() {
    let tree = Tree::rack();
    let settings = Settings { cpu_detail: Detail::Node, ..Settings::default() };
    let open = |name: &str| common::open(name, &tree.root(), &settings).unwrap();
    // The CPUs 0 and 1 are on node 0.
    let mut softnet = open("softnet");
    let processed = "node_softnet_processed_total{node=\"0\"}";
    let found = read(&mut softnet).unwrap();
    assert_eq!(value(&found, processed), Some(299_641.0 + 4_294_967_295.0));
    assert_eq!(value(&found, "node_softnet_backlog_len{node=\"1\"}"), Some(17.0));
    assert!(!found.contains("cpu="));
    // The counter of CPU 1 has 32 bits; CPU 3 is gone, with its backlog.
    let line = |cpu, count| format!("{count:08x}{} {cpu:08x}\n", " 00000000".repeat(11));
    tree.write("proc/net/softnet_stat", line(0, 299_641) + &line(1, 5));
    let found = read(&mut softnet).unwrap();
    assert_eq!(value(&found, processed), Some(299_641.0 + 4_294_967_295.0 + 5.0));
    assert_eq!(value(&found, "node_softnet_backlog_len{node=\"1\"}"), Some(0.0));
    assert_eq!(value(&found, "node_softnet_received_rps_total{node=\"1\"}"), Some(170.0));

    let mut schedstat = open("schedstat");
    let slices = "node_schedstat_timeslices_total{node=\"0\"}";
    assert_eq!(
        value(&read(&mut schedstat).unwrap(), slices),
        Some(4_767_485_306.0 + 5_145_567_945.0)
    );
    tree.write("proc/schedstat", "version 15\ncpu0 0 0 0 0 0 0 1 1 4767485307\n");
    let found = read(&mut schedstat).unwrap();
    assert_eq!(value(&found, slices), Some(4_767_485_307.0 + 5_145_567_945.0), "never falls");
    assert_eq!(samples(&read(&mut open("interrupts")).unwrap()), 8);
}

#[test]
fn interrupts_are_never_shown_by_cpu_above_256() {
    let tree = Tree::rack();
    let table = |cpus: u64| {
        let heading: String = (0..cpus).map(|cpu| format!("       CPU{cpu}")).collect();
        let counts: String = (0..cpus).map(|cpu| format!(" {cpu:10}")).collect();
        format!(
            "{heading}\nLOC:{counts}   Local timer interrupts\n 24:{counts}  PCI-MSI 1-edge  x\n"
        )
    };
    tree.write("proc/interrupts", table(256));
    let mut source = open(&tree, "interrupts", &[]);
    let found = read(&mut source).unwrap();
    assert_eq!(samples(&found), 512);
    let last = "node_interrupts_total{cpu=\"255\",devices=\"\",info=\"Local timer interrupts\",type=\"LOC\"}";
    assert_eq!(value(&found, last), Some(255.0));
    tree.write("proc/interrupts", table(257));
    let found = read(&mut source).unwrap();
    let sum = "node_interrupts_total{devices=\"1-edge x\",info=\"PCI-MSI\",type=\"24\"}";
    assert_eq!((samples(&found), value(&found, sum)), (2, Some(256.0 * 257.0 / 2.0)));
    tree.write("proc/interrupts", table(2));
    assert_eq!(samples(&read(&mut source).unwrap()), 4);
}

#[test]
fn the_distribution_is_looked_for_in_two_places_and_again_after_an_upgrade() {
    let tree = Tree::rack();
    let mut source = open(&tree, "os", &[]);
    let version =
        "node_os_version{id=\"exlinux\",id_like=\"suse opensuse\",name=\"Example Linux\"}";
    assert_eq!(value(&read(&mut source).unwrap(), version), Some(15.6));
    tree.remove("etc/os-release");
    tree.write("usr/lib/os-release", "ID=other\nVERSION_ID=7\n");
    assert_eq!(value(&read(&mut source).unwrap(), version), Some(15.6), "kept until a discovery");
    source.discover().unwrap();
    let found = read(&mut source).unwrap();
    assert_eq!(value(&found, "node_os_version{id=\"other\",id_like=\"\",name=\"\"}"), Some(7.0));
    assert!(!found.contains("support_end"));
    tree.remove("usr/lib/os-release");
    assert!(matches!(source.discover(), Err(ReadError::NoData(_))));
    assert!(matches!(read(&mut source), Err(ReadError::NoData(_))));
}

#[test]
fn a_host_that_is_renamed_shows_its_new_name() {
    let tree = Tree::rack();
    let mut source = open(&tree, "uname", &[]);
    assert!(read(&mut source).unwrap().contains("nodename=\"rack7\""));
    tree.write("proc/sys/kernel/hostname", "rack8\n");
    let found = read(&mut source).unwrap();
    assert!(found.contains("nodename=\"rack8\"") && !found.contains("rack7"));
    tree.remove("proc/sys/kernel/arch");
    let found = read(&mut open(&tree, "uname", &[])).unwrap();
    assert!(found.contains("machine=\"x86_64\""), "older kernels: {found}");
}

#[test]
fn arrays_mounts_and_nodes_come_and_go() {
    let tree = Tree::rack();
    let mut mdadm = open(&tree, "mdadm", &[]);
    read(&mut mdadm).unwrap();
    tree.write("proc/mdstat", "md0 : active raid1 a[0] b[1]\n      12 blocks [2/1] [U_]\n      \n");
    tree.write("sys/block/md0/md/level", "raid1\n");
    tree.write("sys/block/md0/md/raid_disks", "2\n");
    tree.write("sys/block/md0/md/degraded", "1\n");
    tree.remove("sys/block/md3");
    mdadm.discover().unwrap();
    let found = read(&mut mdadm).unwrap();
    assert_eq!(value(&found, "node_md_disks{device=\"md0\",state=\"active\"}"), Some(1.0));
    assert_eq!(value(&found, "node_md_degraded{device=\"md0\"}"), Some(1.0));
    assert!(!found.contains("md3"));

    let mut xfs = open(&tree, "xfs", &[]);
    let reads = |device| format!("node_xfs_read_calls_total{{device=\"{device}\"}}");
    assert_eq!(value(&read(&mut xfs).unwrap(), &reads("dm-0")), Some(94_045.0));
    tree.write("sys/fs/xfs/sdb1/stats/stats", "rw 1 2\n");
    tree.remove("sys/fs/xfs/dm-0");
    xfs.discover().unwrap();
    let found = read(&mut xfs).unwrap();
    assert_eq!((value(&found, &reads("sdb1")), value(&found, &reads("dm-0"))), (Some(2.0), None));

    let mut numa = open(&tree, "meminfo_numa", &[]);
    tree.write("sys/devices/system/node/node2/meminfo", "Node 2 MemTotal: 1 kB\n");
    tree.write("sys/devices/system/node/node2/numastat", "numa_hit 5\n");
    assert!(!read(&mut numa).unwrap().contains("node=\"2\""));
    numa.discover().unwrap();
    let found = read(&mut numa).unwrap();
    assert_eq!(value(&found, "node_memory_numa_MemTotal{node=\"2\"}"), Some(1024.0));
    assert_eq!(value(&found, "node_memory_numa_numa_hit_total{node=\"2\"}"), Some(5.0));

    let mut mounts = open(&tree, "mountstats", &[]);
    assert!(read(&mut mounts).unwrap().contains("old.example"));
    let text = std::fs::read_to_string(tree.path("proc/self/mountstats")).unwrap();
    let end = text.find("device old.example").unwrap();
    tree.write("proc/self/mountstats", &text[..end]);
    let found = read(&mut mounts).unwrap();
    assert!(found.contains("/mnt/again") && !found.contains("old.example"));
    mounts.discover().unwrap();
    assert_eq!(read(&mut mounts).unwrap(), found);
}

#[test]
fn groups_of_tasks_are_bounded_and_may_end_at_any_time() {
    let tree = Tree::rack();
    let mut source = open(&tree, "cgroup_pressure", &[]);
    read(&mut source).unwrap();
    tree.remove("sys/fs/cgroup/user.slice");
    for n in 0..400 {
        let file = format!("sys/fs/cgroup/z.slice/s{n}.service/cpu.pressure");
        tree.write(&file, "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
    }
    source.discover().unwrap();
    let found = read(&mut source).unwrap();
    assert!(!found.contains("user.slice"));
    // 256 groups, four of which are not beneath z.slice.
    let groups = found.matches("waiting_seconds_total{cgroup=\"z.slice/").count();
    assert_eq!(groups, 256 - 4);
}
