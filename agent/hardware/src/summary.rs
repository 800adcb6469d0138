//! What is asked once a sweep besides the sensors: chassis, power, the log.

use crate::reading::{chassis, sel_record};
use crate::session::{Halt, Session};
use socle_ipmi::CallError;
use socle_ipmi::chassis::GetChassisStatus;
use socle_ipmi::dcmi::GetPowerReading;
use socle_ipmi::sel::{GetSelInfo, Step};
use socle_model::bmc::SelInfo;
use std::sync::PoisonError;

/// What a BMC does not have is asked for again after so many sweeps.
const RARELY: u32 = 20;

impl Session<'_> {
    /// Chassis, power, log: once a sweep.
    pub(crate) fn summarise(&mut self) -> Result<(), Halt> {
        self.identify()?;
        let status = self.asked(&GetChassisStatus)?;
        self.data.up.chassis = status.is_ok();
        self.data.chassis = status.ok().as_ref().map(chassis);
        self.power()?;
        let log = self.asked(&GetSelInfo)?;
        self.data.up.sel = log.is_ok();
        match log {
            Ok(log) => {
                self.worker.tail.look(log);
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
    pub(crate) fn follow_log(&mut self, most: u32) -> Result<bool, Halt> {
        for _ in 0..most {
            let Step::Ask(command) = self.worker.tail.step() else { return Ok(false) };
            let answer = self.asked(&command)?;
            match self.worker.tail.feed(answer) {
                Ok(Some(entry)) => {
                    let record = sel_record(&entry, &self.sensors.records);
                    let ring = &self.worker.records;
                    ring.lock().unwrap_or_else(PoisonError::into_inner).push(record);
                }
                Ok(None) => {}
                Err(error) => self.fault = Some(error.to_string()),
            }
            let read = matches!(self.worker.tail.step(), Step::Idle);
            let head = self.head();
            if let Some(sel) = &mut self.data.sel
                && read
                && sel.head != head
                && self.whole_sweep
            {
                sel.head = head;
                self.present(self.fault.clone());
            }
            self.rest()?;
        }
        Ok(true)
    }

    fn head(&self) -> u64 {
        self.worker.records.lock().unwrap_or_else(PoisonError::into_inner).head()
    }
}
