//! The component tree: what is not ok is open with its cause, what is healthy is folded.

use super::html::{Html, NAME, SENTENCE};
use super::mark;
use jiff::Timestamp;
use socle_model::Status;
use socle_model::documents::Component;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// The deepest level of the tree; what lies below is named by the rest of its path.
const DEPTH: usize = 8;
/// How many healthy parts, and how many others, are written one by one.
const MOST: (usize, usize) = (2_000, 500);

/// A place in the tree. Children have greater numbers than their parents.
#[derive(Default)]
struct Node<'a> {
    /// Its own number.
    at: usize,
    label: &'a str,
    component: Option<&'a Component>,
    parent: usize,
    children: Vec<usize>,
    worst: Status,
    /// Parts here and below that have no parts below them, by verdict.
    parts: [usize; 4],
}

struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    now: Timestamp,
    /// How many healthy parts, and how many others, may still be written.
    left: (usize, usize),
}

/// Writes the tree of these components.
pub(super) fn write(html: &mut Html, components: &[Component], now: Timestamp) {
    let mut tree = Tree { nodes: grow(components), now, left: MOST };
    let Some(root) = tree.nodes.first() else { return };
    html.raw("<p class=sum>");
    counts(html, root.parts);
    html.raw("</p>");
    if let Some(host) = root.component.filter(|host| host.status != Status::Ok && speaks(host)) {
        html.raw("<ul class=tree><li class=bad>");
        tree.line(html, &["host"], Some(host), host.status);
        html.raw("</ul>");
    }
    tree.children(html, 0);
}

fn grow(components: &[Component]) -> Vec<Node<'_>> {
    let mut nodes = vec![Node::default()];
    let mut known: HashMap<(usize, &str), usize> = HashMap::new();
    for component in components {
        let mut at = 0;
        for label in component.path.as_str().splitn(DEPTH, '/').filter(|label| !label.is_empty()) {
            at = *known.entry((at, label)).or_insert_with(|| {
                let fresh = nodes.len();
                nodes.push(Node { at: fresh, label, parent: at, ..Node::default() });
                fresh
            });
        }
        if let Some(node) = nodes.get_mut(at) {
            (node.component, node.worst) = (Some(component), component.status);
        }
    }
    // From the leaves up: each node is complete before its parent takes its part.
    for at in (0..nodes.len()).rev() {
        let Some(node) = nodes.get_mut(at) else { continue };
        if node.children.is_empty() && node.component.is_some() && at > 0 {
            count(&mut node.parts, node.worst, 1);
        }
        node.children.reverse();
        let (parent, worst, parts) = (node.parent, node.worst, node.parts);
        if at > 0
            && let Some(above) = nodes.get_mut(parent)
        {
            above.children.push(at);
            above.worst = above.worst.max(worst);
            for (status, n) in Status::ALL.into_iter().zip(parts) {
                count(&mut above.parts, status, n);
            }
        }
    }
    for at in 0..nodes.len() {
        let mut children = nodes.get_mut(at).map(|node| std::mem::take(&mut node.children));
        if let Some(children) = &mut children {
            children.sort_by_key(|child| Reverse(nodes.get(*child).map(|child| child.worst)));
        }
        if let (Some(node), Some(children)) = (nodes.get_mut(at), children) {
            node.children = children;
        }
    }
    nodes
}

fn count(parts: &mut [usize; 4], status: Status, n: usize) {
    if let Some(part) = parts.get_mut(usize::from(status.number())) {
        *part += n;
    }
}

/// Counts by verdict, in words: `1 critical · 2 unknown · 50 ok`.
fn counts(html: &mut Html, parts: [usize; 4]) {
    let mut between = "";
    for status in [Status::Critical, Status::Unknown, Status::Warning, Status::Ok] {
        let n = parts.get(usize::from(status.number())).copied().unwrap_or_default();
        if n > 0 {
            html.raw(between).raw("<span class=\"v ").raw(mark::id(status)).raw("\">");
            html.count(n).raw(" ").raw(status.word()).raw("</span>");
            between = " · ";
        }
    }
}

/// Whether the verdict is the part's own, not that of a part below it that speaks for itself.
fn speaks(component: &Component) -> bool {
    component.cause.as_deref().is_none_or(|cause| !cause.starts_with("see "))
}

