//! The agent's own sources: one that fails is a part of the host that is not seen.

use crate::finding::Finding;
use crate::observations::Observations;
use socle_model::bmc::SourceState;
use socle_model::{ComponentPath, Status};

/// A failing source is unknown under `agent/`. The BMC's has its own component.
pub(crate) fn judge(seen: &Observations<'_>, findings: &mut Vec<Finding>) {
    let path = ComponentPath::root().join("agent");
    let hosts = seen.snapshot.map_or(&[][..], |snapshot| &snapshot.sources);
    for source in seen.sources.iter().chain(hosts) {
        if source.state != SourceState::Failing || source.name == "ipmi" {
            continue;
        }
        let cause = source.error.clone().unwrap_or_else(|| "gives no data".to_owned());
        findings.push(
            Finding::bad(path.join(&source.name), "agent", Status::Unknown, cause)
                .named(format!("source {}", source.name)),
        );
    }
    if !seen.sources.is_empty() {
        findings.push(Finding::ok(path, "agent").named("socle"));
    }
}
