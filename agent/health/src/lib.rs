//! Room health: what is seen goes in, what can be said about it comes out; no I/O, no clock.

mod memory;
mod observations;

pub use memory::Memory;
pub use observations::{Judgement, Link, NewEvent, Observations};
