//! `SIOCETHTOOL` (`<linux/ethtool.h>`): the four questions that anybody may ask of a network device.
//! Any socket will do, also one of `AF_UNIX`: the kernel hands what a family does not know to the
//! network core.
//!
//! Layouts and numbers are compared with the kernel's headers in `tests/abi.rs`.

use nix::errno::Errno;
use nix::libc::{c_char, c_void};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

/// `IFNAMSIZ`: a device's name with its NUL.
pub const NAME_LENGTH: usize = 16;
/// `ETH_GSTRING_LEN`: the name of a statistic, padded with NUL.
pub const STRING_LENGTH: usize = 32;
/// Most statistics of one device that can be taken.
pub const STATISTICS_MAX: usize = 16_384;
/// `SIOCETHTOOL`.
pub const SIOCETHTOOL: u64 = 0x8946;
/// `ETHTOOL_GSET`.
pub const GET_SETTINGS: u32 = 0x01;
/// `ETHTOOL_GDRVINFO`.
pub const GET_DRIVER: u32 = 0x03;
/// `ETHTOOL_GSTRINGS`.
pub const GET_STRINGS: u32 = 0x1b;
/// `ETHTOOL_GSTATS`.
pub const GET_STATISTICS: u32 = 0x1d;
/// `ETH_SS_STATS`.
pub const STRINGS_OF_STATISTICS: u32 = 1;

/// `struct ifreq` with `ifr_data`.
#[repr(C)]
#[derive(Debug)]
pub struct Ifreq {
    /// `ifr_name`
    pub name: [c_char; NAME_LENGTH],
    /// `ifr_data`
    pub data: *mut c_void,
    /// The rest of the union.
    pub rest: [u8; 16],
}

/// `struct ethtool_drvinfo`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct DriverInfo {
    pub cmd: u32,
    pub driver: [u8; 32],
    pub version: [u8; 32],
    pub fw_version: [u8; 32],
    pub bus_info: [u8; 32],
    pub erom_version: [u8; 32],
    pub reserved2: [u8; 12],
    pub n_priv_flags: u32,
    pub n_stats: u32,
    pub testinfo_len: u32,
    pub eedump_len: u32,
    pub regdump_len: u32,
}

/// `struct ethtool_cmd`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct Settings {
    pub cmd: u32,
    pub supported: u32,
    pub advertising: u32,
    pub speed: u16,
    pub duplex: u8,
    pub port: u8,
    pub phy_address: u8,
    pub transceiver: u8,
    pub autoneg: u8,
    pub mdio_support: u8,
    pub maxtxpkt: u32,
    pub maxrxpkt: u32,
    pub speed_hi: u16,
    pub eth_tp_mdix: u8,
    pub eth_tp_mdix_ctrl: u8,
    pub lp_advertising: u32,
    pub reserved: [u32; 2],
}

mod raw {
    //! The generated function, kept apart so that nobody else calls it.
    nix::ioctl_readwrite_bad!(ethtool, super::SIOCETHTOOL, super::Ifreq);
}

/// Sends a question whose answer the kernel writes to `data`.
///
/// # Safety
/// `data` begins with the command's number, and the kernel may write the whole answer of that command
/// to it: either it is large enough, or what follows it cannot be written to.
unsafe fn ask(socket: BorrowedFd<'_>, device: &str, data: *mut c_void) -> Result<(), Errno> {
    let mut name = [0; NAME_LENGTH];
    let bytes = device.as_bytes();
    if bytes.is_empty() || bytes.len() >= NAME_LENGTH || bytes.contains(&0) {
        return Err(Errno::EINVAL);
    }
    for (to, from) in name.iter_mut().zip(bytes) {
        *to = c_char::from_ne_bytes([*from]);
    }
    let mut request = Ifreq { name, data, rest: [0; 16] };
    // SAFETY: the descriptor is open for the whole call (BorrowedFd); `request` is a live, exclusively
    // borrowed `struct ifreq` of the layout that tests/abi.rs compares with the header, its name ends in
    // NUL; what the kernel may write to `data` is the caller's promise.
    unsafe { raw::ethtool(socket.as_raw_fd(), &mut request) }?;
    Ok(())
}

/// `ETHTOOL_GDRVINFO`: who drives the device.
///
/// # Errors
/// `EOPNOTSUPP` where its driver does not say, `ENODEV` for none of that name.
pub fn driver_info(socket: BorrowedFd<'_>, device: &str) -> Result<DriverInfo, Errno> {
    let mut info = DriverInfo { cmd: GET_DRIVER, ..DriverInfo::default() };
    // SAFETY: the answer to ETHTOOL_GDRVINFO is one `struct ethtool_drvinfo`, of which `info` is a live,
    // exclusively borrowed one that begins with the command.
    unsafe { ask(socket, device, (&raw mut info).cast()) }?;
    Ok(info)
}

