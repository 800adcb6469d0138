//! The tests of this room, in one program: it links once.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and says what it skips"
)]

mod change;
mod classes;
mod common;
mod golden;
mod hostile;
mod live;
mod rack;
mod sources;
mod textfile;
mod texts;
