//! The end of whoever started this half: `socle run` holds the other end of our stdin, so its death,
//! however it dies, is the end of that file.

use std::io;
use std::os::fd::AsFd as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

/// Resolves when the supervisor is gone. Never under systemd, which ends a unit itself.
pub(crate) async fn gone() {
    if std::env::var_os("SOCLE_PARENT").is_none_or(|how| how != "stdin") {
        return std::future::pending().await;
    }
    match end_of_stdin().await {
        Ok(()) => tracing::info!("socle run is gone"),
        Err(error) => {
            tracing::warn!(%error, "stdin is no pipe: the end of socle run would not be seen");
            std::future::pending().await
        }
    }
}

async fn end_of_stdin() -> io::Result<()> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let mut stdin = pipe::Receiver::from_owned_fd(stdin)?;
    let mut bytes = [0; 64];
    while stdin.read(&mut bytes).await? > 0 {}
    Ok(())
}
