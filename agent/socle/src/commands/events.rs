//! `socle events`: what happened, one line each.

use super::{print, print_json};
use crate::cli::EventsArgs;
use crate::paint::{Paint, Tone};
use crate::{agent, client};
use anyhow::{Context, Result};
use http_body_util::BodyExt as _;
use socle_model::event::{Event, Severity};
use std::process::ExitCode;

/// The longest line that is read: 1 MiB.
const LONGEST: usize = 1 << 20;

/// Prints events; with `--follow` until the agent ends.
pub(crate) fn run(args: &EventsArgs) -> Result<ExitCode> {
    let door = agent::find(args.state.as_deref())?;
    let mut query = Vec::new();
    query.extend(args.since.map(|seq| format!("since={seq}")));
    query.extend(args.follow.then(|| "follow=1".to_owned()));
    let path = format!("/v1/events?{}", query.join("&"));
    let paint = Paint::stdout();
    client::block(async {
        let mut body = client::stream(&door, path.trim_end_matches('?')).await?;
        let mut buffer: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.context("the agent ended, or closed the connection")?;
            buffer.extend_from_slice(frame.data_ref().map(|data| &**data).unwrap_or_default());
            while let Some(end) = buffer.iter().position(|&byte| byte == b'\n') {
                let rest = buffer.split_off(end + 1);
                let line = std::mem::replace(&mut buffer, rest);
                show(&line, args.json, paint)?;
            }
            anyhow::ensure!(buffer.len() <= LONGEST, "an event of more than {LONGEST} bytes");
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn show(line: &[u8], json: bool, paint: Paint) -> Result<()> {
    let text = std::str::from_utf8(line).context("an event that is no UTF-8")?;
    if text.trim().is_empty() {
        return Ok(());
    }
    if json {
        return print_json(text);
    }
    let event = serde_json::from_str(text).context("understanding an event")?;
    print(&one_line(&event, paint))
}

/// An event as a person reads it.
pub(crate) fn one_line(event: &Event, paint: Paint) -> String {
    let tone = match event.severity {
        Severity::Info => Tone::Quiet,
        Severity::Warning => Tone::Warning,
        Severity::Critical => Tone::Bad,
    };
    let at = event.at.strftime("%Y-%m-%d %H:%M:%SZ");
    let severity = paint.tone(tone, &format!("{:<8}", event.severity.word()));
    let component = match event.component.as_str() {
        "" => "host",
        path => path,
    };
    let lead = format!("{:>6}  {at}  {severity}  {:<5}  ", event.seq, event.kind.word());
    let text = format!("{component}: {}", paint.clean(&event.text));
    let mut out = String::new();
    paint.paragraph(&mut out, &lead, &text, None);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, PAINTS};

    #[test]
    fn an_event_is_a_line_that_cannot_steer_the_terminal() {
        let events: Vec<Event> = golden::document("events");
        for (name, paint) in PAINTS {
            let text: String = events.iter().map(|event| one_line(event, paint)).collect();
            golden::check(&format!("events.{name}"), &text);
        }
    }
}
