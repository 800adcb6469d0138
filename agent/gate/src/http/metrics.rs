//! `/metrics` and its three parts.

use super::format::{Form, Format, accepts_gzip, negotiate};
use crate::app::App;
use crate::gzip::{self, Part, Piece};
use crate::scrape::Collected;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use socle_model::metrics::openmetrics::{self, EOF};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// `?format=text` and `?format=openmetrics` choose where a client cannot choose by its headers.
const FORMAT: &str = "format";

type Pairs = Query<Vec<(String, String)>>;

/// Everything, or what `collect[]` and `exclude[]` leave of it.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    Query(pairs): Pairs,
    headers: HeaderMap,
) -> Response {
    serve(app, &pairs, &headers, Parts { node: true, ipmi: true, socle: true }).await
}

/// The kernel's sources.
pub(crate) async fn node(
    State(app): State<Arc<App>>,
    Query(pairs): Pairs,
    headers: HeaderMap,
) -> Response {
    serve(app, &pairs, &headers, Parts { node: true, ipmi: false, socle: false }).await
}

/// `ipmi_*`.
pub(crate) async fn ipmi(
    State(app): State<Arc<App>>,
    Query(mut pairs): Pairs,
    headers: HeaderMap,
) -> Response {
    pairs.retain(|(key, _)| key == FORMAT);
    serve(app, &pairs, &headers, Parts { node: false, ipmi: true, socle: false }).await
}

/// `socle_*`.
pub(crate) async fn socle(
    State(app): State<Arc<App>>,
    Query(mut pairs): Pairs,
    headers: HeaderMap,
) -> Response {
    pairs.retain(|(key, _)| key == FORMAT);
    serve(app, &pairs, &headers, Parts { node: false, ipmi: false, socle: true }).await
}

/// Which parts of the page are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    node: bool,
    ipmi: bool,
    socle: bool,
}

const WHOLE: Parts = Parts { node: true, ipmi: true, socle: true };
const NODE: Parts = Parts { node: true, ipmi: false, socle: false };

/// How long a body without the kernel's sources serves all who ask.
const SHARED: Duration = Duration::from_millis(500);

/// Bodies without the kernel's sources, kept for a moment: many clients who ask at once, or do not
/// read, hold one copy. Of each kind there is one, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Moment(Mutex<Vec<Kept>>);

/// Parts and form, when it was made, the body.
type Kept = ((Parts, Form), Instant, Bytes);

impl Moment {
    fn get(&self, parts: Parts, form: Form, make: impl FnOnce() -> Bytes) -> Bytes {
        let (kind, now) = ((parts, form), Instant::now());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, made, _)| now.saturating_duration_since(*made) < SHARED);
        if let Some((_, _, body)) = kept.iter().find(|(one, ..)| *one == kind) {
            return body.clone();
        }
        let body = make();
        kept.push((kind, now, body.clone()));
        body
    }
}

async fn serve(
    app: Arc<App>,
    pairs: &[(String, String)],
    headers: &HeaderMap,
    parts: Parts,
) -> Response {
    let scraper = app.scraper();
    let (wanted, parts) = match choose(&scraper.sources(), pairs, parts) {
        Ok(chosen) => chosen,
        Err(text) => return (StatusCode::BAD_REQUEST, text + "\n").into_response(),
    };
    let asked = pairs.iter().find(|(key, _)| key == FORMAT).map(|(_, value)| value.as_str());
    let format = match asked {
        None => negotiate(headers),
        Some("text") => Format::Text,
        Some("openmetrics") => Format::Open,
        Some(_) => {
            return (StatusCode::BAD_REQUEST, "format: text or openmetrics\n").into_response();
        }
    };
    let form = Form { open: format.open(), gzip: accepts_gzip(headers) };
    if !parts.node {
        let make = || body(&app, None, parts, form);
        return answer(app.moment.get(parts, form, make), format, form);
    }
    let everything = wanted.is_none();
    let Some(collected) = scraper.collect(wanted).await else {
        let text = "the collection was lost; see the log of socle-gate\n";
        return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    };
    let make = || body(&app, Some(&collected), parts, form);
    let body = match parts {
        WHOLE if everything => collected.whole.get(form, make),
        NODE if everything => collected.node.get(form, make),
        _ => make(),
    };
    answer(body, format, form)
}

