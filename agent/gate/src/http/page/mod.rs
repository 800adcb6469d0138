//! `/`: the status page for people: verdicts with causes, sensors, events, sources.
//!
//! One document without script and without an outside asset. It shows what `/v1/` gives, is read on
//! a phone and on paper, and is bounded however large the machine is.

mod bar;
mod html;
mod lists;
mod mark;
mod sensors;
mod tree;

use crate::app::App;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html as Answer, IntoResponse as _, Response};
use html::{Html, NAME, SENTENCE};
use jiff::Timestamp;
use socle_model::Status;
use socle_model::bmc::SourceState;
use socle_model::documents::{SensorLine, SourceLine, StatusDocument};
use socle_model::event::Event;
use std::sync::Arc;

/// How many events are on the page.
const EVENTS: usize = 100;
/// Nothing may be loaded, run, submitted or framed; the page's own style only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What the page shows.
struct Seen<'a> {
    status: &'a StatusDocument,
    sensors: &'a [SensorLine],
    /// The last ones, oldest first.
    events: &'a [Event],
    /// Why the last reload was refused.
    refused: Option<&'a str>,
    now: Timestamp,
}

/// The status page.
pub(crate) async fn landing(State(app): State<Arc<App>>) -> Response {
    let (status, verdict) = (app.status(), app.verdict.borrow().clone());
    let events: Vec<Event> = app
        .events_since(0, EVENTS)
        .iter()
        .filter_map(|line| serde_json::from_slice(&line.text).ok())
        .collect();
    let refused = app.refused();
    let text = render(&Seen {
        status: &status,
        sensors: verdict.readings(),
        events: &events,
        refused: refused.as_deref(),
        now: Timestamp::now(),
    });
    let mut answer = Answer(text).into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn render(seen: &Seen<'_>) -> String {
    let mut html = Html::default();
    head(&mut html, seen);
    jumps(&mut html, seen);
    html.raw("<main><section id=components><h2>Components</h2>");
    tree::write(&mut html, &seen.status.components, seen.now);
    html.raw("</section>");
    lists::weaker(&mut html, &seen.status.degraded, seen.refused);
    html.raw("<section id=sensors><h2>Sensors</h2>");
    sensors::write(&mut html, seen.sensors);
    html.raw("</section><section id=events><h2>Recent events</h2>");
    lists::events(&mut html, seen.events, seen.now);
    html.raw("</section><section id=sources><h2>Sources</h2>");
    lists::sources(&mut html, &seen.status.sources);
    html.raw("</section></main><footer>").raw(lists::LINKS);
    html.raw("<p class=q>socle ").raw(env!("CARGO_PKG_VERSION"));
    html.raw(" · the page is as of its time; load it again for news</p></footer></html>\n");
    html.done()
}

fn head(html: &mut Html, seen: &Seen<'_>) {
    let (status, host) = (seen.status.status, seen.status.host.as_str());
    let host = if host.is_empty() { "this host" } else { host };
    html.raw("<!doctype html><html lang=en><head><meta charset=utf-8>");
    html.raw("<meta name=viewport content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta name=color-scheme content=\"light dark\"><title>").raw(status.word());
    html.raw(": ").text(host, NAME).raw("</title><style>").raw(include_str!("page.css"));
    html.raw("</style></head><body>").raw(mark::SHAPES).raw("<header class=").raw(mark::id(status));
    html.raw("><h1>").text(host, NAME).raw("</h1><p class=verdict>");
    mark::word(html, status);
    html.raw("</p><p class=q>");
    html.text(seen.status.model.as_deref().unwrap_or("model unknown"), SENTENCE).raw(" · ");
    html.time(seen.status.at).raw("</p></header>");
}

/// Where to go on the page, and what else is amiss further down.
fn jumps(html: &mut Html, seen: &Seen<'_>) {
    html.raw("<nav class=jumps><a href=\"#components\">Components</a> ");
    if !seen.status.degraded.is_empty() || seen.refused.is_some() {
        html.raw("<a href=\"#weaker\">Weaker here</a> ");
    }
    html.raw("<a href=\"#sensors\">Sensors</a> <a href=\"#events\">Events</a> ");
    html.raw("<a href=\"#sources\">Sources</a>");
    let failing = |one: &&SourceLine| one.state == SourceState::Failing;
    let failing = seen.status.sources.iter().filter(failing).count();
    if failing > 0 {
        html.raw(" <span class=\"v c\">");
        mark::sign(html, Status::Critical);
        html.count(failing).raw(" failing</span>");
    }
    html.raw("</nav>");
}

#[cfg(test)]
mod tests;
