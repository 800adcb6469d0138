//! The component tree of a status document, put together from its paths.

use socle_model::Status;
use socle_model::documents::Component;
use std::collections::BTreeMap;

/// Deeper paths keep the rest of their segments in one node.
const DEEPEST: usize = 12;

/// A place in the tree; places between components have none of their own.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    /// The path from the parent: one segment, or several where nothing branches.
    pub(super) label: String,
    /// What the document says about it.
    pub(super) component: Option<&'a Component>,
    /// The places below, in the document's order.
    pub(super) children: Vec<Node<'a>>,
    index: BTreeMap<&'a str, usize>,
}

impl<'a> Node<'a> {
    /// The tree of these components; its root is the host.
    pub(super) fn of(components: &'a [Component]) -> Self {
        let mut root = Node::default();
        for component in components {
            let mut node = &mut root;
            let path = component.path.as_str();
            let segments = path.splitn(DEEPEST, '/').filter(|segment| !segment.is_empty());
            for segment in segments {
                node = node.child(segment);
            }
            node.component = Some(component);
        }
        for child in &mut root.children {
            child.join();
        }
        root
    }

    fn child(&mut self, segment: &'a str) -> &mut Node<'a> {
        let next = self.children.len();
        let at = *self.index.entry(segment).or_insert(next);
        if at == next {
            self.children.push(Node { label: segment.into(), ..Node::default() });
        }
        // `at` is the index of a child by construction.
        #[expect(clippy::indexing_slicing, reason = "the index was made two lines above")]
        &mut self.children[at]
    }

    /// Joins a place that has nothing of its own with its only child.
    fn join(&mut self) {
        while self.component.is_none() && self.children.len() == 1 {
            let Some(only) = self.children.pop() else { break };
            let label = format!("{}/{}", self.label, only.label);
            *self = Node { label, ..only };
        }
        for child in &mut self.children {
            child.join();
        }
    }

    /// The worst verdict here and below.
    pub(super) fn worst(&self) -> Status {
        let own = self.component.map_or(Status::Ok, |component| component.status);
        self.children.iter().map(Node::worst).fold(own, Status::max)
    }

    /// How many of the places just below are not ok.
    pub(super) fn worse(&self) -> usize {
        self.children.iter().filter(|child| child.worst() != Status::Ok).count()
    }

    /// Counts the components here and below that have no components below them, by kind.
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

    /// Whether a component below gives this cause already.
    pub(super) fn says_below(&self, cause: &str) -> bool {
        self.children.iter().any(|child| {
            child.component.is_some_and(|one| one.cause.as_deref() == Some(cause))
                || child.says_below(cause)
        })
    }
}
