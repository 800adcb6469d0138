//! The thread that owns the BMC: opens the device, keeps one [`Session`] with it, tells what it saw,
//! and comes back when the device does.

use crate::beat::Beat;
use crate::device::{self, OpenError};
use crate::kept::{self, Identity, Kept};
use crate::log::Saved;
use crate::presence::{announced, module_loaded, on_ssif};
use crate::sel_ring::SelRing;
use crate::sensors::Sensors;
use crate::session::{End, Session};
use crate::settings::Settings;
use socle_ipmi::Transport;
use socle_ipmi::sel::Tail;
use socle_model::Timestamp;
use socle_model::bmc::{Bmc, BmcData, Degraded, Source, SourceState};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The first pause before the device is opened again; doubles up to [`OPEN_MOST`].
const OPEN_LEAST: Duration = Duration::from_secs(1);
/// The longest pause before the device is opened again: a look at one file.
const OPEN_MOST: Duration = Duration::from_secs(10);
/// One call into the driver that takes longer is stuck: every command has a deadline of seconds.
const STUCK: Duration = Duration::from_secs(60);

/// What the bus saw, latest wins.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The BMC.
    pub bmc: Bmc,
    /// The source `ipmi`.
    pub source: Source,
    /// What is weaker than designed.
    pub degraded: Vec<Degraded>,
}

impl Seen {
    /// Before anything was looked at.
    #[must_use]
    pub fn starting() -> Self {
        let source = Source {
            name: "ipmi".into(),
            // No data yet: to call that well would show a machine nobody has looked at as healthy.
            state: SourceState::Failing,
            last_data: None,
            duration_s: None,
            errors: 0,
            error: Some("not looked yet: the first sweep has not ended".into()),
        };
        Seen { bmc: Bmc::Starting, source, degraded: Vec::new() }
    }
}

/// Where what was seen goes.
pub type Publish = Box<dyn FnMut(Seen) + Send>;
/// How the device is opened; a parameter for tests.
pub type Opener = Box<dyn FnMut(&Settings) -> Result<Box<dyn Transport + Send>, OpenError> + Send>;

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Order {
    Settings(Settings),
    Stop,
}

/// The running bus thread.
#[derive(Debug)]
pub struct Bus {
    orders: Sender<Order>,
    beat: Arc<Beat>,
    ended: Receiver<()>,
}

impl Bus {
    /// Opens the device once and starts the thread. `state` is the folder where the place in the BMC's
    /// log is kept over a restart, if there is one.
    ///
    /// # Errors
    /// Another agent holds the device; the thread cannot be made. Everything else that is wrong with
    /// the device is published instead, and tried again.
    pub fn start(
        root: PathBuf,
        state: Option<PathBuf>,
        settings: Settings,
        records: Arc<Mutex<SelRing>>,
        publish: Publish,
    ) -> Result<Bus, OpenError> {
        let locks = root.join("proc/locks");
        let beneath = root.clone();
        let opener =
            Box::new(move |settings: &Settings| device::open(&place(&beneath, settings), &locks));
        Bus::start_with(root, state, settings, records, publish, opener)
    }

    /// The same with another way to open the device.
    ///
    /// # Errors
    /// As [`Bus::start`].
    pub fn start_with(
        root: PathBuf,
        state: Option<PathBuf>,
        settings: Settings,
        records: Arc<Mutex<SelRing>>,
        publish: Publish,
        mut opener: Opener,
    ) -> Result<Bus, OpenError> {
        let first = opener(&settings);
        if let Err(held @ OpenError::Held { .. }) = first {
            return Err(held);
        }
        let beat = Arc::new(Beat::start());
        let (to, orders) = channel();
        let (alive, ended) = channel();
        let worker = Worker {
            root,
            settings,
            records,
            publish,
            opener,
            orders,
            beat: Arc::clone(&beat),
            source: Seen::starting().source,
            degraded: Vec::new(),
            tail: Tail::default(),
            kept: state.as_deref().and_then(kept::read),
            identity: None,
            saved: Saved::into(state.as_deref()),
            last: None,
            sensors: Sensors::default(),
        };
        let body = move || {
            worker.run(first);
            drop(alive);
        };
        std::thread::Builder::new()
            .name("bus".into())
            .spawn(body)
            .map_err(|error| OpenError::Other(format!("no thread: {error}")))?;
        Ok(Bus { orders: to, beat, ended })
    }

