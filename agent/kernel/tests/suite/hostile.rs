//! Trees that no sound kernel would show: a clear error, or a clean page.

use crate::common::{self, Tree, assert_clean, read, value};
use socle_kernel::{ReadError, Root, SOURCES, Settings};
use socle_model::metrics::Page;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// What every source must give, whatever lies in its files.
fn survives(tree: &Tree, what: &str) {
    survives_as(tree, what, |_| true);
}

fn survives_as(tree: &Tree, what: &str, concerned: impl Fn(&str) -> bool) {
    for entry in SOURCES.iter().filter(|entry| concerned(entry.name)) {
        let Ok(mut source) = (entry.open)(&tree.root(), &Settings::default()) else { continue };
        for _ in 0..2 {
            let mut page = Page::default();
            match source.read(&mut page) {
                Ok(()) => assert_clean(page.as_str()),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.len() < 500 && !text.contains('\n'), "{what}: {text}");
                }
            }
            // It may fail as well, and must come back.
            let _ = source.discover();
        }
    }
}

fn files(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() && !path.is_symlink() {
            true => files(&path, found),
            false if !path.is_symlink() => found.push(path),
            false => {}
        }
    }
}

#[test]
fn any_file_may_be_garbage_empty_or_gone() {
    let contents: [&[u8]; 5] = [b"", b"\n\n", b"\xff\xfe\x00 :\n", b": : - -\n", b"-1\n"];
    for content in contents {
        let tree = Tree::rack();
        let mut all = Vec::new();
        files(&tree.path(""), &mut all);
        for file in &all {
            std::fs::write(file, content).unwrap();
        }
        survives(&tree, &format!("all {content:?}"));
    }
    let tree = Tree::rack();
    let mut all = Vec::new();
    files(&tree.path(""), &mut all);
    for file in all {
        let kept = std::fs::read(&file).unwrap();
        let name = file.display().to_string();
        std::fs::write(&file, b"18446744073709551616 x\n").unwrap();
        survives_as(&tree, &name, |source| reads(source, &name));
        std::fs::remove_file(&file).unwrap();
        survives_as(&tree, &name, |source| reads(source, &name));
        std::fs::write(&file, kept).unwrap();
    }
}

/// Which source reads a file, so that the others need not be tried.
fn reads(source: &str, file: &str) -> bool {
    let parts = match source {
        "bonding" => &["bond"][..],
        "cpu" => &["proc/stat", "system/cpu"],
        "diskstats" => &["diskstats", "udev", "sys/block"],
        "dimm" | "edac" => &["edac"],
        "fibrechannel" => &["fc_host"],
        "filesystem" => &["mountinfo"],
        "hwmon" => &["hwmon"],
        "mce" => &["interrupts"],
        "netclass" => &["class/net/"],
        "netdev" => &["net/"],
        "numa" => &["system/node"],
        "nvme" => &["class/nvme"],
        "pcie" => &["pci"],
        "powersupplyclass" => &["power_supply"],
        "textfile" => &["var/"],
        "thermal_zone" => &["thermal"],
        "rapl" => &["powercap"],
        "time" => &["clocksource"],
        "conntrack" => &["nf_conntrack"],
        "entropy" => &["random/"],
        "filefd" => &["file-nr"],
        "cgroup_pressure" => &["fs/cgroup"],
        "processes" => &["/stat", "sys/kernel"],
        "mountstats" => &["self/mount"],
        "mdadm" => &["mdstat", "sys/block/md"],
        "meminfo_numa" => &["system/node"],
        "nfs" | "nfsd" => &["net/rpc"],
        "kernel_hung" => &["hung_task"],
        "netstat" => &["net/netstat", "net/snmp"],
        "os" => &["os-release"],
        "udp_queues" => &["net/udp"],
        "uname" => &["sys/kernel"],
        name => &[name],
    };
    parts.iter().any(|part| file.contains(part))
}

