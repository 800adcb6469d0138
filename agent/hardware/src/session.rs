//! One session with a BMC that is open: who it is, its records, then sweep after sweep, with the log
//! read in the pauses. Silence is waited out with longer and longer pauses; what was learnt stays.

use crate::bus::{Order, Worker};
use crate::reading::{blank, chassis, info, sel_record};
use crate::sensors::Sensors;
use socle_ipmi::app::{DeviceId, GetDeviceId, GetSelfTest, SystemFirmware};
use socle_ipmi::chassis::GetChassisStatus;
use socle_ipmi::dcmi::GetPowerReading;
use socle_ipmi::sdr::walk::{Stamp, Walk};
use socle_ipmi::sel::{GetSelInfo, Step, Tail};
use socle_ipmi::sweep::{Due, Outcome, Sweep};
use socle_ipmi::{CallError, Command, Completion, Request, Response, Transport, TransportError};
use socle_model::Timestamp;
use socle_model::bmc::{BmcData, SelInfo, SelfTest};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long one command may take: the driver itself tries again for seconds before it gives up.
const DEADLINE: Duration = Duration::from_secs(6);
/// So many commands without an answer, one after the other, and the BMC counts as silent.
const SILENT_RUN: u32 = 3;
/// The first pause before a silent BMC is asked again; doubles up to [`Session::patience`].
const PROBE_LEAST: Duration = Duration::from_secs(1);
/// Log entries read after each sweep even when the bus has no pause.
const ENTRIES_A_SWEEP: u32 = 8;
/// How often identity and self test are asked again.
const IDENTITY_EVERY: Duration = Duration::from_secs(600);
/// How often a first sweep that takes long is shown in part.
const SHOW_EVERY: Duration = Duration::from_secs(20);
/// What a BMC does not have is asked for again after so many sweeps.
const RARELY: u32 = 20;

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
    last_took: Duration,
    pub(crate) data: BmcData,
    pub(crate) sensors: Sensors,
    stamp: Option<Stamp>,
    tail: Tail,
    identity: Option<(Instant, DeviceId)>,
    no_power_for: u32,
    shown: Instant,
    fault: Option<String>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(worker: &'a mut Worker, transport: Box<dyn Transport + Send>) -> Self {
        let data = worker.last().cloned().unwrap_or_default();
        let now = Instant::now();
        Session {
            worker,
            transport,
            began: now,
            silent_run: 0,
            last_took: Duration::ZERO,
            data,
            sensors: Sensors::default(),
            stamp: None,
            tail: Tail::default(),
            identity: None,
            no_power_for: 0,
            shown: now,
            fault: None,
        }
    }

    /// Works until the device is gone, another is wanted, or the agent ends.
    pub(crate) fn run(mut self) -> End {
        loop {
            let Err(halt) = self.live();
            let halted = match halt {
                Halt::End(end) => return end,
                Halt::Silent(why) => self.probe(&why),
            };
            if let Err(end) = halted {
                return end;
            }
        }
    }

    /// Waits until a silent BMC answers again.
    fn probe(&mut self, why: &str) -> Result<(), End> {
        let mut why = why.to_owned();
        let mut pause = PROBE_LEAST;
        loop {
            let cause = format!("the BMC does not answer: {why}");
            let remedy = "it is asked again by itself; after minutes without an answer look at the \
                          kernel log, then reset the BMC over its network (`mc reset cold`)";
            self.worker.unknown(cause, remedy.into());
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
        let mut sweep = self.new_sweep();
        loop {
            let now = self.now_ms();
            match sweep.next(now) {
                Due::Sensor(n) => {
                    let outcome = self.read_sensor(n)?;
                    let took = u64::try_from(self.last_took.as_millis()).unwrap_or(u64::MAX);
                    sweep.done(outcome, took, self.now_ms());
                    self.show_progress();
                }
                Due::Summary => {
                    self.summarise()?;
                    sweep.done(Outcome::Answered, 0, self.now_ms());
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

    fn new_sweep(&self) -> Sweep {
        let Settings { interval_ms, bus_share } = self.pace();
        Sweep::new(self.sensors.readable(), interval_ms, bus_share, self.now_ms())
    }

    fn pace(&self) -> Settings {
        let interval = self.worker.settings.interval().as_millis();
        let interval_ms = u64::try_from(interval).unwrap_or(u64::MAX);
        Settings { interval_ms, bus_share: self.worker.settings.bus_share }
    }

    /// Identity, self test, system firmware version.
    fn identify(&mut self) -> Result<(), Halt> {
        let fresh = self.identity.as_ref().is_some_and(|(at, _)| at.elapsed() < IDENTITY_EVERY);
        if fresh {
            return Ok(());
        }
        match self.asked(&GetDeviceId)? {
            Ok(id) => {
                let firmware = self.system_firmware()?;
                self.data.info = Some(info(&id, firmware));
                self.data.up.bmc = true;
                self.identity = Some((Instant::now(), id));
            }
            Err(error) => {
                self.data.up.bmc = false;
                self.fault.get_or_insert(format!("Get Device ID: {error}"));
            }
        }
        self.data.self_test = match self.asked(&GetSelfTest)? {
            Ok(test) => Some(SelfTest { passed: test.passed, text: test.text }),
            Err(_) => None,
        };
        Ok(())
    }

    fn system_firmware(&mut self) -> Result<Option<String>, Halt> {
        let mut collector = SystemFirmware::default();
        loop {
            let Ok(response) = self.exchanged(&collector.request())? else { return Ok(None) };
            match collector.feed(&response) {
                Ok(version) => return Ok(version),
                Err(more) => collector = more,
            }
        }
    }

    /// Walks the repository, unless it is known and unchanged.
    fn read_records(&mut self) -> Result<(), Halt> {
        if self.stamp.is_some() && !self.records_changed()? {
            return Ok(());
        }
        let mut walk = Walk::default();
        while let Some(request) = walk.next() {
            let fed = match self.exchanged(&request)? {
                Ok(response) => walk.feed(&response).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = fed {
                // What was read until then is used; the next sweep's stamp starts another walk.
                self.fault = Some(format!("the SDR repository was read in part: {error}"));
                self.sensors = Sensors::of(&walk.records, self.began);
                self.records_known(&walk);
                self.stamp = None;
                return Ok(());
            }
        }
        self.sensors = Sensors::of(&walk.records, self.began);
        self.records_known(&walk);
        self.stamp = Some(walk.stamp());
        Ok(())
    }

    fn records_known(&mut self, walk: &Walk) {
        self.data.bad_records = walk.bad.clone();
        self.data.bad_records.extend(self.sensors.bad.iter().cloned());
        self.data.bad_records.truncate(256);
        self.data.sensors = self.sensors.records.iter().map(blank).collect();
        let (records, sensors) = (walk.records.len(), self.data.sensors.len());
        tracing::info!(records, sensors, "the SDR repository was read");
    }

    /// Whether the repository is another one than the one that was walked.
    fn records_changed(&mut self) -> Result<bool, Halt> {
        let Some(known) = self.stamp else { return Ok(true) };
        if known == Stamp::default() {
            // Device SDRs have no stamp.
            return Ok(false);
        }
        let response = self.exchanged(&Stamp::request())?;
        let response = response.ok().filter(|answer| answer.completion == Completion::OK);
        let now = response.and_then(|answer| Stamp::parse(&answer.data).ok());
        Ok(now.is_some_and(|now| now != known))
    }

    /// Chassis, power, log: once a sweep.
    fn summarise(&mut self) -> Result<(), Halt> {
        self.identify()?;
        let status = self.asked(&GetChassisStatus)?;
        self.data.up.chassis = status.is_ok();
        self.data.chassis = status.ok().as_ref().map(chassis);
        self.power()?;
        let log = self.asked(&GetSelInfo)?;
        self.data.up.sel = log.is_ok();
        match log {
            Ok(log) => {
                self.tail.look(log);
                let head = self.head();
                self.data.sel = Some(SelInfo {
                    entries: log.entries,
                    free_bytes: log.free_bytes,
                    overflow: log.overflow,
                    head,
                });
            }
            Err(_) => self.data.sel = None,
        }
        Ok(())
    }

    fn power(&mut self) -> Result<(), Halt> {
        if self.no_power_for > 0 {
            self.no_power_for -= 1;
            return Ok(());
        }
        let reading = self.asked(&GetPowerReading)?;
        if let Err(CallError::Completion(code)) = &reading
            && !code.passing()
        {
            self.no_power_for = RARELY;
        }
        self.data.up.dcmi = reading.is_ok();
        let watts = reading.ok().filter(|reading| reading.active);
        self.data.dcmi_power_watts = watts.map(|reading| f64::from(reading.current_watts));
        Ok(())
    }

    /// Reads at most `most` entries of the log; `false` when there is nothing to read.
    fn follow_log(&mut self, most: u32) -> Result<bool, Halt> {
        for _ in 0..most {
            let Step::Ask(command) = self.tail.step() else { return Ok(false) };
            let answer = self.asked(&command)?;
            match self.tail.feed(answer) {
                Ok(Some(entry)) => {
                    let record = sel_record(&entry, &self.sensors.records);
                    let ring = &self.worker.records;
                    ring.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                }
                Ok(None) => {}
                Err(error) => self.fault = Some(error.to_string()),
            }
            let read = matches!(self.tail.step(), Step::Idle);
            let head = self.head();
            if let Some(sel) = &mut self.data.sel
                && read
                && sel.head != head
                && self.data.swept_at.is_some()
            {
                sel.head = head;
                self.worker.present(&self.data, self.fault.clone());
            }
            self.rest()?;
        }
        Ok(true)
    }

    fn head(&self) -> u64 {
        self.worker.records.lock().unwrap_or_else(PoisonError::into_inner).head()
    }

    fn swept(&mut self, began_ms: u64) {
        self.data.up.ipmi = !self.data.sensors.is_empty() || self.stamp.is_some();
        self.data.swept_at = Some(Timestamp::now());
        self.data.sweep_s =
            Some(Duration::from_millis(self.now_ms().saturating_sub(began_ms)).as_secs_f64());
        let fault = self.fault.take();
        self.worker.present(&self.data, fault);
        self.shown = Instant::now();
    }

    /// A first sweep that takes long is shown as far as it is.
    fn show_progress(&mut self) {
        if self.worker.last().is_none() && self.shown.elapsed() > SHOW_EVERY {
            self.shown = Instant::now();
            let data = self.data.clone();
            self.worker.progress(&data);
        }
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
    fn exchanged(&mut self, request: &Request) -> Result<Result<Response, TransportError>, Halt> {
        let answer = self.exchange(request);
        let silent = match &answer {
            Err(TransportError::Gone(why)) => return Err(End::Gone(why.clone()).into()),
            Err(TransportError::Refused(_)) => None,
            Err(error) => Some(error.to_string()),
            Ok(response) if mute(response.completion) => Some(response.completion.to_string()),
            Ok(_) => None,
        };
        let Some(why) = silent else {
            self.silent_run = 0;
            return Ok(answer);
        };
        self.silent_run += 1;
        if self.silent_run >= SILENT_RUN {
            return Err(Halt::Silent(why));
        }
        Ok(answer)
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
        self.last_took = asked.elapsed();
        self.worker.beat.idle();
        answer
    }

    /// The pause that keeps us to our share of the bus after a command outside the sweep.
    fn rest(&mut self) -> Result<(), End> {
        let share = self.worker.settings.bus_share.clamp(0.01, 1.0);
        self.pause(self.last_took.mul_f64(1.0 / share - 1.0))
    }

    fn pause(&mut self, time: Duration) -> Result<(), End> {
        match self.worker.wait(time) {
            None => Ok(()),
            Some(Order::Stop) => Err(End::Stop),
            Some(Order::Settings(settings)) => {
                let moved = settings.device != self.worker.settings.device;
                self.worker.settings = settings;
                if moved { Err(End::Reopen) } else { Ok(()) }
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
