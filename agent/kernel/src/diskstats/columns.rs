//! The columns of `/proc/diskstats`.

use socle_model::metrics::{Kind, Value};

/// Figures of a line behind the name; old kernels give fewer.
pub(super) const FIELDS: usize = 17;

/// How a field becomes a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scale {
    Count,
    Sectors,
    Milliseconds,
}

/// Name, help, type and scale of each field, in the kernel's order
/// (Documentation/admin-guide/iostats.rst).
pub(super) const COLUMNS: [(&str, &str, Kind, Scale); FIELDS] = {
    use Kind::{Counter, Gauge};
    use Scale::{Count, Milliseconds, Sectors};
    [
        (
            "reads_completed_total",
            "The total number of reads completed successfully.",
            Counter,
            Count,
        ),
        ("reads_merged_total", "The total number of reads merged.", Counter, Count),
        ("read_bytes_total", "The total number of bytes read successfully.", Counter, Sectors),
        (
            "read_time_seconds_total",
            "The total number of seconds spent by all reads.",
            Counter,
            Milliseconds,
        ),
        (
            "writes_completed_total",
            "The total number of writes completed successfully.",
            Counter,
            Count,
        ),
        ("writes_merged_total", "The number of writes merged.", Counter, Count),
        (
            "written_bytes_total",
            "The total number of bytes written successfully.",
            Counter,
            Sectors,
        ),
        (
            "write_time_seconds_total",
            "This is the total number of seconds spent by all writes.",
            Counter,
            Milliseconds,
        ),
        ("io_now", "The number of I/Os currently in progress.", Gauge, Count),
        ("io_time_seconds_total", "Total seconds spent doing I/Os.", Counter, Milliseconds),
        (
            "io_time_weighted_seconds_total",
            "The weighted # of seconds spent doing I/Os.",
            Counter,
            Milliseconds,
        ),
        (
            "discards_completed_total",
            "The total number of discards completed successfully.",
            Counter,
            Count,
        ),
        ("discards_merged_total", "The total number of discards merged.", Counter, Count),
        (
            "discarded_sectors_total",
            "The total number of sectors discarded successfully.",
            Counter,
            Count,
        ),
        (
            "discard_time_seconds_total",
            "This is the total number of seconds spent by all discards.",
            Counter,
            Milliseconds,
        ),
        (
            "flush_requests_total",
            "The total number of flush requests completed successfully",
            Counter,
            Count,
        ),
        (
            "flush_requests_time_seconds_total",
            "This is the total number of seconds spent by all flush requests.",
            Counter,
            Milliseconds,
        ),
    ]
};

impl Scale {
    /// The value in bytes, in seconds, or as it stands.
    #[expect(clippy::cast_precision_loss, reason = "node_exporter's values are floats too")]
    pub(super) fn apply(self, value: u64) -> Value {
        match self {
            Scale::Count => Value::Int(value),
            Scale::Sectors => Value::Float(value as f64 * 512.0),
            Scale::Milliseconds => Value::Float(value as f64 * 0.001),
        }
    }
}
