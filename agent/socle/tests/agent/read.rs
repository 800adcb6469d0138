//! The commands that read, against a running agent and without one.

use crate::common::{Agent, ask, kill, socle, text, tree, until};
use nix::sys::signal::Signal::SIGTERM;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn every_document_names_its_schema() {
    let agent = Agent::start(None);
    for command in ["status", "sensors", "doctor"] {
        let output = agent.ask(&[command, "--json"]);
        let said = text(&output.stdout);
        assert_eq!(said.lines().count(), 1, "{command}: {said}{}", text(&output.stderr));
        let document: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(document["schema"], format!("socle.{command}/1"));
        crate::schema::hold(command, &document);
        // In its first second the agent does not know yet, and says so.
        until(command, || agent.ask(&[command]).status.success());
    }
    let mut status = String::new();
    until("the verdict on what both halves saw", || {
        status = text(&agent.ask(&["status"]).stdout);
        status.lines().next().is_some_and(|first| first.starts_with("q01  ✔ ok"))
    });
    assert!(status.lines().any(|line| line.starts_with("sources")), "{status}");
    assert!(!status.contains('\x1b'), "no colour into a pipe: {status:?}");
}

#[test]
fn events_follow_one_document_a_line() {
    let agent = Agent::start(None);
    let mut follow = socle(agent.home.path())
        .args(["events", "--follow", "--json", "--since", "0", "--state"])
        .arg(&agent.state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (give, take) = std::sync::mpsc::channel();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || lines.for_each(|line| drop(give.send(line.unwrap()))));
    let source = "tree/sys/devices/system/clocksource/clocksource0/current_clocksource";
    fs::write(agent.home.path().join(source), "hpet\n").unwrap();
    let line = take.recv_timeout(crate::common::SOON).unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["schema"], "socle.event/1");
    crate::schema::hold("event", &event);
    assert!(event["seq"].as_u64().unwrap() >= 1 && event["text"].is_string(), "{line}");
    // Not SIGINT: a test that runs in the background of a shell inherits it ignored.
    kill(follow.id(), SIGTERM);
    follow.wait().unwrap();
    reader.join().unwrap();
    let plain = text(&agent.ask(&["events"]).stdout);
    assert!(plain.contains(event["text"].as_str().unwrap()), "{plain}");
    until("the verdict", || text(&agent.ask(&["status"]).stdout).contains("critical"));
    let status = agent.ask(&["status", "--exit-code"]);
    assert_eq!(status.status.code(), Some(2), "{}", text(&status.stdout));
    assert!(text(&status.stdout).contains("tsc"), "{}", text(&status.stdout));
    assert_eq!(agent.ask(&["status"]).status.code(), Some(1));
}

#[test]
fn doctor_makes_ten_checks_in_a_second_with_and_without_an_agent() {
    let names = |output: &std::process::Output| -> Vec<String> {
        let document: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        let checks = document["checks"].as_array().unwrap();
        for check in checks {
            let ok = check["result"] == "ok";
            assert!(ok || check["remedy"].is_string(), "{check}");
        }
        checks.iter().map(|check| check["name"].as_str().unwrap().to_owned()).collect()
    };
    let expected = [
        "driver",
        "permissions",
        "agents",
        "clock",
        "disk",
        "sandbox",
        "baseline",
        "page",
        "configuration",
        "link",
    ];
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("none");
    let alone = ask(home.path(), &["doctor", "--json", "--state", state.to_str().unwrap()]);
    assert_eq!(names(&alone), expected);
    let agent = Agent::start(None);
    let (mut beside, mut took) = (alone, Duration::MAX);
    // The best of a few: the machine may be busy with other tests.
    for _ in 0..5 {
        let begun = Instant::now();
        beside = agent.ask(&["doctor", "--json"]);
        took = took.min(begun.elapsed());
    }
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(names(&beside), expected);
    assert!(text(&beside.stdout).contains("the network half answers"));
}

