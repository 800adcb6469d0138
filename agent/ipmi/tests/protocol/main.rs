//! The room as its users see it: repositories, logs and readings of BMCs that misbehave.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod machines;
mod seeds;
mod sensors;
mod shared;
mod tail;
mod walk;
