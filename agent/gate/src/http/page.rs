//! `/`: a plain page with the verdict and the links.

use crate::app::App;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use socle_model::Status;
use std::fmt::Write as _;
use std::sync::Arc;

/// The landing page: no script, no asset.
pub(crate) async fn landing(State(app): State<Arc<App>>) -> Response {
    let status = app.status();
    let mut text = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><title>socle</title>\
         <style>body{font:16px sans-serif;margin:2em}td{padding:0 1em 0 0}</style>",
    );
    // A write to a String cannot fail.
    let _ = write!(
        text,
        "<h1>{}: {}</h1><p>{} · socle {} · {:.0}</p><table>",
        escape(&status.host),
        status.status,
        escape(status.model.as_deref().unwrap_or("model unknown")),
        env!("CARGO_PKG_VERSION"),
        status.at,
    );
    for one in status.components.iter().filter(|one| one.status != Status::Ok) {
        let _ = write!(
            text,
            "<tr><td>{}<td>{}<td>{}",
            one.status,
            escape(one.path.as_str()),
            escape(one.cause.as_deref().unwrap_or_default())
        );
    }
    text.push_str("</table><ul>");
    for link in [
        "/metrics",
        "/metrics/node",
        "/metrics/ipmi",
        "/metrics/socle",
        "/v1/status",
        "/v1/sensors",
        "/v1/events",
        "/v1/doctor",
        "/healthz",
        "/readyz",
    ] {
        let _ = write!(text, "<li><a href=\"{link}\">{link}</a>");
    }
    text.push_str("</ul></html>\n");
    let mut answer = Html(text).into_response();
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    answer
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
