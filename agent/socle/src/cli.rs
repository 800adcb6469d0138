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
    /// The verdict on this host: healthy parts counted, every other one spelled out.
    ///
    /// The first line names host, model and the overall verdict; below it stands the tree of parts;
    /// last come the sources with their age. Exits 0 when all is ok or warning, 1 when something is
    /// critical or unknown; --exit-code tells all four apart.
    Status(StatusArgs),
    /// Every sensor with its reading, its limits and its state.
    Sensors(ReadArgs),
    /// What happened: records of the BMC's event log, memory errors, verdicts that changed.
    Events(EventsArgs),
    /// Check what the agent needs here: driver, permissions, clock, disk, sandbox, and more.
    ///
    /// Each check that is not ok says what to do. Works when no agent runs, and says so.
    /// Exits 1 when a check failed.
    Doctor(DoctorArgs),
    /// One collection of what the kernel tells, on stdout, without a daemon; or compare two pages.
    ///
    /// Prints what the agent serves under /metrics/node. A source that fails is named on stderr and
    /// by its node_scrape_collector_success; the others are not affected.
    Metrics(MetricsArgs),
    /// Validate the configuration: each fault with file, line, key and the nearest valid key.
    Check(CheckArgs),
}

/// Flags of the commands that show one document.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Print the document as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask the agent that keeps its state here [default: the user's own, then the system's].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// Flags of `socle status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Show healthy parts one by one instead of counting them.
    #[arg(long)]
    pub(crate) all: bool,
    /// Exit 0, 1, 2 or 3 for ok, warning, critical or unknown.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// Flags of `socle doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// The configuration to check [default: the running agent's, else /etc/socle/socle.toml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Flags of `socle events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Print one JSON document per line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on printing events as they happen, starting now unless --since is given.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only events after this running number.
    #[arg(long, value_name = "SEQ")]
    pub(crate) since: Option<u64>,
    /// Ask the agent that keeps its state here [default: the user's own, then the system's].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// Flags of `socle metrics`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct MetricsArgs {
    /// Something other than a collection.
    #[command(subcommand)]
    pub(crate) command: Option<MetricsCommand>,
    #[command(flatten)]
    pub(crate) collect: CollectArgs,
}

/// Flags of one collection.
#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    /// A folder that holds proc, sys, etc and run, read instead of this host's.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Where /proc is [default: proc in the root].
    #[arg(long, value_name = "DIR")]
    pub(crate) procfs: Option<PathBuf>,
    /// Where /sys is [default: sys in the root].
    #[arg(long, value_name = "DIR")]
    pub(crate) sysfs: Option<PathBuf>,
    /// Where the host's / is mounted [default: the root].
    #[arg(long, value_name = "DIR")]
    pub(crate) rootfs: Option<PathBuf>,
    /// The folder that holds udev's files, such as b8:0 [default: run/udev/data in the root].
    #[arg(long, value_name = "DIR")]
    pub(crate) udev: Option<PathBuf>,
    /// The configuration; conf.d/*.toml beside it is read too [default: /etc/socle/socle.toml].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The format of the page: Prometheus' text format 0.0.4, or OpenMetrics 1.0.
    #[arg(long, value_enum, default_value_t = PageFormat::Text)]
    pub(crate) format: PageFormat,
    /// Set a configuration key, such as metrics.deadline_s=2; wins over the files.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Only this source, and others named so.
    #[arg(long, value_name = "NAME")]
    pub(crate) collect: Vec<String>,
    /// Not this source.
    #[arg(long, value_name = "NAME")]
    pub(crate) exclude: Vec<String>,
}

/// The formats of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PageFormat {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    #[value(name = "openmetrics")]
    OpenMetrics,
}

/// Commands of `socle metrics`.
#[derive(Debug, Subcommand)]
pub(crate) enum MetricsCommand {
    /// Print what LEFT has and RIGHT lacks or has otherwise: names, types, label sets, never values.
    ///
    /// Exits 1 when there is any.
    Diff(DiffArgs),
}

/// Flags of `socle metrics diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A file, or an http:// URL with a numeric address or localhost.
    pub(crate) left: String,
    /// The page to compare it with: a file or a URL.
    pub(crate) right: String,
    /// Leave out lines of the result that match; may be given several times.
    #[arg(long, value_name = "REGEX")]
    pub(crate) ignore: Vec<regex::Regex>,
}

/// Flags of `socle check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The files to check [default: /etc/socle/socle.toml and conf.d/*.toml beside it].
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print the default configuration with every key explained and commented out.
    #[arg(long, conflicts_with = "files")]
    pub(crate) print_default: bool,
}

/// Flags of `socle run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where the page is served; port 0 takes any free one, [::] takes IPv4 too. May be repeated.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:10911")]
    pub(crate) listen: Vec<SocketAddr>,
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
