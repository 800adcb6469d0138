//! The page as a scraper sees it: parts, encodings, limits, sources that hang.

mod common;

use common::{Gate, pause, request, sample, write};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn the_page_has_its_parts_and_its_content_type() {
    let gate = Gate::start();
    let whole = gate.get("/metrics");
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let parsed = socle_model::metrics::parse::parse(whole.text()).unwrap();
    assert_eq!(parsed.series().len(), parsed.samples.len(), "no series twice");
    assert_eq!(sample(whole.text(), "node_load1"), Some(0.5));
    let collector = "node_scrape_collector_success{collector=\"loadavg\"}";
    assert_eq!(sample(whole.text(), collector), Some(1.0));
    assert!(whole.text().contains("\nsocle_build_info{"));
    assert!(whole.text().contains("\nnode_exporter_build_info{branch="));
    assert!(!whole.text().contains("\nipmi_"), "no BMC, no ipmi_*");

    let node = gate.get("/metrics/node");
    assert!(node.text().contains("node_load1") && !node.text().contains("socle_"));
    let socle = gate.get("/metrics/socle");
    assert!(!socle.text().contains("node_load1") && socle.text().contains("socle_source_up"));
    assert_eq!(gate.get("/metrics/ipmi").text(), "");
}

const OPEN: &str = "Host: localhost\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";

