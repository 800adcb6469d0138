//! One session with a BMC that is open: identity and records, then sweep after sweep, with the log read
//! in the pauses. Silence is waited out with longer and longer pauses; what was learnt stays.

use crate::bus::{Order, Worker};
use crate::records::Walked;
use crate::sensors::Sensors;
use socle_ipmi::app::{DeviceId, GetDeviceId};
use socle_ipmi::sweep::{Due, Outcome, Sweep};
use socle_ipmi::{CallError, Command, Completion, Request, Response, Transport, TransportError};
use socle_model::bmc::BmcData;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long one command may take: the driver itself tries again for seconds before it gives up.
const DEADLINE: Duration = Duration::from_secs(6);
/// So many commands without an answer, one after the other, and the BMC counts as silent.
const SILENT_RUN: u32 = 3;
/// The first pause before a silent BMC is asked again; doubles up to [`Session::patience`].
const PROBE_LEAST: Duration = Duration::from_secs(1);
/// Log entries read after each sweep even when the bus has no pause.
const ENTRIES_A_SWEEP: u32 = 8;
/// Forbidden commands named.
const RESTRICTED_MAX: usize = 16;
/// Why a session ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The agent ends.
    Stop,
    /// Another device is configured.
    Reopen,
    /// The device is gone.
    Gone(String),
}

/// Why work on the BMC stops for now.
#[derive(Debug)]
pub(crate) enum Halt {
    End(End),
    /// It does not answer; the last reason.
    Silent(String),
}

impl From<End> for Halt {
    fn from(end: End) -> Self {
        Halt::End(end)
    }
}

