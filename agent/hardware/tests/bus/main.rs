//! The bus thread against ipmi_sim, three real machines, and a BMC that misbehaves.

#![expect(
    clippy::disallowed_types,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a broken set-up may fail the tests loudly; ipmi_sim is a process; what is skipped is said"
)]

mod changes;
mod corpus;
mod events;
mod faults;
mod sim;
mod support;
