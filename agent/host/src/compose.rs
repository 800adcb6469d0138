//! The snapshot: what the bus saw, with what this process knows about itself, as one frame for all who
//! listen.

use crate::doctor::{self, ConfigState, Process};
use socle_hardware::bus::Seen;
use socle_hardware::nvme;
use socle_model::Timestamp;
use socle_model::bmc::{Bmc, Degraded, Snapshot};
use socle_model::link::{REPLY_LIMIT, Seen as Answer, answer_frame};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The feature that is weaker when a snapshot had to be cut.
const CUT: &str = "ipmi_sensors";

/// Makes snapshots and hands them out.
#[derive(Debug)]
pub(crate) struct Composer {
    frames: watch::Sender<Arc<[u8]>>,
    process: Process,
    started: Timestamp,
    pub(crate) config: ConfigState,
}

impl Composer {
    /// A composer whose first frame says that nothing was looked at yet.
    pub(crate) fn new(root: &Path, started: Timestamp) -> (Self, watch::Receiver<Arc<[u8]>>) {
        let (frames, latest) = watch::channel(Arc::from(Vec::new()));
        let process = Process::read(root);
        let config = ConfigState::default();
        let mut composer = Composer { frames, process, started, config };
        composer.publish(&Seen::starting(), None, &nvme::Seen::starting());
        (composer, latest)
    }

    /// Hands out a new snapshot. `stuck` is how long the bus has been inside one call, if too long.
    pub(crate) fn publish(&mut self, seen: &Seen, stuck: Option<Duration>, drives: &nvme::Seen) {
        let mut answer = Answer { snapshot: self.snapshot(seen, stuck, drives) };
        let frame = loop {
            match answer_frame(&answer, true) {
                Ok(frame) if frame.len() <= REPLY_LIMIT => break frame,
                Ok(frame) => {
                    tracing::warn!(bytes = frame.len(), "a snapshot too large for the link is cut");
                    if !shorten(&mut answer.snapshot) {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a snapshot cannot be written as JSON");
                    return;
                }
            }
        };
        self.frames.send_replace(Arc::from(frame));
    }

    fn snapshot(&self, seen: &Seen, stuck: Option<Duration>, drives: &nvme::Seen) -> Snapshot {
        let bmc = match stuck {
            None => seen.bmc.clone(),
            Some(time) => Bmc::Unknown {
                cause: format!(
                    "a call into the IPMI driver has not come back for {} s",
                    time.as_secs()
                ),
                remedy: "look at the kernel log for ipmi_si; when the driver stays stuck only a \
                         reboot, or a cold reset of the BMC over its network, helps"
                    .into(),
                last: seen.bmc.data().cloned().map(Box::new),
            },
        };
        let mut degraded = self.process.degraded();
        degraded.extend(seen.degraded.iter().cloned());
        let feature = || nvme::SOURCE.to_owned();
        degraded.extend(
            drives.degraded.iter().map(|why| Degraded { feature: feature(), why: why.clone() }),
        );
        Snapshot {
            started: self.started,
            at: Timestamp::now(),
            checks: doctor::checks(&self.process, &bmc, &self.config),
            bmc,
            sources: vec![seen.source.clone(), drives.source.clone()],
            degraded,
            drives: drives.drives.clone(),
        }
    }
}

/// Halves the list of sensors; `false` when there is nothing left to leave out.
fn shorten(snapshot: &mut Snapshot) -> bool {
    let data = match &mut snapshot.bmc {
        Bmc::Present(data) => data,
        Bmc::Unknown { last: Some(data), .. } => data,
        Bmc::Starting | Bmc::Absent | Bmc::Unknown { last: None, .. } => return false,
    };
    let (all, keep) = (data.sensors.len(), data.sensors.len() / 2);
    if all == 0 && data.bad_records.is_empty() {
        return false;
    }
    data.sensors.truncate(keep);
    data.bad_records.truncate(data.bad_records.len() / 2);
    snapshot.degraded.retain(|degraded| degraded.feature != CUT);
    snapshot.degraded.push(Degraded {
        feature: CUT.into(),
        why: format!("the BMC has more sensors than cross the link: {keep} of {all} are shown"),
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use socle_model::bmc::{BmcData, BmcInfo};
    use socle_model::link::{Answer as Wire, Frames};

    fn shown(frame: &[u8]) -> Snapshot {
        let mut frames = Frames::new(REPLY_LIMIT);
        frames.push(frame);
        let frame = frames.next_frame().unwrap().unwrap();
        Wire::parse::<Answer>(&frame).unwrap().snapshot
    }

    /// A BMC whose records fill `bytes`.
    fn large(bytes: usize) -> Seen {
        let info = BmcInfo {
            firmware_revision: "1.0".into(),
            manufacturer_id: "1".into(),
            manufacturer_number: 1,
            product_id: 1,
            ipmi_version: "2.0".into(),
            system_firmware_version: None,
        };
        let bad_records = (0..64).map(|id| (id, "x".repeat(bytes / 64))).collect();
        let sensors = Vec::new();
        let data = BmcData { info: Some(info), bad_records, sensors, ..BmcData::default() };
        Seen { bmc: Bmc::Present(Box::new(data)), ..Seen::starting() }
    }

    #[test]
    fn each_snapshot_is_newer_and_a_stuck_driver_is_said() {
        let (mut composer, mut latest) = Composer::new(Path::new("/nonexistent"), Timestamp::now());
        let first = shown(&latest.borrow_and_update());
        assert_eq!(first.bmc, Bmc::Starting);
        composer.publish(&large(1), Some(Duration::from_secs(99)), &nvme::Seen::starting());
        let second = shown(&latest.borrow_and_update());
        assert!(second.at > first.at);
        let Bmc::Unknown { cause, last, .. } = second.bmc else { panic!("{:?}", second.bmc) };
        assert!(cause.contains("99 s") && last.is_some(), "{cause}");
    }

    #[test]
    fn what_is_too_large_for_the_link_is_cut_and_said() {
        let (mut composer, mut latest) = Composer::new(Path::new("/nonexistent"), Timestamp::now());
        composer.publish(&large(REPLY_LIMIT + 1), None, &nvme::Seen::starting());
        let seen = shown(&latest.borrow_and_update());
        assert!(seen.degraded.iter().any(|degraded| degraded.feature == "ipmi_sensors"));
        assert!(matches!(seen.bmc, Bmc::Present(_)));
    }
}
