//! `socle doctor`: ten checks of this host and of the agent on it, each with its remedy. The command
//! line looks itself, so that it works where nothing runs; what a running agent knows better joins in.

mod agents;
mod hardware;
mod ours;
mod process;
mod system;

use super::{print, print_json};
use crate::agent;
use crate::cli::DoctorArgs;
use crate::client;
use crate::paint::{Paint, Tone};
use anyhow::{Context, Result};
use socle_model::documents::{Check, CheckResult, DOCTOR_SCHEMA, DoctorDocument};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long an agent may take to answer one question here.
const PATIENCE: Duration = Duration::from_millis(700);

/// The ten checks, in the order in which they are shown; how the halves call their share of each; and
/// whether their words stand beside ours, or only where they are worse than what we saw.
const CHECKS: [(&str, &[&str], bool); 10] = [
    ("driver", &["ipmi driver"], true),
    ("permissions", &["permissions"], true),
    ("agents", &["other agents"], false),
    ("clock", &["clock"], false),
    ("disk", &["disk"], false),
    ("sandbox", &["gate sandbox", "host sandbox"], false),
    ("baseline", &[], false),
    ("page", &["page door"], true),
    ("configuration", &["gate configuration", "host configuration"], true),
    ("link", &["link", "sources"], true),
];

/// Prints the checks; exit 1 when one failed.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let agent = ours::find(args.read.state.as_deref());
    let answer = ours::answer(&agent);
    let own = look(Path::new("/"), &agent, &answer, args.config.as_deref());
    let checks = join(own, answer.unwrap_or_default());
    let document = DoctorDocument { schema: DOCTOR_SCHEMA.into(), checks };
    let failed = document.checks.iter().any(|check| check.result == CheckResult::Failed);
    if args.read.json {
        print_json(&serde_json::to_string(&document).context("the document")?)?;
    } else {
        print(&lines(&document, Paint::stdout()))?;
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// What the command line itself sees.
fn look(
    root: &Path,
    agent: &ours::Agent,
    answer: &Result<Vec<Check>, String>,
    config: Option<&Path>,
) -> Vec<Check> {
    let runs = answer.is_ok();
    vec![
        hardware::driver(root, runs),
        hardware::permissions(root, runs),
        agents::check(root),
        system::clock(root),
        system::disk(&agent.state),
        process::sandbox(root, agent.run.as_ref().map(|run| run.pid)),
        system::baseline(root),
        ours::page(agent, answer),
        ours::configuration(agent, config),
        ours::link(agent, answer),
    ]
}

/// Joins each check with what the halves say about the same thing. What they say about anything else
/// comes last.
fn join(own: Vec<Check>, mut theirs: Vec<Check>) -> Vec<Check> {
    let mut joined = Vec::new();
    for check in own {
        let known = CHECKS.iter().find(|(name, ..)| *name == check.name);
        let (_, names, beside) = known.copied().unwrap_or(("", &[], true));
        let mut more: Vec<_> =
            theirs.extract_if(.., |one| names.contains(&one.name.as_str())).collect();
        more.retain(|one| beside || one.result > check.result);
        joined.push(one(check, more));
    }
    joined.extend(theirs);
    joined
}

/// The worst result, with the words of all who gave it.
fn one(own: Check, more: Vec<Check>) -> Check {
    let name = own.name.clone();
    let all: Vec<_> = std::iter::once(own).chain(more).collect();
    let result = all.iter().map(|check| check.result).max().unwrap_or(CheckResult::Ok);
    let mut texts: Vec<&str> = Vec::new();
    for check in all.iter().filter(|check| check.result == result) {
        if !check.text.is_empty() && !texts.contains(&check.text.as_str()) {
            texts.push(&check.text);
        }
    }
    let text = if texts.is_empty() { "nothing to tell".into() } else { texts.join("; ") };
    let mut worst = all.iter().filter(|check| check.result == result);
    let remedy = worst.find_map(|check| check.remedy.clone());
    // A half that knows of none, as in its first second.
    let unknown = || "ask again in a few seconds; else read the journal of both halves".into();
    let remedy = remedy.or_else(|| (result != CheckResult::Ok).then(unknown));
    Check { name, result, text, remedy }
}

/// A check that needs nothing done.
fn good(name: &str, text: impl Into<String>) -> Check {
    Check { name: name.into(), result: CheckResult::Ok, text: text.into(), remedy: None }
}

/// A check that is not ok, and what to do.
fn bad(name: &str, result: CheckResult, text: impl Into<String>, remedy: &str) -> Check {
    Check { name: name.into(), result, text: text.into(), remedy: Some(remedy.into()) }
}

/// A file's text without its last line end; `None` when it cannot be read.
fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}

/// The names in a folder; empty when it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// One line per check, the remedy below it.
pub(crate) fn lines(document: &DoctorDocument, paint: Paint) -> String {
    let width = document.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for check in &document.checks {
        let (tone, word) = match check.result {
            CheckResult::Ok => (Tone::Good, "ok     "),
            CheckResult::Warning => (Tone::Warning, "warning"),
            CheckResult::Failed => (Tone::Bad, "failed "),
        };
        let name = paint.clean(&check.name);
        let lead = format!("{}  {name:<width$}  ", paint.tone(tone, word));
        paint.paragraph(&mut out, &lead, &paint.clean(&check.text), None);
        if let Some(remedy) = check.remedy.as_ref().filter(|_| check.result != CheckResult::Ok) {
            let lead = format!("{:9}{:width$}  {} ", "", "", paint.pick("→", "->"));
            paint.paragraph(&mut out, &lead, &paint.clean(remedy), Tone::Strong);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_line_with_its_remedy_below() {
        let document: DoctorDocument = crate::golden::document("doctor");
        for (name, paint) in crate::golden::PAINTS {
            crate::golden::check(&format!("doctor.{name}"), &lines(&document, paint));
        }
    }

    #[test]
    fn the_worst_of_both_sides_is_told_once() {
        let own = vec![good("clock", "tsc"), good("link", "answers")];
        let theirs = vec![
            bad("clock", CheckResult::Failed, "tsc was lost", "look into dmesg"),
            bad("sources", CheckResult::Warning, "edac: refused", "exclude it"),
            good("link", "socle-host 1 answers"),
            good("later", "of a newer version"),
        ];
        let joined = join(own, theirs);
        let told: Vec<_> = joined.iter().map(|c| (c.name.as_str(), c.text.as_str())).collect();
        assert_eq!(
            told,
            [("clock", "tsc was lost"), ("link", "edac: refused"), ("later", "of a newer version")]
        );
        assert_eq!(joined[0].remedy.as_deref(), Some("look into dmesg"));
    }
}
