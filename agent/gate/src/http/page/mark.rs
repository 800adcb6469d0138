//! The signs of the four verdicts: a shape each, so that no one needs the colour.

use super::html::Html;
use socle_model::Status;
use socle_model::event::Severity;

/// Drawn once and used by name: a disc, a triangle, a cross in a square, a diamond with a question
/// mark; each with an edge in the page's colour, so that it stands out on a bar.
pub(super) const SHAPES: &str = "<svg class=defs aria-hidden=true><defs>\
<g id=k class=k><circle r=6 /><path d=\"M-3 0 -1 2.5 3-2.5\"/></g>\
<g id=w class=w><path class=s d=\"M0-7.5 8 6.5H-8z\"/><path d=\"M0-3V2M0 3.4V4.6\"/></g>\
<g id=c class=c><path class=s d=\"M-6.5-6.5h13v13h-13z\"/><path d=\"M-3-3 3 3M3-3-3 3\"/></g>\
<g id=u class=u><path class=s d=\"M0-8 8 0 0 8-8 0z\"/>\
<path d=\"M-2.2-1.6C-2.2-4.4 2.4-4.4 2.2-1.8 2.1-.4 0-.3 0 1.2M0 3V4.2\"/></g>\
</defs></svg>";

/// The name of the shape.
pub(super) const fn id(status: Status) -> &'static str {
    match status {
        Status::Ok => "k",
        Status::Warning => "w",
        Status::Critical => "c",
        Status::Unknown => "u",
    }
}

/// The shape.
pub(super) fn sign(html: &mut Html, status: Status) {
    html.raw("<svg class=m aria-hidden=true><use href=\"#")
        .raw(id(status))
        .raw("\" x=9 y=9 /></svg>");
}

/// The shape and the word.
pub(super) fn word(html: &mut Html, status: Status) {
    html.raw("<span class=\"v ").raw(id(status)).raw("\">");
    sign(html, status);
    html.raw(status.word()).raw("</span>");
}

/// How an event's severity is shown.
pub(super) fn severity(html: &mut Html, severity: Severity) {
    match severity {
        Severity::Info => {
            html.raw("<span class=v>info</span>");
        }
        Severity::Warning => word(html, Status::Warning),
        Severity::Critical => word(html, Status::Critical),
    }
}
