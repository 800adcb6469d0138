//! Records into sensors, answers into readings: names, sharing, the formula over all of its inputs.

use crate::shared::{Full, compact, event_only};
use socle_ipmi::Command;
use socle_ipmi::sdr::{Owner, Record, SensorRecord, sensors};
use socle_ipmi::sensor::formula::{Factors, Format, step, value};
use socle_ipmi::sensor::{Absent, GetFactors, GetReading, GetThresholds, RawReading};

fn all(bytes: &[u8]) -> Vec<SensorRecord> {
    sensors(&Record::parse(1, bytes).unwrap()).unwrap()
}

fn one(full: &Full<'_>) -> SensorRecord {
    all(&full.bytes()).remove(0)
}

fn names(bytes: &[u8]) -> Vec<String> {
    all(bytes).into_iter().map(|sensor| sensor.name).collect()
}

/// The formula once more, from the bits up and with `powf` only.
fn oracle(raw: u8, format: u8, [m, mt, b, ba, _, exponents]: [u8; 6], linear: u8) -> Option<f64> {
    let wrap = |value: i32, bits: u32| {
        if value >= 1 << (bits - 1) { value - (1 << bits) } else { value }
    };
    let x = match format {
        0 => i32::from(raw),
        1 => i32::from(raw) - if raw >= 128 { 255 } else { 0 },
        2 => i32::from(raw) - if raw >= 128 { 256 } else { 0 },
        _ => return None,
    };
    let m = wrap(i32::from(m) + 4 * i32::from(mt & 0xC0), 10);
    let b = wrap(i32::from(b) + 4 * i32::from(ba & 0xC0), 10);
    let (k1, k2) = (wrap(i32::from(exponents % 16), 4), wrap(i32::from(exponents / 16), 4));
    let ten = |k: i32| 10f64.powf(f64::from(k));
    let y = (f64::from(m) * f64::from(x) + f64::from(b) * ten(k1)) * ten(k2);
    let y = match linear {
        0 => y,
        1 => y.ln(),
        2 => y.ln() / 10f64.ln(),
        3 => y.ln() / 2f64.ln(),
        4 => std::f64::consts::E.powf(y),
        5 => 10f64.powf(y),
        6 => 2f64.powf(y),
        7 => y.powf(-1.0),
        8 => y.powf(2.0),
        9 => y.powf(3.0),
        10 => y.powf(0.5),
        11 => y.abs().powf(1.0 / 3.0).copysign(y),
        _ => return None,
    };
    Some(y).filter(|y| y.is_finite())
}

fn near(got: Option<f64>, wanted: Option<f64>) -> bool {
    match (got, wanted) {
        (Some(got), Some(wanted)) => {
            (got - wanted).abs() <= 1e-9 * wanted.abs().max(1e-300) || (got - wanted).abs() < 1e-12
        }
        (got, wanted) => got.is_none() && wanted.is_none(),
    }
}

