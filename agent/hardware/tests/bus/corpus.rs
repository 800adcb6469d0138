//! Three real machines, as captured by InfraSIM, behind ipmi_sim: everything is read without a fault.

use crate::support::{Sim, Watched, over_tcp};
use socle_model::Absent;
use socle_model::bmc::Sensor;
use std::path::PathBuf;

/// What is known of a machine from other tools: sensors with thresholds and with states, and how many
/// are owned by software (B1h) and cannot be read.
struct Machine {
    file: &'static str,
    threshold: usize,
    discrete: usize,
    foreign: Option<usize>,
    manufacturer: u32,
}

const MACHINES: [Machine; 3] = [
    Machine {
        file: "dell_r730.emu",
        threshold: 19,
        discrete: 150,
        foreign: Some(57),
        manufacturer: 674,
    },
    Machine {
        file: "quanta_d51.emu",
        threshold: 48,
        discrete: 59,
        foreign: None,
        manufacturer: 7244,
    },
    Machine { file: "s2600wtt.emu", threshold: 40, discrete: 54, foreign: None, manufacturer: 343 },
];

#[test]
fn three_real_machines_are_read_without_a_fault() {
    let Some(corpus) = std::env::var_os("SOCLE_CORPUS") else {
        println!("skipped: SOCLE_CORPUS not set (the captured machines)");
        return;
    };
    for machine in MACHINES {
        let emu = PathBuf::from(&corpus).join("ipmi").join(machine.file);
        let Some(sim) = Sim::start(&emu) else { return };
        let watched = Watched::start(over_tcp(sim.address()));
        let seen = watched.until(30, |seen| seen.source.last_data.is_some());
        let data = seen.bmc.data().unwrap();
        assert_eq!(seen.source.error, None, "{}", machine.file);
        assert_eq!(data.bad_records, [], "{}", machine.file);
        let info = data.info.as_ref().unwrap();
        assert_eq!(info.manufacturer_number, machine.manufacturer, "{}", machine.file);
        let one = |sensor: &&Sensor| sensor.share == 0;
        let (threshold, discrete): (Vec<_>, Vec<_>) =
            data.sensors.iter().filter(one).partition(|sensor| sensor.event_type == 1);
        assert_eq!((threshold.len(), discrete.len()), (machine.threshold, machine.discrete));
        let foreign = data.sensors.iter().filter(one).filter(|sensor| sensor.owner == 0xb1).count();
        assert_eq!(machine.foreign.unwrap_or(foreign), foreign, "{}", machine.file);
        for sensor in &data.sensors {
            assert_eq!(sensor.value.is_none(), sensor.absent.is_some(), "{sensor:?}");
            assert_ne!(sensor.absent, Some(Absent::NotAnswered), "{sensor:?}");
            assert!(sensor.owner == 0x20 || sensor.absent == Some(Absent::NotReadable));
        }
        assert!(data.sensors.iter().filter(|sensor| sensor.value.is_some()).count() > 10);
    }
}
