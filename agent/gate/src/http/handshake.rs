//! The TLS handshake of one connection, with an end to patience and a word to who speaks plain HTTP.

use crate::web::Spoken;
use crate::web::refused::Reason;
use rustls::{Error, InvalidMessage};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What Go answers to a request without TLS.
const PLAIN: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
                       Client sent an HTTP request to an HTTPS server.\n";

/// Shakes hands. Says whether the client's certificate was verified.
pub(crate) async fn shake<S>(
    stream: S,
    spoken: &Spoken,
    patience: Duration,
) -> Result<(TlsStream<S>, bool), Reason>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let accept = TlsAcceptor::from(spoken.config.clone()).accept(stream).into_fallible();
    let (error, mut stream) = match timeout(patience, accept).await {
        Err(_) => return Err(Reason::Slow),
        Ok(Ok(stream)) => {
            let proved = spoken.verifies && stream.get_ref().1.peer_certificates().is_some();
            return Ok((stream, proved));
        }
        Ok(Err(failed)) => failed,
    };
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    tracing::debug!(%error, "handshake");
    match cause {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            // It may be gone, or take nothing.
            let _ = timeout(patience, stream.write_all(PLAIN)).await;
            let _ = timeout(patience, stream.shutdown()).await;
            Err(Reason::Handshake)
        }
        Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => {
            Err(Reason::Certificate)
        }
        _ => Err(Reason::Handshake),
    }
}
