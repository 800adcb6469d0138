//! Who may connect, by certificate: Go's five policies and the exporter toolkit's list of names.

use super::words::ClientAuth;
use super::x509;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use std::sync::Arc;

/// The verifier of one configuration.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Verifies chains; `None` where any certificate will do.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    /// The CAs as they stand in the file. One that a client presents as its own is trusted by itself:
    /// self-signed certificates are used so.
    pinned: Vec<CertificateDer<'static>>,
    required: bool,
    sans: Option<Vec<String>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Clients {
    /// A verifier of this policy. The CAs count where the policy verifies.
    pub(crate) fn new(
        policy: ClientAuth,
        cas: Vec<CertificateDer<'static>>,
        sans: Option<Vec<String>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let chains = if policy.verifies() {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(cas.iter().cloned());
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            Some(builder.build().map_err(|error| error.to_string())?)
        } else {
            None
        };
        Ok(Clients {
            chains,
            pinned: cas,
            required: policy.requires(),
            sans,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        let valid = |one: x509::Validity| (one.from..=one.until).contains(&now.as_secs());
        self.pinned.iter().any(|one| one == certificate)
            && x509::validity(certificate).is_some_and(valid)
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.as_ref().map_or(&[], |chains| chains.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chains) = &self.chains {
            let verified = chains.verify_client_cert(end_entity, intermediates, now);
            if verified.is_err() && !self.is_pinned(end_entity, now) {
                return verified;
            }
        }
        if let Some(sans) = &self.sans
            && !x509::names(end_entity).iter().any(|name| sans.contains(name))
        {
            let refused = CertificateError::ApplicationVerificationFailure;
            return Err(Error::InvalidCertificate(refused));
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