#[test]
fn every_line_may_be_cut_anywhere() {
    for file in [
        "stat",
        "meminfo",
        "diskstats",
        "net/dev",
        "1/mountinfo",
        "loadavg",
        "net/arp",
        "net/netstat",
        "net/snmp",
        "net/snmp6",
        "net/rpc/nfs",
        "net/rpc/nfsd",
        "mdstat",
        "zoneinfo",
        "interrupts",
        "412/stat",
        "self/mountstats",
        "net/sockstat",
        "net/softnet_stat",
        "net/stat/nf_conntrack",
        "net/udp",
        "pressure/io",
        "schedstat",
        "vmstat",
    ] {
        let tree = Tree::rack();
        let file = format!("proc/{file}");
        let whole = std::fs::read(tree.path(&file)).unwrap();
        // Enough cuts to meet every field, few enough to be quick.
        for length in (0..whole.len().min(1200)).step_by(13) {
            tree.write(&file, &whole[..length]);
            survives_as(&tree, &format!("{file} cut at {length}"), |source| reads(source, &file));
        }
    }
}

#[test]
fn lines_that_are_there_twice_are_one_series() {
    let tree = Tree::rack();
    for file in [
        "stat",
        "meminfo",
        "diskstats",
        "net/dev",
        "1/mountinfo",
        "cpuinfo",
        "net/netstat",
        "net/snmp6",
        "net/rpc/nfs",
        "net/rpc/nfsd",
        "mdstat",
        "zoneinfo",
        "net/sockstat",
        "net/softnet_stat",
        "pressure/io",
        "schedstat",
        "vmstat",
    ] {
        let file = format!("proc/{file}");
        let text = std::fs::read_to_string(tree.path(&file)).unwrap();
        let lines = text.lines().skip(if file.ends_with("dev") { 2 } else { 0 });
        let twice: String = lines.map(|line| format!("{line}\n")).collect();
        tree.write(&file, text + &twice);
    }
    let once = common::page(&Root::at(common::rack()), &Settings::default());
    let settings = common::settings(&[("cpu.info", "true"), ("stat.softirq", "true")]);
    assert_clean(&common::page(&tree.root(), &settings));
    let twice = common::page(&tree.root(), &Settings::default());
    let names = |page: &str, root: &Path| -> Vec<String> {
        // The label `path` of rapl names the tree.
        let page = page.replace(&root.display().to_string(), "");
        let series = page.lines().filter_map(|line| line.rsplit_once(' '));
        series.map(|(series, _)| series.to_owned()).collect()
    };
    assert_eq!(names(&once, &common::rack().join("sys")), names(&twice, &tree.path("sys")));
}

#[test]
fn names_that_are_not_utf_8_are_shown_with_a_replacement_and_once() {
    let tree = Tree::rack();
    let zeros = " 1".repeat(16);
    let mut table = std::fs::read(tree.path("proc/net/dev")).unwrap();
    for name in [&b"e\xff"[..], b"e\xfe", b"a\"b\\c", b"../x"] {
        table.extend_from_slice(name);
        table.extend_from_slice(format!(":{zeros}\n").as_bytes());
    }
    tree.write("proc/net/dev", table);
    let name = std::ffi::OsStr::from_bytes(b"e\xff");
    let statistics = tree.path("sys/class/net").join(name).join("statistics");
    std::fs::create_dir_all(&statistics).unwrap();
    std::fs::write(statistics.join("rx_nohandler"), "6\n").unwrap();
    let page = read(&mut tree.open("netdev")).unwrap();
    assert_eq!(value(&page, "node_network_receive_bytes_total{device=\"e\u{fffd}\"}"), Some(1.0));
    assert_eq!(
        value(&page, "node_network_receive_nohandler_total{device=\"e\u{fffd}\"}"),
        Some(6.0)
    );
    assert_eq!(value(&page, "node_network_receive_bytes_total{device=\"a\\\"b\\\\c\"}"), Some(1.0));

    tree.write("proc/diskstats", b"8 0 s\xff 1\n8 16 s\xfe 2\n259 99 cciss/c0d0 3\n");
    tree.write("sys/block/cciss!c0d0/queue/rotational", "1\n");
    let page = read(&mut tree.open("diskstats")).unwrap();
    assert_eq!(page.matches("node_disk_info{device=\"s\u{fffd}\"").count(), 1);
    assert!(page.contains("node_disk_info{device=\"cciss/c0d0\",major=\"259\",minor=\"99\",model=\"\",path=\"\",revision=\"\",rotational=\"1\""));
}

