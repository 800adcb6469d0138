//! Our own tree: its page, and what the verdict gets of it.

use crate::common;
use socle_kernel::facts::Facts;
use socle_kernel::{Root, SOURCES, Settings};
use socle_model::Quantity;
use std::io::Write as _;

/// Values that are the clock's or the disk's that the tree lies on.
const MOVING: &[&str] = &[
    "node_time_seconds",
    "node_filesystem_size_bytes",
    "node_filesystem_free_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_files",
    "node_timex_",
    "node_textfile_mtime_seconds",
];

#[test]
fn page_is_as_expected() {
    let settings = common::settings(&[
        ("cpu.info.flags-include", "^(aes|avx)$"),
        ("cpu.info.bugs-include", "mds"),
        ("stat.softirq", "true"),
    ]);
    let root = Root::at(common::rack());
    common::assert_clean(&common::page(&root, &settings));
    for entry in SOURCES {
        let page = common::page_of(|name| name == entry.name, &root, &settings);
        let still = page.lines().map(|line| match line.rsplit_once(' ') {
            Some((series, _)) if MOVING.iter().any(|name| series.starts_with(name)) => {
                format!("{series} *\n")
            }
            _ => format!("{line}\n"),
        });
        let page = still.collect::<String>().replace(&common::rack().display().to_string(), "RACK");
        assert!(!page.is_empty(), "{}: the tree has nothing for it", entry.name);
        let file = common::rack().join("expected").join(format!("{}.prom", entry.name));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        let differs = page.lines().zip(expected.lines()).find(|(ours, kept)| ours != kept);
        assert_eq!(differs, None, "UPDATE_GOLDEN=1 writes {}", file.display());
        assert_eq!(page.len(), expected.len(), "UPDATE_GOLDEN=1 writes {}", file.display());
    }
}

#[test]
#[expect(clippy::disallowed_types, reason = "the tool that judges the page is a program")]
fn promtool_dislikes_only_names_that_are_node_exporters() {
    let page = common::page(&Root::at(common::rack()), &Settings::default());
    let mut command = std::process::Command::new("promtool");
    command.args(["check", "metrics"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let Ok(mut tool) = command.stderr(std::process::Stdio::piped()).spawn() else {
        println!("skipped: promtool is not installed (Debian package prometheus)");
        return;
    };
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    // The fields of /proc/meminfo and of the network keep the kernel's spelling; entropy is in bits.
    let theirs = |line: &&str| {
        let starts = |names: &[&str]| names.iter().any(|name| line.starts_with(name));
        starts(&["node_memory_", "node_netstat_"]) && line.ends_with("'camelCase'")
            || starts(&["node_entropy_"]) && line.ends_with("\"bytes\" instead of \"bits\"")
    };
    let other = text.lines().filter(|line| !theirs(line));
    assert_eq!(other.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn hwmon_for_the_verdict() {
    let facts = Facts::open(&Root::at(common::rack())).read();
    let find = |chip: &str, sensor: &str| {
        let found = facts.hwmon.iter().find(|s| s.chip == chip && s.sensor == sensor);
        found.unwrap_or_else(|| panic!("{chip} {sensor} in {:#?}", facts.hwmon))
    };
    let core = find("platform_coretemp_0", "temp1");
    assert_eq!(
        (core.chip_name.as_deref(), core.label.as_deref()),
        (Some("coretemp"), Some("Package id 0"))
    );
    assert_eq!(
        (core.quantity, core.unit.as_str(), core.value),
        (Quantity::Temperature, "celsius", Some(41.0))
    );
    assert_eq!(core.thresholds.upper_noncritical, Some(85.0));
    assert_eq!(core.thresholds.upper_critical, Some(95.0));
    let chip = "i2c_0_0_002c";
    let fan = find(chip, "fan1");
    assert_eq!(
        (fan.quantity, fan.unit.as_str(), fan.value),
        (Quantity::FanSpeed, "rpm", Some(1320.0))
    );
    assert_eq!(
        (fan.label.as_deref(), fan.alarms.as_slice()),
        (Some("FRONT \"A\""), &["alarm".to_owned()][..])
    );
    assert_eq!(fan.thresholds.lower_noncritical, Some(600.0));
    let volts = find(chip, "in0");
    assert_eq!((volts.quantity, volts.value), (Quantity::Voltage, Some(1.012)));
    assert_eq!(volts.thresholds.lower_critical, Some(0.85));
    assert_eq!(find(chip, "humidity1").value, Some(45.2));
    assert_eq!(find(chip, "energy1").value, Some(123.456_789));
    assert_eq!(find(chip, "temp1").value, None, "garbage is no value");
    let hot = find(chip, "temp9");
    assert_eq!(
        (hot.label.as_deref(), hot.thresholds.upper_nonrecoverable),
        (Some("VRM \u{fffd}"), Some(110.0))
    );
}

#[test]
fn memory_errors_and_clock_for_the_verdict() {
    let tree = common::Tree::rack();
    let mut facts = Facts::open(&tree.root());
    let found = facts.read();
    let short: Vec<_> = found
        .edac
        .iter()
        .map(|c| {
            (&*c.controller, c.dimm.as_deref(), c.label.as_deref(), c.corrected, c.uncorrected)
        })
        .collect();
    let label = Some("CPU_SrcID#0_Ha#0_Chan#0_DIMM#0");
    assert_eq!(
        short,
        [
            ("0", Some("dimm0"), label, 9, 0),
            ("0", Some("dimm1"), None, 1, 0),
            ("0", None, None, 2, 0),  // what the controller could not place
            ("1", None, None, 13, 1), // all it has: no DIMM counts there
        ]
    );
    assert_eq!(found.edac[0].location.as_deref(), Some("channel 0 slot 0"));
    assert!(found.edac[0].file.ends_with("mc/mc0/dimm0"));
    let clock = found.clocksource.unwrap();
    assert_eq!((clock.current.as_str(), clock.tsc_expected), ("hpet", true));
    assert_eq!(clock.available, ["hpet", "acpi_pm"]);
    assert_eq!(found.model.as_deref(), Some("Example Computer Corp Rack 7"));
    assert_eq!(found.host.as_deref(), Some("rack7"));

    tree.write("sys/devices/system/edac/mc/mc0/dimm0/dimm_ue_count", "3\n");
    tree.write("sys/devices/system/edac/mc/mc0/dimm0/dimm_label", "B4\n");
    assert_eq!(facts.read().edac[0].uncorrected, 3);
    facts.discover();
    assert_eq!(facts.read().edac[0].label.as_deref(), Some("B4"), "a label set after boot");
    tree.remove("sys/devices/system/edac/mc/mc0/dimm1");
    facts.discover();
    assert_eq!(facts.read().edac.len(), 3);
    tree.write("sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count", "");
    assert_eq!(facts.read().edac.len(), 2, "what cannot be read is not 0");
}
