//! The admin ioctl of an NVMe controller (`<linux/nvme_ioctl.h>`), for the two commands that only read:
//! Identify Controller and Get Log Page. There is no way here to send another one.
//!
//! The kernel asks for `CAP_SYS_ADMIN`. Layout and number are compared with its header in
//! `tests/abi.rs`.

use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes of the Identify Controller structure (NVM Express Base 2.0, figure 275).
pub const IDENTIFY_LENGTH: usize = 4096;

/// Admin opcode Get Log Page.
const GET_LOG_PAGE: u8 = 0x02;
/// Admin opcode Identify.
const IDENTIFY: u8 = 0x06;
/// Identify's CNS for the controller.
const CNS_CONTROLLER: u32 = 0x01;
/// The namespace id that stands for the controller as a whole.
const WHOLE_CONTROLLER: u32 = 0xFFFF_FFFF;

/// `struct nvme_passthru_cmd`, also called `nvme_admin_cmd`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct AdminCmd {
    pub opcode: u8,
    pub flags: u8,
    pub rsvd1: u16,
    pub nsid: u32,
    pub cdw2: u32,
    pub cdw3: u32,
    pub metadata: u64,
    pub addr: u64,
    pub metadata_len: u32,
    pub data_len: u32,
    pub cdw10: u32,
    pub cdw11: u32,
    pub cdw12: u32,
    pub cdw13: u32,
    pub cdw14: u32,
    pub cdw15: u32,
    pub timeout_ms: u32,
    pub result: u32,
}

/// The number of the ioctl below, for the comparison with the header.
pub const ADMIN_CMD: u64 = nix::request_code_readwrite!(b'N', 0x41, size_of::<AdminCmd>());

mod raw {
    //! The generated function, kept apart so that nobody else calls it.
    use super::AdminCmd;
    nix::ioctl_readwrite!(admin_cmd, b'N', 0x41, AdminCmd);
}

/// Why the controller gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The kernel's error: `EACCES` or `EPERM` without `CAP_SYS_ADMIN`, `ENOTTY` for another device,
    /// `EINTR` or `EIO` when the controller did not answer.
    Kernel(Errno),
    /// The controller's status (status code type and status code, NVM Express Base 2.0 section 3.3.3.2).
    Status(u16),
}

/// Identify Controller: what the controller is and can do.
///
/// # Errors
/// The kernel or the controller refuses.
pub fn identify_controller(device: BorrowedFd<'_>) -> Result<Box<[u8]>, Refused> {
    let command = AdminCmd { opcode: IDENTIFY, cdw10: CNS_CONTROLLER, ..AdminCmd::default() };
    read(device, command, IDENTIFY_LENGTH)
}

/// `length` bytes, a multiple of 4, of log page `page` of the whole controller.
///
/// # Errors
/// The kernel or the controller refuses; `EINVAL` for a length that is none.
pub fn log_page(device: BorrowedFd<'_>, page: u8, length: usize) -> Result<Box<[u8]>, Refused> {
    let dwords = u32::try_from(length / 4).unwrap_or(0);
    // The lower half of the count is enough for what is read here, and all that old controllers know.
    if !length.is_multiple_of(4) || !(1..=0x1000).contains(&dwords) {
        return Err(Refused::Kernel(Errno::EINVAL));
    }
    let cdw10 = u32::from(page) | (dwords - 1) << 16;
    let command =
        AdminCmd { opcode: GET_LOG_PAGE, nsid: WHOLE_CONTROLLER, cdw10, ..AdminCmd::default() };
    read(device, command, length)
}

/// Sends a command that makes the controller fill `length` bytes.
///
/// No time is set (`timeout_ms` 0 is the kernel's own, 60 s): the kernel answers to the end of that time
/// with an abort and a reset of the controller, and a monitor must not reset a drive that is merely slow.
fn read(
    device: BorrowedFd<'_>,
    mut command: AdminCmd,
    length: usize,
) -> Result<Box<[u8]>, Refused> {
    let mut data = vec![0u8; length].into_boxed_slice();
    command.addr = data.as_mut_ptr() as u64;
    command.data_len = u32::try_from(length).map_err(|_| Refused::Kernel(Errno::EINVAL))?;
    // SAFETY: the descriptor is open for the whole call (BorrowedFd); `command` is a live, exclusively
    // borrowed `struct nvme_passthru_cmd` of the layout that tests/abi.rs compares with the header. The
    // kernel writes at most `data_len` bytes to `addr`, which is exactly `data`, exclusively ours and
    // alive until after the call; `metadata_len` is 0, so `metadata` is not touched. Both opcodes only
    // read from the controller. A descriptor that is no NVMe device answers ENOTTY.
    let status = unsafe { raw::admin_cmd(device.as_raw_fd(), &mut command) };
    match status.map_err(Refused::Kernel)? {
        0 => Ok(data),
        status => Err(Refused::Status(u16::try_from(status).unwrap_or(u16::MAX))),
    }
}
