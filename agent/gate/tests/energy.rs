//! Energy counters that only root may read come from the root half; its silence costs no scrape more
//! than half a second, and none of the other sources.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]

mod common;

use common::host::Host;
use common::{Gate, sample, write};
use socle_model::energy::ZoneEnergy;
use socle_model::link::CallError;
use std::time::{Duration, Instant};

/// A zone whose counter is refused even to root: a sysctl that can be written only.
fn refused_zone(gate: &Gate, folder: &str, name: &str) -> std::path::PathBuf {
    let zone = gate.root().join("sys/class/powercap").join(folder);
    write(&zone.join("name"), format!("{name}\n"));
    std::os::unix::fs::symlink("/proc/sys/vm/compact_memory", zone.join("energy_uj")).unwrap();
    zone
}

fn zone(folder: &str, microjoules: u64) -> ZoneEnergy {
    ZoneEnergy { zone: folder.into(), microjoules }
}

fn success(page: &str) -> Option<f64> {
    sample(page, "node_scrape_collector_success{collector=\"rapl\"}")
}

#[test]
fn counts_that_are_refused_here_come_from_the_root_half() {
    let mut gate = Gate::prepare();
    let folder = refused_zone(&gate, "intel-rapl:0", "package-0");
    if !folder.join("energy_uj").exists() {
        println!("skipped: no /proc/sys/vm/compact_memory, nothing here is refused to root");
        return;
    }
    let host = Host::start(&gate.link());
    let zones = vec![zone("intel-rapl:0", 2_500_000), zone("intel-rapl:9", 1)];
    host.say(|said| said.energy = Some(Ok(zones)));
    gate.spawn();
    let page = gate.until("/metrics", "the counts", |page| page.contains("node_rapl_"));
    let series =
        format!("node_rapl_package_joules_total{{index=\"0\",path=\"{}\"}}", folder.display());
    assert_eq!(sample(&page, &series), Some(2.5), "{page}");
    assert_eq!((page.matches("\nnode_rapl_").count(), success(&page)), (1, Some(1.0)));
    // Of now, not of when it was last asked.
    host.say(|said| said.energy = Some(Ok(vec![zone("intel-rapl:0", 3_000_000)])));
    assert_eq!(sample(gate.get("/metrics").text(), &series), Some(3.0));

    let why = "no data: it is for root only";
    host.say(|said| said.energy = Some(Err(CallError::Unavailable(why.into()))));
    let page = gate.get("/metrics");
    assert!(!page.text().contains("node_rapl_"));
    assert!(!page.text().contains("socle_source_up{source=\"rapl\"}"), "absent, not failing");

    host.say(|said| said.energy = None);
    let began = Instant::now();
    let page = gate.get("/metrics");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(page.text().contains("\nnode_load1 0.5\n"));
    assert_eq!(success(page.text()), Some(0.0));
    assert_eq!(sample(page.text(), "socle_source_up{source=\"rapl\"}"), Some(0.0));
    let began = Instant::now();
    assert_eq!(success(gate.get("/metrics").text()), Some(0.0));
    assert!(began.elapsed() < Duration::from_millis(400), "silence costs one scrape");
}

#[test]
fn without_a_root_half_the_source_fails_and_says_so() {
    let mut gate = Gate::prepare();
    if !refused_zone(&gate, "intel-rapl:0", "package-0").join("energy_uj").exists() {
        println!("skipped: no /proc/sys/vm/compact_memory, nothing here is refused to root");
        return;
    }
    gate.spawn();
    let status = gate.until("/v1/status", "the source", |text| text.contains("\"rapl\""));
    assert!(status.contains("the root half does not answer; see source link"), "{status}");
    assert_eq!(success(gate.get("/metrics").text()), Some(0.0));
}

#[test]
fn counts_that_may_be_read_here_are() {
    let mut gate = Gate::prepare();
    let zone = gate.root().join("sys/class/powercap/intel-rapl:0");
    write(&zone.join("name"), "psys\n");
    write(&zone.join("energy_uj"), "1000000\n");
    gate.spawn();
    let page = gate.get("/metrics");
    assert!(page.text().contains("node_rapl_psys_joules_total{"), "{}", page.text());
    assert_eq!(success(page.text()), Some(1.0));
}
