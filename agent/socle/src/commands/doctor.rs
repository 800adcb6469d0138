//! `socle doctor`: what the agent needs on this host, each check with its remedy.

use super::print;
use crate::agent;
use crate::cli::ReadArgs;
use crate::paint::{Paint, Tone};
use anyhow::{Context, Result};
use socle_model::documents::{Check, CheckResult, DOCTOR_SCHEMA, DoctorDocument};
use std::process::ExitCode;

/// Prints the checks; exit 1 when one failed.
pub(crate) fn run(args: &ReadArgs) -> Result<ExitCode> {
    let mut document = DoctorDocument { schema: DOCTOR_SCHEMA.into(), checks: Vec::new() };
    match agent::ask::<DoctorDocument>(args.state.as_deref(), "/v1/doctor") {
        Ok((_, answer)) => {
            document.checks.push(Check {
                name: "agent".into(),
                result: CheckResult::Ok,
                text: "runs and answers".into(),
                remedy: None,
            });
            document.checks.extend(answer.checks);
        }
        Err(error) => document.checks.push(Check {
            name: "agent".into(),
            result: CheckResult::Failed,
            text: format!("{error:#}"),
            remedy: Some("socle run, or systemctl start socle-gate.service".into()),
        }),
    }
    let failed = document.checks.iter().any(|check| check.result == CheckResult::Failed);
    if args.json {
        print(&(serde_json::to_string(&document).context("the document")? + "\n"))?;
    } else {
        print(&lines(&document, Paint::stdout()))?;
    }
    Ok(ExitCode::from(u8::from(failed)))
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
        let text = paint.clean(&check.text);
        out += &format!("{}  {name:<width$}  {text}\n", paint.tone(tone, word));
        if let Some(remedy) = check.remedy.as_ref().filter(|_| check.result != CheckResult::Ok) {
            let arrow = paint.pick("→", "->");
            out += &format!("{:9}{:width$}  {arrow} {}\n", "", "", paint.clean(remedy));
        }
    }
    out
}
