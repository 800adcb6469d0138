//! The room `kernel`: what any user may read of /proc and /sys, without root and without a process.

mod error;
pub mod facts;
mod file;
mod loadavg;
mod meminfo;
mod root;
mod settings;
mod source;
mod stat;

pub use error::ReadError;
pub use root::Root;
pub use settings::{Settings, SettingsError};
pub use source::{Entry, Open, SOURCES, Source};
