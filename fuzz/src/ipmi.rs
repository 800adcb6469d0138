//! SDR, SEL and sensor answers of a hostile BMC. Also run by agent/ipmi/tests/corpus_replay.rs.

use socle_ipmi::cursor::Cursor;
use socle_ipmi::sdr::walk::Walk;
use socle_ipmi::sdr::{Record, SensorRecord, locator, sensors};
use socle_ipmi::sel::{Entry, GetSelInfo, Step, Tail};
use socle_ipmi::sensor::units::Unit;
use socle_ipmi::sensor::{GetFactors, GetReading, GetThresholds};
use socle_ipmi::{CallError, Command, Completion, Response};

/// The next answer of a script: completion code, length, data.
fn answer(script: &mut Cursor<'_>) -> Option<Response> {
    let completion = Completion(script.u8("completion").ok()?);
    let length = usize::from(script.u8("length").ok()?);
    let data = script.rest().get(..length).unwrap_or(script.rest()).to_vec();
    script.take(data.len(), "data").ok()?;
    Some(Response { completion, data })
}

fn value_of<C: Command>(command: &C, response: &Response) -> Result<C::Reply, CallError> {
    match response.completion {
        Completion::OK => Ok(command.reply(&response.data)?),
        code => Err(CallError::Completion(code)),
    }
}

fn decode(record: &Record) -> Vec<SensorRecord> {
    let _ = locator(record);
    let found = sensors(record).unwrap_or_default();
    assert!(found.len() <= 15, "a share count has four bits");
    for sensor in &found {
        assert!(sensor.name.len() <= 160, "31 bytes are at most 62 characters, and a suffix");
        for raw in [0, 1, 0x7F, 0x80, 0xFF] {
            assert!(sensor.value(raw, None).is_none_or(f64::is_finite));
        }
        let _ = sensor.thresholds(&sensor.record_thresholds());
        assert!(!Unit::parse(sensor.units).text.is_empty());
    }
    found
}

/// The input as one record, and as the script of a walk through a repository.
pub fn sdr(data: &[u8]) {
    if let Ok(record) = Record::parse(1, data) {
        let _ = decode(&record);
    }
    let (mut walk, mut script) = (Walk::default(), Cursor::new(data));
    while walk.next().is_some() {
        let Some(response) = answer(&mut script) else { break };
        if walk.feed(&response).is_err() {
            assert!(walk.next().is_none(), "a failed walk is over");
        }
    }
    let kept: usize = walk.records.iter().map(|record| record.body.len()).sum();
    assert!(kept <= data.len(), "a walk keeps no more than it was sent");
    for record in &walk.records {
        let _ = decode(record);
    }
}

/// The input as entries, and as the script of a log that is followed.
pub fn sel(data: &[u8]) {
    for raw in data.as_chunks::<16>().0 {
        if let Ok(entry) = Entry::parse(*raw) {
            assert!(entry.text(None).len() < 200);
        }
    }
    let (mut tail, mut script) = (Tail::default(), Cursor::new(data));
    let mut entries = 0;
    while let Some(response) = answer(&mut script) {
        match tail.step() {
            Step::Idle => {
                if let Ok(info) = value_of(&GetSelInfo, &response) {
                    tail.look(info);
                }
            }
            Step::Ask(command) => {
                let fed = tail.feed(value_of(&command, &response));
                if fed.is_err() {
                    assert!(matches!(tail.step(), Step::Idle), "a failed pass is over");
                }
                entries += usize::from(matches!(fed, Ok(Some(_))));
            }
        }
    }
    assert!(entries * 18 <= data.len(), "no entry that was not sent");
}

/// A record, then the answers about its sensors: reading, thresholds, factors.
pub fn sensor_response(data: &[u8]) {
    let mut script = Cursor::new(data);
    let Ok(length) = script.u8("record length") else { return };
    let Ok(record) = script.take(length.into(), "record") else { return };
    let Ok(record) = Record::parse(1, record) else { return };
    let found = decode(&record);
    let answers: [_; 3] = std::array::from_fn(|_| answer(&mut script));
    let [Some(reading), thresholds, factors] = answers else { return };
    for sensor in &found {
        let (number, lun) = (sensor.number, sensor.lun);
        let Ok(raw) = value_of(&GetReading { number, lun }, &reading) else { return };
        let limits = thresholds
            .as_ref()
            .and_then(|response| value_of(&GetThresholds { number, lun }, response).ok())
            .unwrap_or_else(|| sensor.record_thresholds());
        let command = GetFactors { number, lun, raw: raw.raw };
        let factors = factors.as_ref().and_then(|response| value_of(&command, response).ok());
        let got = sensor.decode(&raw, factors.as_ref(), &sensor.thresholds(&limits));
        assert!(got.value.is_err() || got.value.is_ok_and(f64::is_finite));
        assert!(got.step.is_none_or(|step| step > 0.0));
        assert!(sensor.states(got.asserted).iter().all(|word| !word.is_empty()));
    }
}
