//! The sockets that systemd or `socle run` made: owner and mode decide who may connect, so this half
//! never makes one itself.

use anyhow::{Context, Result, bail};
use std::os::unix::net::UnixListener;

const REMEDY: &str = "start it by `socle run`, or by systemd: `systemctl enable --now \
     socle-link.socket socle-admin.socket socle-host.service`";

/// The two doors.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// For the network half.
    pub(crate) link: UnixListener,
    /// For administrators; the root half serves gate without it too.
    pub(crate) admin: Option<UnixListener>,
}

/// Takes the sockets named in `LISTEN_FDNAMES`. Must run while there is only one thread.
///
/// # Errors
/// No socket named `link`, or a descriptor that is no listening Unix socket; with the remedy.
pub(crate) fn take() -> Result<Sockets> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut given = listenfd::ListenFd::from_env();
    let (mut link, mut admin) = (None, None);
    for (index, name) in names.split(':').enumerate().take(given.len()) {
        let slot = match name {
            "link" => &mut link,
            "admin" => &mut admin,
            other => {
                tracing::warn!(name = other, "a socket nobody here serves was passed; left alone");
                continue;
            }
        };
        let socket = given
            .take_unix_listener(index)
            .with_context(|| format!("socket `{name}` that was passed"))?;
        *slot = socket;
    }
    let Some(link) = link else {
        bail!("no socket named `link` was passed (LISTEN_FDS, LISTEN_FDNAMES): {REMEDY}");
    };
    if admin.is_none() {
        tracing::warn!("no socket named `admin` was passed: administrators have no door");
    }
    Ok(Sockets { link, admin })
}
