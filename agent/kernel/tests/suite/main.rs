//! The tests of this room, in one program: it links once.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;
mod golden;
mod sources;
