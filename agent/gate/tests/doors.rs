//! The page's door: TLS, clients' certificates, passwords and limits as `web.yml` has them, and the file
//! changed under a running process.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::keys::{Ca, Pair, client};
use common::{Gate, PATIENCE, pause, request, sample, write};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PAIR: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
/// Far enough for any clock.
const YEAR: i32 = 2090;

/// A gate with this `web.yml` behind a pair of `ca`.
fn behind(ca: &Ca, text: &str) -> Gate {
    let mut gate = Gate::prepare();
    gate.web(Some(&ca.issue(&["localhost"], YEAR)), text);
    gate.launch(&[]);
    gate
}

fn users() -> String {
    let hash = bcrypt::hash_with_salt("s3cret", 4, [9; 16]).unwrap();
    format!("basic_auth_users:\n  alice: {hash}\n")
}

/// alice:s3cret
const RIGHT: &str = "Authorization: Basic YWxpY2U6czNjcmV0\r\n";
/// alice:wrong
const WRONG: &str = "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n";

fn refused(page: &str, reason: &str) -> f64 {
    let series = format!("socle_http_refused_total{{door=\"page\",reason=\"{reason}\"}}");
    sample(page, &series).unwrap()
}

#[test]
fn tls_by_the_toolkit_s_file() {
    let ca = Ca::new("ca");
    let gate = behind(&ca, PAIR);
    let trusting = client(&ca, None);
    let page = gate.ask_tls(&trusting, "/metrics", "").unwrap();
    assert_eq!(page.status, 200);
    assert_eq!(sample(page.text(), "node_load1"), Some(0.5));
    let left = sample(page.text(), "socle_certificate_expiry_seconds{door=\"page\"}").unwrap();
    assert!(left > 365.0 * 86_400.0, "{left}");
    assert!(
        gate.tls(&client(&Ca::new("other"), None)).is_none(),
        "a client that trusts another CA"
    );
    let plain = request(TcpStream::connect(gate.address).unwrap(), "/metrics", "GET", "");
    assert_eq!(plain.status, 400);
    assert!(plain.text().contains("HTTP request to an HTTPS server"), "{}", plain.text());
    let page = gate.ask_tls(&trusting, "/metrics/socle", "").unwrap();
    assert_eq!(refused(page.text(), "handshake"), 2.0);
    assert_eq!(gate.ask_door("/metrics").status, 200, "the Unix socket stays as it is");
}

#[test]
fn clients_by_every_policy() {
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let good = ca.issue(&["scraper.example"], YEAR);
    let (stranger, expired) = (other.issue(&["scraper.example"], YEAR), ca.issue(&["x"], 2001));
    for (policy, none, strange, late) in [
        ("NoClientCert", true, true, true),
        ("RequestClientCert", true, true, true),
        ("RequireAnyClientCert", false, true, true),
        ("RequireClientCert", false, true, true),
        ("VerifyClientCertIfGiven", true, false, false),
        ("RequireAndVerifyClientCert", false, false, false),
    ] {
        let cas = if policy == "NoClientCert" { "" } else { "  client_ca_file: ca.crt\n" };
        let mut gate = Gate::prepare();
        write(&gate.dir.path().join("ca.crt"), ca.pem());
        let text = format!("{PAIR}  client_auth_type: {policy}\n{cas}");
        gate.web(Some(&ca.issue(&["localhost"], YEAR)), &text);
        gate.launch(&[]);
        let asks = |own: Option<&Pair>| {
            gate.ask_tls(&client(&ca, own), "/healthz", "").is_some_and(|it| it.status == 200)
        };
        assert!(asks(Some(&good)), "{policy}: a good one");
        assert_eq!(asks(None), none, "{policy}: none");
        assert_eq!(asks(Some(&stranger)), strange, "{policy}: of another CA");
        assert_eq!(asks(Some(&expired)), late, "{policy}: an expired one");
        let page = gate.ask_tls(&client(&ca, Some(&good)), "/metrics/socle", "").unwrap();
        let count = [none, strange, late].iter().filter(|let_in| !**let_in).count();
        assert_eq!(refused(page.text(), "certificate"), count as f64, "{policy}");
        // People's pages: only for who was verified, whatever the Host header says.
        let status = |own| gate.ask_tls(&client(&ca, own), "/v1/status", "Host: x\r\n");
        let verifies = policy.contains("Verify");
        let seen = status(Some(&good)).unwrap().status;
        assert_eq!(seen, if verifies { 200 } else { 403 }, "{policy}");
        if policy == "VerifyClientCertIfGiven" {
            assert_eq!(status(None).unwrap().status, 403);
        }
    }
}

