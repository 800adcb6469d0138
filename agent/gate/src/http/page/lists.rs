//! Events, sources, what is weaker here, and the links.

use super::html::{Html, NAME, SENTENCE};
use super::mark;
use jiff::Timestamp;
use socle_model::Status;
use socle_model::bmc::{Degraded, SourceState};
use socle_model::documents::SourceLine;
use socle_model::event::Event;

/// How many events are shown at once; the rest of those given is folded.
const SHOWN: usize = 20;
/// More good sources than this are folded.
const OPEN: usize = 16;
/// Most lines of the other lists.
const MOST: usize = 200;

/// Writes events, the newest first.
pub(super) fn events(html: &mut Html, events: &[Event], now: Timestamp) {
    if events.is_empty() {
        html.raw("<p class=q>None yet.</p>");
        return;
    }
    let newest: Vec<_> = events.iter().rev().collect();
    let (shown, rest) = newest.split_at(newest.len().min(SHOWN));
    table(html, shown, now);
    if !rest.is_empty() {
        html.raw("<details><summary>").count(rest.len()).raw(" earlier</summary>");
        table(html, rest, now);
        html.raw("</details>");
    }
}

fn table(html: &mut Html, events: &[&Event], now: Timestamp) {
    html.raw("<table class=events>");
    for event in events {
        html.raw("<tr><td class=st>");
        mark::severity(html, event.severity);
        html.raw("<td class=at>").time(event.at);
        html.raw(" <span class=q>").ago(event.at, now).raw(" ago · ").raw(event.kind.word());
        html.raw("</span><td class=tx>").text(&event.text, SENTENCE);
        let component = event.component.as_str();
        html.raw("<div class=q>")
            .text(if component.is_empty() { "host" } else { component }, 2 * NAME);
        html.raw("</div>");
    }
    html.raw("</table>");
}

/// Writes the sources: the failing ones first, many good ones folded, the absent ones on one line.
pub(super) fn sources(html: &mut Html, sources: &[SourceLine]) {
    let of = |state| -> Vec<&SourceLine> {
        sources.iter().filter(|one| one.state == state).take(MOST).collect()
    };
    ages(html, &of(SourceState::Failing));
    let good = of(SourceState::Ok);
    if good.len() <= OPEN {
        ages(html, &good);
    } else {
        let oldest = good.iter().filter_map(|one| one.age_s).fold(0.0, f64::max);
        html.raw("<details><summary>");
        mark::sign(html, Status::Ok);
        html.count(good.len()).raw(" ok <span class=q>the oldest ").span(oldest).raw(" old</span>");
        html.raw("</summary>");
        ages(html, &good);
        html.raw("</details>");
    }
    let mut lead = "<p class=q>Not on this machine: ";
    for source in of(SourceState::Absent) {
        html.raw(lead).text(&source.name, NAME);
        lead = ", ";
    }
    if lead == ", " {
        html.raw("</p>");
    }
}

fn ages(html: &mut Html, sources: &[&SourceLine]) {
    if sources.is_empty() {
        return;
    }
    html.raw("<table class=sources>");
    for source in sources {
        html.raw("<tr><td class=st>");
        match source.state {
            SourceState::Ok => mark::word(html, Status::Ok),
            SourceState::Failing | SourceState::Absent => {
                html.raw("<span class=\"v c\">");
                mark::sign(html, Status::Critical);
                html.raw("failing</span>");
            }
        }
        html.raw("<td class=nm><b>").text(&source.name, NAME).raw("</b><td class=val>");
        match source.age_s {
            Some(seconds) => html.span(seconds).raw(" old"),
            None => html.raw("never gave data"),
        };
        html.raw("<td class=tx>");
        if let Some(error) = &source.error {
            html.text(error, SENTENCE);
        }
    }
    html.raw("</table>");
}

/// Writes what is weaker here than designed, and why the last reload was refused.
pub(super) fn weaker(html: &mut Html, degraded: &[Degraded], refused: Option<&str>) {
    if degraded.is_empty() && refused.is_none() {
        return;
    }
    html.raw("<section id=weaker><h2>Weaker here than designed</h2><ul class=weak>");
    if let Some(faults) = refused {
        html.raw("<li><b>configuration</b> the last reload was refused, the one before holds: ");
        html.text(faults, 3 * SENTENCE);
    }
    for one in degraded.iter().take(MOST) {
        html.raw("<li><b>").text(&one.feature, NAME).raw("</b> ").text(&one.why, SENTENCE);
    }
    html.raw("</ul></section>");
}

/// What else there is.
pub(super) const LINKS: &str = "<nav><b>For programs</b> <a href=\"/metrics\">/metrics</a> \
<a href=\"/metrics/node\">/metrics/node</a> <a href=\"/metrics/ipmi\">/metrics/ipmi</a> \
<a href=\"/metrics/socle\">/metrics/socle</a> <a href=\"/v1/status\">/v1/status</a> \
<a href=\"/v1/sensors\">/v1/sensors</a> <a href=\"/v1/events\">/v1/events</a> \
<a href=\"/v1/doctor\">/v1/doctor</a> <a href=\"/healthz\">/healthz</a> \
<a href=\"/readyz\">/readyz</a></nav>";
