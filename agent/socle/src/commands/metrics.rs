//! `socle metrics`: one collection on stdout, without a daemon.

use super::print;
use crate::agent::say;
use crate::cli::{CollectArgs, PageFormat};
use anyhow::{Context, Result, bail};
use socle_kernel::config::{KEYS, Metrics};
use socle_kernel::{Entry, Outcomes, ReadError, Root, Settings};
use socle_model::fault::Chain;
use socle_model::metrics::openmetrics::{self, EOF};
use socle_model::metrics::{Page, cut, strict};
use socle_model::settings::{Fault, Fragment, merge_one};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What every source may take, whatever those before it took.
const LEAST: Duration = Duration::from_secs(1);

/// Collects and prints. A source that fails is named on stderr and by its
/// `node_scrape_collector_success`; the exit code stays 0, as a scrape is answered too.
pub(crate) fn run(args: &CollectArgs) -> Result<ExitCode> {
    for folder in [&args.root, &args.procfs, &args.sysfs, &args.rootfs, &args.udev] {
        // A mistyped folder would give a page that looks like a machine without anything.
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            bail!("{} is no folder", folder.display());
        }
    }
    let metrics = configuration(args)?;
    let mut text = collect(&root(args), &metrics, args.format)?;
    if args.format == PageFormat::OpenMetrics {
        let page = std::mem::take(&mut text);
        openmetrics::append(&mut text, &page);
        text.push_str(EOF);
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn root(args: &CollectArgs) -> Root {
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    let or =
        |given: &Option<PathBuf>, place: &str| given.clone().unwrap_or_else(|| root.join(place));
    Root::with(
        or(&args.procfs, "proc"),
        or(&args.sysfs, "sys"),
        args.rootfs.as_deref().unwrap_or(root),
        or(&args.udev, "run/udev/data"),
    )
    .below(root)
}

/// The table `[metrics]` of the configuration, then the flags.
fn configuration(args: &CollectArgs) -> Result<Metrics> {
    let mut texts = Vec::new();
    for path in files(args)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        texts.push((path.display().to_string(), text));
    }
    for setting in &args.set {
        texts.push((format!("--set {setting}"), toml_of(setting)?));
    }
    let fragments: Vec<_> = texts.iter().map(|(path, text)| Fragment { path, text }).collect();
    let mut table = merge_one("metrics", KEYS, &fragments).map_err(|faults| all(&faults))?;
    let metrics = table.remove("metrics").unwrap_or(toml::Value::Table(toml::Table::new()));
    let mut metrics: Metrics = metrics.try_into().context("reading the merged configuration")?;
    if !args.collect.is_empty() {
        metrics.collectors.clone_from(&args.collect);
    }
    metrics.exclude.extend_from_slice(&args.exclude);
    Ok(metrics)
}

/// The configuration that gate would read: the named one or the default, with its drop-ins.
fn files(args: &CollectArgs) -> Result<Vec<PathBuf>> {
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    let file = args.config.clone().unwrap_or_else(|| root.join("etc/socle/socle.toml"));
    let folder = file.parent().unwrap_or(Path::new(".")).join("conf.d");
    let mut found = Vec::new();
    match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        entries => {
            let what = || format!("reading {}", folder.display());
            for entry in entries.with_context(what)? {
                found.push(entry.with_context(what)?.path());
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|ext| ext == "toml"));
    found.sort();
    if args.config.is_some() || file.exists() {
        found.insert(0, file);
    }
    Ok(found)
}

/// `KEY=VALUE` as TOML. The value may be TOML, or a bare text, which a shell makes easier to write;
/// a filter's key may come without its quotes for the same reason.
fn toml_of(setting: &str) -> Result<String> {
    let Some((key, value)) = setting.split_once('=') else {
        bail!("--set {setting}: KEY=VALUE is wanted, such as metrics.deadline_s=2");
    };
    let (key, value) = (key.trim(), value.trim());
    let key = match key.strip_prefix("metrics.filters.") {
        Some(flag) => {
            let flag = flag.trim_matches(['"', '\'']);
            format!("metrics.filters.{}", quoted(flag))
        }
        None if key.starts_with("metrics.") => key.to_owned(),
        None => bail!("--set {setting}: only keys of [metrics] count in one collection"),
    };
    let good = |value: &str| {
        let text = format!("{key} = {value}");
        let fragment = Fragment { path: "--set", text: &text };
        merge_one("metrics", KEYS, &[fragment]).is_ok().then_some(text)
    };
    // Neither is right: the first is what was written, and its fault is the one to tell.
    Ok(good(value).or_else(|| good(&quoted(value))).unwrap_or_else(|| format!("{key} = {value}")))
}