#[test]
fn clients_by_their_names() {
    let ca = Ca::new("ca");
    let gate = {
        let mut gate = Gate::prepare();
        write(&gate.dir.path().join("ca.crt"), ca.pem());
        let sans = "  client_allowed_sans: [\"scraper.example\", \"10.1.2.3\", \"p@example.org\", \"spiffe://a/b\"]\n";
        let text = format!(
            "{PAIR}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n{sans}"
        );
        gate.web(Some(&ca.issue(&["localhost"], YEAR)), &text);
        gate.launch(&[]);
        gate
    };
    for (name, good) in
        [("scraper.example", true), ("10.1.2.3", true), ("10.1.2.4", false), ("x.example", false)]
    {
        let own = ca.issue(&["extra", name], YEAR);
        let answer = gate.ask_tls(&client(&ca, Some(&own)), "/healthz", "");
        assert_eq!(answer.is_some(), good, "{name}");
    }
}

#[test]
fn passwords_with_and_without_tls() {
    let ca = Ca::new("ca");
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n";
    let gate = behind(&ca, &format!("{PAIR}{headers}{}", users()));
    let trusting = client(&ca, None);
    for path in ["/metrics", "/healthz", "/readyz", "/v1/status", "/", "/nope"] {
        let ask = |headers: &str| gate.ask_tls(&trusting, path, headers).unwrap();
        for headers in ["", WRONG, "Authorization: Basic !\r\n"] {
            let answer = ask(headers);
            assert_eq!(answer.status, 401, "{path} {headers}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic"));
        }
        let answer = ask(&format!("{RIGHT}X-Host: evil.example\r\n"));
        assert_eq!(answer.header("x-frame-options"), Some("deny"));
        let expected = if path == "/nope" { 404 } else { 200 };
        assert!(answer.status == expected || path == "/readyz", "{path}: {}", answer.status);
    }
    let page = gate.ask_tls(&trusting, "/metrics", RIGHT).unwrap();
    assert_eq!(refused(page.text(), "password"), 18.0);
    assert_eq!(gate.ask_door("/v1/status").status, 200, "the Unix socket asks for none");

    let mut plain = Gate::prepare();
    plain.web(None, &users());
    plain.launch(&[]);
    let ask = |path: &str, headers: &str| plain.ask(path, "GET", headers).status;
    assert_eq!(ask("/metrics", "Host: x\r\n"), 401);
    assert_eq!(ask("/metrics", &format!("Host: x\r\n{RIGHT}")), 200);
    let foreign = format!("Host: x\r\n{RIGHT}");
    assert_eq!(ask("/v1/status", &foreign), 403, "authentication without TLS opens nothing");
}

