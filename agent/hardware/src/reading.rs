//! What the BMC said, in the words of the link.

use socle_ipmi::app::DeviceId;
use socle_ipmi::chassis::ChassisStatus;
use socle_ipmi::sdr::SensorRecord;
use socle_ipmi::sel::{Body, Entry, Time};
use socle_ipmi::sensor::units::{self, Unit};
use socle_ipmi::sensor::{self, Reading, discrete};
use socle_model::bmc::{BmcInfo, Chassis, SelRecord, Sensor};
use socle_model::{Absent, Quantity, Thresholds, Timestamp};
use std::collections::HashMap;

/// A sensor as its record describes it, without a reading.
fn blank(record: &SensorRecord) -> Sensor {
    let unit = Unit::parse(record.units);
    let analog = record.analog.is_some();
    let absent = if record.readable() { Absent::NotAnswered } else { Absent::NotReadable };
    Sensor {
        name: record.name.clone(),
        id_string: record.id_string.clone(),
        record_id: record.record_id,
        share: record.share,
        number: record.number,
        lun: record.lun,
        owner: record.owner,
        entity_id: record.entity_id,
        entity_instance: record.entity_instance,
        sensor_type: record.sensor_type,
        type_name: discrete::type_name(record.sensor_type).into(),
        event_type: record.event_type,
        exported: record.readable() && record.lun == 0 && record.share == 0,
        quantity: if analog { quantity(&unit) } else { Quantity::Other },
        unit: if analog { unit.text } else { String::new() },
        compound_unit: unit.compound,
        value: None,
        absent: Some(absent),
        why: Some(unread(record)),
        step: None,
        asserted: 0,
        states: Vec::new(),
        rising: record.rising(None),
        thresholds: Thresholds::default(),
        at: None,
    }
}

/// The sensors of these records, with the readings that `former` has of the same ones: a sensor that was
/// read before the records were walked again is not one that was never asked.
pub(crate) fn renewed(records: &[SensorRecord], former: Vec<Sensor>) -> Vec<Sensor> {
    let key = |sensor: &Sensor| (sensor.owner, sensor.lun, sensor.number, sensor.name.clone());
    let read = former.into_iter().filter(|sensor| sensor.at.is_some());
    let mut read: HashMap<_, _> = read.map(|sensor| (key(&sensor), sensor)).collect();
    let one = |record| {
        let new = blank(record);
        match read.remove(&key(&new)) {
            // Under another type or unit the old number would mean something else.
            Some(old) if old.event_type == new.event_type && old.unit == new.unit => Sensor {
                value: old.value,
                absent: old.absent,
                why: old.why,
                step: old.step,
                asserted: old.asserted,
                states: old.states,
                thresholds: old.thresholds,
                at: old.at,
                ..new
            },
            _ => new,
        }
    };
    records.iter().map(one).collect()
}

fn unread(record: &SensorRecord) -> String {
    if record.readable() {
        "not asked yet".into()
    } else if record.kind == 0x03 {
        "an event-only record has no reading".into()
    } else if record.owner & 1 == 1 {
        format!("owned by software ({:02X}h): it has no reading", record.owner)
    } else {
        format!("owned by controller {:02X}h, which is not asked in band", record.owner)
    }
}

fn quantity(unit: &Unit) -> Quantity {
    match unit.quantity() {
        units::Quantity::Temperature => Quantity::Temperature,
        units::Quantity::FanSpeed => Quantity::FanSpeed,
        units::Quantity::Voltage => Quantity::Voltage,
        units::Quantity::Current => Quantity::Current,
        units::Quantity::Power => Quantity::Power,
        units::Quantity::Energy => Quantity::Energy,
        units::Quantity::Airflow => Quantity::Airflow,
        units::Quantity::Frequency => Quantity::Frequency,
        units::Quantity::Time => Quantity::Time,
        units::Quantity::Ratio => Quantity::Ratio,
        units::Quantity::Count => Quantity::Count,
        units::Quantity::Other => Quantity::Other,
    }
}

