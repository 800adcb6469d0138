//! Every task and thread of the network half, started here and nowhere else.
//!
//! ```text
//! link    dials the root half      -> watch: last snapshot     -> verdict, page
//!                                  -> mpsc: SEL records        -> verdict
//! verdict judges                   -> watch: last verdict      -> page, /v1/
//!                                  -> events                   -> /v1/events
//! look    discovery every 30 s, a first reading
//! pace    reads that are too slow for a scrape, one at a time
//! accept  one per listener, one task per connection
//! signals SIGTERM, SIGINT, SIGHUP; the watchdog
//! read    a thread (pool.rs) that owns the kernel's sources; another that saves
//! ```

use crate::app::{App, Reloaded};
use crate::args::Args;
use crate::ask::Near;
use crate::config::{self, Config};
use crate::facts::FactsDesk;
use crate::http::{conn::Server, metrics::Moment, router};
use crate::judge::Judge;
use crate::link::{self, Hardware};
use crate::pool::Pool;
use crate::reader::Reader;
use crate::scrape::{Limits, Scraper};
use crate::verdict::Verdict;
use crate::web::{self, Web};
use crate::{kernel, listen, notify, parent, verdict};
use anyhow::Context as _;
use sd_notify::NotifyState;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// How often devices that came or went are looked for.
const LOOK: Duration = Duration::from_secs(30);

/// What `--check` checks beyond the keys: that the sources take the settings, and `web.yml`.
pub(crate) fn check(config: &Config, file: &Path) -> anyhow::Result<()> {
    config.metrics.settings()?;
    for note in web::check(&config.web(file))? {
        eprintln!("note: {note}");
    }
    Ok(())
}

/// Serves until told to stop.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let (file, named) = args.config();
    let config = config::load(&file, named)?;
    config.metrics.settings()?;
    let web = Web::open(config.web(&file))?;
    let listeners = listen::take(&config.gate.listen.addresses()?)?;
    // One thread, whatever the CPU count: the default would start one for each of 1,792 CPUs. What
    // blocks is done by `pool`; only passwords are checked on the runtime's own, one at a time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let outcome = runtime.block_on(serve(args, config, listeners, web));
    // A password that is being checked is not waited for.
    runtime.shutdown_background();
    outcome
}

async fn serve(
    args: Args,
    config: Config,
    listeners: listen::Listeners,
    web: Arc<Web>,
) -> anyhow::Result<()> {
    let pool = Arc::new(Pool::default());
    let (stop, stopped) = watch::channel(false);
    let (hardware_in, hardware) = watch::channel(Hardware::default());
    let (batches_in, batches) = mpsc::channel(16);
    let (verdict_in, verdict) = watch::channel(Arc::new(Verdict::not_yet()));
    let (read_once_in, read_once) = watch::channel(false);
    let state = args.state();
    let (judge, events) = Judge::open(&state);
    let (news_in, news) = watch::channel(events.next().saturating_sub(1));
    let events = Arc::new(Mutex::new(events));
    let root = kernel::root(&args);
    let near = Near { path: args.link(), hardware: hardware.clone() };
    let scraper = scraper(&pool, &root, &config, &near)?;
    let app = Arc::new(App {
        now: Mutex::new(Reloaded { scraper, interval_s: config.interval_s, refused: None }),
        hardware: hardware.clone(),
        verdict,
        events: events.clone(),
        news,
        read_once,
        stop: stopped.clone(),
        moment: Moment::default(),
        pool: pool.clone(),
        web: web.clone(),
        root: args.root(),
        state: state.clone(),
    });
    let page = Server::new(router(app.clone()), stopped.clone(), Some(web));
    let door = Server::new(router(app.clone()), stopped.clone(), None);
    for listener in listeners.pages {
        let listener = tokio::net::TcpListener::from_std(listener).context("the page's socket")?;
        tokio::spawn(page.clone().accept(listener));
    }
    for listener in listeners.doors {
        let listener = tokio::net::UnixListener::from_std(listener).context("the door's socket")?;
        tokio::spawn(door.clone().accept(listener));
    }
    tokio::spawn(link::run(args.link(), hardware_in, batches_in));
    tokio::spawn(look(app.clone(), read_once_in));
    tokio::spawn(pace(app.clone()));
    let judging = verdict::Task {
        judge,
        app: app.clone(),
        hardware,
        batches,
        verdict: verdict_in,
        events,
        news: news_in,
        facts: FactsDesk::new(root.clone()),
        pool: pool.clone(),
        // Of its own: reads that hang must not keep events and memory from being saved.
        disk: Arc::new(Pool::seldom()),
        state,
        stop: stopped,
    };
    let judging = tokio::spawn(judging.run());
    notify::tell(&[NotifyState::Ready]);
    tracing::info!("socle-gate {} serves", env!("CARGO_PKG_VERSION"));
    signals(&args, &app, &pool, &root).await?;
    notify::tell(&[NotifyState::Stopping]);
    // Everybody who listens for it ends what is under way.
    let _ = stop.send(true);
    tokio::join!(page.drain(), door.drain());
    if judging.await.is_err() {
        tracing::error!("the last events may not have been saved");
    }
    Ok(())
}

