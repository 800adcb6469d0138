//! Events out of what changed: log records, error counts that grew, verdicts that turned.

use crate::exporter::rule;
use crate::memory::Memory;
use crate::observations::{NewEvent, Observations};
use crate::place::place;
use crate::rules::drive;
use crate::rules::kernel::edac_place;
use socle_model::bmc::{SelRecord, Sensor};
use socle_model::documents::Component;
use socle_model::event::{Kind, Origin, Severity};
use socle_model::{ComponentPath, Quantity, Status};
use std::collections::BTreeSet;

/// Most verdicts that turn at once and are told one by one; the rest becomes one event with the count.
const MOST: usize = 1000;
/// A SEL record and a kernel count within this many seconds can be one memory error.
const SAME_ERROR_S: i64 = 300;

/// Everything that happened since the verdict `before`.
pub(crate) fn collect(
    seen: &Observations<'_>,
    before: &Memory,
    memory: &mut Memory,
    components: &[Component],
) -> Vec<NewEvent> {
    let mut events = log_records(seen, memory);
    error_counts(seen, before, &mut events);
    drive::events(seen, before, &mut events);
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
    events.append(&mut turned);
    events
}

fn log_records(seen: &Observations<'_>, memory: &mut Memory) -> Vec<NewEvent> {
    if seen.new_sel.is_empty() {
        return Vec::new();
    }
    let mut known: BTreeSet<u64> = memory.told.iter().copied().collect();
    let news = seen.new_sel.iter().filter(|record| memory.is_news(&record.raw, &mut known));
    news.map(|record| {
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
    })
    .collect()
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

fn error_counts(seen: &Observations<'_>, before: &Memory, events: &mut Vec<NewEvent>) {
    let Some(kernel) = seen.kernel else { return };
    for count in &kernel.edac {
        // At first sight there is nothing to compare with: the verdict tells of old errors.
        let Some(old) = before.errors.get(&count.file) else { continue };
        for (now, then, word, severity) in [
            (count.uncorrected, old.uncorrected, "uncorrected", Severity::Critical),
            (count.corrected, old.corrected, "corrected", Severity::Info),
        ] {
            if now <= then {
                continue;
            }
            let origin =
                Origin { source: "kernel".to_owned(), record: count.file.clone(), at: None };
            if let Some(event) = same_error(seen, events, severity) {
                event.origins.push(origin);
                continue;
            }
            let place = count.label.as_deref().unwrap_or("this DIMM");
            events.push(NewEvent {
                at: seen.now,
                component: edac_place(count),
                severity,
                kind: Kind::Edac,
                text: format!("{} {word} memory errors at {place}, {now} since boot", now - then),
                origins: vec![origin],
            });
        }
    }
}

/// A SEL record of this verdict that tells of the same memory error: ECC (sensor type 0Ch, offsets 0, 1
/// and 5), of the same weight, at about the same time.
fn same_error<'a>(
    seen: &Observations<'_>,
    events: &'a mut [NewEvent],
    severity: Severity,
) -> Option<&'a mut NewEvent> {
    let ecc: BTreeSet<String> = seen
        .new_sel
        .iter()
        .filter(|record| record.sensor_type == 0x0C && record.event_type == 0x6F)
        .filter(|record| match severity {
            Severity::Critical => record.offset == 1,
            _ => matches!(record.offset, 0 | 5),
        })
        .map(|record| format!("SEL {}", record.record_id))
        .collect();
    events.iter_mut().find(|event| {
        event.kind == Kind::Sel
            && event.origins.len() == 1
            && seen.now.duration_since(event.at).as_secs().abs() <= SAME_ERROR_S
            && event.origins.iter().any(|origin| ecc.contains(&origin.record))
    })
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
