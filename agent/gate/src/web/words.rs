//! The words of a `web.yml`: versions, cipher suites, groups, durations and headers, as Go and the
//! exporter toolkit spell them.

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};
use std::time::Duration;

/// What a word stands for: something that is here, or something that Go has and this program does not.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<T> {
    /// It is here.
    Here(T),
    /// Only Go has it.
    Elsewhere,
}

/// Cipher suites by Go's names. Those of TLS 1.3 are always on: the key is about TLS 1.2, as with Go.
pub(crate) const SUITES: &[(&str, Known<SupportedCipherSuite>)] = &[
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        Known::Here(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        Known::Here(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        Known::Here(cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        Known::Here(cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        Known::Here(cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Known::Here(cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    ("TLS_AES_128_GCM_SHA256", Known::Here(cipher_suite::TLS13_AES_128_GCM_SHA256)),
    ("TLS_AES_256_GCM_SHA384", Known::Here(cipher_suite::TLS13_AES_256_GCM_SHA384)),
    ("TLS_CHACHA20_POLY1305_SHA256", Known::Here(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256)),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Known::Elsewhere),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Known::Elsewhere),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Known::Elsewhere),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Known::Elsewhere),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", Known::Elsewhere),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", Known::Elsewhere),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", Known::Elsewhere),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", Known::Elsewhere),
];

/// Groups of the key exchange by Go's names; the hybrid one is Go's too, the toolkit does not take it.
pub(crate) fn groups() -> [(&'static str, Known<&'static dyn SupportedKxGroup>); 5] {
    [
        ("X25519MLKEM768", Known::Here(kx_group::X25519MLKEM768)),
        ("X25519", Known::Here(kx_group::X25519)),
        ("CurveP256", Known::Here(kx_group::SECP256R1)),
        ("CurveP384", Known::Here(kx_group::SECP384R1)),
        ("CurveP521", Known::Elsewhere),
    ]
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// Never spoken.
    Tls10,
    /// Never spoken.
    Tls11,
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Versions by their names.
pub(crate) const VERSIONS: &[(&str, Version)] = &[
    ("TLS13", Version::Tls13),
    ("TLS12", Version::Tls12),
    ("TLS11", Version::Tls11),
    ("TLS10", Version::Tls10),
];

/// What is asked of a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ClientAuth {
    /// None is asked for.
    #[default]
    No,
    /// One is asked for; any will do, or none.
    Request,
    /// One is asked for; any will do.
    RequireAny,
    /// One that is given must verify.
    VerifyIfGiven,
    /// One that verifies must be given.
    RequireAndVerify,
}

impl ClientAuth {
    /// Whether certificates are verified.
    pub(crate) const fn verifies(self) -> bool {
        matches!(self, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify)
    }

    /// Whether a client without a certificate is refused.
    pub(crate) const fn requires(self) -> bool {
        matches!(self, ClientAuth::RequireAny | ClientAuth::RequireAndVerify)
    }
}

/// The policies by Go's names, and an older one that the toolkit still takes.
pub(crate) const POLICIES: &[(&str, ClientAuth)] = &[
    ("NoClientCert", ClientAuth::No),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    ("RequireClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
];

/// Headers that may be set, with the values that some are limited to.
pub(crate) const HEADERS: &[(&str, &[&str])] = &[
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

/// A duration as Go writes it: `1s`, `1m30s`, `1.5h`; a bare number is nanoseconds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if let Ok(nanoseconds) = text.parse::<u64>() {
        return Some(Duration::from_nanos(nanoseconds));
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_writes_them() {
        for (text, milliseconds) in [
            ("1s", Some(1_000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("100ms", Some(100)),
            ("0", Some(0)),
            ("2000000", Some(2)),
            ("", None),
            ("1", Some(0)),
            ("1 s", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
        ] {
            let found = duration(text).map(|found| found.as_millis());
            let expected = milliseconds;
            assert_eq!(found, expected, "{text}");
        }
    }
}
