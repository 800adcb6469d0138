//! What the last root half said of the BMC, kept while a new one has not read it yet: a restart lets
//! readings age, it does not take them away.

use crate::expose::ipmi::stale;
use crate::link::Hardware;
use jiff::Timestamp;
use socle_model::bmc::{Bmc, Snapshot};
use std::sync::Arc;

/// Whether this is the word of a root half that has yet to end its first sweep.
fn unread(bmc: &Bmc) -> bool {
    match bmc {
        Bmc::Starting => true,
        Bmc::Present(data) => data.swept_at.is_none(),
        Bmc::Absent | Bmc::Unknown { .. } => false,
    }
}

impl Hardware {
    /// Takes in a new snapshot; the one before is kept for as long as the new one knows less.
    pub(crate) fn take(&mut self, mut snapshot: Snapshot) {
        let last = self.snapshot.take();
        if let Some(last) = &last {
            for source in snapshot.sources.iter_mut().filter(|one| one.last_data.is_none()) {
                let before = last.sources.iter().find(|one| one.name == source.name);
                source.last_data = before.and_then(|before| before.last_data);
            }
        }
        if !unread(&snapshot.bmc) {
            self.before = None;
        } else if let Some(last) = last.filter(|last| matches!(last.bmc, Bmc::Present(_)))
            && !unread(&last.bmc)
        {
            self.before = Some(last);
        }
        self.snapshot = Some(Arc::new(snapshot));
        self.received = Some(Timestamp::now());
    }

    /// As it is to be judged and shown: with the BMC as it was last read, until that is too old.
    pub(crate) fn carried(mut self, interval_s: f64, now: Timestamp) -> Self {
        let before = self.before.take().filter(
            |before| matches!(&before.bmc, Bmc::Present(data) if !stale(data, interval_s, now)),
        );
        if let (Some(before), Some(snapshot)) = (before, &mut self.snapshot) {
            Arc::make_mut(snapshot).bmc = before.bmc.clone();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socle_model::bmc::{BmcData, Source, SourceState};
    use std::time::Duration;

    fn snapshot(bmc: Bmc, last_data: Option<Timestamp>) -> Snapshot {
        let source = Source {
            name: "ipmi".into(),
            state: SourceState::Ok,
            last_data,
            duration_s: None,
            errors: 0,
            error: None,
        };
        Snapshot {
            started: Timestamp::UNIX_EPOCH,
            at: Timestamp::UNIX_EPOCH,
            bmc,
            sources: vec![source],
            degraded: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn present(swept_at: Option<Timestamp>) -> Bmc {
        Bmc::Present(Box::new(BmcData { swept_at, ..BmcData::default() }))
    }

    fn shown(hardware: &Hardware, now: Timestamp) -> Bmc {
        hardware.clone().carried(2.0, now).snapshot.unwrap().bmc.clone()
    }

    #[test]
    fn a_new_root_half_takes_nothing_away_before_it_has_read() {
        let now = Timestamp::now();
        let old = present(Some(now));
        let mut hardware = Hardware::default();
        hardware.take(snapshot(old.clone(), Some(now)));
        for young in [Bmc::Starting, present(None)] {
            hardware.take(snapshot(young.clone(), None));
            assert_eq!(shown(&hardware, now), old);
            assert_eq!(shown(&hardware, now + Duration::from_secs(59)), old);
            assert_eq!(shown(&hardware, now + Duration::from_secs(61)), young, "too old");
            let kept = hardware.snapshot.as_ref().unwrap().sources[0].last_data;
            assert_eq!(kept, Some(now), "the source ages too");
        }
        let gone = Bmc::Unknown { cause: "c".into(), remedy: "r".into(), last: None };
        hardware.take(snapshot(gone.clone(), None));
        assert_eq!(shown(&hardware, now), gone, "it looked, and that is what it saw");
        hardware.take(snapshot(Bmc::Starting, None));
        assert_eq!(shown(&hardware, now), Bmc::Starting, "nothing older comes back");
    }
}