/// The answer's bytes: the kernel's sources, then the wanted parts of what the last verdict left.
fn body(app: &App, collected: Option<&Collected>, parts: Parts, form: Form) -> Bytes {
    let verdict = app.verdict.borrow().clone();
    let mut live = String::new();
    if parts.socle {
        app.live(&mut live);
    }
    let pieces = [(parts.ipmi, &*verdict.ipmi), (parts.socle, &*verdict.own)];
    let pieces: Vec<_> =
        pieces.into_iter().filter_map(|(wanted, piece)| wanted.then_some(piece)).collect();
    let mut parts: Vec<Part<'_>> = Vec::new();
    if !form.open {
        parts.extend(collected.map(Collected::parts).into_iter().flatten());
        parts.push(Part::once(&live));
        parts.extend(pieces.into_iter().map(Piece::part));
        return join(&parts, form);
    }
    let mut text = String::new();
    if let Some(node) = collected.and_then(|one| one.open().mixed.as_ref()) {
        // Families of ours come from a textfile too: only all together tell what each may be called.
        let texts = pieces.iter().map(|piece| piece.text());
        let whole: String = [node, live.as_str()].into_iter().chain(texts).collect();
        openmetrics::append(&mut text, &whole);
        return join(&[Part::once(&text), Part::once(EOF)], form);
    }
    openmetrics::append(&mut text, &live);
    parts.extend(collected.map(Collected::open_parts).into_iter().flatten());
    parts.push(Part::once(&text));
    parts.extend(pieces.into_iter().map(|piece| piece.open().part()));
    parts.push(Part::once(EOF));
    join(&parts, form)
}

fn join(parts: &[Part<'_>], form: Form) -> Bytes {
    if form.gzip {
        return gzip::file(parts);
    }
    let mut text = String::with_capacity(parts.iter().map(|part| part.text.len()).sum());
    parts.iter().for_each(|part| text.push_str(part.text));
    text.into()
}

fn answer(body: Bytes, format: Format, form: Form) -> Response {
    let mut answer = body.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, format.content_type());
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if form.gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// What node_exporter makes of `collect[]` and `exclude[]`; our own parts are called `ipmi` and
/// `socle` there. An unknown name, or both at once, is an error as it is with node_exporter.
fn choose(
    sources: &[&'static str],
    pairs: &[(String, String)],
    parts: Parts,
) -> Result<(Option<Vec<String>>, Parts), String> {
    let named = |key: &str| -> Vec<String> {
        pairs.iter().filter(|(name, _)| name == key).map(|(_, value)| value.clone()).collect()
    };
    let (mut collect, exclude) = (named("collect[]"), named("exclude[]"));
    if collect.is_empty() && exclude.is_empty() {
        return Ok((None, parts));
    }
    if !collect.is_empty() && !exclude.is_empty() {
        return Err("Combined collect and exclude queries are not allowed.".into());
    }
    let own = |name: &str| matches!(name, "ipmi" | "socle");
    for name in &collect {
        if !own(name) && !sources.contains(&name.as_str()) {
            return Err(format!(
                "missing collector: {name}; enabled here are {}, ipmi, socle",
                sources.join(", ")
            ));
        }
    }
    let wants = |name: &str| match collect.is_empty() {
        true => !exclude.iter().any(|one| one == name),
        false => collect.iter().any(|one| one == name),
    };
    let parts =
        Parts { ipmi: parts.ipmi && wants("ipmi"), socle: parts.socle && wants("socle"), ..parts };
    if collect.is_empty() {
        collect = sources.iter().map(|&name| name.to_owned()).collect();
        collect.retain(|name| !exclude.contains(name));
    }
    collect.retain(|name| !own(name));
    collect.sort();
    collect.dedup();
    let parts = Parts { node: parts.node && !collect.is_empty(), ..parts };
    Ok((Some(collect), parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_for_all_who_ask_at_once() {
        let moment = Moment::default();
        let ipmi = Parts { node: false, ipmi: true, socle: false };
        let plain = Form { open: false, gzip: false };
        let first = moment.get(ipmi, plain, || Bytes::from(vec![1; 64]));
        let second = moment.get(ipmi, plain, || Bytes::from(vec![2; 64]));
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert_eq!(
            moment.get(ipmi, Form { open: true, ..plain }, || Bytes::from(vec![3; 64])).first(),
            Some(&3)
        );
        moment.0.lock().unwrap().iter_mut().for_each(|(_, made, _)| *made -= SHARED);
        assert_eq!(moment.get(ipmi, plain, || Bytes::from(vec![4; 64])).first(), Some(&4));
        assert_eq!(moment.0.lock().unwrap().len(), 1, "old ones go");
    }

    #[test]
    fn collect_and_exclude_choose_as_node_exporter_does() {
        let sources = ["cpu", "stat", "hwmon"];
        let choose = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
            choose(&sources, &pairs, WHOLE)
        };
        let only = |node, ipmi, socle| Parts { node, ipmi, socle };
        assert_eq!(choose(&[]), Ok((None, WHOLE)));
        assert_eq!(
            choose(&[("collect[]", "stat"), ("collect[]", "cpu"), ("collect[]", "cpu")]),
            Ok((Some(vec!["cpu".into(), "stat".into()]), only(true, false, false)))
        );
        assert_eq!(
            choose(&[("exclude[]", "stat"), ("exclude[]", "ipmi"), ("exclude[]", "no")]),
            Ok((Some(vec!["cpu".into(), "hwmon".into()]), only(true, false, true)))
        );
        assert_eq!(choose(&[("collect[]", "ipmi")]), Ok((Some(vec![]), only(false, true, false))));
        assert!(choose(&[("collect[]", "nope")]).is_err());
        assert!(choose(&[("collect[]", "cpu"), ("exclude[]", "stat")]).is_err());
    }
}
