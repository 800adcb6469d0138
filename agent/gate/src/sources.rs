//! Every source of both halves and the link in one list: state, age, errors.

use crate::link::Hardware;
use crate::reader::{Failure, Report};
use jiff::{SignedDuration, Timestamp};
use socle_model::bmc::{Source, SourceState};
use socle_model::documents::SourceLine;

/// One source.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Its name, state, age, errors.
    pub(crate) source: Source,
    /// Series left out of the last page.
    pub(crate) dropped: usize,
}

impl Line {
    /// Seconds since it last gave data.
    pub(crate) fn age_s(&self, now: Timestamp) -> Option<f64> {
        self.source.last_data.map(|at| now.duration_since(at).as_secs_f64().max(0.0))
    }

    /// As the status document shows it.
    pub(crate) fn document(&self, now: Timestamp) -> SourceLine {
        SourceLine {
            name: self.source.name.clone(),
            state: self.source.state,
            age_s: self.age_s(now),
            error: self.source.error.clone(),
        }
    }
}

/// All sources: the link and what lies behind it, then the kernel's.
pub(crate) fn list(hardware: &Hardware, reports: &[Report], now: Timestamp) -> Vec<Line> {
    let mut lines = vec![link(hardware, now)];
    if let Some(snapshot) = &hardware.snapshot {
        lines.extend(snapshot.sources.iter().map(|source| behind(hardware, source, now)));
    }
    lines.extend(reports.iter().filter_map(|report| {
        kernel(report, now).map(|source| Line { source, dropped: report.dropped })
    }));
    lines
}

fn link(hardware: &Hardware, now: Timestamp) -> Line {
    let link = &hardware.link;
    let source = Source {
        name: "link".into(),
        state: if link.up { SourceState::Ok } else { SourceState::Failing },
        // A link that is up is as fresh as it can be, however seldom the root half has news.
        last_data: if link.up {
            Some(now)
        } else {
            hardware.received.and(link.since).map(|at| at.shown(now))
        },
        duration_s: None,
        errors: link.errors,
        error: match (&link.error, link.since) {
            (Some(error), Some(since)) => Some(format!("{error}; since {:.0}", since.shown(now))),
            (Some(error), None) => Some(error.clone()),
            (None, _) if link.up => None,
            (None, _) => Some("the root half has not answered yet".into()),
        },
    };
    Line { source, dropped: 0 }
}

/// A source of the root half. While the link is down nothing it once said of itself holds.
fn behind(hardware: &Hardware, source: &Source, now: Timestamp) -> Line {
    let mut source = source.clone();
    let step = hardware.received.map_or(SignedDuration::ZERO, |received| received.step(now));
    source.last_data = source.last_data.and_then(|at| at.checked_add(step).ok());
    if !hardware.link.up && source.state != SourceState::Absent {
        source.state = SourceState::Failing;
        source.error = Some("the root half does not answer; see source link".into());
    }
    Line { source, dropped: 0 }
}

/// A kernel source; `None` before it was read, when it is neither good nor bad.
pub(crate) fn kernel(report: &Report, now: Timestamp) -> Option<Source> {
    let (state, error) = match &report.failure {
        None if report.last_data.is_none() => return None,
        None => (SourceState::Ok, None),
        Some(Failure::Absent(why)) => (SourceState::Absent, Some(why.clone())),
        Some(Failure::Failed(why)) => (SourceState::Failing, Some(why.clone())),
    };
    Some(Source {
        name: report.name.into(),
        state,
        last_data: report.last_data.map(|at| at.shown(now)),
        duration_s: Some(report.duration.as_secs_f64()),
        errors: report.errors,
        error,
    })
}
