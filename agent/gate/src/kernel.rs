//! The kernel's sources as the reader wants them: opened on the reading thread, because opening may
//! hang as well as reading.

use crate::args::Args;
use crate::config::{Filter, Metrics};
use crate::reader::{Failure, Readable};
use anyhow::bail;
pub(crate) use socle_kernel::Root;
pub(crate) use socle_kernel::facts::Facts;
use socle_kernel::{Entry, ReadError, SOURCES, Settings, Source};
use socle_model::fault::Chain;
use socle_model::metrics::Page;
use socle_model::settings::nearest;
use std::path::PathBuf;
use std::sync::Arc;

/// Where /proc, /sys and the rest are.
pub(crate) fn root(args: &Args) -> Root {
    let root = args.root();
    let or =
        |given: &Option<PathBuf>, place: &str| given.clone().unwrap_or_else(|| root.join(place));
    Root::with(
        or(&args.procfs, "proc"),
        or(&args.sysfs, "sys"),
        args.rootfs.as_ref().unwrap_or(&root),
        or(&args.udev, "run/udev/data"),
    )
}

/// The settings of the sources, checked.
pub(crate) fn settings(metrics: &Metrics) -> anyhow::Result<Settings> {
    let named = [&metrics.collectors, &metrics.enable, &metrics.exclude];
    for name in named.into_iter().flatten() {
        if !SOURCES.iter().any(|entry| entry.name == name) {
            let near = nearest(name, SOURCES.iter().map(|entry| entry.name));
            let near = near.map(|near| format!("; the nearest that exists is {near}"));
            bail!("metrics: there is no source {name}{}", near.unwrap_or_default());
        }
    }
    let text = |filter: &Filter| match filter {
        Filter::Text(text) => text.clone(),
        Filter::Switch(on) => on.to_string(),
    };
    let filters = metrics.filters.iter().map(|(flag, filter)| (flag.clone(), text(filter)));
    Ok(Settings::new(filters.collect())?)
}

/// The sources that are on, in the order of the page.
pub(crate) fn open(
    root: &Root,
    metrics: &Metrics,
) -> anyhow::Result<Vec<(&'static str, Box<dyn Readable>)>> {
    let settings = Arc::new(settings(metrics)?);
    let on = |entry: &&Entry| {
        let name = |names: &[String]| names.iter().any(|name| name == entry.name);
        let chosen = match metrics.collectors.is_empty() {
            true => entry.on_by_default || name(&metrics.enable),
            false => name(&metrics.collectors),
        };
        chosen && !name(&metrics.exclude)
    };
    let lazy = |entry: &'static Entry| {
        let lazy = Lazy { entry, root: root.clone(), settings: settings.clone(), source: None };
        (entry.name, Box::new(lazy) as Box<dyn Readable>)
    };
    Ok(SOURCES.iter().filter(on).map(lazy).collect())
}

/// A source that is opened when it is first read, and again after it could not be.
struct Lazy {
    entry: &'static Entry,
    root: Root,
    settings: Arc<Settings>,
    source: Option<Box<dyn Source>>,
}

impl Lazy {
    fn source(&mut self) -> Result<&mut Box<dyn Source>, Failure> {
        let source = match self.source.take() {
            Some(source) => source,
            None => (self.entry.open)(&self.root, &self.settings).map_err(failure)?,
        };
        Ok(self.source.insert(source))
    }
}

impl Readable for Lazy {
    fn read(&mut self, page: &mut Page) -> Result<(), Failure> {
        self.source()?.read(page).map_err(failure)
    }

    fn discover(&mut self) -> Result<(), Failure> {
        self.source()?.discover().map_err(failure)
    }
}

fn failure(error: ReadError) -> Failure {
    let text = Chain(&error).to_string();
    match error {
        ReadError::NoData(_) => Failure::Absent(text),
        ReadError::Failed { .. } | ReadError::Parse { .. } => Failure::Failed(text),
    }
}