fn scraper(
    pool: &Arc<Pool>,
    root: &kernel::Root,
    config: &Config,
    near: &Near,
) -> anyhow::Result<Arc<Scraper>> {
    let sources = kernel::open(root, &config.metrics, near)?;
    let limits = Limits {
        deadline: Duration::from_secs_f64(config.metrics.deadline_s),
        series_max: config.metrics.series_limit(root),
    };
    Ok(Scraper::new(Arc::new(Reader::new(pool.clone(), sources)), limits))
}

/// Reads the sources once, then looks for new devices every 30 s; and reads when nobody scrapes, so
/// that `socle status` knows how the sources fare.
async fn look(app: Arc<App>, read_once: watch::Sender<bool>) {
    loop {
        let scraper = app.scraper();
        if scraper.idle_for(LOOK) {
            scraper.collect(None).await;
        }
        // Nobody listens any more when the process is ending.
        let _ = read_once.send(true);
        tokio::time::sleep(LOOK).await;
        scraper.reader().discover();
    }
}

/// Lets the sources do what is too slow for a scrape, one read at a time: the only reading thread is never
/// held longer than by one.
async fn pace(app: Arc<App>) {
    loop {
        let (tell, told) = tokio::sync::oneshot::channel();
        app.scraper().reader().step(move |wait| {
            // Who waits for it is gone when the process is ending.
            let _ = tell.send(wait);
        });
        // A thread that hangs drops nothing: the wait goes on, and so does everything else.
        let wait = told.await.unwrap_or(LOOK);
        // A source that is away is due all the time.
        tokio::time::sleep(wait.max(Duration::from_millis(20))).await;
    }
}

/// Waits for the end; reads the configuration again when asked.
async fn signals(
    args: &Args,
    app: &App,
    pool: &Arc<Pool>,
    root: &kernel::Root,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let parent = parent::gone();
    tokio::pin!(parent);
    let patience = notify::watchdog();
    let mut watchdog = tokio::time::interval(patience.unwrap_or(Duration::from_secs(3600)));
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = &mut parent => return Ok(()),
            _ = hangup.recv() => {
                notify::reloading();
                match reload(args, app, pool, root) {
                    Ok(()) => tracing::info!("configuration read again"),
                    Err(error) => {
                        tracing::error!("the old configuration stays: {error:#}");
                        app.refuse(format!("{error:#}"));
                    }
                }
                notify::tell(&[NotifyState::Ready]);
            }
            _ = watchdog.tick() => if patience.is_some() {
                notify::tell(&[NotifyState::Watchdog]);
            }
        }
    }
}

/// Takes the new configuration, or leaves everything as it is.
fn reload(args: &Args, app: &App, pool: &Arc<Pool>, root: &kernel::Root) -> anyhow::Result<()> {
    let (file, named) = args.config();
    let config = config::load(&file, named)?;
    let near = Near { path: args.link(), hardware: app.hardware.clone() };
    let scraper = scraper(pool, root, &config, &near)?;
    app.web.move_to(config.web(&file))?;
    app.set(scraper.clone(), config.interval_s);
    // A first reading, so that `socle status` knows of the new sources.
    tokio::spawn(async move { scraper.collect(None).await });
    Ok(())
}
