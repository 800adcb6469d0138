//! What `web.yml` asks of every request that comes over TCP: its rate, its password; and the headers
//! that it adds to every answer. The Unix socket is not concerned: its mode decided.

use super::Peer;
use crate::app::App;
use crate::web::Active;
use crate::web::passwords::Checked;
use crate::web::refused::Reason;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

/// Lets a request through, or answers it.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let Some(Peer::Tcp(_)) = request.extensions().get::<Peer>() else {
        return next.run(request).await;
    };
    let active = app.web.current();
    if !app.web.lets_through(&active) {
        app.web.refused.count(Reason::Rate);
        return (StatusCode::TOO_MANY_REQUESTS, "429: more than rate_limit\n").into_response();
    }
    let mut answer = known(&app, &active, request, next).await;
    for (name, value) in &active.headers {
        answer.headers_mut().insert(name, value.clone());
    }
    answer
}

async fn known(app: &App, active: &Active, mut request: Request<Body>, next: Next) -> Response {
    if active.users.is_empty() {
        return next.run(request).await;
    }
    let Some(Peer::Tcp(mut tcp)) = request.extensions().get::<Peer>().copied() else {
        return next.run(request).await;
    };
    match app.web.passwords.check(&active.users, request.headers(), tcp.address).await {
        Checked::Good => {
            tcp.proved = true;
            request.extensions_mut().insert(Peer::Tcp(tcp));
            next.run(request).await
        }
        Checked::Wrong => {
            app.web.refused.count(Reason::Password);
            let text = "401: a user of web.yml and the password are wanted\n";
            refuse(
                StatusCode::UNAUTHORIZED,
                header::WWW_AUTHENTICATE,
                "Basic realm=\"socle\"",
                text,
            )
        }
        Checked::Busy => {
            app.web.refused.count(Reason::Busy);
            let text = "503: too many passwords are being checked\n";
            refuse(StatusCode::SERVICE_UNAVAILABLE, header::RETRY_AFTER, "1", text)
        }
    }
}

fn refuse(
    status: StatusCode,
    name: HeaderName,
    value: &'static str,
    text: &'static str,
) -> Response {
    let mut answer = (status, text).into_response();
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}