#[test]
fn two_chips_of_the_same_name_are_told_apart() {
    let tree = Tree::rack();
    for chip in ["hwmon7", "hwmon8"] {
        tree.write(&format!("sys/class/hwmon/{chip}/name"), b"Disk \xff\n");
        tree.write(&format!("sys/class/hwmon/{chip}/temp1_input"), "30000\n");
        tree.write(&format!("sys/class/hwmon/{chip}/temp1_label"), b"a\"\\\xff\n");
    }
    let page = read(&mut tree.open("hwmon")).unwrap();
    for chip in ["hwmon7", "hwmon8"] {
        let series = format!("node_hwmon_temp_celsius{{chip=\"disk_{chip}\",sensor=\"temp1\"}}");
        assert_eq!(value(&page, &series), Some(30.0), "{page}");
    }
    assert!(page.contains("label=\"a\\\"\\\\\u{fffd}\""));
}

#[test]
fn mount_points_are_taken_back_from_their_escapes() {
    let tree = Tree::rack();
    for dir in ["a b\tc", "d\\e", "f\ng", "h#"] {
        std::fs::create_dir(tree.path(dir)).unwrap();
    }
    tree.write(
        "proc/1/mountinfo",
        "25 22 0:44 / /a\\040b\\011c rw shared:7 master:2 propagate_from:1 - tmpfs  rw,size=1k\n\
         26 22 0:45 / /d\\134e rw - tmpfs tmpfs ro\n\
         27 22 0:46 / /f\\012g rw - tmpfs tmpfs rw,emergency_ro\n\
         28 22 0:47 / /h\\043 rw - tmpfs tmpfs rw\n\
         29 22 0:48 / /h\\043 ro - tmpfs tmpfs rw\n\
         30 22 0:49 / /proc/x rw - tmpfs tmpfs rw\n",
    );
    let page = read(&mut tree.open("filesystem")).unwrap();
    // A device without a name; blank and tab as node_exporter shows them, the others as they stand.
    let of = |family: &str, device: &str, point: &str| {
        let labels = format!(
            "device=\"{device}\",device_error=\"\",fstype=\"tmpfs\",mountpoint=\"{point}\""
        );
        value(&page, &format!("node_filesystem_{family}{{{labels}}}"))
    };
    assert_eq!(of("readonly", "", "/a b\tc"), Some(0.0), "{page}");
    assert_eq!(of("readonly", "tmpfs", "/d\\\\134e"), Some(1.0), "{page}");
    assert_eq!(of("readonly", "tmpfs", "/f\\\\012g"), Some(1.0));
    assert_eq!(of("readonly", "tmpfs", "/h\\\\043"), Some(1.0), "the upper mount counts");
    assert!(of("size_bytes", "tmpfs", "/f\\\\012g").is_some());
    assert!(!page.contains("/proc/x"));
}