/// A session.
pub(crate) struct Session<'a> {
    pub(crate) worker: &'a mut Worker,
    transport: Box<dyn Transport + Send>,
    began: Instant,
    silent_run: u32,
    /// How long the bus was busy since the last rest from it.
    spent: Duration,
    /// Whether the data below are of a whole sweep, be it of an earlier session.
    pub(crate) known: bool,
    pub(crate) data: BmcData,
    pub(crate) sensors: Sensors,
    /// The records that were walked, if they were walked to their end.
    pub(crate) walked: Option<Walked>,
    /// Why the sensors are not those of a walk that reached its end.
    pub(crate) incomplete: Option<String>,
    pub(crate) walk_at: Instant,
    pub(crate) failed_walks: u32,
    pub(crate) identity: Option<(Instant, DeviceId)>,
    pub(crate) no_power_for: u32,
    /// Whether every sensor has been asked since the records were read.
    pub(crate) whole_sweep: bool,
    /// Sensors that answered in this sweep.
    pub(crate) answered: usize,
    pub(crate) shown: Instant,
    /// What went wrong in this sweep.
    pub(crate) fault: Option<String>,
    /// Commands that the BMC's policy forbids here: network function and command.
    restricted: BTreeSet<(u8, u8)>,
    /// Sensors that records of the log name, to be asked at once.
    pub(crate) hurried: Vec<usize>,
    /// Those of them that were not asked yet.
    pub(crate) haste: BTreeSet<usize>,
    /// One of them was asked and is not shown yet.
    pub(crate) unshown: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn new(worker: &'a mut Worker, transport: Box<dyn Transport + Send>) -> Self {
        let last = worker.take_last();
        let known = last.is_some();
        let data = last.map(|last| *last).unwrap_or_default();
        let mut sensors = std::mem::take(&mut worker.sensors);
        sensors.thresholds_due(Instant::now());
        let now = Instant::now();
        Session {
            worker,
            transport,
            began: now,
            silent_run: 0,
            spent: Duration::ZERO,
            known,
            data,
            sensors,
            walked: None,
            incomplete: None,
            walk_at: now,
            failed_walks: 0,
            identity: None,
            no_power_for: 0,
            whole_sweep: false,
            answered: 0,
            shown: now,
            fault: None,
            restricted: BTreeSet::new(),
            hurried: Vec::new(),
            haste: BTreeSet::new(),
            unshown: false,
        }
    }

    /// Works until the device is gone, another is wanted, or the agent ends. Gives the last it said.
    pub(crate) fn run(mut self) -> (End, Option<Box<BmcData>>) {
        let end = loop {
            let Err(halt) = self.live();
            let halted = match halt {
                Halt::End(end) => break end,
                Halt::Silent(why) => self.probe(&why),
            };
            if let Err(end) = halted {
                break end;
            }
        };
        if self.known {
            self.worker.sensors = self.sensors;
        }
        (end, self.known.then(|| Box::new(self.data)))
    }

    /// Waits until a silent BMC answers again.
    fn probe(&mut self, why: &str) -> Result<(), End> {
        let mut why = why.to_owned();
        let mut pause = PROBE_LEAST;
        loop {
            let cause = format!("the BMC does not answer: {why}");
            let remedy = "it is asked again by itself; after minutes without an answer look at the \
                          kernel log, then reset the BMC over its network (`mc reset cold`)";
            let last = self.known.then(|| Box::new(self.data.clone()));
            self.worker.unknown(cause, remedy.into(), last);
            self.pause(pause)?;
            pause = (pause * 2).min(self.patience());
            match self.ask(&GetDeviceId) {
                // In update mode it answers this and nothing else.
                Ok(id) if !id.updating => break,
                Ok(_) => why = "it is in firmware update mode".into(),
                Err(CallError::Transport(TransportError::Gone(why))) => return Err(End::Gone(why)),
                Err(error) => why = error.to_string(),
            }
        }
        self.silent_run = 0;
        self.worker.tail.was_away();
        self.whole_sweep = false;
        self.sensors.thresholds_due(Instant::now());
        // It may be another one now, with another repository.
        self.identity = None;
        Ok(())
    }

    /// The longest pause between two questions to a silent BMC.
    fn patience(&self) -> Duration {
        let twice = self.worker.settings.interval() * 2;
        twice.clamp(Duration::from_secs(5), Duration::from_secs(60))
    }

    fn live(&mut self) -> Result<std::convert::Infallible, Halt> {
        self.identify()?;
        self.read_records()?;
        self.recall();
        let mut sweep = self.new_sweep();
        loop {
            let now = self.now_ms();
            for n in std::mem::take(&mut self.hurried) {
                self.haste.insert(n);
                sweep.hurry(n);
            }
            match sweep.next(now) {
                Due::Sensor(n) => {
                    let outcome = self.read_sensor(n)?;
                    sweep.done(outcome, self.spent_ms(), self.now_ms());
                    self.show_progress();
                    self.show_hurried(n);
                }
                Due::Log => {
                    self.look_at_log()?;
                    sweep.done(Outcome::Answered, self.spent_ms(), self.now_ms());
                }
                Due::Summary => {
                    self.summarise()?;
                    sweep.done(Outcome::Answered, self.spent_ms(), self.now_ms());
                }
                Due::Swept { began_ms } => {
                    self.swept(began_ms);
                    self.follow_log(ENTRIES_A_SWEEP)?;
                    if self.records_changed()? {
                        self.read_records()?;
                        sweep = self.new_sweep();
                    }
                }
                Due::Wait { until_ms } => {
                    let idle = Duration::from_millis(until_ms.saturating_sub(now));
                    if !self.follow_log(1)? {
                        self.pause(idle)?;
                    }
                }
            }
            let Settings { interval_ms, bus_share } = self.pace();
            sweep.pace(interval_ms, bus_share);
        }
    }

    fn new_sweep(&mut self) -> Sweep {
        // Numbers of sensors are those of the records that were walked last.
        self.hurried.clear();
        self.haste.clear();
        let Settings { interval_ms, bus_share } = self.pace();
        Sweep::new(self.sensors.readable(), interval_ms, bus_share, self.now_ms())
    }

    fn pace(&self) -> Settings {
        let interval = self.worker.settings.interval().as_millis();
        let interval_ms = u64::try_from(interval).unwrap_or(u64::MAX);
        Settings { interval_ms, bus_share: self.worker.settings.bus_share }
    }

    /// One command; the outer error ends the work on this BMC for now.
    pub(crate) fn asked<C: Command>(
        &mut self,
        command: &C,
    ) -> Result<Result<C::Reply, CallError>, Halt> {
        Ok(match self.exchanged(&command.request())? {
            Ok(response) if response.completion == Completion::OK => {
                command.reply(&response.data).map_err(CallError::Torn)
            }
            Ok(response) => Err(CallError::Completion(response.completion)),
            Err(error) => Err(CallError::Transport(error)),
        })
    }

    /// One request; counts silence, and ends the work when there is too much of it.
    pub(crate) fn exchanged(
        &mut self,
        request: &Request,
    ) -> Result<Result<Response, TransportError>, Halt> {
        let answer = self.exchange(request);
        let silent = match &answer {
            Err(TransportError::Gone(why)) => return Err(End::Gone(why.clone()).into()),
            Err(TransportError::Refused(_)) => None,
            Err(error) => Some(error.to_string()),
            Ok(response) if mute(response.completion) => Some(response.completion.to_string()),
            Ok(response) => {
                self.note_restricted(request, response.completion);
                None
            }
        };
        let Some(why) = silent else {
            self.silent_run = 0;
            return Ok(answer);
        };
        self.silent_run += 1;
        if self.silent_run < SILENT_RUN {
            return Ok(answer);
        }
        // Sensors of a part that is switched off may be silent one after the other: the BMC is not.
        match self.ask(&GetDeviceId) {
            Ok(id) if !id.updating => {
                self.silent_run = 0;
                Ok(answer)
            }
            Ok(_) => Err(Halt::Silent("it is in firmware update mode".into())),
            Err(CallError::Transport(TransportError::Gone(why))) => Err(End::Gone(why).into()),
            Err(_) => Err(Halt::Silent(why)),
        }
    }

    /// A BMC may be told to refuse commands on this interface; which ones is said.
    fn note_restricted(&mut self, request: &Request, code: Completion) {
        let command = (request.netfn, request.cmd);
        let full = self.restricted.len() >= RESTRICTED_MAX;
        if !code.restricted() || full || !self.restricted.insert(command) {
            return;
        }
        let commands =
            self.restricted.iter().map(|(netfn, cmd)| format!("{netfn:02X}h/{cmd:02X}h"));
        let commands: Vec<_> = commands.collect();
        let why = format!(
            "the BMC refuses these commands on this interface (function/command: {}); what they would \
             tell is missing; see the BMC's policy for the system interface",
            commands.join(", ")
        );
        self.worker.weaker("ipmi_commands", Some(why));
    }

    /// Whether the last silence was traced to one sensor: the BMC itself answered after it.
    pub(crate) fn bmc_answers(&self) -> bool {
        self.silent_run == 0
    }

    fn ask<C: Command>(&mut self, command: &C) -> Result<C::Reply, CallError> {
        let response = self.exchange(&command.request())?;
        if response.completion != Completion::OK {
            return Err(CallError::Completion(response.completion));
        }
        Ok(command.reply(&response.data)?)
    }

    fn exchange(&mut self, request: &Request) -> Result<Response, TransportError> {
        self.worker.beat.busy();
        let asked = Instant::now();
        let answer = self.transport.exchange(request, DEADLINE);
        self.spent += asked.elapsed();
        self.worker.beat.idle();
        answer
    }

    /// The pause that keeps us to our share of the bus after commands outside the sweep.
    pub(crate) fn rest(&mut self) -> Result<(), End> {
        let share = self.worker.settings.bus_share.clamp(0.01, 1.0);
        let spent = std::mem::take(&mut self.spent);
        self.pause(spent.mul_f64(1.0 / share - 1.0))
    }

    /// The same time for the sweep, which makes the pause itself.
    fn spent_ms(&mut self) -> u64 {
        let spent = std::mem::take(&mut self.spent);
        u64::try_from(spent.as_millis()).unwrap_or(u64::MAX)
    }

    fn pause(&mut self, time: Duration) -> Result<(), End> {
        match self.worker.wait(time) {
            None => Ok(()),
            Some(Order::Stop) => Err(End::Stop),
            Some(Order::Settings(settings)) => {
                if self.worker.adopt(settings) {
                    Err(End::Reopen)
                } else {
                    Ok(())
                }
            }
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

struct Settings {
    interval_ms: u64,
    bus_share: f64,
}

/// Completion codes that stand for no answer: the driver's own C3h and FFh, and a BMC that is not
/// ready for anybody.
fn mute(code: Completion) -> bool {
    matches!(code.0, 0xC0 | 0xC3 | 0xD1 | 0xD2 | 0xFF)
}
