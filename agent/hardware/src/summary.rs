//! What is asked once a sweep besides the sensors: chassis and power.

use crate::reading::chassis;
use crate::session::{Halt, Session};
use socle_ipmi::CallError;
use socle_ipmi::chassis::GetChassisStatus;
use socle_ipmi::dcmi::GetPowerReading;

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
        self.look_at_log()
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
}
