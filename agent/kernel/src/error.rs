//! Why a source could not be read.

use std::path::PathBuf;

/// Why a source gave no samples.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The machine does not have this source (node_exporter's `ErrNoData`).
    #[error("no data: {0} does not exist")]
    NoData(PathBuf),
    /// The machine has it and shows it to root only.
    #[error("no data: {0} is for root only")]
    RootOnly(PathBuf),
    /// The kernel refused to give the file.
    #[error("{path}: {source}", path = path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The file's text is not what the kernel documents.
    #[error("{path}: line {line}: {item}: expected {expected}", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The field concerned.
        item: String,
        /// What should have stood there.
        expected: &'static str,
    },
}