impl Tree<'_> {
    /// What lies below a node: what is not ok one by one and open, then what is healthy.
    fn children(&mut self, html: &mut Html, at: usize) {
        let Some(node) = self.nodes.get(at) else { return };
        let children = node.children.clone();
        let well = |tree: &Self, at: &usize| {
            tree.nodes.get(*at).is_some_and(|node| node.worst == Status::Ok)
        };
        let split = children.iter().position(|child| well(self, child)).unwrap_or(children.len());
        let (bad, good) = children.split_at(split);
        if !bad.is_empty() {
            html.raw("<ul class=tree>");
            for (n, child) in bad.iter().enumerate() {
                if self.left.1 == 0 {
                    html.raw("<li>… and ").count(bad.len() - n).raw(" more: socle status");
                    break;
                }
                html.raw("<li class=bad>");
                self.node(html, *child);
            }
            html.raw("</ul>");
        }
        if good.is_empty() {
            return;
        }
        // Below a part that is not ok, and below the host when something is not, the rest is one fold.
        if bad.is_empty() {
            self.healthy(html, good);
            return;
        }
        html.raw("<details class=rest><summary>");
        mark::sign(html, Status::Ok);
        self.kinds(html, good);
        html.raw("</summary>");
        self.healthy(html, good);
        html.raw("</details>");
    }

    fn healthy(&mut self, html: &mut Html, good: &[usize]) {
        html.raw("<ul class=\"tree well\">");
        for (n, child) in good.iter().enumerate() {
            if self.left.0 == 0 {
                html.raw("<li>… and ")
                    .count(good.len() - n)
                    .raw(" more, all ok: socle status --all");
                break;
            }
            html.raw("<li>");
            self.node(html, *child);
        }
        html.raw("</ul>");
    }

    /// How many healthy parts there are of each kind.
    fn kinds(&self, html: &mut Html, good: &[usize]) {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        let mut open = good.to_vec();
        while let Some(node) = open.pop().and_then(|at| self.nodes.get(at)) {
            match node.component {
                Some(part) if node.children.is_empty() => {
                    *kinds.entry(&part.kind).or_default() += 1
                }
                _ => open.extend(&node.children),
            }
        }
        html.count(kinds.values().sum()).raw(" ok<span class=q>");
        for (at, (kind, n)) in kinds.iter().take(30).enumerate() {
            html.raw(if at == 0 { ": " } else { ", " }).count(*n).raw(" ").text(kind, NAME);
        }
        html.raw("</span>");
    }

    fn node(&mut self, html: &mut Html, at: usize) {
        let Some(mut node) = self.nodes.get(at) else { return };
        let mut label = vec![node.label];
        // A place that only leads on to one other is written before it: `chassis/Intrusion`.
        while let (None, [only]) = (node.component, node.children.as_slice()) {
            let Some(below) = self.nodes.get(*only) else { return };
            node = below;
            label.push(node.label);
        }
        let (at, component, worst) = (node.at, node.component, node.worst);
        let left = if worst == Status::Ok { &mut self.left.0 } else { &mut self.left.1 };
        *left = left.saturating_sub(1);
        if node.children.is_empty() {
            self.line(html, &label, component, worst);
            return;
        }
        let parts = node.parts;
        html.raw(if worst == Status::Ok { "<details>" } else { "<details open>" });
        html.raw("<summary>");
        self.head(html, &label, component, worst);
        html.raw(" <span class=q>");
        counts(html, parts);
        html.raw("</span></summary>");
        if let Some(component) = component {
            self.why(html, component);
        }
        self.children(html, at);
        html.raw("</details>");
    }

    fn line(&self, html: &mut Html, label: &[&str], component: Option<&Component>, worst: Status) {
        self.head(html, label, component, worst);
        if let Some(component) = component {
            self.why(html, component);
        }
    }

    /// The sign, the place; the name and, where the verdict is its own, the cause.
    fn head(&self, html: &mut Html, label: &[&str], component: Option<&Component>, worst: Status) {
        if worst == Status::Ok {
            mark::sign(html, worst);
        } else {
            mark::word(html, worst);
        }
        html.raw("<b>");
        let own = component.filter(|part| part.status != Status::Ok && speaks(part));
        match own {
            // What is amiss is named in full: this line is what somebody copies.
            Some(part) if !part.path.as_str().is_empty() => {
                html.text(part.path.as_str(), 2 * NAME);
            }
            _ if component.is_some_and(|part| !part.name.is_empty() && said(&part.name, label)) => {
                html.text(component.map(|part| part.name.as_str()).unwrap_or_default(), NAME);
            }
            _ => {
                for (at, label) in label.iter().enumerate() {
                    html.raw(if at == 0 { "" } else { "/" }).text(label, NAME);
                }
            }
        }
        html.raw("</b>");
        if let Some(part) = own {
            cause(html, part);
        } else if let Some(part) = component.filter(|part| !said(&part.name, label)) {
            html.raw(" <span class=q>").text(&part.name, NAME).raw("</span>");
        }
    }

    /// What to do, who says so and since when.
    fn why(&self, html: &mut Html, component: &Component) {
        if component.status == Status::Ok || !speaks(component) {
            return;
        }
        if let Some(remedy) = &component.remedy {
            html.raw("<div class=do>→ ").text(remedy, SENTENCE).raw("</div>");
        }
        html.raw("<div class=q>").text(&component.name, NAME);
        for source in component.sources.iter().take(8) {
            html.raw(" · ").text(source, NAME);
        }
        if let Some(since) = component.since {
            html.raw(" · for ").ago(since, self.now).raw(", since ").time(since);
        }
        html.raw("</div>");
    }
}

/// Why a part is not ok.
fn cause(html: &mut Html, part: &Component) {
    let Some(cause) = &part.cause else { return };
    // "M0_FAN3: was here and is gone": the name is said once.
    let plain = cause.strip_prefix(part.name.as_str()).and_then(|rest| rest.strip_prefix(": "));
    html.raw(" <span class=why>— ").text(plain.unwrap_or(cause), SENTENCE).raw("</span>");
}

/// Whether a name says no more than the place beside it: `fan 3` at `fan/3`, `3` below `fan`.
fn said(name: &str, label: &[&str]) -> bool {
    let last = label.last().copied().unwrap_or_default();
    let (first, number) = name.rsplit_once(' ').unwrap_or(("", name));
    name.is_empty() || name == last || (number == last && first.chars().all(char::is_lowercase))
}
