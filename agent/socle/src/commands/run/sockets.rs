//! The sockets both halves answer on. The supervisor makes them and keeps them open, so a half that
//! dies loses no connection: it waits in the queue until the next one accepts it.

use super::owners::Owners;
use crate::halves::Half;
use anyhow::{Context, Result, bail};
use command_fds::FdMapping;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, umask};
use socket2::{Domain, Socket, Type};
use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// The Unix sockets by their file names.
pub(crate) const NAMES: [&str; 3] = ["link", "admin", "gate"];

/// All of them.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// Where the page is served: the first of its addresses.
    pub(crate) page: SocketAddr,
    pages: Vec<TcpListener>,
    link: UnixListener,
    admin: UnixListener,
    door: UnixListener,
}

impl Sockets {
    /// Binds them all.
    ///
    /// # Errors
    /// An address in use, or a socket that another process answers on; with the remedy.
    pub(crate) fn open(listen: &[SocketAddr], folder: &Path, owners: &Owners) -> Result<Self> {
        // First, because the words about another agent say more than those about its port.
        for name in NAMES {
            clear(&folder.join(name))?;
        }
        let page = |address: &SocketAddr| {
            tcp(*address, listen).with_context(|| {
                format!(
                    "listening on {address}: give another --listen ADDR:PORT, port 0 takes a free one"
                )
            })
        };
        let pages = listen.iter().map(page).collect::<Result<Vec<_>>>()?;
        let first = pages.first().context("no --listen ADDR:PORT")?;
        let page = first.local_addr().context("asking for the page's port")?;
        let gate = owners.gate;
        Ok(Sockets {
            page,
            pages,
            link: bind(&folder.join("link"), None, gate.map(|(_, gid)| gid))?,
            admin: bind(&folder.join("admin"), None, owners.admins)?,
            door: bind(&folder.join("gate"), gate.map(|(uid, _)| uid), owners.readers)?,
        })
    }

    /// The descriptors of one half, to be passed from 3 upwards, and their names.
    ///
    /// # Errors
    /// No descriptor is left to copy one.
    pub(crate) fn of(&self, half: Half) -> Result<(Vec<FdMapping>, String)> {
        let unix = |socket: &UnixListener| socket.try_clone().map(OwnedFd::from);
        let (fds, names): (Vec<_>, _) = match half {
            Half::Host => (vec![unix(&self.link), unix(&self.admin)], "link:admin".to_owned()),
            Half::Gate => {
                let pages = self.pages.iter().map(|page| page.try_clone().map(Into::into));
                let fds = pages.chain(std::iter::once_with(|| unix(&self.door))).collect();
                (fds, "page:".repeat(self.pages.len()) + "door")
            }
        };
        let mappings = fds.into_iter().zip(3..).map(|(parent_fd, child_fd)| {
            parent_fd.map(|parent_fd| FdMapping { parent_fd, child_fd })
        });
        let mappings =
            mappings.collect::<Result<_, _>>().context("copying a socket's descriptor")?;
        Ok((mappings, names))
    }
}

/// Binds one of `all` as gate does for `gate.listen`: `[::]` takes IPv4 as well, unless an IPv4 address of
/// the same port is there too.
fn tcp(address: SocketAddr, all: &[SocketAddr]) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        let apart = all.iter().any(|other| other.is_ipv4() && other.port() == address.port());
        socket.set_only_v6(apart || !address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds a Unix socket that `group` may use, where there is that group; else only this user.
fn bind(path: &Path, user: Option<u32>, group: Option<u32>) -> Result<UnixListener> {
    // Nobody may connect before owner and mode are right. One thread yet: the umask is ours.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = UnixListener::bind(path);
    umask(before);
    let listener = bound.with_context(|| format!("making the socket {}", path.display()))?;
    if group.is_some() || user.is_some() {
        let what = || format!("giving {} to its group", path.display());
        chown(path, user, group).with_context(what)?;
        fs::set_permissions(path, Permissions::from_mode(0o660)).with_context(what)?;
    }
    Ok(listener)
}

/// Removes a socket nobody answers on.
fn clear(path: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        bail!("{} is no socket: move it away", path.display());
    }
    if let Ok(stream) = UnixStream::connect(path) {
        let holder = getsockopt(&stream, PeerCredentials).map_or(0, |peer| peer.pid());
        bail!(
            "an agent answers on {} already, {}: stop it, or give this one its own --state DIR",
            path.display(),
            named(holder, path)
        );
    }
    fs::remove_file(path).with_context(|| format!("removing the stale socket {}", path.display()))
}

/// Who answers on a socket that process `maker` made: systemd makes them for the package's units.
fn named(maker: i32, path: &Path) -> String {
    if maker != 1 {
        return format!("pid {maker}");
    }
    let half = if path.ends_with("gate") { Half::Gate } else { Half::Host };
    let unit = |pid: &str| {
        let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        read("comm").trim_end() == half.program()
            && read("cgroup").contains(&format!("/{}.service", half.program()))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().into_string().ok());
    match pids.find(|pid| unit(pid)) {
        Some(pid) => format!("pid {pid} of the package's units (systemctl stop 'socle-*')"),
        None => "the package's units hold it, pid 1 (systemctl stop 'socle-*.socket')".into(),
    }
}
