//! The commands and their flags.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Hardware health of this host: a page for Prometheus, and a verdict a human can read.
///
/// Exit codes: 0 done, or the verdict is good; 1 the verdict is bad (critical, unknown, differs);
/// 2 wrong usage, bad configuration, or nothing could be asked.
#[derive(Debug, Parser)]
#[command(name = "socle", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the agent in the foreground: both halves, supervised.
    ///
    /// Needs neither root nor configuration. Without root it keeps its state under
    /// $XDG_STATE_HOME/socle and reports what any user may read; as root it also reads the BMC.
    /// Ends on SIGTERM or Ctrl-C; SIGHUP makes both halves read the configuration again.
    Run(RunArgs),
}

/// Flags of `socle run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where the page is served; port 0 takes any free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:10911")]
    pub(crate) listen: SocketAddr,
    /// The configuration; conf.d/*.toml beside it is read too [default: /etc/socle/socle.toml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A folder that holds proc, sys, etc, run and var, read instead of this host's.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Where state and sockets are kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}