/// Puts a reading into its sensor.
pub(crate) fn fill(sensor: &mut Sensor, record: &SensorRecord, reading: &Reading, at: Timestamp) {
    (sensor.value, sensor.absent) = match reading.value {
        Ok(value) => (Some(value), None),
        Err(absent) => (None, Some(word(absent))),
    };
    sensor.why = match reading.value {
        Ok(_) | Err(sensor::Absent::Discrete) => None,
        Err(sensor::Absent::Unavailable) => Some("the BMC says unavailable".into()),
        Err(sensor::Absent::ScanningDisabled) => Some("the BMC does not scan it".into()),
        Err(sensor::Absent::NotReadable) => Some("outside the sensor's formula".into()),
    };
    sensor.step = reading.step;
    sensor.asserted = reading.asserted;
    sensor.states = record.states(reading.asserted);
    sensor.rising = reading.rising;
    sensor.at = Some(at);
}

/// Puts the reason for no reading into its sensor.
pub(crate) fn empty(sensor: &mut Sensor, absent: Absent, why: String, at: Timestamp) {
    sensor.value = None;
    sensor.absent = Some(absent);
    sensor.why = Some(why);
    sensor.step = None;
    sensor.asserted = 0;
    sensor.states.clear();
    sensor.at = Some(at);
}

fn word(absent: sensor::Absent) -> Absent {
    match absent {
        sensor::Absent::Unavailable => Absent::Unavailable,
        sensor::Absent::ScanningDisabled => Absent::ScanningDisabled,
        sensor::Absent::NotReadable => Absent::NotReadable,
        sensor::Absent::Discrete => Absent::Discrete,
    }
}

/// Thresholds in the order of Get Sensor Thresholds.
pub(crate) fn thresholds(values: [Option<f64>; 6]) -> Thresholds {
    let [
        lower_noncritical,
        lower_critical,
        lower_nonrecoverable,
        upper_noncritical,
        upper_critical,
        upper_nonrecoverable,
    ] = values;
    Thresholds {
        lower_nonrecoverable,
        lower_critical,
        lower_noncritical,
        upper_noncritical,
        upper_critical,
        upper_nonrecoverable,
    }
}

/// Identity as `ipmi_bmc_info` shows it.
pub(crate) fn info(id: &DeviceId, system_firmware_version: Option<String>) -> BmcInfo {
    BmcInfo {
        firmware_revision: id.firmware(),
        manufacturer_id: crate::manufacturer::label(id.manufacturer),
        manufacturer_number: id.manufacturer,
        product_id: id.product,
        ipmi_version: id.version(),
        system_firmware_version,
    }
}

pub(crate) fn chassis(status: &ChassisStatus) -> Chassis {
    Chassis {
        power_on: status.power_on,
        power_overload: status.power_overload,
        power_fault: status.power_fault,
        power_control_fault: status.power_control_fault,
        intrusion: status.intrusion,
        drive_fault: status.drive_fault,
        cooling_fault: status.cooling_fault,
    }
}

/// A SEL record, with its sensor where one is known. The ring numbers it; epoch and backlog are the
/// caller's to say.
pub(crate) fn sel_record(entry: &Entry, sensors: &[SensorRecord]) -> SelRecord {
    let event = match &entry.body {
        Body::Event(event) => Some(event),
        Body::Oem { .. } => None,
    };
    let sensor = event.and_then(|event| sensors.iter().find(|sensor| event.is_of(sensor)));
    let at = match entry.time {
        Time::Absolute(seconds) => Timestamp::from_second(i64::from(seconds)).ok(),
        Time::Relative(_) | Time::Unknown => None,
    };
    SelRecord {
        head: 0,
        record_id: entry.id,
        at,
        record_type: entry.kind,
        sensor: sensor.map(|sensor| sensor.name.clone()),
        entity_id: sensor.map_or(0, |sensor| sensor.entity_id),
        entity_instance: sensor.map_or(0, |sensor| sensor.entity_instance),
        sensor_type: event.map_or(0, |event| event.sensor_type),
        event_type: event.map_or(0, |event| event.event_type),
        offset: event.map_or(0, |event| event.offset()),
        asserted: event.is_some_and(|event| !event.deasserted),
        text: entry.text(sensor),
        raw: entry.raw.iter().map(|byte| format!("{byte:02x}")).collect(),
        epoch: 0,
        backlog: false,
    }
}