#[test]
fn a_flood_of_wrong_passwords_delays_nobody() {
    let mut gate = Gate::prepare();
    // A hash that takes its time: about half a second in a build without optimisation.
    let hash = bcrypt::hash_with_salt("s3cret", 9, [9; 16]).unwrap();
    gate.web(None, &format!("basic_auth_users:\n  alice: {hash}\n"));
    gate.launch(&[]);
    let right = format!("Host: x\r\n{RIGHT}");
    assert_eq!(gate.ask("/metrics", "GET", &right).status, 200);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let floods: Vec<_> = (0..8)
            .map(|n| {
                let gate = &gate;
                scope.spawn(move || {
                    let mut statuses = Vec::new();
                    while began.elapsed() < Duration::from_secs(3) {
                        let wrong = format!(
                            "Host: x\r\nAuthorization: Basic YWxpY2U6{n}{:03}\r\n",
                            statuses.len()
                        );
                        statuses.push(gate.ask("/metrics", "GET", &wrong).status);
                    }
                    statuses
                })
            })
            .collect();
        while began.elapsed() < Duration::from_secs(3) {
            let began = Instant::now();
            assert_eq!(gate.ask("/metrics", "GET", &right).status, 200);
            assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
            pause();
        }
        for flood in floods {
            assert!(flood.join().unwrap().iter().all(|status| [401, 503].contains(status)));
        }
    });
    let threads = std::fs::read_dir(format!("/proc/{}/task", gate.pid())).unwrap().count();
    assert!(threads <= 6, "{threads} threads");
}

#[test]
fn a_limit_of_the_rate() {
    let mut gate = Gate::prepare();
    gate.web(None, "rate_limit:\n  interval: 1h\n  burst: 3\n");
    gate.spawn();
    let statuses: Vec<_> = (0..4).map(|_| gate.get("/healthz").status).collect();
    assert_eq!(statuses, [200, 200, 429, 429]);
    let page = gate.ask_door("/metrics/socle");
    assert_eq!(refused(page.text(), "rate"), 2.0);
}

#[test]
fn what_changes_on_disk_is_taken_over_or_reported() {
    let ca = Ca::new("ca");
    let gate = behind(&ca, PAIR);
    let trusting = client(&ca, None);
    let expiry = || {
        // Not /metrics/socle: that one is kept for half a second.
        let page = gate.ask_tls(&trusting, "/metrics", "").unwrap();
        sample(page.text(), "socle_certificate_expiry_seconds{door=\"page\"}").unwrap()
    };
    let doctor = || {
        let answer = gate.ask_door("/v1/doctor");
        let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let mut checks = document["checks"].as_array().unwrap().clone();
        checks.retain(|check| check["name"] == "page door");
        checks.remove(0)
    };
    let years = 365.0 * 86_400.0;
    let before = expiry();
    assert_eq!(doctor()["result"], "ok", "{}", doctor());
    gate.web(Some(&ca.issue(&["localhost"], YEAR - 10)), PAIR);
    let after = expiry();
    assert!((9.0..11.0).contains(&((before - after) / years)), "renewed: {before} {after}");

    // Half of a renewal: the certificate of one pair and the key of another.
    let next = ca.issue(&["localhost"], YEAR - 20);
    write(&gate.dir.path().join("server.crt"), &next.cert);
    assert!((expiry() - after).abs() < 60.0, "the old pair stays");
    let said = doctor();
    assert_eq!(said["result"], "failed");
    assert!(
        said["text"].as_str().unwrap().contains("web.yml:3: tls_server_config.key_file"),
        "{said}"
    );
    assert_eq!(gate.log().matches("what was in force stays").count(), 1, "{}", gate.log());
    write(&gate.dir.path().join("server.key"), &next.key);
    assert!((9.0..11.0).contains(&((after - expiry()) / years)), "the other half");
    assert_eq!(doctor()["result"], "ok");

    std::fs::remove_file(gate.dir.path().join("web.yml")).unwrap();
    assert!(gate.tls(&trusting).is_some(), "a file that is gone turns nothing off");
    assert_eq!(doctor()["result"], "failed");
    gate.web(None, &format!("{PAIR}{}", users()));
    assert_eq!(gate.ask_tls(&trusting, "/metrics", "").unwrap().status, 401, "users hold at once");
    gate.web(None, "basic_auth_users: [\n");
    assert_eq!(gate.ask_tls(&trusting, "/metrics", "").unwrap().status, 401, "and stay");
}