#[test]
fn errors_name_file_line_item_and_what_was_expected() {
    for (source, file, content, words) in [
        ("cpu", "proc/stat", "cpu  1\ncpu0 1 2 x\n", ["stat", "line 2", "cpu", "whole numbers"]),
        (
            "cpu",
            "proc/stat",
            "cpu  1\ncpu0 18446744073709551616\n",
            ["stat", "line 2", "cpu", "whole"],
        ),
        ("stat", "proc/stat", "btime x\n", ["stat", "line 1", "btime", "a whole number"]),
        ("diskstats", "proc/diskstats", "8 0\n", ["diskstats", "line 1", "name", "major"]),
        ("diskstats", "proc/diskstats", "8 x sda 1\n", ["diskstats", "line 1", "minor", "whole"]),
        (
            "diskstats",
            "proc/diskstats",
            "\n8 0 sda 1 -2\n",
            ["diskstats", "line 2", "counters", "whole"],
        ),
        ("netdev", "proc/net/dev", "a\nb\neth0: 1 2\n", ["dev", "line 3", "counters", "16 whole"]),
        ("netdev", "proc/net/dev", "a\nb\neth0 1\n", ["dev", "line 3", "name", "colon"]),
        (
            "filesystem",
            "proc/1/mountinfo",
            "22 1 259:1 /\n",
            ["mountinfo", "line 1", "mount", "fields"],
        ),
        (
            "filesystem",
            "proc/1/mountinfo",
            "22 1 a:b / / rw - a b rw\n",
            ["mountinfo", "line 1", "mount", "fields"],
        ),
        (
            "edac",
            "sys/devices/system/edac/mc/mc0/ue_count",
            "many\n",
            ["mc0/ue_count", "line 1", "many", "whole"],
        ),
        ("meminfo", "proc/meminfo", "MemTotal: 1 MB\n", ["meminfo", "line 1", "MemTotal", "kB"]),
        ("arp", "proc/net/arp", "heading\na b c\n", ["net/arp", "line 2", "a b c", "6 columns"]),
        (
            "conntrack",
            "proc/net/stat/nf_conntrack",
            "heading\n0 g\n",
            ["nf_conntrack", "line 2", "g", "hexadecimal"],
        ),
        ("filefd", "proc/sys/fs/file-nr", "1\t2\n", ["file-nr", "line 1", "1\t2", "3 whole"]),
        (
            "netstat",
            "proc/net/snmp",
            "Udp: NoPorts InErrors\nUdp: 1\n",
            ["net/snmp", "line 2", "Udp:", "each name"],
        ),
        (
            "netstat",
            "proc/net/netstat",
            "TcpExt: TCPTimeouts\nIpExt: 1\n",
            ["net/netstat", "line 2", "IpExt", "below their names"],
        ),
        (
            "netstat",
            "proc/net/snmp6",
            "Udp6NoPorts x\n",
            ["snmp6", "line 1", "Udp6NoPorts", "whole"],
        ),
        ("os", "etc/os-release", "ID=a\nID=\"b\n", ["os-release", "line 2", "ID", "quotes"]),
        (
            "pressure",
            "proc/pressure/irq",
            "full avg10=0.00\n",
            ["pressure/irq", "line 1", "full", "a total"],
        ),
        ("schedstat", "proc/schedstat", "cpu0 1 2\n", ["schedstat", "line 1", "cpu0", "9 whole"]),
        (
            "sockstat",
            "proc/net/sockstat6",
            "TCP6: inuse\n",
            ["sockstat6", "line 1", "inuse", "whole"],
        ),
        (
            "softnet",
            "proc/net/softnet_stat",
            "0 1\n",
            ["softnet_stat", "line 1", "0 1", "9 columns"],
        ),
        ("udp_queues", "proc/net/udp", "h\n1 2\n", ["net/udp", "line 2", "1 2", "tx:rx"]),
        ("vmstat", "proc/vmstat", "a 1\npgpgin\n", ["vmstat", "line 2", "pgpgin", "whole"]),
    ] {
        let tree = Tree::rack();
        tree.write(file, content);
        let error = read(&mut tree.open(source)).unwrap_err();
        assert!(matches!(error, ReadError::Parse { .. }), "{error}");
        let error = error.to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        // A failure is not kept: the next reading is as good as its file.
        assert!(!error.is_empty());
    }
}

#[test]
fn a_failed_reading_leaves_the_next_one_whole() {
    for (name, file) in [
        ("cpu", "stat"),
        ("diskstats", "diskstats"),
        ("netdev", "net/dev"),
        ("filesystem", "1/mountinfo"),
    ] {
        let tree = Tree::rack();
        let file = format!("proc/{file}");
        let mut source = tree.open(name);
        let before = read(&mut source).unwrap();
        let good = std::fs::read(tree.path(&file)).unwrap();
        tree.write(&file, "a\nb\ncpu0 x\n8 0 sda x\neth0: x\n");
        assert!(read(&mut source).is_err(), "{name}");
        tree.write(&file, good);
        let series = |page: &str| -> Vec<String> {
            page.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
        };
        let after = read(&mut source).unwrap();
        assert_eq!(series(&before), series(&after), "{name}");
    }
}
