//! The ioctls of `/dev/ipmi0` (`<linux/ipmi.h>`): send a command to the BMC, take an answer.
//!
//! `read()` and `write()` do not work on this device. Layouts and numbers are compared with the
//! kernel's header in `tests/abi.rs`.

use nix::errno::Errno;
use nix::libc::{c_int, c_long, c_short, c_uchar, c_uint, c_ushort};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

/// `IPMI_MAX_MSG_LENGTH`: no message of the driver is longer.
pub const MESSAGE_MAX: usize = 272;
/// `IPMI_RESPONSE_RECV_TYPE`: an answer to one of our commands.
pub const RECEIVED_RESPONSE: i32 = 1;
/// `IPMI_SYSTEM_INTERFACE_ADDR_TYPE`.
pub const ADDRESS_SYSTEM_INTERFACE: c_int = 0x0c;
/// `IPMI_BMC_CHANNEL`.
pub const CHANNEL_BMC: c_short = 0xf;

/// `struct ipmi_system_interface_addr`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct SystemInterfaceAddr {
    pub addr_type: c_int,
    pub channel: c_short,
    pub lun: c_uchar,
}

/// `struct ipmi_addr`: room for an address of any kind.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct AnyAddr {
    pub addr_type: c_int,
    pub channel: c_short,
    pub data: [u8; 32],
}

/// `struct ipmi_msg`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct Msg {
    pub netfn: c_uchar,
    pub cmd: c_uchar,
    pub data_len: c_ushort,
    pub data: *mut c_uchar,
}

/// `struct ipmi_req`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct Req {
    pub addr: *mut c_uchar,
    pub addr_len: c_uint,
    pub msgid: c_long,
    pub msg: Msg,
}

/// `struct ipmi_recv`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the kernel's fields")]
pub struct Recv {
    pub recv_type: c_int,
    pub addr: *mut c_uchar,
    pub addr_len: c_uint,
    pub msgid: c_long,
    pub msg: Msg,
}

/// The numbers that the two ioctls below are made of, for the comparison with the header.
pub const SEND_COMMAND: u64 = nix::request_code_read!(b'i', 13, size_of::<Req>());
/// See [`SEND_COMMAND`].
pub const RECEIVE_MSG_TRUNC: u64 = nix::request_code_readwrite!(b'i', 11, size_of::<Recv>());

mod raw {
    //! The generated functions, kept apart so that nobody else calls them.
    use super::{Recv, Req};
    // The header calls it _IOR although the kernel reads the structure: the macro follows it.
    nix::ioctl_read!(send_command, b'i', 13, Req);
    nix::ioctl_readwrite!(receive_msg_trunc, b'i', 11, Recv);
}

/// Queues a command to a LUN (0 to 3) of the BMC (`IPMICTL_SEND_COMMAND`). `msgid` comes back with
/// the answer.
///
/// # Errors
/// The kernel's: `EBUSY` when too many messages are in flight or the BMC is in maintenance,
/// `EINVAL` for an address it refuses, `EMSGSIZE` for more than [`MESSAGE_MAX`] bytes.
pub fn send(
    device: BorrowedFd<'_>,
    lun: u8,
    msgid: i64,
    netfn: u8,
    cmd: u8,
    data: &[u8],
) -> Result<(), Errno> {
    let data_len = c_ushort::try_from(data.len()).map_err(|_| Errno::EMSGSIZE)?;
    // The kernel copies address and data while the call runs; it writes to neither.
    let msg = Msg { netfn, cmd, data_len, data: data.as_ptr().cast_mut() };
    let addr =
        SystemInterfaceAddr { addr_type: ADDRESS_SYSTEM_INTERFACE, channel: CHANNEL_BMC, lun };
    let addr_len = c_uint::try_from(size_of_val(&addr)).map_err(|_| Errno::EINVAL)?;
    let addr = ptr::from_ref(&addr).cast::<u8>().cast_mut();
    let mut request = Req { addr, addr_len, msgid, msg };
    // SAFETY: the descriptor is open for the whole call (BorrowedFd); `request` is a live, exclusively
    // borrowed `struct ipmi_req` of the layout that tests/abi.rs compares with the header; the kernel
    // only reads `addr_len` bytes at `addr` and `data_len` bytes at `data`, and both outlive the call.
    // A descriptor that is not an IPMI device answers ENOTTY.
    unsafe { raw::send_command(device.as_raw_fd(), &mut request) }?;
    Ok(())
}

/// What came out of the device's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// [`RECEIVED_RESPONSE`], or something nobody asked for.
    pub kind: i32,
    /// The number given to [`send`].
    pub msgid: i64,
    /// Network function of the answer.
    pub netfn: u8,
    /// Command.
    pub cmd: u8,
    /// Bytes written to the buffer; the first one is the completion code.
    pub len: usize,
    /// Whether the message was longer than the buffer; the rest is gone.
    pub truncated: bool,
}

/// Takes the oldest message from the device's queue (`IPMICTL_RECEIVE_MSG_TRUNC`): one that does not
/// fit is shortened and leaves the queue all the same, so it can never block what follows.
///
/// # Errors
/// The kernel's: `EAGAIN` when nothing is there.
pub fn receive(device: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received, Errno> {
    let mut addr = AnyAddr { addr_type: 0, channel: 0, data: [0; 32] };
    let room = c_ushort::try_from(buffer.len()).unwrap_or(c_ushort::MAX);
    let msg = Msg { netfn: 0, cmd: 0, data_len: room, data: buffer.as_mut_ptr() };
    let addr_len = c_uint::try_from(size_of_val(&addr)).map_err(|_| Errno::EINVAL)?;
    let addr = ptr::from_mut(&mut addr).cast();
    let mut taken = Recv { recv_type: 0, addr, addr_len, msgid: 0, msg };
    // SAFETY: the descriptor is open for the whole call (BorrowedFd); `taken` is a live, exclusively
    // borrowed `struct ipmi_recv` of the checked layout; the kernel writes at most `addr_len` bytes to
    // `addr` and `data_len` bytes to `data`, which are exclusively ours and outlive the call.
    let result = unsafe { raw::receive_msg_trunc(device.as_raw_fd(), &mut taken) };
    let truncated = match result {
        Ok(_) => false,
        // Shortened: the structure was filled in and the message left the queue.
        Err(Errno::EMSGSIZE) => true,
        Err(errno) => return Err(errno),
    };
    Ok(Received {
        kind: taken.recv_type,
        msgid: taken.msgid,
        netfn: taken.msg.netfn,
        cmd: taken.msg.cmd,
        len: usize::from(taken.msg.data_len).min(buffer.len()),
        truncated,
    })
}

/// Waits until a message can be taken; `false` when `limit` passed first.
///
/// # Errors
/// The kernel's; `EIO` when the device reports an error or hang-up instead of a message.
pub fn wait(device: BorrowedFd<'_>, limit: Duration) -> Result<bool, Errno> {
    // Rounded up: a wait of 0.4 ms must not become a busy loop.
    let limit = limit.saturating_add(Duration::from_micros(999)).as_millis();
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    let mut waiting = [PollFd::new(device, PollFlags::POLLIN)];
    match poll(&mut waiting, limit) {
        Ok(0) | Err(Errno::EINTR) => return Ok(false),
        Ok(_) => {}
        Err(errno) => return Err(errno),
    }
    let seen = waiting.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
    if seen.contains(PollFlags::POLLIN) { Ok(true) } else { Err(Errno::EIO) }
}
