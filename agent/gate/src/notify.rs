//! Words to the service manager. Without one they go nowhere.

use sd_notify::NotifyState;
use std::time::Duration;

/// Sends one message; a manager that does not listen is no reason to stop.
pub(crate) fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "notify");
    }
}

/// The configuration is being read again: what `Type=notify-reload` waits for.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// How often the watchdog wants to hear: half of what the unit grants.
pub(crate) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}
