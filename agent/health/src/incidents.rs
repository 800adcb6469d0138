//! Events out of what changed: log records, error counts that grew, verdicts that turned.

use crate::exporter::rule;
use crate::fault::{Report, Verdict};
use crate::memory::Memory;
use crate::observations::{Joined, NewEvent, Observations};
use crate::place::place;
use crate::rules::drive;
use crate::rules::kernel::edac_place;
use crate::spot::Spot;
use socle_model::bmc::{SelRecord, Sensor};
use socle_model::documents::Component;
use socle_model::event::{Kind, Origin, Severity};
use socle_model::facts::EdacCount;
use socle_model::{ComponentPath, Quantity, Status, Timestamp};
use std::collections::BTreeSet;

/// Most verdicts that turn at once and are told one by one; the rest becomes one event with the count.
const MOST: usize = 1000;
/// A SEL record that was found in the log may be of an error that is being reported now if its time is
/// within this of now.
const NEAR_S: i64 = 300;

/// What has happened since the verdict before.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) events: Vec<NewEvent>,
    pub(crate) joined: Vec<Joined>,
}

/// Everything that happened since the verdict `before`.
pub(crate) fn collect(
    seen: &Observations<'_>,
    before: &Memory,
    memory: &mut Memory,
    components: &[Component],
) -> News {
    memory.pass(seen.elapsed);
    let mut news = News::default();
    log_records(seen, memory, &mut news);
    error_counts(seen, before, memory, &mut news);
    drive::events(seen, before, &mut news.events);
    let mut turned = verdict_changes(seen, before, components);
    if turned.len() > MOST {
        let more = turned.len() - MOST;
        turned.truncate(MOST);
        turned.push(NewEvent {
            at: seen.now,
            component: ComponentPath::root().join("agent"),
            severity: Severity::Warning,
            kind: Kind::Agent,
            text: format!("{more} more verdicts turned at once; `socle status` has them all"),
            origins: Vec::new(),
        });
    }
    news.events.append(&mut turned);
    news
}

impl News {
    /// Takes an event of a fault that other sources may report, too; of one that was told it becomes
    /// one more origin.
    fn report(&mut self, memory: &mut Memory, uncorrected: bool, spot: Spot, event: NewEvent) {
        let Some(origin) = event.origins.first().cloned() else { return };
        match memory.report(Report { uncorrected, spot, origin: origin.clone() }) {
            Verdict::New => self.events.push(event),
            Verdict::Known => {}
            Verdict::Joins(to) => {
                let mut own = self.events.iter_mut().rev();
                match own.find(|event| event.origins.first() == Some(&to)) {
                    Some(event) => event.origins.push(origin),
                    None => self.joined.push(Joined { to, origin }),
                }
            }
        }
    }
}

fn log_records(seen: &Observations<'_>, memory: &mut Memory, news: &mut News) {
    if seen.new_sel.is_empty() {
        return;
    }
    let mut known: BTreeSet<u64> = memory.told.iter().copied().collect();
    for record in seen.new_sel {
        if !memory.is_news(record, &mut known) {
            continue;
        }
        let event = log_event(seen, record);
        match memory_error(record).filter(|_| fresh(seen, record)) {
            Some(uncorrected) => {
                let spot = Spot::of(record.sensor.as_deref());
                news.report(memory, uncorrected, spot, event);
            }
            None => news.events.push(event),
        }
    }
}

fn log_event(seen: &Observations<'_>, record: &SelRecord) -> NewEvent {
    let undated = if record.at.is_none() { " (the record has no usable time)" } else { "" };
    NewEvent {
        at: record.at.unwrap_or(seen.now),
        component: sel_place(record),
        severity: sel_severity(record),
        kind: Kind::Sel,
        text: format!("{}{undated}", record.text),
        origins: vec![Origin {
            source: "ipmi".to_owned(),
            record: format!("SEL {}", record.record_id),
            at: record.at,
        }],
    }
}

/// Whether the record tells of a memory error (sensor type 0Ch), and whether that was not corrected:
/// offset 1, against 0 and 5 (table 42-3).
fn memory_error(record: &SelRecord) -> Option<bool> {
    let ecc = record.sensor_type == 0x0C && record.event_type == 0x6F && record.asserted;
    match record.offset {
        1 if ecc => Some(true),
        0 | 5 if ecc => Some(false),
        _ => None,
    }
}

/// Whether the record is of the last minutes: it came while the root half watched, whatever the BMC's
/// clock says, or its time says so.
fn fresh(seen: &Observations<'_>, record: &SelRecord) -> bool {
    let near = |at: Timestamp| seen.now.duration_since(at).as_secs().abs() <= NEAR_S;
    !record.backlog || record.at.is_some_and(near)
}

