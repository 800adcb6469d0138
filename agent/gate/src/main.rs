//! The network half: serves the page and `/v1/`, judges what was seen. Root is not here: this program
//! links nothing that could open a device or change the system.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "--check and --print-default print")]

mod app;
mod args;
mod ask;
mod carry;
mod config;
mod disk;
mod doctor;
mod energy;
mod ethtool;
mod events;
mod expose;
mod facts;
mod gzip;
mod http;
mod judge;
mod kernel;
mod link;
mod listen;
mod log;
mod notify;
mod paced;
mod parent;
mod past;
mod pool;
mod reader;
mod scrape;
mod sources;
mod systemd;
mod tasks;
mod verdict;
mod web;

use args::{Action, Args};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Args::parse(std::env::args_os().skip(1)).and_then(act) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("socle-gate: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Takes as many open files as the process may have: a machine with 1,792 CPUs has more small files to
/// keep than the 1,024 that services begin with. Where it is refused fewer are kept.
fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most.min(OPEN_FILES), most));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Twice what the largest machine needs: the sources keep half of it.
const OPEN_FILES: u64 = 65_536;

fn act(args: Args) -> anyhow::Result<()> {
    match &args.action {
        Action::Help => print!("{}", args::HELP),
        Action::Version => println!("socle-gate {}", env!("CARGO_PKG_VERSION")),
        Action::PrintDefault => {
            print!("{}", socle_model::settings::commented_defaults(&config::keys()));
        }
        Action::Check(files) if files.is_empty() => {
            let (file, named) = args.config();
            tasks::check(&config::load(&file, named)?, &file)?;
        }
        Action::Check(files) => {
            let beside = files.first().map_or(Path::new(""), PathBuf::as_path);
            tasks::check(&config::read(files)?, beside)?;
        }
        Action::Run => {
            log::start();
            raise_open_files();
            tasks::run(args)?;
        }
    }
    Ok(())
}
