//! The words everyone shares: components, readings, statuses, events, the link's calls and the
//! exposition grammar. Nothing here does I/O or reads a clock.

pub mod bmc;
pub mod component;
pub mod documents;
pub mod drives;
pub mod energy;
pub mod ethtool;
pub mod event;
pub mod facts;
pub mod fault;
pub mod link;
pub mod metrics;
pub mod ratelimit;
pub mod reading;
pub mod settings;
pub mod status;

pub use component::ComponentPath;
pub use jiff::Timestamp;
pub use reading::{Absent, Quantity, Thresholds};
pub use status::Status;
