//! The verdict on a component: ok, warning, critical or unknown, and how verdicts combine.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A verdict. The order is the order of the roll-up: the greatest wins, so that *unknown* outranks
/// ok and warning (nothing answered is never good) and *critical* outranks unknown.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Seen, and nothing is wrong with it.
    #[default]
    Ok,
    /// Works, but someone should look.
    Warning,
    /// Not known; always with a cause.
    Unknown,
    /// Failed, or about to.
    Critical,
}

impl Status {
    /// All four, in the order of `socle_component_status`'s state set.
    pub const ALL: [Status; 4] = [Status::Ok, Status::Warning, Status::Critical, Status::Unknown];

    /// The word used in documents and labels.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Critical => "critical",
            Status::Unknown => "unknown",
        }
    }

    /// The number used by `socle_sensor_status`: 0 ok, 1 warning, 2 critical, 3 unknown.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Warning => 1,
            Status::Critical => 2,
            Status::Unknown => 3,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn nothing_answered_never_rolls_up_to_ok() {
        let worst = [Status::Ok, Status::Unknown, Status::Warning].into_iter().max();
        assert_eq!(worst, Some(Status::Unknown));
        assert!(Status::Critical > Status::Unknown);
    }
}
