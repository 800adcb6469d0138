//! The energy counters, read when somebody asks.

use socle_kernel::rapl::Rapl;
use socle_kernel::{ReadError, Root, Settings, Source as _};
use socle_model::Timestamp;
use socle_model::energy::Energy;
use std::time::{Duration, Instant};

/// The shortest time between two readings. Power that is seen in finer steps tells what other processes
/// compute (CVE-2020-8694): that is why only root may read it.
pub const LEAST: Duration = Duration::from_secs(1);
/// How often zones that came or went are looked for.
const DISCOVERY: Duration = Duration::from_secs(30);

/// The counters, and what they last said.
#[derive(Debug)]
pub struct Powercap {
    root: Root,
    zones: Option<Rapl>,
    looked_at: Option<Instant>,
    last: Option<(Instant, Result<Energy, String>)>,
}

impl Powercap {
    /// Nothing is opened before somebody asks.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Powercap { root, zones: None, looked_at: None, last: None }
    }

    /// The counts: fresh ones, unless the last ones are younger than [`LEAST`].
    ///
    /// # Errors
    /// This machine has no counters, or does not show them, in words.
    pub fn read(&mut self) -> Result<Energy, String> {
        if let Some((at, last)) = &self.last
            && at.elapsed() < LEAST
        {
            return last.clone();
        }
        let read = self.fresh().map_err(|error| error.to_string());
        self.last = Some((Instant::now(), read.clone()));
        read
    }

    fn fresh(&mut self) -> Result<Energy, ReadError> {
        let mut zones = match self.zones.take() {
            Some(zones) => zones,
            None => {
                self.looked_at = Some(Instant::now());
                Rapl::new(&self.root, &Settings::default())?
            }
        };
        if self.looked_at.is_none_or(|at| at.elapsed() >= DISCOVERY) {
            self.looked_at = Some(Instant::now());
            zones.discover()?;
        }
        // Kept once it worked: a machine without zones is looked at anew with each question.
        let energy = Energy { at: Timestamp::now(), zones: zones.energies()? };
        self.zones = Some(zones);
        Ok(energy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_fresh_but_not_finer_than_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let zone = dir.path().join("sys/class/powercap/intel-rapl:0");
        let mut powercap = Powercap::new(Root::at(dir.path()));
        let none = powercap.read().unwrap_err();
        assert!(none.contains("powercap") && none.contains("does not exist"), "{none}");
        std::fs::create_dir_all(&zone).unwrap();
        std::fs::write(zone.join("name"), "package-0\n").unwrap();
        std::fs::write(zone.join("energy_uj"), "7\n").unwrap();
        let later = |powercap: &mut Powercap| {
            let last = powercap.last.as_mut().unwrap();
            last.0 = last.0.checked_sub(LEAST).unwrap();
        };
        assert_eq!(powercap.read(), Err(none), "asked again at once");
        later(&mut powercap);
        let first = powercap.read().unwrap();
        assert_eq!((first.zones.len(), first.zones[0].microjoules), (1, 7));
        std::fs::write(zone.join("energy_uj"), "9\n").unwrap();
        assert_eq!(powercap.read().unwrap(), first, "a finer step is not shown");
        later(&mut powercap);
        let second = powercap.read().unwrap();
        assert_eq!(second.zones[0].microjoules, 9);
        assert!(second.at > first.at);
    }
}
