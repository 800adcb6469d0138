//! The listeners: passed by the service manager (or `socle run`), never found by path.

use anyhow::{Context as _, bail};
use listenfd::ListenFd;
use std::net::{SocketAddr, TcpListener};
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

/// Takes what was passed, and binds `extra` (`gate.listen`) unless it is empty.
pub(crate) fn take(extra: &str) -> anyhow::Result<Listeners> {
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
    if !extra.is_empty() {
        let address: SocketAddr = extra.parse().with_context(|| format!("gate.listen {extra}"))?;
        let bound = TcpListener::bind(address)
            .with_context(|| format!("binding {address} (gate.listen)"))?;
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
