//! This host, read by us and by the node_exporter that is installed here (Debian's 1.5.0 is the one that
//! the table of differences was made for).

use crate::common;
use socle_kernel::Root;
use socle_model::metrics::parse::{Parsed, Sample, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Families that 1.5 does not have, by the version that brought them.
const NEWER: &[(&str, &str)] = &[
    ("node_filesystem_mount_info", "1.9"),
    ("node_filesystem_purgeable_bytes", "1.9"),
    ("node_cpu_online", "1.9"),
    ("node_nvme_namespace_capacity_bytes", "1.11"),
    ("node_nvme_namespace_info", "1.11"),
    ("node_nvme_namespace_logical_block_size_bytes", "1.11"),
    ("node_nvme_namespace_size_bytes", "1.11"),
    ("node_nvme_namespace_used_bytes", "1.11"),
    ("node_edac_channel_correctable_errors_total", "1.12"),
    ("node_edac_channel_uncorrectable_errors_total", "1.12"),
    ("node_netstat_TcpExt_TCPOFOQueue", "1.8"),
    ("node_netstat_TcpExt_TCPRcvQDrop", "1.9"),
    ("node_pressure_irq_stalled_seconds_total", "1.9"),
    ("node_softnet_backlog_len", "1.6"),
    ("node_softnet_cpu_collision_total", "1.6"),
    ("node_softnet_flow_limit_count_total", "1.6"),
    ("node_softnet_received_rps_total", "1.6"),
];

/// Labels that later versions added to a family.
const NEW_LABELS: &[(&str, &str, &str)] = &[
    ("node_disk_info", "rotational", "1.9"),
    ("node_filesystem_", "device_error", "1.8"),
    ("node_network_info", "adminstate", "1.6"),
    ("node_nvme_info", "cntlid", "1.11"),
];

/// Lines of /proc/meminfo that 1.5 prints and 1.9 and later, with their own list of fields, do not.
const DROPPED: &[&str] = &[
    "node_memory_Balloon_bytes",
    "node_memory_FileHugePages_bytes",
    "node_memory_FilePmdMapped_bytes",
    "node_memory_GPUActive_bytes",
    "node_memory_GPUReclaim_bytes",
    "node_memory_Hugetlb_bytes",
    "node_memory_KReclaimable_bytes",
    "node_memory_SecPageTables_bytes",
    "node_memory_Unaccepted_bytes",
];

/// Families whose values do not move from one reading to the next.
const STATIC: &[&str] = &[
    "node_boot_time_seconds",
    "node_disk_info",
    "node_entropy_pool_size_bits",
    "node_filefd_maximum",
    "node_filesystem_device_error",
    "node_filesystem_readonly",
    "node_filesystem_size_bytes",
    "node_hwmon_chip_names",
    "node_hwmon_sensor_label",
    "node_memory_Hugepagesize_bytes",
    "node_memory_MemTotal_bytes",
    "node_memory_SwapTotal_bytes",
    "node_netstat_Ip_Forwarding",
    "node_network_address_assign_type",
    "node_network_flags",
    "node_network_iface_id",
    "node_network_info",
    "node_network_mtu_bytes",
    "node_network_protocol_type",
    "node_network_speed_bytes",
    "node_network_up",
    "node_nf_conntrack_entries_limit",
    "node_os_info",
    "node_os_version",
    "node_textfile_scrape_error",
    "node_time_clocksource_available_info",
    "node_time_clocksource_current_info",
    "node_time_zone_offset_seconds",
    "node_timex_status",
    "node_timex_sync_status",
    "node_timex_tai_offset_seconds",
    "node_timex_tick_seconds",
    "node_uname_info",
];

/// Debian changes the default filters, so both get these.
const FLAGS: &[(&str, &str)] = &[
    ("diskstats.device-exclude", r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"),
    ("filesystem.mount-points-exclude", "^/(dev|proc|run/credentials/.+|sys)($|/)"),
    ("filesystem.fs-types-exclude", "^(autofs|cgroup2?|debugfs|devtmpfs|overlay|proc|sysfs)$"),
    ("netdev.device-exclude", "^nothing$"),
    ("netclass.ignored-devices", "^nothing$"),
    ("textfile.directory", "/var/lib/prometheus/node-exporter"),
];

/// The collectors that both have.
const COLLECTORS: &[&str] = &[
    "arp",
    "bonding",
    "conntrack",
    "cpu",
    "cpufreq",
    "diskstats",
    "dmi",
    "edac",
    "entropy",
    "fibrechannel",
    "filefd",
    "filesystem",
    "hwmon",
    "infiniband",
    "interrupts",
    "loadavg",
    "meminfo",
    "meminfo_numa",
    "netclass",
    "netdev",
    "netstat",
    "nvme",
    "os",
    "powersupplyclass",
    "pressure",
    "schedstat",
    "sockstat",
    "softnet",
    "stat",
    "textfile",
    "thermal_zone",
    "time",
    "timex",
    "udp_queues",
    "uname",
    "vmstat",
    "zoneinfo",
];

struct Exporter {
    process: std::process::Child,
    port: u16,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It is ours, and has nothing to save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Exporter {
    #[expect(clippy::disallowed_types, reason = "the other exporter is a program")]
    fn start() -> Option<Self> {
        // Free now; whoever takes it before the exporter does makes the test fail loudly.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let null = std::process::Stdio::null;
        let mut command = std::process::Command::new("prometheus-node-exporter");
        command.args([
            "--collector.disable-defaults".to_owned(),
            "--web.disable-exporter-metrics".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ]);
        command.args(COLLECTORS.iter().map(|name| format!("--collector.{name}")));
        command.args(FLAGS.iter().map(|(flag, value)| format!("--collector.{flag}={value}")));
        let process = command.stdin(null()).stdout(null()).stderr(null()).spawn().ok()?;
        Some(Exporter { process, port })
    }

    fn page(&self) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        let mut stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "node_exporter: {error}"),
            }
            let (_never, wait) = std::sync::mpsc::channel::<()>();
            let _ = wait.recv_timeout(Duration::from_millis(20));
        };
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        body.to_owned()
    }
}

