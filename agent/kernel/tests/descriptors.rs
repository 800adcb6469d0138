//! A machine with more sensors than a process may have open files shows all of them.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socle_kernel::facts::Facts;
use socle_kernel::{Root, SOURCES, Settings};
use socle_model::metrics::Page;

const SENSORS: usize = 200;
const FILES: u64 = 64;

#[test]
fn all_sensors_are_read_and_descriptors_are_left() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, FILES, hard).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let chip = dir.path().join("sys/class/hwmon/hwmon0");
    std::fs::create_dir_all(&chip).unwrap();
    std::fs::write(chip.join("name"), "many\n").unwrap();
    for n in 1..=SENSORS {
        std::fs::write(chip.join(format!("temp{n}_input")), format!("{n}000\n")).unwrap();
    }
    let root = Root::at(dir.path());
    let entry = SOURCES.iter().find(|entry| entry.name == "hwmon").unwrap();
    let mut source = (entry.open)(&root, &Settings::default()).unwrap();
    let mut facts = Facts::open(&root);
    for _ in 0..3 {
        let mut page = Page::default();
        source.read(&mut page).unwrap();
        let shown = page.as_str().matches("\nnode_hwmon_temp_celsius{").count();
        assert_eq!(shown, SENSORS);
        let sensors = facts.read().hwmon;
        assert_eq!(sensors.iter().filter(|sensor| sensor.value.is_some()).count(), SENSORS);
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
        assert!(open < 50, "{open} files are open");
        assert!(open > 25, "{open} files are open: nothing is kept");
    }
    // What was kept by one is free for the other once it is gone.
    drop(source);
    facts.read();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!((25..50).contains(&open), "{open} files are open");
}
