//! The command line of socle. What is seen it asks gate for; it decides nothing itself.

mod agent;
mod cli;
mod client;
mod commands;
#[cfg(test)]
mod golden;
mod halves;
mod layout;
mod paint;
mod places;

use clap::Parser as _;
use cli::{Cli, Command, MetricsCommand};
use commands::{check, diff, doctor, events, metrics, run, sensors, status};
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Sensors(args) => sensors::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Metrics(args) => match args.command {
            Some(MetricsCommand::Diff(args)) => diff::run(&args),
            None => metrics::run(&args.collect),
        },
        Command::Check(args) => check::run(&args),
    };
    match outcome {
        Ok(code) => code,
        // Whoever read us has seen enough: `socle sensors | head`.
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            agent::say(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
