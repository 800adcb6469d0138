//! A TLS server's configuration out of `tls_server_config` and the files that it names.

use super::clients::Clients;
use super::file::{Pem, Place, Tls};
use super::words::ClientAuth;
use super::x509;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use socle_model::settings::Fault;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What TLS is spoken with.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    /// For the handshakes.
    pub(crate) config: Arc<ServerConfig>,
    /// When the first certificate of the chain to expire does so, in seconds since 1970.
    pub(crate) until: Option<u64>,
    /// Whether a client's certificate was verified if there is one.
    pub(crate) verifies: bool,
    /// Whether every client has a certificate that was verified.
    pub(crate) verified: bool,
}

/// The files that a configuration is made of, read by who calls.
pub(crate) trait Files {
    /// The content of one.
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>>;
}

/// Makes the configuration; the fault names the key in the file at `path`.
pub(crate) fn build(path: &Path, tls: &Tls, files: &mut dyn Files) -> Result<Spoken, Fault> {
    let fault = |pem: &Pem, what: String| Fault {
        path: path.display().to_string(),
        line: pem.line,
        key: format!("tls_server_config.{}", pem.key),
        what,
        nearest: None,
    };
    let mut text = |pem: &Pem| -> Result<Vec<u8>, Fault> {
        match &pem.place {
            Place::Inline(text) => Ok(text.clone().into_bytes()),
            Place::File(file) => files.read(file).map_err(|error| {
                fault(
                    pem,
                    format!(
                        "reading {}: {error}; it must be readable by this user",
                        file.display()
                    ),
                )
            }),
        }
    };
    let provider = provider(tls);
    let chain = certificates(&text(&tls.cert)?);
    let chain = chain.map_err(|what| fault(&tls.cert, named(&tls.cert, &what)))?;
    let key = PrivateKeyDer::from_pem_slice(&text(&tls.key)?).map_err(|_| {
        fault(
            &tls.key,
            named(&tls.key, "holds no private key in PEM, or one that a password protects"),
        )
    })?;
    let until = chain.iter().filter_map(|one| Some(x509::validity(one)?.until)).min();
    let certified = CertifiedKey::from_der(chain, key, &provider)
        .map_err(|error| fault(&tls.key, format!("does not go with the certificate: {error}")))?;
    let clients = match &tls.client_ca {
        None => Clients::new(tls.client_auth, Vec::new(), tls.sans.clone(), &provider),
        Some(ca) => {
            let cas = certificates(&text(ca)?);
            let cas = cas.map_err(|what| fault(ca, named(ca, &what)))?;
            Clients::new(tls.client_auth, cas, tls.sans.clone(), &provider)
        }
    };
    let clients =
        clients.map_err(|what| fault(tls.client_ca.as_ref().unwrap_or(&tls.cert), what))?;
    let config = config(tls, certified, clients, provider)
        .map_err(|error| fault(&tls.cert, format!("no TLS with these settings: {error}")))?;
    Ok(Spoken {
        config: Arc::new(config),
        until,
        verifies: tls.client_auth.verifies(),
        verified: tls.client_auth == ClientAuth::RequireAndVerify,
    })
}

fn named(pem: &Pem, what: &str) -> String {
    match &pem.place {
        Place::Inline(_) => what.to_owned(),
        Place::File(file) => format!("{} {what}", file.display()),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err("holds no certificate in PEM".into()),
        Err(error) => Err(format!("is no PEM: {error}")),
    }
}

fn provider(tls: &Tls) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    if !tls.suites.is_empty() {
        // Those of TLS 1.3 are not chosen, in Go neither.
        let (mut suites, older): (Vec<_>, Vec<_>) =
            provider.cipher_suites.iter().partition(|suite| suite.tls13().is_some());
        let chosen = tls.suites.iter().filter(|suite| suite.tls13().is_none());
        let chosen: Vec<_> = chosen.copied().filter(|suite| older.contains(suite)).collect();
        suites.extend(chosen);
        provider.cipher_suites = suites;
    }
    if !tls.groups.is_empty() {
        provider.kx_groups.clone_from(&tls.groups);
    }
    Arc::new(provider)
}

fn config(
    tls: &Tls,
    certified: CertifiedKey,
    clients: Clients,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let versions: &[&SupportedProtocolVersion] = match tls.versions {
        (true, false) => &[&TLS12],
        (false, _) => &[&TLS13],
        (true, true) => &[&TLS13, &TLS12],
    };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    let builder = match tls.client_auth {
        ClientAuth::No => builder.with_no_client_auth(),
        _ => builder.with_client_cert_verifier(Arc::new(clients)),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = tls.prefer_server;
    Ok(config)
}

/// The files that `tls` names.
pub(crate) fn files(tls: &Tls) -> Vec<PathBuf> {
    let pems = [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()];
    let places = pems.into_iter().flatten().map(|pem| &pem.place);
    places
        .filter_map(|place| match place {
            Place::File(path) => Some(path.clone()),
            Place::Inline(_) => None,
        })
        .collect()
}
