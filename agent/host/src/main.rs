//! socle-host, the root half: reads what only root may read and answers on Unix sockets. It opens no
//! IP socket and starts no process.

mod args;
mod asks;
mod compose;
mod config;
mod doctor;
mod door;
mod link;
mod logs;
mod notify;
mod parent;
mod sockets;
mod state;
mod tasks;

use anyhow::{Context, Result};
use args::{Args, Task};
use config::Source;
use socle_model::settings::Fault;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Usage, configuration or operation error.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(args) => args,
        Err(why) => return wrong(&why),
    };
    match &args.task {
        Task::Help => print(args::USAGE),
        Task::Version => print(concat!("socle-host ", env!("CARGO_PKG_VERSION"), "\n")),
        Task::PrintDefault => print(&config::sample()),
        Task::Check(files) => check(&args, files),
        Task::Serve => {
            logs::start();
            match serve(args) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    tracing::error!("{error:#}");
                    ExitCode::from(WRONG)
                }
            }
        }
    }
}

fn serve(args: Args) -> Result<()> {
    let root = args.root.unwrap_or_else(|| PathBuf::from("/"));
    // While there is one thread only: the sockets come through the environment.
    let sockets = sockets::take()?;
    let source = Source::new(args.config, &root);
    let settings =
        source.load().map_err(|faults| anyhow::anyhow!(lines(&faults).trim().to_owned()))?;
    let state = state::take(args.state, &root)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime")?;
    let dir = state.dir.clone();
    let setup = tasks::Setup { root, state: dir, source, settings, sockets };
    let result = runtime.block_on(tasks::run(setup));
    drop(state);
    result
}

fn check(args: &Args, files: &[PathBuf]) -> ExitCode {
    let root = args.root.clone().unwrap_or_else(|| PathBuf::from("/"));
    let read = match files {
        [] => Source::new(args.config.clone(), &root).load(),
        files => config::read(files),
    };
    match read {
        Ok(_) => ExitCode::SUCCESS,
        Err(faults) => wrong(&lines(&faults)),
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn wrong(why: &str) -> ExitCode {
    let end = if why.ends_with('\n') { "" } else { "\n" };
    // Nobody is left to tell when stderr is closed.
    let _ = write!(std::io::stderr(), "{why}{end}");
    ExitCode::from(WRONG)
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(WRONG),
    }
}
