//! What only root may read: the BMC behind /dev/ipmi0 and the SMBIOS tables. One thread owns the bus;
//! nothing here speaks IP. The root directory is a parameter.

mod beat;
pub mod bus;
pub mod device;
pub mod ethtool;
mod kept;
mod log;
mod manufacturer;
pub mod nvme;
pub mod powercap;
pub mod presence;
mod reading;
mod records;
pub mod sel_ring;
mod sensors;
pub mod serial;
mod session;
pub mod settings;
mod shown;
pub mod smbios;
mod summary;
pub mod vm;
