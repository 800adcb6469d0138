//! Collectors that need more than files, so that only the running agent has them: their names and flags
//! stand here with the others, what they do is gate's.

use crate::settings::{Flag, Takes};

/// A collector that is not in this room. All of them are opt-in.
#[derive(Debug)]
pub struct Elsewhere {
    /// node_exporter's name of the collector.
    pub name: &'static str,
    /// Its flags.
    pub(crate) flags: &'static [Flag],
}

/// All of them, by name.
pub const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        name: "ethtool",
        flags: &[
            ("ethtool.device-exclude", Takes::Regex),
            ("ethtool.device-include", Takes::Regex),
            ("ethtool.metrics-include", Takes::Regex),
        ],
    },
    Elsewhere {
        name: "systemd",
        flags: &[
            ("systemd.enable-restarts-metrics", Takes::Switch),
            ("systemd.enable-start-time-metrics", Takes::Switch),
            ("systemd.enable-task-metrics", Takes::Switch),
            ("systemd.unit-exclude", Takes::Regex),
            ("systemd.unit-include", Takes::Regex),
        ],
    },
];
