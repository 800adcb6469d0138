//! ioctls, one function each: the only room with `unsafe`. It has no policy: what to ask, when to
//! give up and what an error means is decided by the caller.

pub mod ethtool;
pub mod ipmi;
pub mod nvme;

pub use nix::errno::Errno;