/// `ETHTOOL_GSET`: what its link can do and does.
///
/// # Errors
/// As [`driver_info`].
pub fn settings(socket: BorrowedFd<'_>, device: &str) -> Result<Settings, Errno> {
    let mut settings = Settings { cmd: GET_SETTINGS, ..Settings::default() };
    // SAFETY: the answer to ETHTOOL_GSET is one `struct ethtool_cmd`, of which `settings` is a live,
    // exclusively borrowed one that begins with the command.
    unsafe { ask(socket, device, (&raw mut settings).cast()) }?;
    Ok(settings)
}

/// Memory for the answers of variable length, with a page behind it that cannot be written to: the kernel
/// copies as many statistics as the device has at that moment, whatever the caller made room for.
#[derive(Debug)]
pub struct Room {
    start: NonNull<c_void>,
    mapped: NonZeroUsize,
    usable: usize,
}

// SAFETY: the mapping belongs to this value alone; it is used through `&mut self` only.
unsafe impl Send for Room {}

/// `struct ethtool_gstrings` up to its data.
pub const STRINGS_HEAD: usize = 3 * size_of::<u32>();
/// `struct ethtool_stats` up to its data.
pub const STATISTICS_HEAD: usize = 2 * size_of::<u32>();
/// A multiple of every page size of x86_64 that matters here.
const PAGE: usize = 4096;

impl Room {
    /// Maps the memory; what is not used costs nothing.
    ///
    /// # Errors
    /// The kernel has none.
    pub fn new() -> Result<Self, Errno> {
        let usable = (STRINGS_HEAD + STATISTICS_MAX * STRING_LENGTH).next_multiple_of(PAGE);
        let mapped = NonZeroUsize::new(usable + PAGE).ok_or(Errno::EINVAL)?;
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping at a place of the kernel's choice touches no memory in use.
        let start = unsafe { mmap_anonymous(None, mapped, rights, MapFlags::MAP_PRIVATE) }?;
        let room = Room { start, mapped, usable };
        // SAFETY: `usable` is smaller than the mapping, so the place is within it.
        let guard = unsafe { start.byte_add(usable) };
        // SAFETY: the last page of our own mapping, page-aligned, to which nobody has a reference.
        unsafe { mprotect(guard, PAGE, ProtFlags::PROT_NONE) }?;
        Ok(room)
    }

    /// Asks with this head, and gives `length` bytes of the answer behind it.
    fn answer(
        &mut self,
        socket: BorrowedFd<'_>,
        device: &str,
        head: &[u32],
        length: usize,
    ) -> Result<(u32, &[u8]), Errno> {
        let skip = size_of_val(head);
        if skip.saturating_add(length) > self.usable {
            return Err(Errno::E2BIG);
        }
        let words = self.start.cast::<u32>();
        // SAFETY: the mapping is page-aligned, larger than the head, and borrowed exclusively.
        let words = unsafe { std::slice::from_raw_parts_mut(words.as_ptr(), head.len()) };
        words.copy_from_slice(head);
        // SAFETY: the data begins with the command's number; the kernel writes the answer upwards from
        // there, and beyond our mapping's usable part is a page that it cannot write to: it stops there
        // with EFAULT.
        unsafe { ask(socket, device, self.start.as_ptr()) }?;
        let bytes = self.start.cast::<u8>();
        // SAFETY: `skip + length` is at most `usable`; the kernel has ended writing, and anonymous memory
        // that it did not write to is zero.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), skip + length) };
        let (head, data) = bytes.split_at_checked(skip).ok_or(Errno::EINVAL)?;
        // The count stands last in both heads.
        let count = head.last_chunk().copied().map_or(0, u32::from_ne_bytes);
        Ok((count, data))
    }

    /// `ETHTOOL_GSTRINGS` and `ETHTOOL_GSTATS`: the device's own statistics, `count` as
    /// [`DriverInfo::n_stats`] has it.
    ///
    /// # Errors
    /// As [`driver_info`]; `E2BIG` for more than [`STATISTICS_MAX`], `EAGAIN` when their number changed
    /// meanwhile.
    pub fn statistics(
        &mut self,
        socket: BorrowedFd<'_>,
        device: &str,
        count: u32,
    ) -> Result<Vec<([u8; STRING_LENGTH], u64)>, Errno> {
        let many = usize::try_from(count).map_err(|_| Errno::E2BIG)?;
        if many > STATISTICS_MAX {
            return Err(Errno::E2BIG);
        }
        let head = [GET_STRINGS, STRINGS_OF_STATISTICS, count];
        let (named, names) = self.answer(socket, device, &head, many * STRING_LENGTH)?;
        let names: Vec<[u8; STRING_LENGTH]> = names.as_chunks().0.to_vec();
        let head = [GET_STATISTICS, count];
        let (counted, values) = self.answer(socket, device, &head, many * size_of::<u64>())?;
        if named != count || counted != count {
            return Err(Errno::EAGAIN);
        }
        let values = values.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes));
        Ok(names.into_iter().zip(values).collect())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: our own mapping, whole, which nobody can use after this value.
        let unmapped = unsafe { munmap(self.start, self.mapped.get()) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own can be given back");
    }
}
