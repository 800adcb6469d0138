//! What is read of a certificate beyond what `rustls` reads: its validity and its alternative names.

use std::net::IpAddr;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Seconds since 1970 between which it is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    /// From then on.
    pub(crate) from: u64,
    /// Until then.
    pub(crate) until: u64,
}

/// When this certificate is valid; `None` where it cannot be read.
pub(crate) fn validity(der: &[u8]) -> Option<Validity> {
    let validity = Certificate::from_der(der).ok()?.tbs_certificate.validity;
    Some(Validity {
        from: validity.not_before.to_unix_duration().as_secs(),
        until: validity.not_after.to_unix_duration().as_secs(),
    })
}

/// Its alternative names as Go writes them: DNS names, mail addresses, IP addresses, URIs.
pub(crate) fn names(der: &[u8]) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(der) else { return Vec::new() };
    let Ok(Some((_, SubjectAltName(names)))) = certificate.tbs_certificate.get() else {
        return Vec::new();
    };
    names.iter().filter_map(name).collect()
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => Some(text.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
            Some(address.to_canonical().to_string())
        }
        _ => None,
    }
}
