//! `socle status`: what a human reads in five seconds.

mod render;
mod tree;

use super::{print, print_json};
use crate::agent;
use crate::cli::StatusArgs;
use crate::paint::Paint;
use anyhow::Result;
use socle_model::Status;
use socle_model::documents::StatusDocument;
use std::process::ExitCode;

/// Prints the verdict; the exit code repeats it.
pub(crate) fn run(args: &StatusArgs) -> Result<ExitCode> {
    let (text, document): (_, StatusDocument) =
        agent::ask(args.read.state.as_deref(), "/v1/status")?;
    if args.read.json {
        print_json(&text)?;
    } else {
        print(&render::render(&document, args.all, Paint::stdout()))?;
    }
    Ok(ExitCode::from(code(document.status, args.exit_code)))
}

const fn code(status: Status, each: bool) -> u8 {
    match status {
        Status::Ok => 0,
        _ if each => status.number(),
        Status::Warning => 0,
        Status::Critical | Status::Unknown => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::code;
    use socle_model::Status;

    #[test]
    fn exit_codes_are_the_contracts() {
        assert_eq!(Status::ALL.map(|status| code(status, false)), [0, 0, 1, 1]);
        assert_eq!(Status::ALL.map(|status| code(status, true)), [0, 1, 2, 3]);
    }
}
