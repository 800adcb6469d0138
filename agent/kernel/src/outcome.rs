//! What the page says about itself: node_exporter's two families per collector, and its build.

use socle_model::metrics::{Family, Kind, Page, Series};
use std::time::Duration;

/// `node_exporter_build_info`, `node_scrape_collector_duration_seconds` and `_success`, rendered once.
#[derive(Debug)]
pub struct Outcomes {
    build: Family,
    build_series: Series,
    duration: Family,
    success: Family,
    series: Vec<(&'static str, Series, Series)>,
}

impl Outcomes {
    /// For these sources.
    pub fn new(names: impl Iterator<Item = &'static str>) -> Self {
        let build = Family::new(
            "node_exporter_build_info",
            Kind::Gauge,
            "Constant 1; dashboards that look for node_exporter find this agent by it.",
        );
        // node_exporter's labels. What a Go program says of its compiler is not there.
        let build_series = build.series(&[
            ("branch", "socle"),
            ("goarch", "amd64"),
            ("goos", "linux"),
            ("goversion", "none"),
            ("revision", "none"),
            ("tags", "none"),
            ("version", env!("CARGO_PKG_VERSION")),
        ]);
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
        Outcomes { build, build_series, duration, success, series }
    }

    /// Writes the build, how long each source took, and whether it gave data.
    pub fn write(&self, page: &mut Page, outcomes: &[(&'static str, Duration, bool)]) {
        let known = |name: &str| self.series.iter().find(|(known, ..)| *known == name);
        page.family(&self.build);
        page.sample(&self.build_series, 1u64);
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
