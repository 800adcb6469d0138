//! `socle check`: both halves validate their own tables, the answers are joined.

use super::print;
use crate::agent::say;
use crate::cli::CheckArgs;
use crate::halves::Half;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HEAD: &str = "\
# socle's configuration. Every key is here at its default, commented out: remove the # to change one.
# Files in conf.d/*.toml beside this one are read after it, in the order of their names, and win key
# by key. `socle check` validates them all.
";

/// Validates, or prints the default.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    if args.print_default {
        let mut text = HEAD.to_owned();
        for half in [Half::Gate, Half::Host] {
            text.push('\n');
            text.push_str(ask(half, "--print-default", &[])?.out.trim());
            text.push('\n');
        }
        print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let faults = faults(None, &args.files)?;
    if faults.is_empty() {
        print("the configuration is valid\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines: Vec<_> = faults.into_iter().collect();
    bail!("the configuration is not valid:\n{}", lines.join("\n"))
}

/// What both halves find wrong: with these files, or with the configuration at `config`, or else at
/// its usual place.
///
/// # Errors
/// A half is missing or does not say what is wrong.
pub(crate) fn faults(config: Option<&Path>, files: &[PathBuf]) -> Result<BTreeSet<String>> {
    let mut faults = BTreeSet::new();
    let mut words: Vec<OsString> = files.iter().map(Into::into).collect();
    words.extend(config.into_iter().flat_map(|file| ["--config".into(), file.into()]));
    for half in [Half::Host, Half::Gate] {
        let answer = ask(half, "--check", &words)?;
        for note in answer.error.lines().filter_map(|line| line.strip_prefix("note: ")) {
            say(note);
        }
        if !answer.good {
            let prefix = format!("{}: ", half.program());
            let lines = answer.error.lines().map(|line| line.strip_prefix(&prefix).unwrap_or(line));
            // Both report what concerns both, such as a file that is no TOML.
            let lines = lines.filter(|line| !line.trim().is_empty() && !line.starts_with("note: "));
            faults.extend(lines.map(str::to_owned));
        }
    }
    Ok(faults)
}

/// What a half answered.
#[derive(Debug)]
struct Answer {
    good: bool,
    out: String,
    error: String,
}

fn ask(half: Half, task: &str, words: &[OsString]) -> Result<Answer> {
    let mut command = half.command()?;
    command.arg(task).args(words).stdin(std::process::Stdio::null());
    let output = command.output().with_context(|| format!("starting {}", half.program()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    let good = output.status.success();
    if !good && (error.trim().is_empty() || task == "--print-default") {
        bail!("{} {task} ended with {}: {}", half.program(), output.status, error.trim());
    }
    Ok(Answer { good, out, error })
}
