//! Lays a status document out. Pure: the same document and paint give the same text.

use super::tree::Node;
use crate::paint::{Paint, Tone};
use jiff::Timestamp;
use socle_model::Status;
use socle_model::bmc::SourceState;
use socle_model::documents::{Component, SourceLine, StatusDocument};
use std::collections::BTreeMap;

/// The whole text.
pub(super) fn render(document: &StatusDocument, all: bool, paint: Paint) -> String {
    let mut page = Page { paint, all, now: document.at, out: String::new() };
    page.head(document);
    let root = Node::of(&document.components);
    if let Some(host) = root.component.filter(|host| host.cause.is_some() && !rolled_up(host)) {
        page.explain(host, &root, "host", "");
    }
    page.children(&root, "", true);
    page.sources(&document.sources);
    for weaker in &document.degraded {
        let text = format!("{}: {}", paint.clean(&weaker.feature), paint.clean(&weaker.why));
        paint.paragraph(&mut page.out, "weaker here  ", &text, Tone::Quiet);
    }
    page.out
}

struct Page {
    paint: Paint,
    all: bool,
    now: Timestamp,
    out: String,
}

impl Page {
    fn head(&mut self, document: &StatusDocument) {
        let paint = self.paint;
        let host = match document.host.as_str() {
            "" => "this host".into(),
            host => paint.clean(host),
        };
        let mut line = paint.tone(Tone::Strong, &host);
        if let Some(model) = &document.model {
            line += &format!("  {}", paint.clean(model));
        }
        let verdict = format!("{} {}", self.mark(document.status), document.status);
        line += &format!("  {}", paint.tone(Tone::of(document.status), &verdict));
        let at = document.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        line += &format!("  {}", paint.tone(Tone::Quiet, &at));
        self.out += &line;
        self.out += "\n\n";
    }

    /// The places below a node: those that are not ok one by one, the others counted on one line.
    fn children(&mut self, node: &Node<'_>, indent: &str, top: bool) {
        let (healthy, others): (Vec<_>, Vec<_>) =
            node.children.iter().partition(|child| !self.all && child.worst() == Status::Ok);
        let mut counts = BTreeMap::new();
        healthy.iter().for_each(|child| child.count(&mut counts));
        for (n, child) in others.iter().enumerate() {
            let last = counts.is_empty() && n + 1 == others.len();
            self.node(child, indent, last, top);
        }
        if !counts.is_empty() {
            self.healthy(&counts, indent, top);
        }
    }

    /// One part: mark, place, verdict, why, then the quiet facts; what to do on a line of its own.
    fn node(&mut self, node: &Node<'_>, indent: &str, last: bool, top: bool) {
        let paint = self.paint;
        let status = node.worst();
        let mark = paint.tone(Tone::of(status), self.mark(status));
        let mut lead = format!("{indent}{}{mark} {}", self.branch(last, top), node.label);
        if status != Status::Ok {
            lead += &format!("  {}", paint.tone(Tone::of(status), status.word()));
        }
        let deeper = format!("{indent}{}", self.below(last, top));
        match node.component {
            Some(component) if !rolled_up(component) => {
                self.explain(component, node, &lead, &deeper);
            }
            _ => {
                self.out += &lead;
                self.out.push('\n');
            }
        }
        self.children(node, &deeper, false);
    }

