//! Who the BMC is and what its SDR repository holds.

use crate::reading::{blank, info};
use crate::sensors::Sensors;
use crate::session::{Halt, Session};
use socle_ipmi::Completion;
use socle_ipmi::app::{GetDeviceId, GetSelfTest, SystemFirmware};
use socle_ipmi::sdr::walk::{Stamp, Walk};
use socle_model::bmc::SelfTest;
use std::time::{Duration, Instant};

/// How often identity and self test are asked again.
const IDENTITY_EVERY: Duration = Duration::from_secs(600);
/// How long a walk that failed is left alone; doubles up to 128 times as much.
const WALK_AGAIN: Duration = Duration::from_secs(5);
/// Records named that could not be read.
const BAD_MAX: usize = 256;

impl Session<'_> {
    /// Identity, self test, system firmware version.
    pub(crate) fn identify(&mut self) -> Result<(), Halt> {
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
    pub(crate) fn read_records(&mut self) -> Result<(), Halt> {
        if !self.records_changed()? {
            return Ok(());
        }
        let mut walk = Walk::default();
        while let Some(request) = walk.next() {
            let fed = match self.exchanged(&request)? {
                Ok(response) => walk.feed(&response).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = fed {
                // What was read until then is used, and the walk is tried again.
                self.fault = Some(format!("the SDR repository was read in part: {error}"));
                let wait = WALK_AGAIN * 2u32.saturating_pow(self.failed_walks.min(7));
                self.walk_at = Instant::now() + wait;
                self.failed_walks += 1;
                self.stamp = None;
                self.records_known(&walk);
                return Ok(());
            }
            self.rest()?;
        }
        self.failed_walks = 0;
        self.stamp = Some(walk.stamp());
        self.records_known(&walk);
        Ok(())
    }

    fn records_known(&mut self, walk: &Walk) {
        self.sensors = Sensors::of(&walk.records, Instant::now());
        self.whole_sweep = false;
        self.data.bad_records = walk.bad.clone();
        self.data.bad_records.extend(self.sensors.bad.iter().cloned());
        self.data.bad_records.truncate(BAD_MAX);
        self.data.sensors = self.sensors.records.iter().map(blank).collect();
        let (records, sensors) = (walk.records.len(), self.data.sensors.len());
        tracing::info!(records, sensors, "the SDR repository was read");
    }

    /// Whether the repository is another one than the one that was walked, or could not be walked and
    /// is worth another try.
    pub(crate) fn records_changed(&mut self) -> Result<bool, Halt> {
        let Some(known) = self.stamp else { return Ok(Instant::now() >= self.walk_at) };
        if known == Stamp::default() {
            // Device SDRs have no stamp.
            return Ok(false);
        }
        let response = self.exchanged(&Stamp::request())?;
        let response = response.ok().filter(|answer| answer.completion == Completion::OK);
        let now = response.and_then(|answer| Stamp::parse(&answer.data).ok());
        Ok(now.is_some_and(|now| now != known))
    }
}
