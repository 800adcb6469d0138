//! Certificates made for a test, and a client that speaks TLS with them.

use super::{Answer, Gate, PATIENCE, request, write};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::TcpStream;
use std::sync::Arc;

/// A CA.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key in PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Ca(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names that holds until the end of a year.
    pub(crate) fn issue(&self, names: &[&str], year: i32) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }
}

/// A client that trusts this CA, with this certificate if any.
pub(crate) fn client(ca: &Ca, own: Option<&Pair>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    })
}

/// A TLS connection to the gate.
pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Gate {
    /// Opens a TLS connection; `None` when the handshake fails.
    pub(crate) fn tls(&self, config: &Arc<ClientConfig>) -> Option<Tls> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(config.clone(), name).unwrap();
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).ok()?;
        }
        Some(stream)
    }

    /// One request over TLS on a connection of its own; `None` when it is refused below HTTP.
    pub(crate) fn ask_tls(
        &self,
        config: &Arc<ClientConfig>,
        path: &str,
        headers: &str,
    ) -> Option<Answer> {
        let mut stream = self.tls(config)?;
        // In TLS 1.3 the client learns with its first read that its certificate was refused.
        std::io::Write::write_all(&mut stream, b"").ok()?;
        let text =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, text.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).ok()?;
        (!bytes.is_empty()).then(|| request(Replay(&bytes), path, "GET", ""))
    }

    /// Writes the server's pair and `web.yml`, the pair as `server.crt` and `server.key` beside it.
    pub(crate) fn web(&self, pair: Option<&Pair>, text: &str) {
        if let Some(pair) = pair {
            write(&self.dir.path().join("server.crt"), &pair.cert);
            write(&self.dir.path().join("server.key"), &pair.key);
        }
        write(&self.dir.path().join("web.yml"), text);
    }
}

/// An answer that was read already.
struct Replay<'a>(&'a [u8]);

impl std::io::Read for Replay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl std::io::Write for Replay<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
