//! The link with a root half that hangs, lies, dies, comes back, or is of another version.
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on fails loudly")]

mod common;

use common::host::{Host, Manner, fan, snapshot};
use common::{Gate, sample};
use socle_model::Timestamp;
use socle_model::bmc::Bmc;
use socle_model::link::SCHEMA;
use std::time::Duration;

const LINK: &str = "socle_source_up{source=\"link\"}";
const FAN: &str = "ipmi_fan_speed_rpm{id=\"7\",name=\"FAN 7\"}";

/// The link's line in the status document once `good` likes its error.
fn error(gate: &Gate, what: &str, good: impl Fn(&str) -> bool) -> String {
    let text = gate.until("/v1/status", what, |text| link(text).is_some_and(|text| good(&text)));
    link(&text).unwrap_or_default()
}

/// The link's error in a status document, if it fails.
fn link(text: &str) -> Option<String> {
    let status: serde_json::Value = serde_json::from_str(text).ok()?;
    let sources = status["sources"].as_array()?;
    let line = sources.iter().find(|line| line["name"] == "link" && line["state"] == "failing")?;
    line["error"].as_str().map(str::to_owned)
}

fn with_fan(gate: &Gate) -> Host {
    let host = Host::start(&gate.link());
    host.say(|said| said.snapshot = snapshot(vec![fan("FAN 7", 7)]));
    host
}

/// Starts against a root half of this manner; then it becomes good, and all is well.
fn recovers_from(manner: Manner, complaint: &str) {
    let mut gate = Gate::prepare();
    let host = with_fan(&gate);
    host.say(|said| said.manner = manner);
    gate.spawn();
    error(&gate, "the complaint", |error| error.contains(complaint));
    let page = gate.get("/metrics");
    assert_eq!(sample(page.text(), "socle_source_up{source=\"link\"}"), Some(0.0));
    assert_eq!(sample(page.text(), "node_load1"), Some(0.5), "the page goes on");
    assert_eq!(gate.get("/readyz").status, 200, "known to be down");
    let status = gate.json("/v1/status");
    assert_ne!(status["status"], "ok", "never ok because nothing answered: {status}");
    host.say(|said| said.manner = Manner::Good);
    let page = gate.until("/metrics", "recovery", |page| sample(page, FAN) == Some(1500.0));
    assert_eq!(sample(&page, "socle_source_up{source=\"link\"}"), Some(1.0));
    let memory = resident_kib(gate.pid());
    assert!(memory < 64 << 10, "{memory} KiB");
}

fn resident_kib(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(u64::MAX)
}

#[test]
fn a_root_half_that_hangs_is_no_link() {
    recovers_from(Manner::Hang, "did not answer within 5 s");
}

#[test]
fn garbage_is_refused() {
    recovers_from(Manner::Garbage, "cannot be read");
}

#[test]
fn a_death_in_the_middle_of_an_answer() {
    recovers_from(Manner::MidFrame, "hung up");
}

#[test]
fn an_answer_without_end_is_cut_at_the_bound() {
    recovers_from(Manner::Endless, "more than 4194304 bytes");
}

#[test]
fn a_root_half_of_the_next_version_is_understood() {
    let mut gate = Gate::prepare();
    let host = with_fan(&gate);
    host.say(|said| {
        said.schema = SCHEMA + 1;
        said.extra = Some(("nvme", serde_json::json!([{ "serial": "S1", "wear": [1, 2] }])));
    });
    gate.spawn();
    gate.until("/metrics", "the fan", |page| sample(page, FAN) == Some(1500.0));
}

#[test]
fn a_root_half_too_new_says_who_is_to_be_upgraded() {
    let mut gate = Gate::prepare();
    let host = with_fan(&gate);
    host.say(|said| said.schema = SCHEMA + 2);
    gate.spawn();
    let error = error(&gate, "the schema", |error| error.contains("schema"));
    assert!(error.contains("upgrade socle-gate"), "{error}");
    assert!(error.contains("9.9.9"), "{error}");
}

#[test]
fn a_root_half_that_refuses_our_schema_too() {
    let mut gate = Gate::prepare();
    let host = with_fan(&gate);
    host.say(|said| said.refuses = Some(SCHEMA + 5));
    gate.spawn();
    let error = error(&gate, "the schema", |error| error.contains("schema"));
    assert!(error.contains("upgrade socle-gate"), "{error}");
}

#[test]
fn a_restart_of_the_root_half_is_followed() {
    let mut gate = Gate::prepare();
    let host = with_fan(&gate);
    gate.spawn();
    gate.until("/metrics", "the fan", |page| sample(page, FAN) == Some(1500.0));
    host.die();
    let error = error(&gate, "the loss", |_| true);
    assert!(error.contains("since "), "{error}");
    let page = gate.get("/metrics");
    assert_eq!(sample(page.text(), FAN), Some(1500.0), "a restart takes no series away");
    let age = sample(page.text(), "socle_source_age_seconds{source=\"ipmi\"}");
    assert!(age.is_some_and(|age| age >= 0.0), "{age:?}");
    assert_eq!(sample(page.text(), "socle_source_up{source=\"ipmi\"}"), Some(0.0));
    // The new one has looked at nothing yet.
    host.say(|said| {
        said.snapshot.bmc = Bmc::Starting;
        said.snapshot.started = Timestamp::now();
        said.snapshot.generation = 0;
    });
    host.listen();
    gate.until("/metrics", "the link", |page| sample(page, LINK) == Some(1.0));
    gate.until("/v1/status", "a verdict with it", |text| link(text).is_none());
    let end = std::time::Instant::now() + Duration::from_secs(3);
    while std::time::Instant::now() < end {
        assert_eq!(sample(gate.get("/metrics").text(), FAN), Some(1500.0), "it ages, it stays");
        common::pause();
    }
    host.say(|said| said.snapshot = snapshot(vec![fan("FAN 7", 7), fan("FAN 8", 8)]));
    gate.until("/metrics", "the new root half", |page| page.contains("name=\"FAN 8\""));
    let page = gate.get("/metrics");
    assert_eq!(sample(page.text(), "socle_source_up{source=\"link\"}"), Some(1.0));
    assert_eq!(sample(page.text(), "socle_source_up{source=\"ipmi\"}"), Some(1.0));
}

#[test]
fn an_answer_that_stops_in_the_middle_is_given_up() {
    let mut gate = Gate::prepare();
    let host = with_fan(&gate);
    gate.spawn();
    gate.until("/metrics", "the fan", |page| sample(page, FAN) == Some(1500.0));
    host.falter();
    error(&gate, "the stall", |error| error.contains("half-way"));
    gate.until("/v1/status", "recovery", |text| link(text).is_none());
}

#[test]
fn no_root_half_at_all_is_known_soon() {
    let gate = Gate::start();
    let error = error(&gate, "no root half", |_| true);
    assert!(error.contains("socle-host"), "the remedy: {error}");
    gate.until("/readyz", "ready", |text| text == "ready\n");
    let began = std::time::Instant::now();
    assert_eq!(gate.get("/metrics").status, 200);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_first_page_after_a_restart_has_its_series() {
    let mut gate = Gate::prepare();
    let host = with_fan(&gate);
    host.say(|said| said.manner = Manner::Late);
    gate.spawn();
    for restart in 0..2 {
        let began = std::time::Instant::now();
        let page = gate.get("/metrics");
        assert_eq!(sample(page.text(), FAN), Some(1500.0), "restart {restart}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        gate.kill();
        gate.spawn();
    }
}
