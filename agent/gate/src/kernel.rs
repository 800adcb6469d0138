//! The kernel's sources as the reader wants them: opened on the reading thread, because opening may
//! hang as well as reading.

use crate::args::Args;
use crate::ask::Near;
use crate::energy::Energies;
use crate::ethtool;
use crate::reader::{Failure, Readable};
use crate::systemd;
use anyhow::Context as _;
pub(crate) use socle_kernel::Root;
use socle_kernel::config::Metrics;
pub(crate) use socle_kernel::facts::Facts;
use socle_kernel::{Entry, ReadError, Settings, Source};
use socle_model::fault::Chain;
use socle_model::metrics::Page;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
    .below(root)
}

/// The sources that are on, in the order of the page.
pub(crate) fn open(
    root: &Root,
    metrics: &Metrics,
    near: &Near,
) -> anyhow::Result<Vec<(&'static str, Box<dyn Readable>)>> {
    let settings = Arc::new(metrics.settings()?);
    let source = |entry: &'static Entry| {
        // What the kernel shows to root only.
        if entry.name == "rapl" {
            let energies = Energies::new(root, &settings, near.clone());
            return (entry.name, Box::new(energies) as Box<dyn Readable>);
        }
        let lazy = Lazy { entry, root: root.clone(), settings: settings.clone(), source: None };
        (entry.name, Box::new(lazy) as Box<dyn Readable>)
    };
    let mut sources: Vec<_> = metrics.sources().map(source).collect();
    for one in metrics.elsewhere() {
        let started = match one.name {
            ethtool::NAME => ethtool::start(root, &settings, near.clone()),
            systemd::NAME => systemd::start(root.rootfs(), &settings),
            name => anyhow::bail!("{name} is a collector that nobody here knows"),
        };
        let started = started.with_context(|| format!("a thread for {}", one.name))?;
        sources.push((one.name, Box::new(started)));
    }
    Ok(sources)
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
        let name = self.entry.name;
        let source = self.source()?;
        source.read(page).map_err(failure)?;
        for fault in source.faults() {
            tracing::warn!(source = name, "{fault}");
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), Failure> {
        self.source()?.discover().map_err(failure)
    }

    fn step(&mut self) -> Option<Duration> {
        self.source().ok()?.step()
    }
}

/// What a source says of an error.
pub(crate) fn failure(error: ReadError) -> Failure {
    let text = Chain(&error).to_string();
    match error {
        ReadError::NoData(_) | ReadError::RootOnly(_) => Failure::Absent(text),
        ReadError::Failed { .. } | ReadError::Parse { .. } => Failure::Failed(text),
    }
}
