//! What the page says about each source: node_exporter's two families per collector.

use socle_model::metrics::{Family, Kind, Page, Series};
use std::time::Duration;

/// `node_scrape_collector_duration_seconds` and `_success`, rendered once.
#[derive(Debug)]
pub struct Outcomes {
    duration: Family,
    success: Family,
    series: Vec<(&'static str, Series, Series)>,
}

impl Outcomes {
    /// For these sources.
    pub fn new(names: impl Iterator<Item = &'static str>) -> Self {
        let duration = Family::new(
            "node_scrape_collector_duration_seconds",
            Kind::Gauge,
            "node_exporter: Duration of a collector scrape.",
        );
        let success = Family::new(
            "node_scrape_collector_success",
            Kind::Gauge,
            "node_exporter: Whether a collector succeeded.",
        );
        let series = names
            .map(|name| {
                let labels = [("collector", name)];
                (name, duration.series(&labels), success.series(&labels))
            })
            .collect();
        Outcomes { duration, success, series }
    }

    /// Writes both families: how long each source took, and whether it gave data.
    pub fn write(&self, page: &mut Page, outcomes: &[(&'static str, Duration, bool)]) {
        let known = |name: &str| self.series.iter().find(|(known, ..)| *known == name);
        page.family(&self.duration);
        for (name, took, _) in outcomes {
            if let Some((_, series, _)) = known(name) {
                page.sample(series, took.as_secs_f64());
            }
        }
        page.family(&self.success);
        for (name, _, success) in outcomes {
            if let Some((_, _, series)) = known(name) {
                page.sample(series, *success);
            }
        }
    }
}