#[test]
fn nobody_to_ask_is_an_error_with_the_remedy() {
    let home = tempfile::tempdir().unwrap();
    for command in ["status", "sensors", "events"] {
        let output = ask(home.path(), &[command, "--state", home.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = text(&output.stderr);
        assert!(output.stdout.is_empty() && said.contains("socle run"), "{command}: {said}");
    }
}

#[test]
fn one_collection_equals_the_page_of_the_agent() {
    let agent = Agent::start(None);
    let home = agent.home.path();
    let tree = home.join("tree");
    let collected = ask(home, &["metrics", "--root", tree.to_str().unwrap()]);
    assert!(collected.status.success(), "{}", text(&collected.stderr));
    let file = home.join("collected");
    fs::write(&file, &collected.stdout).unwrap();
    let (url, file) = (format!("http://{}/metrics/node", agent.page), file.to_str().unwrap());
    for (left, right) in [(url.as_str(), file), (file, url.as_str())] {
        let diff = ask(home, &["metrics", "diff", left, right]);
        assert!(diff.status.success(), "{}{}", text(&diff.stdout), text(&diff.stderr));
    }
    assert!(text(&collected.stdout).contains("\nnode_load1 0.25\n"));
    let words = ["metrics", "--root", tree.to_str().unwrap(), "--format", "openmetrics"];
    let open = text(&ask(home, &words).stdout);
    assert!(open.ends_with("# EOF\n") && open.contains("\nnode_load1 0.25\n"), "{open}");
    assert!(!open.contains("_total counter\n"), "{open}");
    let success = "node_scrape_collector_success{collector=\"loadavg\"} 1";
    assert!(text(&collected.stdout).contains(success));
}

#[test]
fn a_broken_source_is_visible_and_touches_no_other() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("tree");
    tree(&root);
    fs::write(root.join("proc/meminfo"), "MemTotal: many kB\n").unwrap();
    let root = root.to_str().unwrap();
    let output = ask(home.path(), &["metrics", "--root", root]);
    let page = text(&output.stdout);
    assert!(output.status.success());
    assert!(page.contains("collector_success{collector=\"meminfo\"} 0\n"), "{page}");
    assert!(page.contains("\nnode_load1 0.25\n"), "{page}");
    assert!(text(&output.stderr).contains("meminfo"), "{}", text(&output.stderr));
    let words = ["metrics", "--root", root, "--set", "metrics.collectors=[\"loadavg\"]"];
    let few = text(&ask(home.path(), &words).stdout);
    assert!(few.contains("node_load1") && !few.contains("meminfo"), "{few}");
    for (flag, value, told) in [
        ("--collect", "loadavgg", "loadavg"),
        ("--exclude", "hwmoon", "hwmon"),
        ("--set", "metrics.deadlin_s=1", "metrics.deadline_s"),
        ("--set", "metrics.filters.hwmon.chip-inclde=x", "hwmon.chip-include"),
        ("--set", "ipmi.interval_s=1", "[metrics]"),
        ("--procfs", "/nonexistent", "no folder"),
    ] {
        let output = ask(home.path(), &["metrics", "--root", root, flag, value]);
        assert_eq!(output.status.code(), Some(2), "{value}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
}

#[test]
fn check_names_file_line_key_and_the_nearest() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x.toml");
    let path = file.to_str().unwrap();
    let wrong = "[metrics]\n\ncolectors = []\n[ipmi]\nintervall_s = 1\n[gat]\n";
    fs::write(&file, wrong).unwrap();
    let output = ask(home.path(), &["check", path]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for told in [
        format!(
            "{path}:3: metrics.colectors: no such key; the nearest that exists is metrics.collectors"
        ),
        format!(
            "{path}:5: ipmi.intervall_s: no such key; the nearest that exists is ipmi.interval_s"
        ),
        format!("{path}:6: [gat]: no such table; the nearest that exists is [gate]"),
    ] {
        assert_eq!(said.matches(&told).count(), 1, "{told}\n{said}");
    }
    fs::write(&file, "[metrics]\nenable = [\"hwmoon\"]\n").unwrap();
    let output = ask(home.path(), &["check", path]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let default = ask(home.path(), &["check", "--print-default"]);
    assert!(default.status.success());
    fs::write(&file, &default.stdout).unwrap();
    until("the printed default is valid", || ask(home.path(), &["check", path]).status.success());
}
