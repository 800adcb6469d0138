//! The rules, by what they look at.

pub(crate) mod agent;
pub(crate) mod bmc;
mod discrete;
pub(crate) mod drive;
pub(crate) mod kernel;
pub(crate) mod sensor;