#[test]
fn a_soon_expired_certificate_is_worth_a_word() {
    let ca = Ca::new("ca");
    let mut gate = Gate::prepare();
    gate.web(Some(&ca.issue(&["localhost"], 2001)), PAIR);
    gate.launch(&[]);
    let end = Instant::now() + PATIENCE;
    while std::os::unix::net::UnixStream::connect(gate.door()).is_err() && Instant::now() < end {
        pause();
    }
    let text = gate.ask_door("/v1/doctor").text().to_owned();
    assert!(text.contains("the certificate has expired"), "{text}");
    let page = gate.ask_door("/metrics/socle");
    assert!(sample(page.text(), "socle_certificate_expiry_seconds{door=\"page\"}").unwrap() < 0.0);
}

#[test]
fn a_bad_file_is_refused_at_start_and_by_check() {
    let mut gate = Gate::prepare();
    for (text, expected) in [
        ("tls_server_config:\n  cert_filse: x\n", "web.yml:2: tls_server_config.cert_filse"),
        (PAIR, "web.yml:2: tls_server_config.cert_file: reading"),
        ("a: [1\n", "no YAML"),
    ] {
        gate.web(None, text);
        gate.launch(&[]);
        let ended = gate.ended(PATIENCE);
        assert_eq!(ended.code(), Some(2), "{text}");
        assert!(gate.log().contains(expected), "{}", gate.log());
        let checked = common::command(&gate.dir.path().join("socle.toml")).arg("--check").output();
        let said = String::from_utf8(checked.unwrap().stderr).unwrap();
        assert!(said.contains(expected), "{said}");
    }
    gate.web(None, "http_server_config:\n  http2: true\n");
    let checked = common::command(&gate.dir.path().join("socle.toml")).arg("--check").output();
    let checked = checked.unwrap();
    assert!(checked.status.success());
    assert!(String::from_utf8(checked.stderr).unwrap().starts_with("note: "));
    gate.configure("[gate]\nweb_config = \"nowhere.yml\"\n");
    gate.launch(&[]);
    assert_eq!(gate.ended(PATIENCE).code(), Some(2));
    assert!(gate.log().contains("nowhere.yml: No such file"), "{}", gate.log());
}

#[test]
fn a_handshake_that_is_never_finished_is_cut() {
    let ca = Ca::new("ca");
    let gate = behind(&ca, PAIR);
    let began = Instant::now();
    let mut halves: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(gate.address).unwrap();
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        })
        .collect();
    let trusting = client(&ca, None);
    assert_eq!(gate.ask_tls(&trusting, "/healthz", "").unwrap().status, 200);
    for half in &mut halves {
        assert_eq!(half.read(&mut [0; 64]).unwrap_or(0), 0, "nothing is answered");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let page = gate.ask_tls(&trusting, "/metrics/socle", "").unwrap();
    assert_eq!(refused(page.text(), "slow"), 20.0);
}

#[test]
fn several_listeners_and_both_families() {
    let mut gate = Gate::prepare();
    let ports: Vec<u16> = (0..2)
        .map(|_| {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        })
        .collect();
    let [one, both] = ports[..] else { unreachable!() };
    gate.configure(&format!("[gate]\nlisten = [\"127.0.0.1:{one}\", \"[::]:{both}\"]\n"));
    gate.spawn();
    let ask = |address: &str, port: u16| {
        let stream = TcpStream::connect((address, port)).unwrap();
        request(stream, "/v1/status", "GET", "Host: localhost\r\n").status
    };
    assert_eq!(ask("127.0.0.1", one), 200);
    assert_eq!(ask("127.0.0.1", both), 200, "IPv4 over [::] is loopback too");
    if std::path::Path::new("/proc/net/if_inet6").exists() {
        assert_eq!(ask("::1", both), 200);
    }
}