/// As a TOML string: JSON's escapes are TOML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn all(faults: &[Fault]) -> anyhow::Error {
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    anyhow::Error::msg(lines.join("\n"))
}

/// Reads the sources one after the other and writes what gate's `/metrics/node` would show.
fn collect(root: &Root, metrics: &Metrics, format: PageFormat) -> Result<String> {
    let settings = metrics.settings()?;
    let deadline = Instant::now() + Duration::from_secs_f64(metrics.deadline_s);
    let limit = metrics.series_limit(root);
    let mut text = String::new();
    let mut outcomes = Vec::new();
    for entry in metrics.sources() {
        let start = Instant::now();
        let read = read(entry, root, &settings, deadline)?;
        outcomes.push((entry.name, start.elapsed(), read.is_ok()));
        match read {
            Ok(page) => {
                let (kept, samples) = cut(page.as_str(), limit);
                match (format, entry.name) {
                    // Text of another hand.
                    (PageFormat::OpenMetrics, "textfile") => text.push_str(&strict::tidy(kept)),
                    _ => text.push_str(kept),
                }
                if let Some(dropped) = samples.checked_sub(limit).filter(|n| *n > 0) {
                    say(&format!("{}: {dropped} series beyond series_max left out", entry.name));
                }
            }
            Err(Failure::Absent) => {}
            Err(Failure::Failed(why)) => say(&format!("{}: {why}", entry.name)),
        }
    }
    for one in metrics.elsewhere() {
        let name = one.name;
        say(&format!("{name}: needs more than files; only the page of a running agent has it"));
        outcomes.push((name, Duration::ZERO, false));
    }
    let mut page = Page::default();
    Outcomes::new(outcomes.iter().map(|(name, ..)| *name)).write(&mut page, &outcomes);
    text.push_str(page.as_str());
    Ok(text)
}

/// Why a source gave nothing.
#[derive(Debug)]
enum Failure {
    /// This machine does not have it, or not for this user.
    Absent,
    Failed(String),
}

/// Opens and reads one source on a thread of its own: a file that hangs (a dead NFS server, a driver)
/// costs this source, and the thread that waits for it ends with the process.
fn read(
    entry: &'static Entry,
    root: &Root,
    settings: &Settings,
    deadline: Instant,
) -> Result<Result<Page, Failure>> {
    let (root, settings) = (root.clone(), settings.clone());
    let (give, take) = mpsc::channel();
    let work = move || {
        let mut page = Page::default();
        let mut faults = Vec::new();
        let outcome = (entry.open)(&root, &settings).and_then(|mut one| {
            one.catch_up();
            one.read(&mut page)?;
            faults = one.faults();
            Ok(())
        });
        // Nobody waits any more when the deadline has passed.
        let _ = give.send(outcome.map(|()| (page, faults)));
    };
    let thread = std::thread::Builder::new().name(entry.name.into()).spawn(work);
    thread.context("starting a thread to read with")?;
    // What hung before this one has used the deadline up; that must not cost this one its turn.
    let patience = deadline.saturating_duration_since(Instant::now()).max(LEAST);
    Ok(match take.recv_timeout(patience) {
        Ok(Ok((page, faults))) => {
            faults.iter().for_each(|fault| say(&format!("{}: {fault}", entry.name)));
            Ok(page)
        }
        // As gate has it: what only root may read is not there for a user.
        Ok(Err(ReadError::NoData(_) | ReadError::RootOnly(_))) => Err(Failure::Absent),
        Ok(Err(error)) => Err(Failure::Failed(Chain(&error).to_string())),
        Err(_) => Err(Failure::Failed("not read in time (metrics.deadline_s)".into())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_may_be_toml_or_what_a_shell_leaves_of_it() {
        for (setting, toml) in [
            ("metrics.deadline_s=2", "metrics.deadline_s = 2"),
            ("metrics.exclude=[\"cpu\"]", "metrics.exclude = [\"cpu\"]"),
            (
                "metrics.filters.\"hwmon.chip-include\"=\"^nvme\"",
                "metrics.filters.\"hwmon.chip-include\" = \"^nvme\"",
            ),
            (
                "metrics.filters.hwmon.chip-include=^(a\\.b|c=d)$",
                "metrics.filters.\"hwmon.chip-include\" = \"^(a\\\\.b|c=d)$\"",
            ),
            ("metrics.filters.cpu.info=true", "metrics.filters.\"cpu.info\" = true"),
        ] {
            assert_eq!(toml_of(setting).unwrap(), toml);
        }
        assert!(toml_of("metrics.deadline_s").is_err() && toml_of("ipmi.device=x").is_err());
    }
}
