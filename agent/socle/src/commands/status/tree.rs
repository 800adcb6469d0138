//! The component tree of a status document: each part below the nearest part above it.

use socle_model::documents::Component;
use socle_model::{ComponentPath, Status};
use std::collections::BTreeMap;

/// A part with what lies below it.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Its path from the part above: `fan/3` below `module/0`.
    pub(super) label: &'a str,
    /// What the document says about it; `None` for the host.
    pub(super) component: Option<&'a Component>,
    /// The parts below: the worst first, then in the document's order.
    pub(super) children: Vec<Node<'a>>,
}

impl<'a> Node<'a> {
    /// The tree of these components; its root is the host.
    pub(super) fn of(components: &'a [Component]) -> Self {
        let known: BTreeMap<&str, &Component> =
            components.iter().map(|component| (component.path.as_str(), component)).collect();
        let mut below: BTreeMap<&str, Vec<&'a Component>> = BTreeMap::new();
        for component in components.iter().filter(|component| !component.path.as_str().is_empty()) {
            below.entry(part_above(&component.path, &known)).or_default().push(component);
        }
        Node::grow("", known.get("").copied(), &below)
    }

    fn grow(
        label: &'a str,
        component: Option<&'a Component>,
        below: &BTreeMap<&str, Vec<&'a Component>>,
    ) -> Self {
        let path = component.map_or("", |component| component.path.as_str());
        let parts = below.get(path).map_or(&[][..], Vec::as_slice);
        let child = |part: &&'a Component| {
            let label = part.path.as_str().get(path.len()..).unwrap_or_default();
            Node::grow(label.trim_start_matches('/'), Some(part), below)
        };
        let mut children: Vec<Node<'a>> = parts.iter().map(child).collect();
        children.sort_by_key(|child| std::cmp::Reverse(child.worst()));
        Node { label, component, children }
    }

    /// The worst verdict here and below.
    pub(super) fn worst(&self) -> Status {
        let own = self.component.map_or(Status::Ok, |component| component.status);
        self.children.iter().map(Node::worst).fold(own, Status::max)
    }

    /// Counts the parts here and below that have no parts below them, by kind.
    pub(super) fn count(&self, counts: &mut BTreeMap<&'a str, usize>) {
        if self.children.is_empty()
            && let Some(component) = self.component
        {
            *counts.entry(component.kind.as_str()).or_default() += 1;
        }
        for child in &self.children {
            child.count(counts);
        }
    }
}

/// The path of the nearest part above; the host's is empty.
fn part_above<'a>(path: &ComponentPath, known: &BTreeMap<&'a str, &Component>) -> &'a str {
    let mut above = path.parent();
    while let Some(path) = above {
        if let Some((known, _)) = known.get_key_value(path.as_str()) {
            return known;
        }
        above = path.parent();
    }
    ""
}
