//! The BMC's log: looked at about once a second, read entry by entry in the pauses, kept over a restart.
//! A record that comes while we watch has its sensor asked at once.

use crate::kept::{self, Identity, Kept, Raw};
use crate::reading::sel_record;
use crate::session::{Halt, Session};
use socle_ipmi::sdr::SensorRecord;
use socle_ipmi::sel::{Body, Entry, GetSelInfo, Step, Tail};
use socle_model::bmc::{SelInfo, SelRecord};
use std::sync::PoisonError;

impl Session<'_> {
    /// One look at SEL info.
    pub(crate) fn look_at_log(&mut self) -> Result<(), Halt> {
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

    /// Reads at most `most` entries of the log; `false` when there is nothing to read.
    pub(crate) fn follow_log(&mut self, most: u32) -> Result<bool, Halt> {
        for _ in 0..most {
            let Step::Ask(command) = self.worker.tail.step() else { return Ok(false) };
            let answer = self.asked(&command)?;
            let backlog = !self.worker.tail.caught_up();
            match self.worker.tail.feed(answer) {
                Ok(Some(entry)) => self.take_entry(&entry, backlog),
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
                self.show();
            }
            self.rest()?;
        }
        Ok(true)
    }

    fn take_entry(&mut self, entry: &Entry, backlog: bool) {
        let epoch = self.worker.tail.position().epoch;
        let record = SelRecord { epoch, backlog, ..sel_record(entry, &self.sensors.records) };
        self.worker.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        if let Body::Event(event) = &entry.body
            && !backlog
        {
            self.hurried.extend(self.sensors.asked_for(event));
        }
    }

    /// The ring as it was before the restart, once the sensors are known that its records name.
    pub(crate) fn recall(&mut self) {
        let Some(kept) = self.worker.kept.take() else { return };
        if self.worker.identity.is_none() {
            // A BMC that does not say who it is may be another one.
            self.worker.tail = Tail::resume(kept.position);
            self.worker.tail.another();
            return;
        }
        let ring = recalled(&kept.records, &self.sensors.records);
        let mut records = self.worker.records.lock().unwrap_or_else(PoisonError::into_inner);
        ring.into_iter().for_each(|record| records.push(record));
        tracing::info!(records = records.head(), "the BMC's log is read on from where it was left");
    }

    fn head(&self) -> u64 {
        self.worker.records.lock().unwrap_or_else(PoisonError::into_inner).head()
    }
}

fn recalled(raws: &[Raw], sensors: &[SensorRecord]) -> Vec<SelRecord> {
    let one = |&(id, epoch, raw): &Raw| {
        let entry = Entry { id, ..Entry::parse(raw).ok()? };
        Some(SelRecord { epoch, backlog: true, ..sel_record(&entry, sensors) })
    };
    raws.iter().filter_map(one).collect()
}

/// Whose log it is, how far it was read and what was saved of that.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    saver: Option<kept::Saver>,
    /// What the last text was made from.
    stamp: Option<(Identity, socle_ipmi::sel::Position, u64)>,
}

impl Saved {
    /// Saves into this folder, or nowhere.
    pub(crate) fn into(folder: Option<&std::path::Path>) -> Self {
        Saved { saver: folder.map(kept::Saver::new), stamp: None }
    }
}

impl crate::bus::Worker {
    /// Notes which BMC answers. Of another one than before the log is another one, too.
    pub(crate) fn met(&mut self, now: Identity) {
        let (before, kept) = (self.identity.take(), self.kept.take());
        self.identity = Some(now.clone());
        match (before, kept) {
            (Some(before), kept) if before.may_be(&now) => {
                let guid = now.guid.or(before.guid);
                self.identity = self.identity.take().map(|one| Identity { guid, ..one });
                self.kept = kept;
            }
            (Some(_), _) => {
                tracing::warn!("another BMC answers: its log is read from the beginning");
                self.tail.another();
            }
            (None, Some(kept)) if kept.bmc.may_be(&now) => {
                self.tail = Tail::resume(kept.position);
                self.kept = Some(kept);
            }
            (None, Some(Kept { position, .. })) => {
                tracing::warn!("another BMC than before the restart: its log is read whole");
                self.tail = Tail::resume(position);
                self.tail.another();
            }
            (None, None) => {}
        }
    }

    /// Has the place in the log saved, if it is another one than was saved last.
    pub(crate) fn save_place(&mut self) {
        let (Some(saver), Some(bmc)) = (&self.saved.saver, &self.identity) else { return };
        let trouble = saver.trouble();
        let position = self.tail.position();
        let ring = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Some((bmc.clone(), position, ring.head()));
        // What is still to be recalled is not lost by what is saved before.
        if self.kept.is_none() && (self.saved.stamp != stamp || trouble.is_some()) {
            let records = ring.all();
            drop(ring);
            saver.save(kept::document(bmc, position, &records));
            self.saved.stamp = stamp;
        } else {
            drop(ring);
        }
        let why = trouble.map(|why| {
            format!("{why}; after a restart of the root half the BMC's log is read whole again")
        });
        self.weaker("sel_position", why);
    }
}
