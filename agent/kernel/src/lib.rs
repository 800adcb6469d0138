//! The room `kernel`: what any user may read of /proc and /sys, without root and without a process.

mod attr;
pub mod config;
mod cpu;
mod cpufreq;
mod diskstats;
mod edac;
mod error;
pub mod facts;
mod file;
mod filesystem;
mod hwmon;
mod ksmd;
mod loadavg;
mod meminfo;
mod netdev;
mod outcome;
mod root;
mod settings;
mod source;
mod stat;
mod table;
mod time;
mod topology;

pub use error::ReadError;
pub use outcome::Outcomes;
pub use root::Root;
pub use settings::{Settings, SettingsError};
pub use source::{Entry, Open, SOURCES, Source};
pub use topology::Detail;
