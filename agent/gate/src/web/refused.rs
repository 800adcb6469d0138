//! What the page's listeners refused, counted by its reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Reason {
    /// The handshake failed, or was none.
    Handshake,
    /// A client's certificate was missing or did not verify.
    Certificate,
    /// The client took too long: over a handshake, a request, or its answer.
    Slow,
    /// No password, a wrong one, or no such user.
    Password,
    /// Too many passwords waited to be checked.
    Busy,
    /// `rate_limit` of `web.yml`.
    Rate,
    /// The page for people or a document, asked for from elsewhere.
    Forbidden,
    /// Every connection had a request in flight.
    Connections,
}

impl Reason {
    /// All of them, in the order of the page.
    pub(crate) const ALL: [Reason; 8] = [
        Reason::Handshake,
        Reason::Certificate,
        Reason::Slow,
        Reason::Password,
        Reason::Busy,
        Reason::Rate,
        Reason::Forbidden,
        Reason::Connections,
    ];

    /// The value of the label `reason`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Reason::Handshake => "handshake",
            Reason::Certificate => "certificate",
            Reason::Slow => "slow",
            Reason::Password => "password",
            Reason::Busy => "busy",
            Reason::Rate => "rate",
            Reason::Forbidden => "forbidden",
            Reason::Connections => "connections",
        }
    }
}

/// The counts since start.
#[derive(Debug, Default)]
pub(crate) struct Refused([AtomicU64; Reason::ALL.len()]);

impl Refused {
    /// Counts one.
    pub(crate) fn count(&self, reason: Reason) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every reason with its count.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}