    /// New settings, in force from the next command on.
    pub fn reload(&self, settings: Settings) {
        // A thread that is gone is noticed by its closed channel.
        let _ = self.orders.send(Order::Settings(settings));
    }

    /// How long the thread has been inside one call, if that is beyond reason.
    #[must_use]
    pub fn stuck(&self) -> Option<Duration> {
        self.beat.inside().filter(|&time| time > STUCK)
    }

    /// Asks the thread to end and waits for it as long as `limit`. It ends between two commands; one
    /// that is still waiting for a BMC then is left behind.
    pub fn stop(self, limit: Duration) {
        let _ = self.orders.send(Order::Stop);
        // Nothing is ever sent: the channel closes when the thread ends.
        let _ = self.ended.recv_timeout(limit);
    }
}

/// The device beneath the root.
fn place(root: &Path, settings: &Settings) -> PathBuf {
    root.join(settings.device.strip_prefix("/").unwrap_or(&settings.device))
}

/// What the thread owns.
pub(crate) struct Worker {
    root: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) records: Arc<Mutex<SelRing>>,
    publish: Publish,
    opener: Opener,
    orders: Receiver<Order>,
    pub(crate) beat: Arc<Beat>,
    source: Source,
    degraded: Vec<Degraded>,
    /// The place in the log, kept while the device comes and goes: no record is told twice.
    pub(crate) tail: Tail,
    /// What an earlier process kept of the log, until it is recalled.
    pub(crate) kept: Option<Kept>,
    /// The BMC that answered last.
    pub(crate) identity: Option<Identity>,
    pub(crate) saved: Saved,
    last: Option<Box<BmcData>>,
    /// The sensors of `last`, for a session whose own walk fails.
    pub(crate) sensors: Sensors,
}

impl Worker {
    fn run(mut self, first: Result<Box<dyn Transport + Send>, OpenError>) {
        let mut opened = first;
        let mut pause = OPEN_LEAST;
        loop {
            match opened {
                Ok(transport) => {
                    pause = OPEN_LEAST;
                    if self.source.state == SourceState::Absent {
                        // A driver that came late: now there is a BMC, and nothing known of it.
                        self.forget();
                    }
                    self.tail.was_away();
                    let (end, said) = Session::new(&mut self, transport).run();
                    self.last = said;
                    self.save_place();
                    match end {
                        End::Stop => return,
                        End::Reopen => self.forget(),
                        End::Gone(why) => self.gone(&why),
                    }
                }
                Err(error) => self.unopened(&error),
            }
            match self.wait(pause) {
                Some(Order::Stop) => return,
                Some(Order::Settings(settings)) => {
                    let moved = self.adopt(settings);
                    moved.then(|| self.forget());
                }
                None => {}
            }
            pause = (pause * 2).min(OPEN_MOST);
            self.beat.busy();
            opened = (self.opener)(&self.settings);
        }
    }

    /// Takes new settings; says whether they name another device.
    pub(crate) fn adopt(&mut self, settings: Settings) -> bool {
        let moved = settings.device != self.settings.device;
        self.settings = settings;
        moved
    }

    /// Another device may be another BMC: nothing that was known holds for it. Its source is not well
    /// before its first sweep has ended.
    fn forget(&mut self) {
        self.last = None;
        self.sensors = Sensors::default();
        self.tail.another();
        (self.kept, self.identity) = (None, None);
        self.degraded.clear();
        self.source = Source { errors: self.source.errors, ..Seen::starting().source };
        self.tell(Bmc::Starting);
    }

