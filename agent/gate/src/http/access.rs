//! Who may see the status page and `/v1/`: people on this host, and whoever proved over TLS who he is.

use super::Peer;
use crate::app::App;
use crate::web::refused::Reason;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;
use std::sync::Arc;

const REFUSED: &str = "403: the status page and /v1/ are served to this host only: ask \
                       http://127.0.0.1 or http://localhost on it, or use the command line \
                       (`socle status`), which goes through the Unix socket /run/socle/gate; for other hosts \
                       give TLS and authentication in web.yml, see docs/doors.md\n";

/// Lets a request through that comes from this host and names this host, or that `web.yml` vouches for.
pub(crate) async fn local_only(
    State(app): State<Arc<App>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let named = request.uri().authority().map(|authority| authority.as_str());
    if allowed(peer, named, request.headers()) {
        next.run(request).await
    } else {
        app.web.refused.count(Reason::Forbidden);
        (StatusCode::FORBIDDEN, REFUSED).into_response()
    }
}

/// The Host header counts too: a page in a browser on this host may have rebound its own name to
/// 127.0.0.1, and then the peer is loopback but the name is not.
fn allowed(peer: Option<Peer>, authority: Option<&str>, headers: &HeaderMap) -> bool {
    match peer {
        Some(Peer::Door) => true,
        Some(Peer::Tcp(tcp)) if tcp.tls && tcp.proved => true,
        Some(Peer::Tcp(tcp)) if tcp.address.is_loopback() => {
            let mut hosts = headers.get_all(header::HOST).iter();
            let (first, second) = (hosts.next(), hosts.next());
            let header = first.and_then(|host| host.to_str().ok());
            second.is_none()
                && header.is_some_and(names_loopback)
                && authority.is_none_or(names_loopback)
        }
        Some(Peer::Tcp(_)) | None => false,
    }
}

/// Whether a Host header names loopback: `localhost`, `127.0.0.0/8` or `[::1]`, with or without port.
fn names_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, "")) => name,
            Some((name, port)) if is_port(port) => name,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if is_port(&format!(":{port}")) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_under_its_own_name() {
        for good in
            ["localhost", "LOCALHOST:10911", "127.0.0.1", "127.1.2.3:80", "[::1]:10911", "[::1]"]
        {
            assert!(names_loopback(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.evil.example",
            "127.0.0.1:80:80",
            "[::1]evil",
            "[::2]",
            "10.0.0.1",
            "localhost:http",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(!names_loopback(bad), "{bad}");
        }
        let mut headers = HeaderMap::new();
        let tcp = |address: &str, tls, proved| {
            Some(Peer::Tcp(super::super::Tcp { address: address.parse().unwrap(), tls, proved }))
        };
        let loopback = tcp("127.0.0.1", false, false);
        assert!(!allowed(loopback, None, &headers), "no Host header");
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(allowed(loopback, None, &headers));
        assert!(!allowed(loopback, Some("evil.example"), &headers), "absolute form");
        for (tls, proved) in [(false, false), (true, false), (false, true)] {
            assert!(!allowed(tcp("10.0.0.1", tls, proved), None, &headers));
        }
        assert!(allowed(tcp("10.0.0.1", true, true), None, &headers), "TLS and authentication");
        assert!(!allowed(None, None, &headers));
        assert!(allowed(Some(Peer::Door), None, &HeaderMap::new()));
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(!allowed(loopback, None, &headers), "two Host headers");
    }
}
