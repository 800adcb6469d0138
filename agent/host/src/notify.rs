//! What systemd is told: ready, reloading, stopping, alive. Without systemd nothing happens.

use sd_notify::NotifyState;
use std::time::Duration;

/// Tells the service manager something; a manager that does not listen is its own affair.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told how we are");
    }
}

/// Everything serves.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A reload begins; [`ready`] ends it. The time stamp is what `Type=notify-reload` wants.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The end begins.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// One line for `systemctl status`.
pub(crate) fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// Feeds the watchdog for ever, at a third of its time, if there is one.
///
/// It proves that the runtime turns, which serves both doors and reads signals. The bus thread is left
/// out on purpose: when a call into the driver hangs, the process cannot even be killed, and a restart
/// would hang in the same call; [`crate::tasks`] shows that case as a BMC of unknown state instead.
pub(crate) async fn feed() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut beat = tokio::time::interval((limit / 3).max(Duration::from_millis(10)));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}
