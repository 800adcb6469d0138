//! Every key of a `web.yml`, right and wrong.

use super::*;

fn read(text: &str) -> Result<WebFile, Vec<String>> {
    let faults = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect();
    parse(Path::new("/etc/socle/web.yml"), text).map_err(faults)
}

/// The one fault of a text.
fn fault(text: &str) -> String {
    let mut faults = read(text).map(|_| ()).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

const PAIR: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: /k/server.key\n";

#[test]
fn every_key_of_the_toolkit_is_known() {
    let text = format!(
        "{PAIR}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n  \
         client_allowed_sans: [a, b]\n  min_version: TLS12\n  max_version: TLS13\n  \
         cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n  \
         prefer_server_cipher_suites: false\n  curve_preferences: [CurveP256, X25519]\n\
         http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    \
         Strict-Transport-Security: max-age=31536000; includeSubDomains\n    \
         X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1\n    \
         Content-Security-Policy: \"default-src 'self'\"\n\
         basic_auth_users:\n  alice: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze\n\
         rate_limit:\n  interval: \"1s\"\n  burst: 20\n"
    );
    let file = read(&text).unwrap();
    let tls = file.tls.unwrap();
    assert_eq!(tls.cert.place, Place::File("/etc/socle/server.crt".into()));
    assert_eq!((tls.key.place, tls.key.line), (Place::File("/k/server.key".into()), 3));
    assert_eq!(tls.client_ca.unwrap().key, "client_ca_file");
    assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
    assert_eq!(tls.sans.unwrap(), ["a", "b"]);
    assert_eq!((tls.versions, tls.prefer_server), ((true, true), false));
    assert_eq!((tls.suites.len(), tls.groups.len()), (1, 2));
    assert_eq!((file.headers.len(), file.users.len()), (5, 1));
    assert_eq!(file.rate, Some(Rate { interval: Duration::from_secs(1), burst: 20 }));
    assert!(file.notes.is_empty(), "{:?}", file.notes);
}

#[test]
fn inline_certificates_and_nothing_at_all() {
    let text = "tls_server_config:\n  cert: |\n    -----BEGIN\n  key: |\n    x\n  client_ca: y\n  \
                client_auth_type: VerifyClientCertIfGiven\n";
    let tls = read(text).unwrap().tls.unwrap();
    assert_eq!(tls.cert.place, Place::Inline("-----BEGIN\n".into()));
    assert_eq!(tls.client_auth, ClientAuth::VerifyIfGiven);
    for empty in ["", "{}", "tls_server_config:\n", "rate_limit:\n  interval: 0\n  burst: 0\n"] {
        let file = read(empty).unwrap();
        assert!(file.tls.is_none() && file.rate.is_none() && file.users.is_empty(), "{empty:?}");
    }
}

#[test]
fn a_fault_names_file_line_key_and_remedy() {
    for (text, expected) in [
        (
            "tls_server_config:\n  cert_filse: \"server.crt\"\n".to_owned(),
            "/etc/socle/web.yml:2: tls_server_config.cert_filse: no such key; the nearest that \
             exists is tls_server_config.cert_file",
        ),
        ("hWkNKCp3\nTuEjdwNS\n".to_owned(), "/etc/socle/web.yml:1: a table of keys"),
        ("basic_auth_user:\n".to_owned(), "web.yml:1: basic_auth_user: no such key; the nearest"),
        (format!("{PAIR}  client_auth_type: x\n"), "web.yml:4: tls_server_config.client_auth_type"),
        (
            format!("{PAIR}  client_ca_file: somefile\n"),
            "web.yml:4: tls_server_config.client_ca_file: CAs of clients without a policy: add",
        ),
        (
            format!("{PAIR}  client_auth_type: RequireAndVerifyClientCert\n"),
            "client_auth_type: needs client_ca_file or client_ca",
        ),
        (format!("{PAIR}  client_allowed_sans: [a]\n"), "clients are not asked for certificates"),
        (format!("{PAIR}  cert: x\n"), "cert and cert_file are both given: keep one"),
        ("tls_server_config:\n  cert_file: a\n".to_owned(), "key_file (or key) is missing"),
        ("tls_server_config:\n  key_file: a\n".to_owned(), "cert_file (or cert) is missing"),
        ("tls_server_config:\n  min_version: TLS13\n".to_owned(), "no TLS is spoken: add them"),
        (format!("{PAIR}  min_version: TLS111\n"), "\"TLS111\" is none of TLS13, TLS12"),
        (format!("{PAIR}  max_version: TLS11\n"), "max_version: leaves no version"),
        (format!("{PAIR}  min_version: TLS13\n  max_version: TLS12\n"), "leaves no version"),
        (
            format!("{PAIR}  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048\n"),
            "web.yml:5: tls_server_config.cipher_suites: \"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048\"",
        ),
        (
            format!("{PAIR}  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n"),
            "TLS_RSA_WITH_AES_128_CBC_SHA is not spoken here, and no other is listed: add one of",
        ),
        (format!("{PAIR}  curve_preferences: [CurveP257]\n"), "\"CurveP257\" is none of"),
        (format!("{PAIR}  curve_preferences: [CurveP521]\n"), "not spoken here"),
        (format!("{PAIR}  cipher_suites: x\n"), "a list of strings is wanted"),
        (format!("{PAIR}  prefer_server_cipher_suites: perhaps\n"), "true or false is wanted"),
        ("http_server_config:\n  http2: \"true\"\n".to_owned(), "true or false is wanted"),
        (
            "http_server_config:\n  headers:\n    Content-Type: foo\n".to_owned(),
            "web.yml:3: http_server_config.headers.Content-Type: no such key",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: foo\n".to_owned(),
            "one of deny, sameorigin is wanted",
        ),
        (
            "http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\nb\"\n".to_owned(),
            "no value of a header",
        ),
        (
            "basic_auth_users:\n  john: doe\n".to_owned(),
            "web.yml:2: basic_auth_users.john: no bcrypt hash: make one with",
        ),
        ("rate_limit:\n  interval: often\n".to_owned(), "a duration is wanted"),
        ("rate_limit:\n  burst: -1\n".to_owned(), "a whole number is wanted"),
        ("rate_limit: [1]\n".to_owned(), "a table of keys and values is wanted"),
    ] {
        let fault = fault(&text);
        assert!(fault.contains(expected), "{text}\n{fault}");
    }
}

#[test]
fn what_is_not_done_in_full_is_said() {
    let all = "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]";
    for (text, expected) in [
        (format!("{PAIR}  min_version: TLS10\n"), "1.2 is the least"),
        (format!("{PAIR}  cipher_suites: {all}\n"), "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA left out"),
        (format!("{PAIR}  curve_preferences: [CurveP521, X25519]\n"), "CurveP521 left out"),
        ("http_server_config:\n  http2: yes\n".to_owned(), "HTTP/1.1 is spoken"),
        ("rate_limit:\n  interval: 1s\n".to_owned(), "0 lets no request through"),
        (
            "basic_auth_users:\n  bob: $2y$18$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR.\n"
                .to_owned(),
            "takes seconds",
        ),
    ] {
        let file = read(&text).unwrap();
        assert_eq!(file.notes.len(), 1, "{text}: {:?}", file.notes);
        assert!(file.notes[0].contains(expected), "{text}: {:?}", file.notes);
    }
}
