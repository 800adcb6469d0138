//! The CPUs' seconds summed by core, package or NUMA node.

use super::{FIELDS, MODES, seconds};
use crate::topology::{Group, Groups};
use crate::{ReadError, Root};
use socle_model::metrics::{Family, Page, Series};
use std::collections::BTreeMap;

/// What one CPU has counted, over all the times that it was taken out and came back.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    group: usize,
    /// What earlier counts had reached when they began anew: a sum never falls.
    before: [u64; FIELDS],
    ticks: [u64; FIELDS],
}

struct Sum {
    name: String,
    ticks: [u64; FIELDS],
    series: [Series; MODES.len()],
    guest: Option<[Series; 2]>,
}

pub(super) struct Sums {
    root: Root,
    group: Group,
    groups: Option<Groups>,
    cpus: BTreeMap<u64, Counted>,
    sums: Vec<Sum>,
}

impl Sums {
    pub(super) fn new(root: &Root, group: Group) -> Self {
        let (cpus, sums) = (BTreeMap::new(), Vec::new());
        Sums { root: root.clone(), group, groups: None, cpus, sums }
    }

    /// Reads the topology again.
    pub(super) fn discover(
        &mut self,
        seconds: &Family,
        guest: Option<&Family>,
    ) -> Result<(), ReadError> {
        let groups = Groups::find(&self.root, self.group)?;
        if self.groups.as_ref() == Some(&groups) {
            return Ok(());
        }
        let label = groups.label();
        let names = groups.names();
        self.sums = names
            .iter()
            .map(|name| {
                let series =
                    |family: &Family, mode| family.series(&[(label, name), ("mode", mode)]);
                Sum {
                    name: (*name).to_owned(),
                    ticks: [0; FIELDS],
                    series: MODES.map(|mode| series(seconds, mode)),
                    guest: guest.map(|guest| ["user", "nice"].map(|mode| series(guest, mode))),
                }
            })
            .collect();
        for (cpu, counted) in &mut self.cpus {
            counted.group = place(&self.sums, groups.of(*cpu));
        }
        self.groups = Some(groups);
        Ok(())
    }

    /// Notes a CPU's line. A count that is lower than it was has begun anew.
    pub(super) fn take(&mut self, cpu: u64, ticks: &[u64; FIELDS]) {
        let (sums, groups) = (&self.sums, &self.groups);
        let counted = self.cpus.entry(cpu).or_insert_with(|| {
            let name = groups.as_ref().map_or(Groups::UNKNOWN, |groups| groups.of(cpu));
            Counted { group: place(sums, name), ..Counted::default() }
        });
        let fields = counted.before.iter_mut().zip(&mut counted.ticks).zip(ticks);
        for ((before, kept), now) in fields {
            // Small steps back are a known fault of the kernel; they count as standing still.
            if *now >= *kept {
                *kept = *now;
            } else if *kept - *now >= super::JUMP_BACK {
                *before = before.saturating_add(*kept);
                *kept = *now;
            }
        }
    }

    pub(super) fn write(&mut self, page: &mut Page, family: &Family, guest: Option<&Family>) {
        self.sums.iter_mut().for_each(|sum| sum.ticks = [0; FIELDS]);
        for counted in self.cpus.values() {
            let Some(sum) = self.sums.get_mut(counted.group) else { continue };
            let counts = counted.before.iter().zip(&counted.ticks);
            for (sum, (before, ticks)) in sum.ticks.iter_mut().zip(counts) {
                *sum = sum.saturating_add(*before).saturating_add(*ticks);
            }
        }
        let counted = |sum: &&Sum| sum.ticks.iter().any(|ticks| *ticks > 0);
        page.family_of(family, |page| {
            for sum in self.sums.iter().filter(counted) {
                let pairs = sum.series.iter().zip(sum.ticks);
                pairs.for_each(|(series, ticks)| page.sample(series, seconds(ticks)));
            }
        });
        let Some(guest) = guest else { return };
        page.family_of(guest, |page| {
            for sum in self.sums.iter().filter(counted) {
                let pairs = sum.guest.iter().flatten().zip(sum.ticks.iter().skip(MODES.len()));
                pairs.for_each(|(series, ticks)| page.sample(series, seconds(*ticks)));
            }
        });
    }
}

/// Where a group's sum stands: the last is that of the CPUs of which the topology says nothing.
fn place(sums: &[Sum], name: &str) -> usize {
    sums.iter().position(|sum| sum.name == name).unwrap_or(sums.len().saturating_sub(1))
}