/// Where the record's sensor is, or would be.
fn sel_place(record: &SelRecord) -> ComponentPath {
    if record.record_type != 0x02 {
        return ComponentPath::root().join("bmc");
    }
    let nobody = if record.sensor.is_none() { "unknown" } else { "" };
    place(&Sensor {
        name: record.sensor.clone().unwrap_or_else(|| nobody.to_owned()),
        id_string: String::new(),
        record_id: 0,
        share: 0,
        number: 0,
        lun: 0,
        owner: 0x20,
        entity_id: record.entity_id,
        entity_instance: record.entity_instance,
        sensor_type: record.sensor_type,
        type_name: String::new(),
        event_type: record.event_type,
        exported: false,
        quantity: Quantity::Other,
        unit: String::new(),
        compound_unit: false,
        value: None,
        absent: None,
        why: None,
        step: None,
        asserted: 0,
        states: Vec::new(),
        rising: true,
        thresholds: socle_model::Thresholds::default(),
        at: None,
    })
}

/// FreeIPMI's event table: going worse counts by the threshold, going better less; a deassertion is
/// news, not trouble.
fn sel_severity(record: &SelRecord) -> Severity {
    if record.record_type != 0x02 || !record.asserted {
        return Severity::Info;
    }
    if record.event_type != 0x01 {
        return match rule(record.event_type, record.sensor_type, record.offset) {
            Some(2) => Severity::Critical,
            Some(1) => Severity::Warning,
            _ => Severity::Info,
        };
    }
    // Offsets come in pairs "going low", "going high": lower thresholds worsen low, upper ones high.
    let worse = record.offset.is_multiple_of(2) == (record.offset < 6);
    match (record.offset / 2 % 3, worse) {
        (0, true) | (1, false) => Severity::Warning,
        (0, false) => Severity::Info,
        _ => Severity::Critical,
    }
}

fn error_counts(seen: &Observations<'_>, before: &Memory, memory: &mut Memory, news: &mut News) {
    let Some(kernel) = seen.kernel else { return };
    for count in &kernel.edac {
        // At first sight there is nothing to compare with: the verdict tells of old errors.
        let Some(old) = before.errors.get(&count.file) else { continue };
        for (now, then, uncorrected) in
            [(count.uncorrected, old.uncorrected, true), (count.corrected, old.corrected, false)]
        {
            if now > then {
                let words = count.label.as_deref().into_iter().chain(count.location.as_deref());
                let event = count_event(seen, count, (now - then, now), uncorrected);
                news.report(memory, uncorrected, Spot::of(words), event);
            }
        }
    }
}

fn count_event(
    seen: &Observations<'_>,
    count: &EdacCount,
    (more, all): (u64, u64),
    uncorrected: bool,
) -> NewEvent {
    let (word, severity) = match uncorrected {
        true => ("uncorrected", Severity::Critical),
        false => ("corrected", Severity::Info),
    };
    let place = count.label.as_deref().unwrap_or("this DIMM");
    NewEvent {
        at: seen.now,
        component: edac_place(count),
        severity,
        kind: Kind::Edac,
        text: format!("{more} {word} memory errors at {place}, {all} since boot"),
        origins: vec![Origin { source: "kernel".to_owned(), record: count.file.clone(), at: None }],
    }
}

/// Verdicts that turned, leaves only: a parent turns with its child. The first look at a part is news
/// only when it is bad.
fn verdict_changes(
    seen: &Observations<'_>,
    before: &Memory,
    components: &[Component],
) -> Vec<NewEvent> {
    let paths: BTreeSet<&str> = components.iter().map(|one| one.path.as_str()).collect();
    let rolled_up =
        |cause: &str| cause.strip_prefix("see ").is_some_and(|path| paths.contains(path));
    let mut events = Vec::new();
    let mut next = components.iter().skip(1);
    for component in components {
        let child = next
            .next()
            .is_some_and(|after| component.path != after.path && component.path.holds(&after.path));
        let cause = component.cause.as_deref();
        let old = before.verdicts.get(component.path.as_str()).map(|(status, _)| *status);
        let turned = match old {
            Some(old) => old != component.status,
            None => component.status != Status::Ok,
        };
        if !turned
            || crate::rules::bmc::too_early(cause)
            || cause.is_some_and(rolled_up)
            || (child && component.status == Status::Ok)
        {
            continue;
        }
        events.push(turned_event(seen, component));
    }
    events
}

fn turned_event(seen: &Observations<'_>, component: &Component) -> NewEvent {
    let severity = match component.status {
        Status::Ok => Severity::Info,
        Status::Warning | Status::Unknown => Severity::Warning,
        Status::Critical => Severity::Critical,
    };
    let cause = component.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
    let source = component.sources.first().cloned();
    NewEvent {
        at: seen.now,
        component: component.path.clone(),
        severity,
        kind: Kind::Agent,
        text: format!("{} is {}{cause}", component.name, component.status),
        origins: vec![Origin {
            source: source.unwrap_or_else(|| "agent".to_owned()),
            record: component.path.to_string(),
            at: None,
        }],
    }
}
