//! Who announces a BMC, over small trees; and what a bus says when the device is not there.

#![expect(clippy::unwrap_used, reason = "a broken set-up may fail the tests loudly")]

use socle_hardware::bus::{Bus, Seen};
use socle_hardware::presence::announced;
use socle_hardware::sel_ring::SelRing;
use socle_hardware::settings::Settings;
use socle_hardware::smbios::management_controller;
use socle_model::bmc::{Bmc, SourceState};
use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const TYPE_38: &[u8] = &[38, 18, 2, 0, 1, 0x20, 0x20, 0xff, 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0];

fn tree(files: &[(&str, &[u8])]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (path, bytes) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn said(files: &[(&str, &[u8])]) -> Option<String> {
    announced(tree(files).path())
}

#[test]
fn firmware_and_driver_announce() {
    assert_eq!(said(&[]), None);
    let table = [TYPE_38, &[0, 0, 127, 4, 0, 0, 0, 0]].concat();
    let smbios = said(&[("sys/firmware/dmi/tables/DMI", &table)]);
    assert_eq!(smbios.as_deref(), Some("SMBIOS (KCS, IPMI 2.0)"));
    let entry = said(&[("sys/firmware/dmi/entries/38-0/raw", TYPE_38)]);
    assert_eq!(entry.as_deref(), Some("SMBIOS (KCS, IPMI 2.0)"));
    let acpi = said(&[("sys/bus/acpi/devices/IPI0001:00/status", b"15\n")]);
    assert_eq!(acpi.as_deref(), Some("ACPI (IPI0001:00)"));
    assert_eq!(said(&[("sys/bus/acpi/devices/IPI0001:00/status", b"0\n")]), None);
    let class = said(&[("sys/class/ipmi/ipmi0/dev", b"240:0\n")]);
    assert_eq!(class.as_deref(), Some("the driver (ipmi0)"));
    assert_eq!(said(&[("sys/firmware/dmi/tables/DMI", &table[..8])]), None);
}

#[test]
fn the_tables_of_three_real_machines_announce_one() {
    let Some(corpus) = std::env::var_os("SOCLE_CORPUS") else {
        println!("skipped: SOCLE_CORPUS not set (the captured machines)");
        return;
    };
    for machine in ["dell_r730", "quanta_d51", "s2600wtt"] {
        let file = Path::new(&corpus).join(format!("ipmi/{machine}_smbios.bin"));
        let bytes = fs::read(file).unwrap();
        // Some captures begin with the entry point; the table follows it at a known place.
        let table = [0, 0x20, 0x40].iter().filter_map(|&at| bytes.get(at..));
        assert!(table.filter_map(management_controller).next().is_some(), "{machine}");
    }
}

/// What the bus first says over this tree, with the default device.
fn first(dir: &TempDir) -> Seen {
    let (to, seen) = channel();
    let records = Arc::new(Mutex::new(SelRing::default()));
    let publish = Box::new(move |next| drop(to.send(next)));
    let bus = Bus::start(dir.path().into(), None, Settings::default(), records, publish).unwrap();
    let first = seen.recv_timeout(Duration::from_secs(5)).unwrap();
    bus.stop(Duration::from_secs(1));
    first
}

#[test]
fn announced_but_missing_is_unknown_with_the_remedy() {
    let seen = first(&tree(&[]));
    assert_eq!((seen.bmc, seen.source.state), (Bmc::Absent, SourceState::Absent));

    let announced = ("sys/firmware/dmi/entries/38-0/raw", TYPE_38);
    let loaded = ("sys/module/ipmi_si/refcnt", &b"1\n"[..]);
    let both = ("sys/module/ipmi_devintf/refcnt", &b"1\n"[..]);
    for (files, wanted) in [
        (&[announced][..], "modprobe ipmi_devintf ; modprobe ipmi_si"),
        (&[announced, loaded][..], "modprobe ipmi_devintf"),
        (&[announced, loaded, both][..], "found no BMC"),
    ] {
        let seen = first(&tree(files));
        assert_eq!(seen.source.state, SourceState::Failing);
        let Bmc::Unknown { cause, remedy, last } = seen.bmc else { panic!("{:?}", seen.bmc) };
        assert!(cause.contains("SMBIOS (KCS, IPMI 2.0)") && cause.contains("dev/ipmi0"), "{cause}");
        assert!(remedy.contains(wanted), "{remedy}");
        assert_eq!(last, None);
    }
    // On the SMBus it is another driver's.
    let mut ssif = TYPE_38.to_vec();
    ssif[4] = 4;
    let ssif = ("sys/firmware/dmi/entries/38-0/raw", ssif.as_slice());
    for (files, wanted) in [
        (&[ssif, loaded][..], "modprobe ipmi_devintf ; modprobe ipmi_ssif"),
        (&[ssif, loaded, both][..], "modprobe ipmi_ssif"),
    ] {
        let Bmc::Unknown { remedy, .. } = first(&tree(files)).bmc else { panic!("announced") };
        assert_eq!(remedy, wanted);
    }
    // A file that is no device is refused, not read.
    let seen = first(&tree(&[("dev/ipmi0", b"")]));
    assert!(matches!(seen.bmc, Bmc::Unknown { .. }), "{:?}", seen.bmc);
}
