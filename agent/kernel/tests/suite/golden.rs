//! Our page for node_exporter's own fixtures equals node_exporter 1.11's page for them.

use crate::common;
use socle_kernel::{Root, Settings};
use socle_model::metrics::parse::parse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How the families of collectors begin that socle leaves out, each for a reason of docs/migration.md.
const LEFT_OUT: &[&str] = &[
    "node_bcache_",
    "node_bcachefs_",
    "node_btrfs_",
    "node_buddyinfo_",
    "node_cgroups_",
    "node_cpu_vulnerabilities_",
    "node_dmmultipath_",
    "node_drbd_",
    "node_ipvs_",
    "node_lnstat_",
    "node_pcidevice_",
    "node_qdisc_",
    "node_slabinfo_",
    "node_softirqs_functions_",
    "node_sysctl_",
    "node_tape_",
    "node_wifi_",
    "node_xfrm_",
    "node_zfs_",
];

/// What the program that made the page says of itself, or of the host it ran on.
const OF_ITS_OWN: &[&str] = &[
    "go_",
    "process_",
    "promhttp_",
    "node_scrape_collector_",
    "node_exporter_build_info",
    "node_textfile_mtime_seconds",
    "node_time_seconds",
    "node_time_zone_offset_seconds",
];

/// Sources that were off in node_exporter's run: they show the host that it ran on.
const OFF: &[&str] = &["filesystem", "timex", "uname"];

/// Whether a family is of a collector that socle leaves out, or the exporter's own.
pub(crate) fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().chain(OF_ITS_OWN).any(|start| name.starts_with(start))
}

fn is_ours(name: &str) -> bool {
    let starts = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
    // netdev's: the end-to-end test asks the host for them; see `netdev_has_node_exporters_names`.
    let traffic = ["node_network_receive_", "node_network_transmit_"];
    let of_the_host = name.ends_with("_total") && starts(&traffic);
    // What socle shows of hardware beyond node_exporter.
    let beyond = name.starts_with("socle_");
    !beyond && !of_the_host && !is_left_out(name)
}

/// The fixtures' tree, unpacked where that is needed.
fn tree(corpus: &Path) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    common::unpack(&corpus.join("sys.ttar"), dir.path());
    common::unpack(&corpus.join("udev.ttar"), dir.path());
    let (udev, sys) = (dir.path().join("udev/data"), dir.path().join("sys"));
    let root = Root::with(corpus.join("proc"), sys, corpus, udev);
    (dir, root)
}

/// Our page and theirs; the tree is unpacked once.
fn texts() -> Option<&'static (String, String)> {
    static TEXTS: OnceLock<Option<(String, String)>> = OnceLock::new();
    TEXTS.get_or_init(make_texts).as_ref()
}

fn make_texts() -> Option<(String, String)> {
    let corpus: PathBuf = common::corpus()?;
    let (dir, root) = tree(&corpus);
    let textfiles = corpus.join("textfile/two_metric_files/").display().to_string();
    // The flags that node_exporter's end-to-end test gives.
    let flags = [
        ("arp.device-exclude", "nope"),
        ("cpu.info", "true"),
        ("cpu.info.bugs-include", "^(cpu_meltdown|spectre_.*|mds)$"),
        ("cpu.info.flags-include", "^(aes|avx.?|constant_tsc)$"),
        ("hwmon.chip-include", "(applesmc|asus_nb_wmi|coretemp|hwmon4|ieee80211|nct6779)"),
        ("netclass.ignore-invalid-speed", "true"),
        ("netclass.ignored-devices", "(dmz|int)"),
        ("stat.softirq", "true"),
        ("textfile.directory", &textfiles),
    ];
    let on = |name: &str| !OFF.contains(&name);
    let ours = common::page_of(on, &root, &common::settings(&flags));
    // The path is in the help of families that have none of their own, and the label `path` of rapl is the
    // file's place as it was given.
    let ours = [corpus.as_path(), dir.path()]
        .into_iter()
        .fold(ours, |page, place| page.replace(&place.display().to_string(), "collector/fixtures"));
    Some((ours, std::fs::read_to_string(corpus.join("e2e-output.txt")).unwrap()))
}

#[test]
fn names_labels_and_values_are_node_exporters() {
    let Some(pages) = texts() else { return };
    let [ours, theirs] = [&pages.0, &pages.1].map(|page| {
        let samples = parse(page).unwrap().samples;
        samples.into_iter().filter(|sample| is_ours(&sample.name)).collect::<Vec<_>>()
    });
    assert!(theirs.len() > 500, "{} series to compare", theirs.len());
    let lacking: Vec<_> = theirs.iter().filter(|sample| !ours.contains(sample)).collect();
    let added: Vec<_> = ours.iter().filter(|sample| !theirs.contains(sample)).collect();
    assert!(lacking.is_empty() && added.is_empty(), "lacking {lacking:#?}\nadded {added:#?}");
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn types_and_help_are_node_exporters() {
    let Some(pages) = texts() else { return };
    let [ours, theirs] = [&pages.0, &pages.1].map(|page| heads(page));
    assert!(theirs.len() > 150, "{} families to compare", theirs.len() / 2);
    assert_eq!(ours, theirs);
}

/// The `# HELP` and `# TYPE` lines of our families, sorted.
fn heads(page: &str) -> Vec<&str> {
    let name = |line: &str| line.split(' ').nth(2).unwrap_or_default().to_owned();
    let mut heads: Vec<_> =
        page.lines().filter(|line| line.starts_with('#') && is_ours(&name(line))).collect();
    heads.sort_unstable();
    heads
}

#[test]
fn netdev_has_node_exporters_names() {
    let Some(corpus) = common::corpus() else { return };
    // Its end-to-end test asks the host over netlink, so that there is no table in its tree and the
    // values are the host's.
    let dir = tempfile::tempdir().unwrap();
    let statistics = dir.path().join("sys/class/net/lo/statistics");
    std::fs::create_dir_all(&statistics).unwrap();
    std::fs::create_dir_all(dir.path().join("proc/net")).unwrap();
    std::fs::write(statistics.join("rx_nohandler"), "0\n").unwrap();
    let zeros = " 0".repeat(16);
    std::fs::write(dir.path().join("proc/net/dev"), format!("heading\nheading\nlo:{zeros}\n"))
        .unwrap();
    let ours = common::page(&Root::at(dir.path()), &Settings::default());
    let theirs = std::fs::read_to_string(corpus.join("e2e-output.txt")).unwrap();
    let lines = |page: &str| -> BTreeSet<String> {
        let heads = page.lines().filter(|line| line.contains("Network device statistic "));
        let samples = page.lines().filter(|line| line.starts_with("node_network_"));
        let samples = samples.filter(|line| line.contains("{device=\"lo\"} "));
        let counter = |line: &&str| line.contains("_total{");
        let samples = samples.filter(counter).filter_map(|line| line.split(' ').next());
        heads.chain(samples).map(str::to_owned).collect()
    };
    let (mut ours, theirs) = (lines(&ours), lines(&theirs));
    // The samples of traffic are left out of the end-to-end page.
    let traffic = |line: &String| line.contains("_bytes") || line.contains("_packets");
    ours.retain(|line| line.starts_with('#') || !traffic(line));
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 17 + 13);
}
