//! The HTTP side: routes, who may ask for what, answers.

pub(crate) mod access;
pub(crate) mod conn;
pub(crate) mod format;
mod guard;
mod handshake;
pub(crate) mod metrics;
pub(crate) mod page;
mod patient;
pub(crate) mod v1;

use crate::app::App;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use std::net::IpAddr;
use std::sync::Arc;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// One of the page's TCP ports.
    Tcp(Tcp),
    /// The Unix socket; its mode decided.
    Door,
}

/// A peer of the page's TCP ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tcp {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Whether TLS is spoken with it.
    pub(crate) tls: bool,
    /// Whether it showed who it is: by a certificate that was verified, or by its password.
    pub(crate) proved: bool,
}

/// Every route.
pub(crate) fn router(app: Arc<App>) -> Router {
    let local = Router::new()
        .route("/", get(page::landing))
        .route("/v1/status", get(v1::status))
        .route("/v1/sensors", get(v1::sensors))
        .route("/v1/events", get(v1::events))
        .route("/v1/doctor", get(v1::doctor))
        .route_layer(middleware::from_fn_with_state(app.clone(), access::local_only));
    Router::new()
        .route("/metrics", get(metrics::all))
        .route("/metrics/node", get(metrics::node))
        .route("/metrics/ipmi", get(metrics::ipmi))
        .route("/metrics/socle", get(metrics::socle))
        .merge(local)
        .route_layer(middleware::from_fn_with_state(app.clone(), judged))
        .route("/healthz", get(v1::healthz))
        .route("/readyz", get(v1::readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(no_body))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

/// Holds what shows a verdict until there is one.
async fn judged(State(app): State<Arc<App>>, request: Request<Body>, next: Next) -> Response {
    app.judged().await;
    next.run(request).await
}

async fn not_found() -> Response {
    let text = "no such page; there are /metrics, /metrics/{node,ipmi,socle}, /healthz, /readyz, /, \
                /v1/{status,sensors,events,doctor}\n";
    (StatusCode::NOT_FOUND, text).into_response()
}

async fn wrong_method() -> Response {
    let mut answer =
        (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served\n").into_response();
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// Nothing here takes a body: a request that brings one is refused before it is read, and its
/// connection ends with the answer.
async fn no_body(request: Request<Body>, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let brings = request.headers().contains_key(header::TRANSFER_ENCODING)
        || length.is_some_and(|length| length != "0");
    if !brings {
        return next.run(request).await;
    }
    let mut answer =
        (StatusCode::PAYLOAD_TOO_LARGE, "a request has no body here\n").into_response();
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
