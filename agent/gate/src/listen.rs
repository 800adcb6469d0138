//! The listeners: passed by the service manager (or `socle run`), never found by path.

use anyhow::{Context as _, bail};
use listenfd::ListenFd;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

/// The sockets this half answers on.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// The page: TCP, any number.
    pub(crate) pages: Vec<TcpListener>,
    /// The door: a Unix socket for the people of this host.
    pub(crate) doors: Vec<UnixListener>,
}

const REMEDY: &str = "start it with `systemctl start socle-gate.service` or with `socle run`, \
                      which pass the sockets, or set gate.listen";

/// Takes what was passed, and binds `extra` (`gate.listen`).
pub(crate) fn take(extra: &[SocketAddr]) -> anyhow::Result<Listeners> {
    // Read before listenfd looks: it removes its own variables only.
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut passed = ListenFd::from_env();
    let mut listeners = Listeners::default();
    for (index, name) in
        names.split(':').chain(std::iter::repeat("")).take(passed.len()).enumerate()
    {
        match name {
            "door" => listeners.doors.extend(door(&mut passed, index)?),
            "page" => listeners.pages.extend(page(&mut passed, index)?),
            // Without names the kind of the socket tells.
            "" | "unknown" => match passed.take_unix_listener(index) {
                Ok(taken) => listeners.doors.extend(taken),
                Err(_) => listeners.pages.extend(page(&mut passed, index)?),
            },
            other => bail!("socket {index} is named {other:?}; socle-gate knows page and door"),
        }
    }
    for address in extra {
        let bound = bind(*address, extra)
            .with_context(|| format!("listening on {address} (gate.listen)"))?;
        listeners.pages.push(bound);
    }
    if listeners.pages.is_empty() {
        bail!("no socket named page was passed: {REMEDY}");
    }
    for page in &listeners.pages {
        page.set_nonblocking(true).context("making a page's socket non-blocking")?;
    }
    for door in &listeners.doors {
        door.set_nonblocking(true).context("making the door's socket non-blocking")?;
    }
    Ok(listeners)
}

fn page(passed: &mut ListenFd, index: usize) -> anyhow::Result<Option<TcpListener>> {
    passed.take_tcp_listener(index).with_context(|| format!("socket {index}, the page: {REMEDY}"))
}

fn door(passed: &mut ListenFd, index: usize) -> anyhow::Result<Option<UnixListener>> {
    passed.take_unix_listener(index).with_context(|| format!("socket {index}, the door: {REMEDY}"))
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds one of `all`. `[::]` takes IPv4 as well, whatever the kernel's default, unless an IPv4 address of
/// the same port is there too; on a kernel without IPv6 it is 0.0.0.0.
fn bind(address: SocketAddr, all: &[SocketAddr]) -> io::Result<TcpListener> {
    let wildcard = address.is_ipv6() && address.ip().is_unspecified();
    let apart = all.iter().any(|other| other.is_ipv4() && other.port() == address.port());
    match socket(address, wildcard && !apart) {
        Err(error) if wildcard && error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => {
            socket((Ipv4Addr::UNSPECIFIED, address.port()).into(), false)
        }
        outcome => outcome,
    }
}

fn socket(address: SocketAddr, both: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!both)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv6Addr, TcpStream};

    #[test]
    fn both_families_on_one_port() {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let both = bind(any, &[any]).unwrap();
        let port = both.local_addr().unwrap().port();
        let over = |address: &str| TcpStream::connect((address, port)).is_ok();
        assert!(over("127.0.0.1"), "IPv4 through [::], or a kernel without IPv6");
        drop(both);
        let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound: Vec<_> =
            [six, four].iter().map(|one| bind(*one, &[six, four]).map(drop)).collect();
        assert!(bound.iter().all(Result::is_ok), "apart: {bound:?}");
    }
}