    /// Cause, name, source, since when, and what to do.
    fn explain(&mut self, component: &Component, node: &Node<'_>, lead: &str, indent: &str) {
        let paint = self.paint;
        let name = &component.name;
        let mut facts = Vec::new();
        if let Some(cause) = &component.cause {
            // "M0_FAN3: was here and is gone": the name is said once.
            let plain = cause.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix(": "));
            facts.push(paint.clean(plain.unwrap_or(cause)));
        }
        if !same(name, node.label) {
            facts.push(paint.clean(name));
        }
        if component.status != Status::Ok {
            facts.push(paint.clean(&component.sources.join(", ")));
            facts.extend(component.since.map(|since| format!("for {}", ago(since, self.now))));
        }
        let facts = facts.join(paint.pick(" · ", "; "));
        let lead = if facts.is_empty() { lead.to_owned() } else { format!("{lead}  ") };
        paint.paragraph(&mut self.out, &lead, &facts, Tone::Quiet);
        if let Some(remedy) = &component.remedy {
            let lead = format!("{indent}{}{} ", self.rail(node), paint.pick("→", "->"));
            paint.paragraph(&mut self.out, &lead, &paint.clean(remedy), Tone::Strong);
        }
    }

    fn healthy(&mut self, counts: &BTreeMap<&str, usize>, indent: &str, top: bool) {
        let paint = self.paint;
        let total: usize = counts.values().sum();
        let kinds: Vec<_> =
            counts.iter().map(|(kind, n)| format!("{n} {}", paint.clean(kind))).collect();
        let lead = format!(
            "{indent}{}{} ",
            self.branch(true, top),
            paint.tone(Tone::Good, self.mark(Status::Ok))
        );
        paint.paragraph(
            &mut self.out,
            &lead,
            &format!("{total} ok: {}", kinds.join(", ")),
            Tone::Quiet,
        );
    }

    fn sources(&mut self, sources: &[SourceLine]) {
        let paint = self.paint;
        self.out.push('\n');
        let of = |state| sources.iter().filter(move |source| source.state == state);
        for source in of(SourceState::Failing) {
            let error = source.error.as_deref().map(|error| paint.clean(error)).unwrap_or_default();
            let lead = format!("{} {}  ", paint.pick("✖", "x"), paint.clean(&source.name));
            paint.paragraph(
                &mut self.out,
                &lead,
                &format!("{}  {error}", age(source.age_s)),
                Tone::Bad,
            );
        }
        let mut fresh: Vec<(String, Vec<String>)> = Vec::new();
        for source in of(SourceState::Ok) {
            let (age, name) = (age(source.age_s), paint.clean(&source.name));
            match fresh.iter_mut().find(|(known, _)| *known == age) {
                Some((_, names)) => names.push(name),
                None => fresh.push((age, vec![name])),
            }
        }
        let fresh: Vec<_> =
            fresh.iter().map(|(age, names)| format!("{} {age}", names.join(", "))).collect();
        let absent: Vec<_> = of(SourceState::Absent).map(|one| paint.clean(&one.name)).collect();
        let between = paint.pick(" · ", "; ");
        for (lead, text) in [("sources  ", fresh.join(between)), ("absent   ", absent.join(", "))] {
            if !text.is_empty() {
                paint.paragraph(&mut self.out, lead, &text, Tone::Quiet);
            }
        }
    }

    fn mark(&self, status: Status) -> &'static str {
        match status {
            Status::Ok => self.paint.pick("✔", "+"),
            Status::Warning => self.paint.pick("▲", "!"),
            Status::Critical => self.paint.pick("✖", "x"),
            Status::Unknown => "?",
        }
    }

    fn branch(&self, last: bool, top: bool) -> &'static str {
        match (top, last) {
            (true, _) => "",
            (false, true) => self.paint.pick("└─ ", "`- "),
            (false, false) => self.paint.pick("├─ ", "|- "),
        }
    }

    fn below(&self, last: bool, top: bool) -> &'static str {
        match (top, last) {
            (true, _) => "",
            (false, true) => "   ",
            (false, false) => self.paint.pick("│  ", "|  "),
        }
    }

    /// The line down to the first child, beside what to do.
    fn rail(&self, node: &Node<'_>) -> &'static str {
        if node.children.is_empty() { "  " } else { self.paint.pick("│ ", "| ") }
    }
}

/// Whether the verdict is only that of a part below, which speaks for itself.
fn rolled_up(component: &Component) -> bool {
    component.cause.as_deref().is_some_and(|cause| cause.starts_with("see "))
}

/// Whether a name says no more than the place beside it: `fan 3` beside `fan/3`.
fn same(name: &str, label: &str) -> bool {
    label.rsplit('/').next() == Some(name) || name == label.replace('/', " ")
}

/// The time between, in the largest unit that fits.
fn ago(then: Timestamp, now: Timestamp) -> String {
    spell(now.as_second().saturating_sub(then.as_second()).max(0))
}

fn age(seconds: Option<f64>) -> String {
    match seconds {
        None => "never".into(),
        #[expect(clippy::cast_possible_truncation, reason = "saturates; only shown to a person")]
        Some(seconds) => spell(seconds as i64),
    }
}

fn spell(seconds: i64) -> String {
    if seconds < 120 {
        format!("{seconds} s")
    } else if seconds < 7200 {
        format!("{} min", seconds / 60)
    } else if seconds < 172_800 {
        format!("{} h", seconds / 3600)
    } else {
        format!("{} d", seconds / 86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, PAINTS};

    #[test]
    fn what_is_wrong_is_spelled_out_and_the_rest_counted() {
        let document: StatusDocument = golden::document("status");
        for (name, paint) in PAINTS {
            golden::check(&format!("status.{name}"), &render(&document, false, paint));
        }
        golden::check("status.all", &render(&document, true, golden::PLAIN));
    }

    #[test]
    fn a_thousand_healthy_parts_fit_on_a_screen_beside_what_is_wrong() {
        let mut document: StatusDocument = golden::document("status");
        let fan = document.components.iter().find(|one| one.kind == "fan").unwrap().clone();
        for n in 0..1000 {
            let path = format!("module/{}/fan/{}", n % 8, 100 + n);
            let (cause, status) = (None, Status::Ok);
            let path = serde_json::from_value(path.into()).unwrap();
            document.components.push(Component { path, cause, status, ..fan.clone() });
        }
        let began = std::time::Instant::now();
        let text = render(&document, false, Paint { width: Some(100), ..golden::PLAIN });
        assert!(began.elapsed().as_secs() < 1, "{:?}", began.elapsed());
        assert!(text.lines().count() < 40, "{text}");
        let counts = ["FAN3", "130 fan", "876 fan"];
        assert!(counts.iter().all(|count| text.contains(count)), "{text}");
        let all = render(&document, true, golden::PLAIN);
        assert!(all.lines().count() > 1000);
    }

    #[test]
    fn a_verdict_on_the_host_itself_has_its_cause() {
        let mut document: StatusDocument = golden::document("status");
        let mut host = document.components.last().unwrap().clone();
        host.path = serde_json::from_value("".into()).unwrap();
        (host.status, host.cause) = (Status::Unknown, Some("nobody answered".into()));
        document.components = vec![host];
        let text = render(&document, false, golden::PLAIN);
        assert!(text.contains("\nhost  nobody answered"), "{text}");
    }
}
