//! The command line and both halves as real processes, on a small tree instead of this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]

mod common;
mod kill;
mod read;
mod run;
#[path = "../../../gate/tests/common/schema.rs"]
mod schema;