#[test]
fn both_formats_have_the_same_series() {
    let gate = Gate::start();
    for path in [
        "/metrics",
        "/metrics/node",
        "/metrics/socle",
        "/metrics/ipmi",
        "/metrics?collect[]=loadavg",
    ] {
        let (text, open) = (gate.get(path), gate.ask(path, "GET", OPEN));
        let kind = open.header("content-type");
        assert_eq!(kind, Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
        assert_eq!(open.header("vary"), Some("Accept, Accept-Encoding"));
        assert!(open.text().ends_with("# EOF\n") && open.text().matches("# EOF").count() == 1);
        let parsed = socle_model::metrics::parse::parse(open.text()).unwrap();
        let before = socle_model::metrics::parse::parse(text.text()).unwrap();
        assert_eq!(parsed.series(), before.series(), "{path}");
        let packed = gate.ask(path, "GET", &format!("{OPEN}Accept-Encoding: gzip\r\n"));
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_string(&mut unpacked).unwrap();
        let unpacked = socle_model::metrics::parse::parse(&unpacked).unwrap();
        assert_eq!(unpacked.series(), before.series(), "{path} with gzip");
        assert_eq!(unpacked.types, parsed.types);
    }
    for (query, kind) in [("openmetrics", "application/openmetrics-text"), ("text", "text/plain")] {
        let asked = gate.ask(&format!("/metrics/socle?format={query}"), "GET", OPEN);
        assert!(asked.header("content-type").unwrap().starts_with(kind), "{query}");
    }
    assert_eq!(gate.get("/metrics?format=xml").status, 400);
    let open = gate.ask("/metrics", "GET", OPEN);
    assert!(open.text().contains("\n# TYPE socle_http_refused counter\nsocle_http_refused_total{"));
    assert_eq!(sample(open.text(), "node_load1"), Some(0.5));
}

#[test]
fn gzip_and_head() {
    let gate = Gate::start();
    let packed = gate.ask("/metrics", "GET", "Host: x\r\nAccept-Encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(sample(&text, "node_load1"), Some(0.5));
    let head = gate.ask("/metrics/node", "HEAD", "Host: x\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert!(length > 100, "{}", head.headers);
}

#[test]
fn collect_and_exclude_as_node_exporter() {
    let gate = Gate::start();
    let one = gate.get("/metrics?collect[]=loadavg");
    assert!(one.text().contains("node_load1") && !one.text().contains("meminfo"));
    assert!(!one.text().contains("socle_"));
    let but = gate.get("/metrics?exclude%5B%5D=loadavg");
    assert!(!but.text().contains("node_load1") && but.text().contains("node_memory_MemTotal"));
    assert_eq!(gate.get("/metrics?collect[]=nope").status, 400);
    assert_eq!(gate.get("/metrics?collect[]=stat&exclude[]=loadavg").status, 400);
}

#[test]
fn a_source_that_hangs_costs_only_itself_and_comes_back() {
    let mut gate = Gate::prepare();
    gate.configure("[metrics]\ndeadline_s = 6\n");
    let path = gate.root().join("proc/loadavg");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    gate.spawn();
    for _ in 0..2 {
        let began = Instant::now();
        let page = gate.get("/metrics");
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        let success = |name: &str| {
            sample(page.text(), &format!("node_scrape_collector_success{{collector=\"{name}\"}}"))
        };
        assert_eq!((success("loadavg"), success("meminfo")), (Some(0.0), Some(1.0)));
        assert_eq!(sample(page.text(), "socle_source_up{source=\"loadavg\"}"), Some(0.0));
        assert_eq!(sample(page.text(), "socle_source_up{source=\"meminfo\"}"), Some(1.0));
        assert!(page.text().contains("node_memory_MemTotal_bytes"));
    }
    let status = gate.json("/v1/status");
    let line = status["sources"].as_array().unwrap().iter().find(|one| one["name"] == "loadavg");
    let line = line.unwrap();
    assert!(line["state"] == "failing" && line["error"].as_str().unwrap().contains("hang"));
    let second = Instant::now();
    gate.get("/metrics");
    assert!(second.elapsed() < Duration::from_secs(1), "a known hang costs no time");

    // The writer comes: the read returns, and the next page has the source again.
    let mut fifo = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // Who read it may have gone: a FIFO cannot be read at an offset.
    let _ = fifo.write_all(b"0.75 0.5 0.25 1/2 3\n");
    drop(fifo);
    fs::remove_file(&path).unwrap();
    write(&path, "0.75 0.5 0.25 1/2 3\n");
    gate.until("/metrics", "the source is back", |page| {
        sample(page, "node_scrape_collector_success{collector=\"loadavg\"}") == Some(1.0)
    });
}

#[test]
fn three_sources_that_hang_leave_a_page_within_the_deadline() {
    let mut gate = Gate::prepare();
    gate.configure("[metrics]\ndeadline_s = 2\n");
    for file in ["proc/loadavg", "proc/meminfo", "proc/stat"] {
        let path = gate.root().join(file);
        let _ = fs::remove_file(&path);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    gate.spawn();
    for _ in 0..2 {
        let began = Instant::now();
        let page = gate.get("/metrics");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        for name in ["loadavg", "meminfo", "stat"] {
            let series = format!("node_scrape_collector_success{{collector=\"{name}\"}}");
            assert_eq!(sample(page.text(), &series), Some(0.0), "{name}");
        }
    }
    let threads = fs::read_dir(format!("/proc/{}/task", gate.pid())).unwrap().count();
    assert!(threads <= 5, "{threads} threads");
}

#[test]
fn a_source_that_hangs_costs_one_thread_over_reloads_and_saving_goes_on() {
    let mut gate = Gate::prepare();
    let settings = "[metrics]\ndeadline_s = 2\n";
    gate.configure(settings);
    let path = gate.root().join("proc/loadavg");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    gate.spawn();
    for n in 0..4 {
        let page = gate.get("/metrics");
        let success = |name: &str| {
            sample(page.text(), &format!("node_scrape_collector_success{{collector=\"{name}\"}}"))
        };
        let found = (success("loadavg"), success("meminfo"));
        assert_eq!(found, (Some(0.0), Some(1.0)), "after {n} reloads");
        let said = |log: &str| log.matches("configuration read again").count();
        gate.configure(&format!("{settings}series_max = {}\n", 1000 + n));
        gate.signal(nix::sys::signal::Signal::SIGHUP);
        let end = Instant::now() + common::PATIENCE;
        while said(&gate.log()) <= n {
            assert!(Instant::now() < end, "{}", gate.log());
            pause();
        }
    }
    let memory = gate.state().join("memory.json");
    let end = Instant::now() + common::PATIENCE;
    while !memory.exists() {
        assert!(Instant::now() < end, "{}", gate.log());
        pause();
    }
}

#[test]
fn a_source_is_limited_to_series_max() {
    let mut gate = Gate::prepare();
    gate.configure("[metrics]\nseries_max = 1\n");
    gate.spawn();
    let page = gate.get("/metrics");
    assert!(page.text().contains("node_load1 ") && !page.text().contains("node_load5 "));
    assert_eq!(sample(page.text(), "socle_source_dropped_series{source=\"loadavg\"}"), Some(2.0));
}

#[test]
fn only_this_host_sees_the_documents() {
    let gate = Gate::start();
    for path in ["/", "/v1/status", "/v1/sensors", "/v1/events", "/v1/doctor"] {
        assert_eq!(gate.get(path).status, 200, "{path}");
        assert_eq!(gate.ask_door(path).status, 200, "{path}");
        let refused = gate.ask(path, "GET", "Host: evil.example\r\n");
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.text().contains("socle status"), "the remedy: {}", refused.text());
    }
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(gate.ask(path, "GET", "Host: evil.example\r\n").status, 200, "{path}");
    }
    assert_eq!(gate.get("/nope").status, 404);
    assert_eq!(gate.get("/v1/nope").status, 404);
    let refused = gate.ask("/v1/status", "DELETE", "Host: localhost\r\n");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(gate.ask("/", "POST", "Host: localhost\r\nContent-Length: 1\r\n").status, 413);
}

#[test]
fn idle_connections_keep_nobody_out() {
    let gate = Gate::start();
    let mut idle = Vec::new();
    for n in 0..600 {
        let mut stream = TcpStream::connect(gate.address).unwrap();
        if n % 2 == 0 {
            // Half a head, and then nothing: slow loris.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: l");
        }
        idle.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(gate.get("/healthz").status, 200);
    }
    let sockets = fs::read_dir(format!("/proc/{}/fd", gate.pid())).unwrap().count();
    assert!(sockets < 300, "{sockets} descriptors");
}

#[test]
fn a_head_without_end_is_refused() {
    let gate = Gate::start();
    let long = format!("Host: localhost\r\nX: {}\r\n", "x".repeat(64 << 10));
    let mut stream = TcpStream::connect(gate.address).unwrap();
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\n{long}\r\n").as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 431") || answer.is_empty(), "{answer}");
    assert_eq!(gate.get("/healthz").status, 200);
}

#[test]
fn a_connection_is_kept_for_the_next_scrape() {
    let gate = Gate::start();
    let mut stream = TcpStream::connect(gate.address).unwrap();
    stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\nok\n") {
            let mut buffer = [0; 256];
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "hung up");
            bytes.extend_from_slice(&buffer[..read]);
        }
    }
    let answer = request(stream, "/readyz", "GET", "Host: x\r\n");
    assert!(matches!(answer.status, 200 | 503));
    pause();
}
