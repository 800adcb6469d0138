//! `/v1/`: the documents; `/healthz` and `/readyz`.

use crate::app::App;
use crate::events::{KEPT, Line};
use crate::http::conn::told;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

const JSON: &str = "application/json";
/// How long `socle doctor` may look around.
const LOOK: Duration = Duration::from_secs(5);

fn json<T: Serialize>(document: &T) -> Response {
    match serde_json::to_vec(document) {
        Ok(mut text) => {
            text.push(b'\n');
            typed(Bytes::from(text), JSON)
        }
        Err(error) => failed(format!("writing JSON: {error}")),
    }
}

fn failed(what: String) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, what + "\n").into_response()
}

fn typed(body: impl Into<Body>, kind: &'static str) -> Response {
    let mut answer = Response::new(body.into());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// `socle.status/1`.
pub(crate) async fn status(State(app): State<Arc<App>>) -> Response {
    json(&app.status())
}

/// `socle.sensors/1`.
pub(crate) async fn sensors(State(app): State<Arc<App>>) -> Response {
    let verdict = app.verdict.borrow().clone();
    match verdict.sensors() {
        Some(text) => typed(text, JSON),
        None => failed("the sensors cannot be written as JSON".into()),
    }
}

/// `socle.doctor/1`.
pub(crate) async fn doctor(State(app): State<Arc<App>>) -> Response {
    let (sender, receiver) = oneshot::channel();
    let look = app.clone();
    // Looks into many files of /proc: not on the thread that serves.
    let begun = app.pool.at_once(move || {
        // Nobody may be left to take it.
        let _ = sender.send(crate::doctor::document(&look));
    });
    if begun && let Ok(Ok(document)) = timeout(LOOK, receiver).await {
        return json(&document);
    }
    let text = "reading /proc hangs: /metrics and /v1/status name the sources that do\n";
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// How `/v1/events` is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Only events with a greater number; 0 for all.
    since: Option<u64>,
    /// At most the last so many.
    limit: Option<usize>,
    /// 1: stay and give what comes. Without `since` that starts now.
    follow: Option<u8>,
}

/// `socle.event/1`, one a line (NDJSON).
pub(crate) async fn events(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    let follow = asked.follow == Some(1);
    let start = if follow { app.last_event() } else { 0 };
    let since = asked.since.unwrap_or(start);
    let lines = app.events_since(since, asked.limit.unwrap_or(KEPT));
    if !follow {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.text.as_ref()).collect();
        return typed(lines.concat(), "application/x-ndjson");
    }
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(follow_on(app, since, lines, sender));
    typed(Body::new(Stream(receiver)), "application/x-ndjson")
}

/// Gives the lines, then what comes, until the client goes or the process ends.
async fn follow_on(app: Arc<App>, mut since: u64, first: Vec<Line>, sender: mpsc::Sender<Bytes>) {
    let (mut news, mut stop) = (app.news.clone(), app.stop.clone());
    let mut lines = first;
    loop {
        for line in lines {
            since = line.seq;
            if sender.send(line.text).await.is_err() {
                return;
            }
        }
        tokio::select! {
            fresh = later(&mut news, since) => if !fresh { return },
            () = sender.closed() => return,
            () = told(&mut stop) => return,
        }
        lines = app.events_since(since, KEPT);
    }
}

/// Waits for an event after `since`; false when there will be none.
async fn later(news: &mut watch::Receiver<u64>, since: u64) -> bool {
    news.wait_for(|last| *last > since).await.is_ok()
}

/// A body that is given piece by piece.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Alive.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready: the kernel's sources were read once, and the link answered or is known to be down.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    match app.missing() {
        None => "ready\n".into_response(),
        Some(what) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not yet: {what}\n")).into_response()
        }
    }
}