/// A sample as 1.5 would have it; `None` for what it lacks.
fn as_1_5(mut sample: Sample) -> Option<Sample> {
    if NEWER.iter().any(|(name, _)| sample.name == *name) {
        return None;
    }
    for (name, label, _) in NEW_LABELS {
        if sample.name.starts_with(name) {
            sample.labels.remove(*label);
        }
    }
    Some(sample)
}

type Series = (String, BTreeMap<String, String>);

fn series(samples: &[Sample]) -> BTreeSet<Series> {
    samples.iter().map(|sample| (sample.name.clone(), sample.labels.clone())).collect()
}

fn samples(page: &Parsed) -> Vec<Sample> {
    let ours = |sample: &&Sample| {
        sample.name.starts_with("node_")
            && !sample.name.starts_with("node_scrape_")
            && !sample.name.starts_with("node_exporter_")
            && !DROPPED.contains(&sample.name.as_str())
    };
    page.samples.iter().filter(ours).cloned().filter_map(as_1_5).collect()
}

#[test]
fn series_types_and_static_values_equal_those_of_the_installed_node_exporter() {
    let Some(exporter) = Exporter::start() else {
        println!("skipped: prometheus-node-exporter is not installed (Debian package)");
        return;
    };
    let settings = common::settings(FLAGS);
    let mut differs = Vec::new();
    // The host may change between the two readings: a mount, a disk, a NIC of another test.
    for _ in 0..5 {
        let theirs = parse(&exporter.page()).unwrap();
        let ours =
            parse(&common::page_of(|name| COLLECTORS.contains(&name), &Root::host(), &settings))
                .unwrap();
        differs = differences(&ours, &theirs);
        if differs.is_empty() {
            assert!(samples(&ours).len() > 100);
            return;
        }
    }
    panic!("{differs:#?}");
}

fn differences(ours: &Parsed, theirs: &Parsed) -> Vec<String> {
    // A mount that cannot be measured (of another namespace, of another user's FUSE) is shown in another
    // way by each version.
    let unmeasured: BTreeSet<&String> = [ours, theirs]
        .into_iter()
        .flat_map(|page| &page.samples)
        .filter(|sample| sample.name == "node_filesystem_device_error" && sample.value != 0.0)
        .filter_map(|sample| sample.labels.get("mountpoint"))
        .collect();
    let measured = |sample: &Sample| {
        !sample.name.starts_with("node_filesystem_")
            || sample.labels.get("mountpoint").is_none_or(|mount| !unmeasured.contains(mount))
    };
    let measured = |page| samples(page).into_iter().filter(measured).collect::<Vec<_>>();
    let (our_samples, their_samples) = (measured(ours), measured(theirs));
    let (left, right) = (series(&our_samples), series(&their_samples));
    let mut found: Vec<String> =
        left.difference(&right).map(|s| format!("only ours: {s:?}")).collect();
    found.extend(right.difference(&left).map(|s| format!("only theirs: {s:?}")));
    for name in left.iter().map(|(name, _)| name).collect::<BTreeSet<_>>() {
        if ours.types.get(name) != theirs.types.get(name) {
            found.push(format!(
                "type of {name}: {:?}, {:?}",
                ours.types.get(name),
                theirs.types.get(name)
            ));
        }
    }
    let fixed = |samples: Vec<Sample>| -> Vec<Sample> {
        samples.into_iter().filter(|sample| STATIC.contains(&sample.name.as_str())).collect()
    };
    let (our_samples, their_samples) = (fixed(our_samples), fixed(their_samples));
    found.extend(
        our_samples.iter().filter(|s| !their_samples.contains(s)).map(|s| format!("value {s:?}")),
    );
    found
}
