//! Devices of /sys classes that come, change and go.

use crate::common::{self, Tree, read, value};
use socle_kernel::ReadError;
use std::time::Duration;

#[test]
fn a_nic_that_changes_is_seen_at_once_and_one_that_comes_with_a_discovery() {
    let tree = Tree::rack();
    let mut source = tree.open("netclass");
    let up = |page: &str, nic: &str| value(page, &format!("node_network_up{{device=\"{nic}\"}}"));
    let page = read(&mut source).unwrap();
    assert_eq!((up(&page, "eno1"), up(&page, "eno9")), (Some(1.0), None));
    assert!(!page.contains("bonding_masters"));
    tree.write("sys/class/net/eno1/operstate", "down\n");
    tree.write("sys/class/net/eno1/flags", "0x1002\n");
    let page = read(&mut source).unwrap();
    assert_eq!(up(&page, "eno1"), Some(0.0));
    assert!(page.contains("adminstate=\"down\",broadcast=\"ff:ff:ff:ff:ff:ff\",device=\"eno1\",duplex=\"full\",ifalias=\"uplink \\\"A\\\"\",operstate=\"down\"} 1\n"));
    tree.write("sys/class/net/eno9/operstate", "up\n");
    source.discover().unwrap();
    assert_eq!(up(&read(&mut source).unwrap(), "eno9"), Some(1.0));
    tree.remove("sys/class/net/eno9");
    source.discover().unwrap();
    assert_eq!(up(&read(&mut source).unwrap(), "eno9"), None);
    let valid = common::settings(&[("netclass.ignore-invalid-speed", "true")]);
    let page = read(&mut common::open("netclass", &tree.root(), &valid).unwrap()).unwrap();
    assert!(
        page.contains("speed_bytes{device=\"eno1\"}")
            && !page.contains("speed_bytes{device=\"eno2\"}")
    );
}

#[test]
fn slaves_of_a_bond_are_counted_as_they_are_now() {
    let tree = Tree::rack();
    let mut source = tree.open("bonding");
    let of = |page: &str| {
        ["slaves", "active"].map(|n| value(page, &format!("node_bonding_{n}{{master=\"bond0\"}}")))
    };
    assert_eq!(of(&read(&mut source).unwrap()), [Some(2.0), Some(1.0)]);
    tree.write("sys/class/net/bond0/slave_eno2/bonding_slave/mii_status", "up\n");
    assert_eq!(of(&read(&mut source).unwrap()), [Some(2.0), Some(2.0)]);
    tree.write("sys/class/net/bond0/bonding/slaves", "eno2\n");
    assert_eq!(of(&read(&mut source).unwrap()), [Some(1.0), Some(1.0)]);
    tree.write("sys/class/net/bonding_masters", "bond1 ../../../etc\n");
    let page = read(&mut source).unwrap();
    assert_eq!(of(&page), [None, None]);
    assert!(page.contains("node_bonding_slaves{master=\"bond1\"} 0\n"));
}

#[test]
fn words_of_a_device_follow_their_files() {
    let tree = Tree::rack();
    for (source, file, before, after, label) in [
        ("nvme", "class/nvme/nvme0/state", "live", "resetting", "state"),
        ("watchdog", "class/watchdog/watchdog0/state", "inactive", "active", "state"),
        ("powersupplyclass", "class/power_supply/BAT0/status", "Discharging", "Full", "status"),
        ("fibrechannel", "class/fc_host/host0/port_state", "Online", "Linkdown", "port_state"),
        (
            "infiniband",
            "class/infiniband/mlx5_0/fw_ver",
            "28.39.1002",
            "28.40.1",
            "firmware_version",
        ),
    ] {
        let mut source = tree.open(source);
        let page = read(&mut source).unwrap();
        assert!(page.contains(&format!("{label}=\"{before}\"")), "{page}");
        tree.write(&format!("sys/{file}"), format!("{after}\n"));
        let page = read(&mut source).unwrap();
        assert!(page.contains(&format!("{label}=\"{after}\"")), "{page}");
        assert!(!page.contains(&format!("{label}=\"{before}\"")), "{page}");
    }
}

#[test]
fn a_machine_without_a_class_has_no_data_of_it() {
    // One tree for all: a copy costs more than a reading.
    let tree = Tree::rack();
    for (source, class) in [
        ("bonding", "sys/class/net"),
        ("dimm", "sys/devices/system/edac"),
        ("dmi", "sys/class/dmi"),
        ("fibrechannel", "sys/class/fc_host"),
        ("infiniband", "sys/class/infiniband"),
        ("mce", "proc/interrupts"),
        ("netclass", "sys/class/net"),
        ("numa", "sys/devices/system/node"),
        ("nvme", "sys/class/nvme"),
        ("pcie", "sys/bus"),
        ("powersupplyclass", "sys/class/power_supply"),
        ("watchdog", "sys/class/watchdog"),
    ] {
        if tree.path(class).exists() {
            tree.remove(class);
        }
        let mut source = tree.open(source);
        assert!(
            matches!(read_raw(&mut source), Err(ReadError::NoData(_))),
            "{source:?}",
            source = class
        );
    }
    // No zone is no fault: node_exporter says success here.
    tree.remove("sys/class/thermal");
    assert_eq!(read_raw(&mut tree.open("thermal_zone")).unwrap(), "");
}

