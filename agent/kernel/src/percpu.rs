//! Figures that the kernel has for each CPU, shown so, or summed by core, package or NUMA node.

use crate::table::Table;
use crate::topology::{Group, Groups};
use crate::{ReadError, Root};
use socle_model::metrics::{Family, Kind, Page, Series, Value};
use std::collections::BTreeMap;

/// Name, type and help of a figure.
pub(crate) type Figure = (&'static str, Kind, &'static str);

/// `N` figures of each CPU.
pub(crate) struct PerCpu<const N: usize> {
    families: [Family; N],
    rows: Table<Row<N>>,
    /// Instead of each CPU.
    sums: Option<Sums<N>>,
}

struct Row<const N: usize> {
    series: [Series; N],
    values: [u64; N],
}

struct Sums<const N: usize> {
    root: Root,
    group: Group,
    groups: Option<Groups>,
    counters: [bool; N],
    cpus: BTreeMap<u64, Counted<N>>,
    sums: Vec<Sum<N>>,
    round: u64,
}

/// What a CPU has counted, over all the times that its count began anew.
struct Counted<const N: usize> {
    sum: usize,
    round: u64,
    before: [u64; N],
    now: [u64; N],
}

struct Sum<const N: usize> {
    name: String,
    series: [Series; N],
    values: [u64; N],
    /// Whether a CPU belongs to it.
    any: bool,
}

impl<const N: usize> PerCpu<N> {
    /// Figures of these names, behind the prefix.
    pub(crate) fn new(prefix: &str, figures: [Figure; N]) -> Self {
        let families =
            figures.map(|(name, kind, help)| Family::new(&format!("{prefix}_{name}"), kind, help));
        PerCpu { families, rows: Table::default(), sums: None }
    }

    /// Sums them, where a group is given.
    pub(crate) fn summed(
        mut self,
        root: &Root,
        group: Option<Group>,
        figures: [Figure; N],
    ) -> Result<Self, ReadError> {
        self.sums = group.map(|group| Sums {
            root: root.clone(),
            group,
            groups: None,
            counters: figures.map(|(_, kind, _)| kind == Kind::Counter),
            cpus: BTreeMap::new(),
            sums: Vec::new(),
            round: 0,
        });
        self.discover()?;
        Ok(self)
    }

    /// Begins a new reading.
    pub(crate) fn begin(&mut self) {
        self.rows.begin();
        if let Some(sums) = &mut self.sums {
            sums.round += 1;
        }
    }

    /// Takes the figures of a CPU.
    pub(crate) fn take(&mut self, cpu: u64, values: [u64; N]) {
        let PerCpu { families, rows, sums } = self;
        if let Some(sums) = sums {
            return sums.take(cpu, values);
        }
        let make = || {
            let cpu = cpu.to_string();
            let series = families.each_ref().map(|family| family.series(&[("cpu", &cpu)]));
            Row { series, values }
        };
        if let Some((row, _)) = rows.row(&cpu.to_ne_bytes(), make) {
            row.values = values;
        }
    }

    /// Writes the families; `value` says what a figure is in the family's unit.
    pub(crate) fn write(&self, page: &mut Page, value: impl Fn(usize, u64) -> Value) {
        for (n, family) in self.families.iter().enumerate() {
            page.family_of(family, |page| match &self.sums {
                Some(sums) => {
                    for Sum { series, values, .. } in sums.sums.iter().filter(|sum| sum.any) {
                        if let (Some(series), Some(figure)) = (series.get(n), values.get(n)) {
                            page.sample(series, value(n, *figure));
                        }
                    }
                }
                None => {
                    for Row { series, values } in self.rows.present() {
                        if let (Some(series), Some(figure)) = (series.get(n), values.get(n)) {
                            page.sample(series, value(n, *figure));
                        }
                    }
                }
            });
        }
    }

    /// The reading is at its end: adds up.
    pub(crate) fn end(&mut self) {
        if let Some(sums) = &mut self.sums {
            sums.add();
        }
    }

    /// Forgets CPUs that are not listed any more, and looks at the topology again.
    pub(crate) fn discover(&mut self) -> Result<(), ReadError> {
        let PerCpu { families, rows, sums } = self;
        rows.sweep();
        sums.as_mut().map_or(Ok(()), |sums| sums.discover(families))
    }
}

impl<const N: usize> Sums<N> {
    fn discover(&mut self, families: &[Family; N]) -> Result<(), ReadError> {
        let groups = Groups::find(&self.root, self.group)?;
        if self.groups.as_ref() == Some(&groups) {
            return Ok(());
        }
        let sum = |name: &str| Sum {
            name: name.to_owned(),
            series: families.each_ref().map(|family| family.series(&[(groups.label(), name)])),
            values: [0; N],
            any: false,
        };
        self.sums = groups.names().into_iter().map(sum).collect();
        for (cpu, counted) in &mut self.cpus {
            counted.sum = place(&self.sums, groups.of(*cpu));
        }
        self.groups = Some(groups);
        self.add();
        Ok(())
    }

    fn take(&mut self, cpu: u64, values: [u64; N]) {
        let Sums { groups, cpus, sums, round, counters, .. } = self;
        let counted = cpus.entry(cpu).or_insert_with(|| {
            let name = groups.as_ref().map_or(Groups::UNKNOWN, |groups| groups.of(cpu));
            Counted { sum: place(sums, name), round: 0, before: [0; N], now: [0; N] }
        });
        counted.round = *round;
        let figures = counted.before.iter_mut().zip(&mut counted.now).zip(values).zip(counters);
        for (((before, now), value), counter) in figures {
            // A count that is lower than it was has begun anew, or has 32 bits only.
            if *counter && value < *now {
                *before = before.saturating_add(*now);
            }
            *now = value;
        }
    }

    fn add(&mut self) {
        for sum in &mut self.sums {
            (sum.values, sum.any) = ([0; N], false);
        }
        for counted in self.cpus.values() {
            let Some(sum) = self.sums.get_mut(counted.sum) else { continue };
            sum.any = true;
            let figures = counted.before.iter().zip(&counted.now).zip(self.counters);
            for (slot, ((before, now), counter)) in sum.values.iter_mut().zip(figures) {
                // A CPU that is offline keeps what it has counted; it has no backlog.
                if counter || counted.round == self.round {
                    *slot = slot.saturating_add(*before).saturating_add(*now);
                }
            }
        }
    }
}

/// Where a group's sum stands: the last is that of the CPUs of which the topology says nothing.
fn place<const N: usize>(sums: &[Sum<N>], name: &str) -> usize {
    sums.iter().position(|sum| sum.name == name).unwrap_or(sums.len().saturating_sub(1))
}
