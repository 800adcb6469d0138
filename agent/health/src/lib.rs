//! Observations in; component tree with verdicts, causes and events out. Pure: time is an argument.
//!
//! The whole room is [`judge`]. What one verdict needs from those before it is in [`Memory`]: since
//! when a verdict stands, what was once there, which log records were already told.

pub mod exporter;
mod fault;
mod finding;
mod incidents;
mod memory;
mod observations;
mod place;
mod rules;
mod spot;
mod tree;
pub mod words;

pub use memory::Memory;
pub use observations::{Joined, Judgement, Link, NewEvent, Observations};
pub use place::place;

/// The verdict on everything that was seen.
#[must_use]
pub fn judge(seen: &Observations<'_>, before: &Memory) -> Judgement {
    let mut memory = before.clone();
    let mut findings = Vec::new();
    let mut sensors = Vec::new();
    rules::bmc::judge(seen, &mut memory, &mut findings);
    rules::sensor::judge(seen, &mut memory, &mut findings, &mut sensors);
    rules::kernel::judge(seen, &mut memory, &mut findings, &mut sensors);
    rules::drive::judge(seen, before, &mut memory, &mut findings, &mut sensors);
    rules::agent::judge(seen, &mut findings);
    let (status, components) =
        tree::grow(findings, &mut memory, seen.now, rules::bmc::complete(seen));
    let news = incidents::collect(seen, before, &mut memory, &components);
    Judgement { status, components, sensors, events: news.events, joined: news.joined, memory }
}
