//! A small HTTP client for the door (a Unix socket) and for pages: GET only, bounded, with deadlines.

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// The largest answer that is read: 64 MiB.
const LARGEST: usize = 64 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a future to its end on this thread.
///
/// # Errors
/// No runtime, or what the future fails with.
pub(crate) fn block<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("starting the runtime")?.block_on(work)
}

/// `work`, given up after `patience`.
///
/// # Errors
/// It took longer, or what it fails with.
pub(crate) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    timeout(patience, work).await.with_context(|| format!("no answer within {patience:?}"))?
}

/// Asks a Unix socket; returns the status and the body.
///
/// # Errors
/// Nobody answers in time, or the answer is too large.
pub(crate) async fn door(socket: &Path, path: &str) -> Result<(StatusCode, String)> {
    let what = || format!("asking {} for {path}", socket.display());
    let work = async {
        let stream = UnixStream::connect(socket).await.with_context(what)?;
        whole(request(stream, "localhost", path).await?).await
    };
    timeout(PATIENCE, work).await.with_context(what)?.with_context(what)
}

/// Starts a stream of lines from a Unix socket. Only the head of the answer has a deadline.
///
/// # Errors
/// Nobody answers in time, or not with 200.
pub(crate) async fn stream(socket: &Path, path: &str) -> Result<Incoming> {
    let what = || format!("asking {} for {path}", socket.display());
    let work = async {
        let stream = UnixStream::connect(socket).await.with_context(what)?;
        request(stream, "localhost", path).await
    };
    let response = timeout(PATIENCE, work).await.with_context(what)??;
    if response.status() != StatusCode::OK {
        bail!("{} answered {} for {path}", socket.display(), response.status());
    }
    Ok(response.into_body())
}

/// Fetches an `http://` URL with a numeric address or `localhost`.
///
/// # Errors
/// Another kind of URL (with the remedy), nobody answers in time, not 200, too large.
pub(crate) async fn url(url: &str) -> Result<String> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("{url}: only http:// is fetched here: save the page first, curl -o FILE {url}");
    };
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let address = address(authority).with_context(|| {
        format!("{url}: no names are resolved here: give a numeric address, or curl -o FILE {url}")
    })?;
    let work = async {
        let mut tried = Err(anyhow::anyhow!("no address"));
        for address in &address {
            tried = TcpStream::connect(address)
                .await
                .with_context(|| format!("connecting to {address}"));
            if tried.is_ok() {
                break;
            }
        }
        whole(request(tried?, authority, &path).await?).await
    };
    let (status, body) =
        timeout(PATIENCE, work).await.with_context(|| format!("fetching {url}"))??;
    if status != StatusCode::OK {
        bail!("{url} answered {status}");
    }
    Ok(body)
}

fn address(authority: &str) -> Option<Vec<std::net::SocketAddr>> {
    if let Ok(address) = authority.parse() {
        return Some(vec![address]);
    }
    if let Ok(ip) = authority.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
        return Some(vec![(ip, 80).into()]);
    }
    let (name, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let port = port.parse::<u16>().ok()?;
    let local = name.eq_ignore_ascii_case("localhost");
    local.then(|| vec![([127, 0, 0, 1], port).into(), (std::net::Ipv6Addr::LOCALHOST, port).into()])
}

async fn request<S>(stream: S, host: &str, path: &str) -> Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.context("speaking HTTP")?;
    // Ends with the connection; what fails there fails the request too.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", host)
        .header("user-agent", concat!("socle/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .context("building the request")?;
    sender.send_request(request).await.context("no answer")
}

async fn whole(response: Response<Incoming>) -> Result<(StatusCode, String)> {
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("reading the answer: {error}"))?;
    let text = String::from_utf8(body.to_bytes().to_vec()).context("the answer is no UTF-8")?;
    Ok((status, text))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn only_numbers_and_localhost_are_addresses() {
        assert_eq!(address("127.0.0.1:9100").unwrap()[0].to_string(), "127.0.0.1:9100");
        assert_eq!(address("[::1]").unwrap()[0].to_string(), "[::1]:80");
        assert_eq!(address("localhost:1").unwrap().len(), 2);
        assert!(address("example.org").is_none() && address("localhost:x").is_none());
    }
}