/// Without the checks of a page that has samples.
fn read_raw(source: &mut Box<dyn socle_kernel::Source>) -> Result<String, ReadError> {
    let mut page = socle_model::metrics::Page::default();
    source.read(&mut page)?;
    Ok(page.as_str().to_owned())
}

#[test]
fn supplies_and_adapters_are_chosen_by_flags() {
    let tree = Tree::rack();
    let page = |source: &str, flag: &str, value: &str| {
        let settings = common::settings(&[(flag, value)]);
        read(&mut common::open(source, &tree.root(), &settings).unwrap()).unwrap()
    };
    let found = page("powersupplyclass", "powersupply.ignored-supplies", "^BAT");
    assert!(found.contains("AC0") && !found.contains("BAT0"));
    let found = page("infiniband", "infiniband.device-exclude", "^mlx5");
    assert!(found.contains("irdma0") && !found.contains("mlx5_0"));
    let found = page("infiniband", "infiniband.device-include", "^mlx5");
    assert!(!found.contains("irdma0") && found.contains("mlx5_0"));
    let found = page("netclass", "netclass.ignored-devices", "^(lo|bond.)$");
    assert!(found.contains("eno1") && !found.contains("device=\"lo\"") && !found.contains("bond0"));
}

#[test]
fn a_link_that_falls_back_is_seen_in_its_turn_and_an_error_at_once() {
    let tree = Tree::rack();
    let mut source = tree.open("pcie");
    let down = |page: &str, device: &str| {
        value(page, &format!("socle_pcie_link_downgraded{{device=\"0000:{device}:00.0\"}}"))
    };
    let page = read(&mut source).unwrap();
    assert_eq!((down(&page, "01"), down(&page, "02")), (Some(1.0), Some(0.0)));
    assert!(!page.contains("0000:00:01.0\"") && !page.contains("0000:00:03.0\""), "{page}");
    let gpu = "sys/bus/pci/devices/0000:02:00.0";
    tree.write(&format!("{gpu}/current_link_speed"), "2.5 GT/s\n");
    for _ in 0..3 {
        assert!(source.step().is_some_and(|wait| wait >= Duration::from_secs(1)));
    }
    assert_eq!(down(&read(&mut source).unwrap(), "02"), Some(1.0));
    let nic = "sys/bus/pci/devices/0000:01:00.0";
    let fatal = |page: &str, error: &str| {
        let labels = format!("device=\"0000:01:00.0\",error=\"{error}\",severity=\"fatal\"");
        value(page, &format!("socle_pcie_aer_errors_total{{{labels}}}"))
    };
    tree.write(&format!("{nic}/aer_dev_fatal"), "Undefined 0\nDLP 1\nTOTAL_ERR_FATAL 1\n");
    let page = read(&mut source).unwrap();
    assert_eq!((fatal(&page, "DLP"), fatal(&page, "total")), (Some(1.0), Some(1.0)));
    assert_eq!(fatal(&page, "Undefined"), None);
}

#[test]
fn machine_checks_are_read_at_their_own_pace_and_labels_of_dimms_may_be_set_late() {
    let tree = Tree::rack();
    let mut source = tree.open("mce");
    let checks = "socle_machine_check_exceptions_total";
    assert_eq!(value(&read(&mut source).unwrap(), checks), Some(1.0));
    tree.edit(
        "proc/interrupts",
        "MCE:          0          0          1",
        "MCE:          2          0          1",
    );
    assert_eq!(value(&read(&mut source).unwrap(), checks), Some(1.0), "not within a scrape");
    assert!(source.step().is_some());
    assert_eq!(value(&read(&mut source).unwrap(), checks), Some(3.0));

    let mut source = tree.open("dimm");
    read(&mut source).unwrap();
    tree.write("sys/devices/system/edac/mc/mc0/dimm1/dimm_label", "B7\n");
    tree.write("sys/devices/system/edac/mc/mc0/dimm1/dimm_ue_count", "2\n");
    source.discover().unwrap();
    let series = "socle_edac_dimm_errors_total{controller=\"0\",dimm=\"dimm1\",label=\"B7\",location=\"channel 1 slot 0\",type=\"uncorrected\"}";
    assert_eq!(value(&read(&mut source).unwrap(), series), Some(2.0));
}