    /// Waits for its time, or for an order.
    pub(crate) fn wait(&self, time: Duration) -> Option<Order> {
        self.beat.idle();
        match self.orders.recv_timeout(time) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Order::Stop),
        }
    }

    fn gone(&mut self, why: &str) {
        let device = self.settings.device.display();
        let cause = format!("{device} does not answer any more: {why}");
        let remedy = "it is opened again by itself; if it does not come back, look at the kernel \
                      log for ipmi_si";
        self.lost(cause, remedy.into());
    }

    /// Unknown while there is no session.
    fn lost(&mut self, cause: String, remedy: String) {
        let last = self.last.clone();
        self.unknown(cause, remedy, last);
    }

    fn unopened(&mut self, error: &OpenError) {
        let device = place(&self.root, &self.settings);
        let device = device.display();
        let announced = announced(&self.root);
        let by = announced
            .as_deref()
            .map_or_else(|| "it was there before".to_owned(), |by| format!("{by} announces a BMC"));
        match error {
            OpenError::Missing => {
                let configured = self.settings.device != Settings::default().device;
                if announced.is_none() && self.last.is_none() && !configured {
                    return self.absent();
                }
                self.lost(format!("{device} is missing although {by}"), self.missing_remedy());
            }
            OpenError::Denied => self.lost(
                format!("{device} may not be opened by this process"),
                "run the root half as root: install the package, or `sudo socle run`".into(),
            ),
            OpenError::Held { .. } => self.lost(
                format!("{device}: {error}"),
                "stop the other agent; one at a time may ask the BMC".into(),
            ),
            OpenError::Busy => self.lost(
                format!("{device}: {error}"),
                "wait: it is opened again by itself; if it stays so, `fuser -v` names who holds it"
                    .into(),
            ),
            OpenError::Other(_) => self.lost(
                format!("{device}: {error}"),
                "check `[ipmi] device` in the configuration".into(),
            ),
        }
    }

    fn missing_remedy(&self) -> String {
        // An SSIF interface is on the SMBus: ipmi_si never finds it.
        let driver = if on_ssif(&self.root) { "ipmi_ssif" } else { "ipmi_si" };
        let loaded = |module| module_loaded(&self.root, module);
        match (loaded("ipmi_devintf"), loaded(driver)) {
            (true, true) => format!(
                "the drivers are loaded but found no BMC: look at the kernel log for {driver}, and \
                 whether the firmware switched the interface off"
            ),
            (true, false) => format!("modprobe {driver}"),
            (false, true) => "modprobe ipmi_devintf".into(),
            (false, false) => format!("modprobe ipmi_devintf ; modprobe {driver}"),
        }
    }

    fn absent(&mut self) {
        self.source.state = SourceState::Absent;
        self.source.error = None;
        self.tell(Bmc::Absent);
    }

    /// Publishes that the BMC should answer and does not, with the last it said.
    pub(crate) fn unknown(&mut self, cause: String, remedy: String, last: Option<Box<BmcData>>) {
        if self.source.error.as_ref() != Some(&cause) {
            tracing::warn!(cause, remedy, "the BMC's state is unknown");
        }
        self.source.state = SourceState::Failing;
        self.source.errors = self.source.errors.saturating_add(1);
        self.source.error = Some(cause.clone());
        self.tell(Bmc::Unknown { cause, remedy, last });
    }

    /// Publishes what the BMC said. `fault` is what went wrong in the meantime; `incomplete` says why
    /// sensors may be missing, which is no working source.
    pub(crate) fn present(
        &mut self,
        data: &BmcData,
        fault: Option<String>,
        incomplete: Option<&str>,
    ) {
        let state = if incomplete.is_some() { SourceState::Failing } else { SourceState::Ok };
        if self.source.state != state || self.source.last_data.is_none() {
            tracing::info!(sensors = data.sensors.len(), "the BMC answers");
        }
        self.source.state = state;
        if let Some(fault) = fault {
            self.source.errors = self.source.errors.saturating_add(1);
            if self.source.error.as_ref() != Some(&fault) {
                tracing::warn!(fault, "the BMC was read in part");
            }
            self.source.error = Some(fault);
        } else {
            self.source.error = incomplete.map(str::to_owned);
        }
        self.source.last_data = Some(Timestamp::now());
        self.source.duration_s = data.sweep_s;
        self.tell(Bmc::Present(Box::new(data.clone())));
    }

    /// Publishes what is known in between: a first sweep as far as it is, what an event brought.
    pub(crate) fn progress(&mut self, data: &BmcData) {
        self.tell(Bmc::Present(Box::new(data.clone())));
    }

    /// What was known of the BMC before the device went away, for the session to go on with.
    pub(crate) fn take_last(&mut self) -> Option<Box<BmcData>> {
        self.last.take()
    }

    /// Says why a feature is weaker here than designed, or that it no longer is.
    pub(crate) fn weaker(&mut self, feature: &str, why: Option<String>) {
        self.degraded.retain(|degraded| degraded.feature != feature);
        let why = why.map(|why| Degraded { feature: feature.into(), why });
        self.degraded.extend(why);
    }

    fn tell(&mut self, bmc: Bmc) {
        let degraded = self.degraded.clone();
        (self.publish)(Seen { bmc, source: self.source.clone(), degraded });
    }
}
