//! The command line of socle. What is seen it asks gate for; it decides nothing itself.

mod cli;
mod halves;
mod places;
mod run;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match cli::Cli::parse().command {
        cli::Command::Run(args) => run::run(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            print_error(&error);
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the one place where errors leave")]
fn print_error(error: &anyhow::Error) {
    eprintln!("socle: {error:#}");
}
