//! Every source of both halves and the link in one list: state, age, errors.

use crate::link::Hardware;
use crate::reader::{Failure, Report};
use jiff::Timestamp;
use socle_model::bmc::{Source, SourceState};
use socle_model::documents::SourceLine;

/// One source.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// `cpu`, `link`, `ipmi`, …
    pub(crate) name: String,
    /// How it is.
    pub(crate) state: SourceState,
    /// When it last gave data.
    pub(crate) last_data: Option<Timestamp>,
    /// Seconds that its last collection took.
    pub(crate) duration_s: Option<f64>,
    /// Collections that failed since start.
    pub(crate) errors: u64,
    /// Series left out of the last page.
    pub(crate) dropped: usize,
    /// The last failure with its remedy.
    pub(crate) error: Option<String>,
}

impl Line {
    /// Seconds since it last gave data.
    pub(crate) fn age_s(&self, now: Timestamp) -> Option<f64> {
        self.last_data.map(|at| now.duration_since(at).as_secs_f64().max(0.0))
    }

    /// As the status document shows it.
    pub(crate) fn document(&self, now: Timestamp) -> SourceLine {
        SourceLine {
            name: self.name.clone(),
            state: self.state,
            age_s: self.age_s(now),
            error: self.error.clone(),
        }
    }
}

/// All sources: the link and what lies behind it, then the kernel's.
pub(crate) fn list(hardware: &Hardware, reports: &[Report], now: Timestamp) -> Vec<Line> {
    let mut lines = vec![link(hardware, now)];
    if let Some(snapshot) = &hardware.snapshot {
        lines.extend(snapshot.sources.iter().map(|source| behind(hardware, source)));
    }
    lines.extend(reports.iter().map(kernel));
    lines
}

fn link(hardware: &Hardware, now: Timestamp) -> Line {
    let link = &hardware.link;
    Line {
        name: "link".into(),
        state: if link.up { SourceState::Ok } else { SourceState::Failing },
        // A link that is up is as fresh as it can be, however seldom the root half has news.
        last_data: if link.up { Some(now) } else { hardware.received.and(link.since) },
        duration_s: None,
        errors: link.errors,
        dropped: 0,
        error: match (&link.error, link.since) {
            (Some(error), Some(since)) => Some(format!("{error}; since {since:.0}")),
            (Some(error), None) => Some(error.clone()),
            (None, _) if link.up => None,
            (None, _) => Some("the root half has not answered yet".into()),
        },
    }
}

/// A source of the root half. While the link is down nothing it once said of itself holds.
fn behind(hardware: &Hardware, source: &Source) -> Line {
    let gone = !hardware.link.up && source.state != SourceState::Absent;
    Line {
        name: source.name.clone(),
        state: if gone { SourceState::Failing } else { source.state },
        last_data: source.last_data,
        duration_s: source.duration_s,
        errors: source.errors,
        dropped: 0,
        error: if gone {
            Some("the root half does not answer; see source link".into())
        } else {
            source.error.clone()
        },
    }
}

fn kernel(report: &Report) -> Line {
    let (state, error) = match &report.failure {
        None => (SourceState::Ok, None),
        Some(Failure::Absent(why)) => (SourceState::Absent, Some(why.clone())),
        Some(Failure::Failed(why)) => (SourceState::Failing, Some(why.clone())),
    };
    Line {
        name: report.name.into(),
        state,
        last_data: report.last_data,
        duration_s: Some(report.duration.as_secs_f64()),
        errors: report.errors,
        dropped: report.dropped,
        error,
    }
}
