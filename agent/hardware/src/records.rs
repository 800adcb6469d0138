//! Who the BMC is and what its SDR repository holds.

use crate::kept::Identity;
use crate::reading::{info, renewed};
use crate::sensors::Sensors;
use crate::session::{Halt, Session};
use socle_ipmi::app::{GetDeviceGuid, GetDeviceId, GetSelfTest, SystemFirmware};
use socle_ipmi::sdr::walk::{Stamp, Walk};
use socle_ipmi::{Completion, Request, Response, TransportError};
use socle_model::bmc::SelfTest;
use std::time::{Duration, Instant};

/// How often identity and self test are asked again.
const IDENTITY_EVERY: Duration = Duration::from_secs(600);
/// How long a walk that failed is left alone; doubles up to 128 times as much.
const WALK_AGAIN: Duration = Duration::from_secs(5);
/// How often device SDRs are walked again: they have no stamp that tells a change.
const DEVICE_EVERY: Duration = Duration::from_secs(3600);
/// Records named that could not be read.
const BAD_MAX: usize = 256;

/// What was walked to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Walked {
    /// The repository, as its stamp was; it may have been empty.
    Repository(Stamp),
    /// Device SDRs, to be walked again then.
    Device { again: Instant },
}

impl Session<'_> {
    /// Identity, self test, system firmware version.
    pub(crate) fn identify(&mut self) -> Result<(), Halt> {
        let fresh = self.identity.as_ref().is_some_and(|(at, _)| at.elapsed() < IDENTITY_EVERY);
        if fresh {
            return Ok(());
        }
        match self.asked(&GetDeviceId)? {
            Ok(id) => {
                let guid = self.asked(&GetDeviceGuid)?.ok();
                let hex = |guid: [u8; 16]| guid.iter().map(|byte| format!("{byte:02x}")).collect();
                self.worker.met(Identity {
                    manufacturer: id.manufacturer,
                    product: id.product,
                    device: id.device_id,
                    guid: guid.map(hex),
                });
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
    pub(crate) fn read_records(&mut self) -> Result<(), Halt> {
        if !self.records_changed()? {
            return Ok(());
        }
        let mut walk = Walk::default();
        while let Some(request) = walk.next() {
            let fed = match self.exchanged_again(&request)? {
                Ok(response) => walk.feed(&response).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = fed {
                self.walk_failed(&walk, &error);
                return Ok(());
            }
            self.rest()?;
        }
        self.failed_walks = 0;
        self.incomplete = None;
        self.walked = Some(match walk.stamp() {
            Some(stamp) => Walked::Repository(stamp),
            None => Walked::Device { again: Instant::now() + DEVICE_EVERY },
        });
        self.records_known(&walk, true);
        Ok(())
    }

    /// One request, and the same once more after silence: a single lost answer must not end a walk.
    fn exchanged_again(
        &mut self,
        request: &Request,
    ) -> Result<Result<Response, TransportError>, Halt> {
        match self.exchanged(request)? {
            Err(TransportError::TimedOut(_) | TransportError::Busy) => self.exchanged(request),
            answer => Ok(answer),
        }
    }

    /// A walk ended early: it is tried again after a while. Sensors of a walk that reached its end stay;
    /// where there are none, what was read until then is better than nothing.
    fn walk_failed(&mut self, walk: &Walk, error: &str) {
        let why = format!("the SDR repository was read in part: {error}");
        self.fault = Some(why.clone());
        self.incomplete = Some(why);
        let wait = WALK_AGAIN * 2u32.saturating_pow(self.failed_walks.min(7));
        self.walk_at = Instant::now() + wait;
        self.failed_walks += 1;
        self.walked = None;
        if !self.sensors.whole && walk.records.len() >= self.sensors.of_records {
            self.records_known(walk, false);
        }
    }

    fn records_known(&mut self, walk: &Walk, whole: bool) {
        self.sensors = Sensors::of(&walk.records, Instant::now());
        self.sensors.whole = whole;
        let (kept, cut) = (self.sensors.records.len(), self.sensors.cut);
        let why = format!("the BMC has more sensors than are read: {kept} of {} are", kept + cut);
        self.worker.weaker("ipmi_sensors", (cut > 0).then_some(why));
        self.whole_sweep = false;
        self.data.bad_records = walk.bad.clone();
        self.data.bad_records.extend(self.sensors.bad.iter().cloned());
        self.data.bad_records.truncate(BAD_MAX);
        let former = std::mem::take(&mut self.data.sensors);
        self.data.sensors = renewed(&self.sensors.records, former);
        let (records, sensors) = (walk.records.len(), self.data.sensors.len());
        tracing::info!(records, sensors, whole, "the SDR repository was read");
    }

    /// Whether the repository is another one than the one that was walked, or could not be walked and
    /// is worth another try.
    pub(crate) fn records_changed(&mut self) -> Result<bool, Halt> {
        let known = match self.walked {
            None => return Ok(Instant::now() >= self.walk_at),
            // Device SDRs have no stamp.
            Some(Walked::Device { again }) => return Ok(Instant::now() >= again),
            Some(Walked::Repository(stamp)) => stamp,
        };
        let response = self.exchanged(&Stamp::request())?;
        let response = response.ok().filter(|answer| answer.completion == Completion::OK);
        let now = response.and_then(|answer| Stamp::parse(&answer.data).ok());
        Ok(now.is_some_and(|now| now != known))
    }
}