#[test]
fn the_formula_for_every_raw_byte_format_and_linearization() {
    let all_factors = [
        [1, 0, 0, 0, 0, 0],
        [161, 0, 0, 0, 0, 0xC0],
        [0xFF, 0xC0, 0x00, 0x80, 0, 0x9F],
        [0x03, 0x3F, 0xFD, 0xFF, 0, 0xE1],
        [0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x07],
        [0x00, 0x80, 0x01, 0x00, 0, 0xF8],
        [0, 0, 0, 0, 0, 0],
    ];
    let mut compared = 0;
    for bytes in all_factors {
        let factors = Factors::parse(&bytes);
        for format in 0..4u8 {
            for linear in (0..=0x0C).chain([0x70, 0x7F]) {
                for raw in 0..=255 {
                    let got = Format::of(format << 6)
                        .and_then(|format| value(raw, format, &factors, linear));
                    let wanted =
                        oracle(raw, format, bytes, if linear >= 0x70 { 0 } else { linear });
                    let at = format!("{bytes:02X?} {format} {linear:02X} {raw:02X}");
                    assert!(near(got, wanted), "{at}: {got:?}, wanted {wanted:?}");
                    assert!(got.is_none_or(f64::is_finite), "{at}");
                    assert!(got != Some(0.0) || !got.is_some_and(f64::is_sign_negative), "{at}");
                    if let Some(format) = Format::of(format << 6) {
                        assert!(step(raw, format, &factors, linear).is_none_or(|step| step > 0.0));
                    }
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, all_factors.len() * 4 * 15 * 256);
}

#[test]
fn names_in_every_encoding() {
    for (encoding, bytes, name) in [
        (3, &b"CPU1 Temp"[..], "CPU1 Temp"),
        (3, b"Temp\0junk", "Temp"),
        (3, b"caf\xE9", "caf\u{e9}"),
        (3, "caf\u{e9}".as_bytes(), "caf\u{e9}"),
        (3, b"a\"b,c", "a\"b,c"),
        (3, b"", ""),
        // The specification's own example of packed ASCII (FRU section 13.3): "IPMI".
        (2, &[0x29, 0xDC, 0xA6], "IPMI"),
        (1, &[0x12, 0x3A, 0xB4, 0xCD], "123 -4.:"),
        (0, &[b'T', 0, b'1', 0], "T1"),
        (0, &[0xB0, 0, b'C', 0], "\u{b0}C"),
        (0, b"T12", "T12"),
    ] {
        let sensor = one(&Full { encoding, name: bytes, ..Full::default() });
        assert_eq!(sensor.name, name, "{encoding} {bytes:02X?}");
    }
}

#[test]
fn packed_names_whose_length_counts_characters() {
    // OpenIPMI writes 8 for eight characters in six bytes: what is there is read.
    let mut bytes =
        Full { encoding: 2, name: &[0x29, 0xDC, 0xA6, 0x29, 0xDC, 0xA6], ..Full::default() }
            .bytes();
    bytes[47] = 2 << 6 | 8;
    assert_eq!(names(&bytes), ["IPMIIPMI"]);
}

#[test]
fn a_shared_record_is_all_of_its_sensors() {
    assert_eq!(names(&compact(1, 4, 0x00, 0, b"HDD")), ["HDD 0", "HDD 1", "HDD 2", "HDD 3"]);
    assert_eq!(names(&compact(1, 2, 0x00, 5, b"HDD")), ["HDD 5", "HDD 6"]);
    assert_eq!(names(&compact(1, 3, 0x10, 25, b"X")), ["X Z", "X AA", "X AB"]);
    assert_eq!(names(&compact(1, 1, 0x00, 9, b"HDD")), ["HDD"]);
    assert_eq!(names(&compact(1, 0, 0x00, 9, b"HDD")), ["HDD"]);
    let sensors = all(&compact(1, 15, 0x00, 0x80, b"D"));
    let places: Vec<_> =
        sensors.iter().map(|it| (it.share, it.number, it.entity_instance)).collect();
    assert_eq!(places[14], (14, 0x60 + 14, 15));
    let sensors = all(&compact(1, 2, 0x00, 0x00, b"D"));
    assert_eq!((sensors[1].number, sensors[1].entity_instance), (0x61, 1));
    assert!(sensors.iter().all(|sensor| sensor.record_id == 1 && sensor.readable()));
}

#[test]
fn no_record_panics_at_any_length_or_length_byte() {
    for (bytes, layout) in [
        (Full::default().bytes(), 48),
        (compact(1, 4, 0, 0, b"HDD"), 32),
        (event_only(1, b"CPU"), 17),
    ] {
        for end in 0..=bytes.len() {
            let cut = bytes.get(..end).unwrap();
            let parsed = Record::parse(1, cut).map(|record| sensors(&record));
            assert_eq!(matches!(parsed, Ok(Ok(_))), end >= layout, "{end}");
        }
        for length in 0..=255 {
            let mut bytes = bytes.clone();
            bytes[4] = length;
            let record = Record::parse(1, &bytes).unwrap();
            assert_eq!(sensors(&record).is_ok(), usize::from(length) + 5 >= layout, "{length}");
        }
    }
}

#[test]
fn owners() {
    let owner = |owner: u8, lun: u8| {
        let mut bytes = Full::default().bytes();
        (bytes[5], bytes[6]) = (owner, lun);
        let sensor = all(&bytes).remove(0);
        (sensor.owned_by(), sensor.lun, sensor.readable())
    };
    assert_eq!(owner(0x20, 0x00), (Owner::Bmc, 0, true));
    assert_eq!(owner(0x20, 0x03), (Owner::Bmc, 3, true));
    assert_eq!(owner(0xB1, 0x00), (Owner::Software(0x58), 0, false));
    assert_eq!(owner(0x2C, 0x60), (Owner::Satellite { address: 0x2C, channel: 6 }, 0, false));
    assert!(!all(&event_only(1, b"CPU"))[0].readable());
    let request = GetReading { number: 9, lun: 3 }.request();
    assert_eq!((request.lun, request.data), (3, vec![9]));
}

fn reading(data: &[u8]) -> RawReading {
    GetReading { number: 1, lun: 0 }.reply(data).unwrap()
}

#[test]
fn readings_and_the_reasons_for_none() {
    let fan = one(&Full::default());
    let thresholds = fan.thresholds(&fan.record_thresholds());
    let wanted = [1500.0, 1125.0, 750.0, 18000.0, 18750.0, 19125.0].map(Some);
    assert_eq!(thresholds, wanted, "lower nc, c, nr, then upper nc, c, nr");
    let decode = |data: &[u8]| fan.decode(&reading(data), None, &thresholds);

    let good = decode(&[100, 0xC0, 0xC0, 0x80]);
    assert_eq!((good.value, good.step, good.asserted), (Ok(7500.0), Some(75.0), 0));
    assert!(!good.disagrees);
    let dead = decode(&[0, 0xC0, 0xC7]);
    assert_eq!((dead.value, dead.asserted, dead.disagrees), (Ok(0.0), 7, false));
    let words = [
        "at or below lower non-critical",
        "at or below lower critical",
        "at or below lower non-recoverable",
    ];
    assert_eq!(fan.states(dead.asserted), words);
    // The status byte says ok where the value is not; a status byte that was left out says nothing good either.
    assert!(decode(&[0, 0xC0, 0xC0]).disagrees);
    assert!(decode(&[0, 0xC0, 0xC3]).disagrees);
    assert!(decode(&[255, 0xC0]).disagrees);
    // Hysteresis: a state that outlives its cause is no disagreement.
    assert!(!decode(&[30, 0xC0, 0xC1]).disagrees);

    // On a scale that falls the BMC's "at or above" is an "at or below" of the value.
    let mut falling = fan.clone();
    let analog = falling.analog.as_mut().unwrap();
    analog.factors.m = -analog.factors.m;
    let limits = falling.thresholds(&falling.record_thresholds());
    let good = falling.decode(&reading(&[100, 0xC0, 0xC0, 0x80]), None, &limits);
    assert_eq!((good.value, good.rising, good.disagrees), (Ok(-7500.0), false, false));
    assert!(decode(&[100, 0xC0, 0xC0]).rising);

    assert_eq!(decode(&[0, 0xE0, 0xC7]).value, Err(Absent::Unavailable));
    assert_eq!(decode(&[0, 0x80, 0xC7]).value, Err(Absent::ScanningDisabled));
    assert_eq!(decode(&[0, 0xE0, 0xC7]).asserted, 0);
    assert!(!reading(&[0, 0x40]).events && reading(&[0, 0x80]).events);
    for end in 0..2 {
        assert!(GetReading { number: 1, lun: 0 }.reply(&[0, 0xC0][..end]).is_err());
    }
}

#[test]
fn discrete_sensors_have_states_and_no_value() {
    let drive = &all(&compact(1, 1, 0, 0, b"HDD"))[0];
    let got = drive.decode(&reading(&[0, 0xC0, 0x03, 0x80]), None, &[None; 6]);
    assert_eq!((got.value, got.asserted), (Err(Absent::Discrete), 3));
    assert_eq!(drive.states(got.asserted), ["drive presence", "drive fault"]);
    assert_eq!(drive.states(0x4000), ["state 14"]);
    assert_eq!(drive.thresholds(&[Some(1); 6]), [None; 6]);
}

#[test]
fn a_non_linear_sensor_needs_factors_of_its_own() {
    let sensor = one(&Full { linearization: 0x70, ..Full::default() });
    assert!(sensor.non_linear());
    let raw = reading(&[10, 0xC0, 0xC0]);
    assert_eq!(sensor.decode(&raw, None, &[None; 6]).value, Err(Absent::NotReadable));
    let command = GetFactors { number: 1, lun: 2, raw: 10 };
    assert_eq!(command.request().data, [1, 10]);
    let factors = command.reply(&[0xFF, 2, 0, 5, 0, 0, 0x00]).unwrap();
    assert_eq!(sensor.decode(&raw, Some(&factors), &[None; 6]).value, Ok(25.0));
    assert!(command.reply(&[0xFF, 2, 0, 5, 0, 0]).is_err());
}

#[test]
fn thresholds_count_only_where_readable() {
    let command = GetThresholds { number: 1, lun: 1 };
    let got = command.reply(&[0b01_0010, 1, 2, 3, 4, 5, 6]).unwrap();
    assert_eq!(got, [None, Some(2), None, None, Some(5), None]);
    assert!(command.reply(&[0x3F, 1, 2, 3, 4, 5]).is_err());
    let sensor = one(&Full { readable: 0b10_0001, ..Full::default() });
    assert_eq!(sensor.record_thresholds(), [Some(20), None, None, None, None, Some(255)]);
}

#[test]
fn a_signed_temperature_and_what_is_outside_the_formula() {
    let cold = one(&Full { units: [0x80, 1, 0], factors: [1, 0, 0, 0, 0, 0], ..Full::default() });
    assert_eq!(cold.decode(&reading(&[0xF6, 0xC0, 0]), None, &[None; 6]).value, Ok(-10.0));
    let inverse = one(&Full { linearization: 7, ..Full::default() });
    let got = inverse.decode(&reading(&[0, 0xC0, 0x01]), None, &[None; 6]);
    assert_eq!((got.value, got.asserted), (Err(Absent::NotReadable), 1));
    let none = one(&Full { units: [0xC0, 1, 0], ..Full::default() });
    assert_eq!(none.decode(&reading(&[5, 0xC0]), None, &[None; 6]).value, Err(Absent::Discrete));
}
