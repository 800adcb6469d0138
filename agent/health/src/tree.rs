//! Findings grown into a tree: one component per path, ancestors above, the worst rolled up.

use crate::finding::Finding;
use crate::memory::Memory;
use crate::rules::bmc::too_early;
use socle_model::documents::Component;
use socle_model::{ComponentPath, Status, Timestamp};
use std::collections::BTreeMap;

struct Node {
    /// The name all findings agree on: a part with several sensors is called by its kind and number.
    name: Option<String>,
    names: usize,
    status: Status,
    cause: Option<String>,
    remedy: Option<String>,
    sources: Vec<String>,
}

impl Default for Node {
    fn default() -> Self {
        Node {
            name: None,
            names: 0,
            status: Status::Ok,
            cause: None,
            remedy: None,
            sources: Vec::new(),
        }
    }
}

/// The overall status and every component, parents before children. An empty tree is *unknown*:
/// nothing answered.
pub(crate) fn grow(
    findings: Vec<Finding>,
    memory: &mut Memory,
    now: Timestamp,
    complete: bool,
) -> (Status, Vec<Component>) {
    let mut nodes: BTreeMap<ComponentPath, Node> = BTreeMap::new();
    for finding in findings {
        absorb(nodes.entry(finding.path.clone()).or_default(), finding);
    }
    roll_up(&mut nodes);
    let overall = nodes.values().map(|node| node.status).max().unwrap_or(Status::Unknown);
    let mut verdicts = BTreeMap::new();
    let mut components = Vec::with_capacity(nodes.len());
    for (path, node) in nodes {
        let since = match memory.verdicts.get(path.as_str()) {
            Some((status, since)) if *status == node.status => *since,
            _ => now,
        };
        // While it is too early to say, what was known before stands.
        if !too_early(node.cause.as_deref()) {
            verdicts.insert(path.as_str().to_owned(), (node.status, since));
        }
        components.push(component(path, node, since));
    }
    // Nobody has looked at all parts yet: those that were not seen keep their verdict and its age.
    for (path, verdict) in std::mem::take(&mut memory.verdicts) {
        let early = path == "bmc" || !complete;
        if early && !verdicts.contains_key(&path) {
            verdicts.insert(path, verdict);
        }
    }
    memory.verdicts = verdicts;
    (overall, components)
}

fn absorb(node: &mut Node, finding: Finding) {
    if !node.sources.iter().any(|source| source == finding.source) {
        node.sources.push(finding.source.to_owned());
    }
    if finding.name.is_some() && finding.name != node.name {
        node.names += 1;
        node.name = finding.name.filter(|_| node.names == 1);
    }
    if finding.status > node.status {
        node.status = finding.status;
        node.cause = finding.cause;
        node.remedy = finding.remedy;
    } else if finding.status == node.status && finding.status != Status::Ok {
        if let (Some(causes), Some(cause)) = (&mut node.cause, finding.cause) {
            // One line stays one line: a few causes are spelled out, a storm is not.
            if causes.len() < 300 && !causes.contains(&cause) {
                causes.push_str("; ");
                causes.push_str(&cause);
            }
        }
        node.remedy = node.remedy.take().or(finding.remedy);
    }
}

/// Adds the parts above (`module/2` for `module/2/fan/1`) and gives each the worst of what is below it.
/// What only groups by kind (`module`, `module/2/fan`) is no component.
fn roll_up(nodes: &mut BTreeMap<ComponentPath, Node>) {
    let leaves: Vec<_> = nodes
        .iter()
        .map(|(path, node)| (path.clone(), node.status, node.sources.clone()))
        .collect();
    for (leaf, status, sources) in leaves {
        let mut above = leaf.parent();
        while let Some(path) = above.filter(|path| !path.as_str().is_empty()) {
            above = path.parent();
            if path.segments().count() % 2 == 1 && !nodes.contains_key(&path) {
                continue;
            }
            let node = nodes.entry(path.clone()).or_default();
            for source in &sources {
                if !node.sources.contains(source) {
                    node.sources.push(source.clone());
                }
            }
            if status > node.status {
                node.status = status;
                node.cause = Some(format!("see {leaf}"));
                node.remedy = None;
            }
        }
    }
}

fn component(path: ComponentPath, node: Node, since: Timestamp) -> Component {
    let segments: Vec<&str> = path.segments().collect();
    let numbered = |segment: &&str| segment.starts_with(|c: char| c.is_ascii_digit());
    let kind = match segments.as_slice() {
        // A drive's place is called by its bus, as the kernel does.
        ["nvme", _] => "drive",
        [.., kind, last] if numbered(last) || segments.len().is_multiple_of(2) => kind,
        [.., last] => last,
        [] => "host",
    };
    let name = node.name.unwrap_or_else(|| match segments.as_slice() {
        [.., kind, last] if numbered(last) => format!("{kind} {last}"),
        [.., last] => (*last).to_owned(),
        [] => "host".to_owned(),
    });
    Component {
        kind: kind.to_owned(),
        name,
        status: node.status,
        cause: node.cause,
        remedy: node.remedy,
        since: Some(since),
        sources: node.sources,
        path,
    }
}
