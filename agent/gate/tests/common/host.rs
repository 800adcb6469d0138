//! A root half made for tests: speaks the link, well or badly.

use socle_model::bmc::{
    Bmc, BmcData, BmcInfo, Chassis, SelInfo, SelRecord, Sensor, Snapshot, Source, SourceState, Up,
};
use socle_model::energy::{Energy, ZoneEnergy};
use socle_model::link::{
    Call, CallError, Envelope, Frames, REQUEST_LIMIT, Records, SCHEMA, Welcome, answer_frame,
    error_frame,
};
use socle_model::{Absent, Quantity, Thresholds, Timestamp};
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How it behaves towards the next call of `Watch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Good,
    /// The same after 0.3 s.
    Late,
    /// Takes the call and says nothing.
    Hang,
    /// Answers with bytes that are no JSON.
    Garbage,
    /// Ends half-way through an answer.
    MidFrame,
    /// Never ends its answer.
    Endless,
}

pub(crate) struct Host {
    pub(crate) said: Arc<Mutex<Said>>,
    path: std::path::PathBuf,
}

pub(crate) struct Said {
    pub(crate) manner: Manner,
    pub(crate) schema: u32,
    /// Refuses every gate as no neighbour of this schema.
    pub(crate) refuses: Option<u32>,
    /// Added to each snapshot: what a newer host may say.
    pub(crate) extra: Option<(&'static str, serde_json::Value)>,
    pub(crate) snapshot: Snapshot,
    pub(crate) records: Vec<SelRecord>,
    /// Calls of `Events` so far.
    pub(crate) asked: Vec<u64>,
    /// What it answers to `Energy`; silence where there is nothing.
    pub(crate) energy: Option<Result<Vec<ZoneEnergy>, CallError>>,
    streams: Vec<UnixStream>,
}

impl Host {
    pub(crate) fn start(path: &Path) -> Self {
        let said = Said {
            manner: Manner::Good,
            schema: SCHEMA,
            refuses: None,
            extra: None,
            snapshot: snapshot(Vec::new()),
            records: Vec::new(),
            asked: Vec::new(),
            energy: None,
            streams: Vec::new(),
        };
        let host = Host { said: Arc::new(Mutex::new(said)), path: path.to_owned() };
        host.listen();
        host
    }

    pub(crate) fn listen(&self) {
        let _ = std::fs::remove_file(&self.path);
        let listener = UnixListener::bind(&self.path).unwrap();
        let said = self.said.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let said = said.clone();
                std::thread::spawn(move || serve(stream, &said));
            }
        });
    }

    /// Changes what it says, and says it to all who watch.
    pub(crate) fn say(&self, change: impl FnOnce(&mut Said)) {
        let mut said = self.said.lock().unwrap();
        change(&mut said);
        said.snapshot.at = Timestamp::now();
        let frame = seen(&said);
        said.streams.retain_mut(|stream| stream.write_all(&frame).is_ok());
    }

    /// Starts to say it, and stops in the middle.
    pub(crate) fn falter(&self) {
        let mut said = self.said.lock().unwrap();
        let frame = seen(&said);
        for stream in &mut said.streams {
            let _ = stream.write_all(&frame[..frame.len() / 2]);
        }
    }

    /// Hangs up on everybody and lets nobody in any more.
    pub(crate) fn die(&self) {
        let _ = std::fs::remove_file(&self.path);
        for stream in self.said.lock().unwrap().streams.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn seen(said: &Said) -> Vec<u8> {
    let mut snapshot = serde_json::to_value(&said.snapshot).unwrap();
    if let Some((key, value)) = &said.extra {
        snapshot[key] = value.clone();
    }
    answer_frame(&serde_json::json!({ "snapshot": snapshot }), true).unwrap()
}

fn serve(mut stream: UnixStream, said: &Mutex<Said>) {
    let mut frames = Frames::new(REQUEST_LIMIT);
    let mut buffer = [0; 4096];
    loop {
        while let Some(frame) = frames.next_frame().unwrap() {
            let call = Call::decode(&Envelope::parse(&frame).unwrap());
            if !answer(&mut stream, call, &mut said.lock().unwrap()) {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(read) => frames.push(&buffer[..read]),
        }
    }
}

fn answer(stream: &mut UnixStream, call: Result<Call, CallError>, said: &mut Said) -> bool {
    let frame = match call {
        Ok(Call::Hello(hello)) => match said.refuses {
            Some(ours) => error_frame(&CallError::SchemaMismatch { theirs: hello.schema, ours }),
            None => {
                let version = "9.9.9".to_owned();
                answer_frame(&Welcome { version, schema: said.schema }, false).unwrap()
            }
        },
        Ok(Call::Events(after)) => {
            said.asked.push(after.after);
            let later = said.records.iter().filter(|record| record.head > after.after);
            let records: Vec<_> = later.take(2).cloned().collect();
            let last = records.last().map_or(u64::MAX, |record| record.head);
            let more = said.records.iter().any(|record| record.head > last);
            answer_frame(&Records { started: said.snapshot.started, records, more }, false).unwrap()
        }
        Ok(Call::Watch) => match said.manner {
            Manner::Good | Manner::Late => {
                if said.manner == Manner::Late {
                    (0..15).for_each(|_| super::pause());
                }
                let frame = seen(said);
                said.streams.push(stream.try_clone().unwrap());
                frame
            }
            Manner::Hang => {
                said.streams.push(stream.try_clone().unwrap());
                Vec::new()
            }
            Manner::Garbage => b"\x80\xffnot json\0".to_vec(),
            Manner::MidFrame => {
                let frame = seen(said);
                let _ = stream.write_all(&frame[..frame.len() / 2]);
                return false;
            }
            Manner::Endless => {
                let block = vec![b'['; 1 << 20];
                while stream.write_all(&block).is_ok() {}
                return false;
            }
        },
        Ok(Call::Energy) => match said.energy.clone() {
            Some(Ok(zones)) => {
                answer_frame(&Energy { at: Timestamp::now(), zones }, false).unwrap()
            }
            Some(Err(error)) => error_frame(&error),
            None => Vec::new(),
        },
        Ok(call) => unreachable!("{call:?}"),
        Err(error) => error_frame(&error),
    };
    stream.write_all(&frame).is_ok()
}

/// A BMC that answers, with these sensors.
pub(crate) fn snapshot(sensors: Vec<Sensor>) -> Snapshot {
    let now = Timestamp::now();
    let data = BmcData {
        info: Some(BmcInfo {
            firmware_revision: "2.60".into(),
            manufacturer_id: "Bull (43)".into(),
            manufacturer_number: 43,
            product_id: 1,
            ipmi_version: "2.0".into(),
            system_firmware_version: None,
        }),
        chassis: Some(Chassis {
            power_on: true,
            power_overload: false,
            power_fault: false,
            power_control_fault: false,
            intrusion: false,
            drive_fault: false,
            cooling_fault: true,
        }),
        dcmi_power_watts: Some(321.0),
        up: Up { ipmi: true, dcmi: true, bmc: true, chassis: true, sel: true },
        sel: Some(SelInfo { entries: 3, free_bytes: 1000, overflow: false, head: 0 }),
        sensors,
        swept_at: Some(now),
        sweep_s: Some(0.25),
        ..BmcData::default()
    };
    Snapshot {
        started: now,
        at: now,
        bmc: Bmc::Present(Box::new(data)),
        sources: vec![Source {
            name: "ipmi".into(),
            state: SourceState::Ok,
            last_data: Some(now),
            duration_s: Some(0.25),
            errors: 0,
            error: None,
        }],
        degraded: Vec::new(),
        checks: Vec::new(),
        drives: Vec::new(),
    }
}

/// A fan of 1,500 rpm.
pub(crate) fn fan(name: &str, record_id: u16) -> Sensor {
    Sensor {
        name: name.into(),
        id_string: name.into(),
        record_id,
        share: 0,
        number: u8::try_from(record_id & 0xFF).unwrap(),
        lun: 0,
        owner: 32,
        entity_id: 29,
        entity_instance: 1,
        sensor_type: 4,
        type_name: "Fan".into(),
        event_type: 1,
        exported: true,
        quantity: Quantity::FanSpeed,
        unit: "rpm".into(),
        compound_unit: false,
        value: Some(1500.0),
        absent: None,
        why: None,
        step: Some(75.0),
        asserted: 0,
        states: Vec::new(),
        rising: true,
        thresholds: Thresholds { lower_critical: Some(1125.0), ..Thresholds::default() },
        at: Some(Timestamp::now()),
    }
}

/// The same without a value.
pub(crate) fn without(mut sensor: Sensor, absent: Absent) -> Sensor {
    (sensor.value, sensor.absent) = (None, Some(absent));
    sensor
}

/// A SEL record.
pub(crate) fn record(head: u64, text: &str) -> SelRecord {
    SelRecord {
        head,
        record_id: u16::try_from(head).unwrap(),
        at: Some(Timestamp::now()),
        record_type: 2,
        sensor: Some("FAN 1".into()),
        entity_id: 29,
        entity_instance: 1,
        sensor_type: 4,
        event_type: 1,
        offset: 2,
        asserted: true,
        text: text.into(),
        epoch: 0,
        backlog: false,
        raw: format!("{head:04x}02000000000020000404010152ffff"),
    }
}
