//! The sources over trees made here: what they print, and what they refuse.

use crate::common::{self, Tree};
use socle_kernel::{ReadError, Root, SOURCES, Settings, facts::Facts};
use socle_model::metrics::Page;
use std::fs;

fn read(name: &str, file: &str, content: Option<&[u8]>) -> Result<String, ReadError> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("proc")).unwrap();
    if let Some(content) = content {
        fs::write(dir.path().join("proc").join(file), content).unwrap();
    }
    let entry = SOURCES.iter().find(|e| e.name == name).unwrap();
    let mut source = (entry.open)(&Root::at(dir.path()), &Settings::default())?;
    let mut page = Page::default();
    source.read(&mut page)?;
    let samples = page.as_str().lines().filter(|l| !l.starts_with('#'));
    Ok(samples.map(|l| format!("{l}\n")).collect())
}

#[test]
fn values_and_names() {
    let load = read("loadavg", "loadavg", Some(b"0.21 0.37 2 1/719 19737\n")).unwrap();
    assert_eq!(load, "node_load1 0.21\nnode_load5 0.37\nnode_load15 2\n");
    let memory = b"Active(anon):  2 kB\nHugePages_Total:  3\nDirectMap2M: 4 kB\n";
    assert_eq!(
        read("meminfo", "meminfo", Some(memory)).unwrap(),
        "node_memory_Active_anon_bytes 2048\nnode_memory_HugePages_Total 3\n\
         node_memory_DirectMap2M_bytes 4096\n"
    );
    let stat = b"cpu  1 2\nintr 8885917 17 0\nctxt 38014093\nbtime 1418183276\nprocs_blocked 1\n";
    assert_eq!(
        read("stat", "stat", Some(stat)).unwrap(),
        "node_intr_total 8885917\nnode_context_switches_total 38014093\n\
         node_boot_time_seconds 1418183276\nnode_procs_blocked 1\n"
    );
}

#[test]
fn hostile_text_is_refused_by_file_line_and_item() {
    for (name, file, content, words) in [
        ("loadavg", "loadavg", &b"0.1 x"[..], ["loadavg", "line 1", "node_load5"]),
        ("loadavg", "loadavg", b"", ["loadavg", "line 1", "node_load1"]),
        ("stat", "stat", b"cpu 1\nctxt\n", ["stat", "line 2", "ctxt"]),
        (
            "meminfo",
            "meminfo",
            b"MemTotal: 1 kB\nMemFree: 18446744073709551615 kB\n",
            ["meminfo", "line 2", "MemFree:"],
        ),
        ("meminfo", "meminfo", b"Cached: \xff\n", ["meminfo", "line 1", "Cached:"]),
    ] {
        let error = read(name, file, Some(content)).unwrap_err();
        assert!(matches!(error, ReadError::Parse { .. }), "{error}");
        let error = error.to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}

#[test]
fn a_missing_file_is_no_data_and_a_huge_one_is_refused() {
    assert!(matches!(read("stat", "stat", None), Err(ReadError::NoData(_))));
    let huge = vec![b'\n'; (8 << 20) + 1];
    assert!(matches!(read("stat", "stat", Some(&huge)), Err(ReadError::Failed { .. })));
}

#[test]
fn the_clock_source_in_use_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let clock = dir.path().join("sys/devices/system/clocksource/clocksource0");
    fs::create_dir_all(&clock).unwrap();
    fs::create_dir(dir.path().join("proc")).unwrap();
    fs::write(clock.join("current_clocksource"), "hpet\n").unwrap();
    fs::write(clock.join("available_clocksource"), "hpet acpi_pm \n").unwrap();
    fs::write(dir.path().join("proc/cpuinfo"), "flags\t: fpu constant_tsc\n").unwrap();
    let clock = Facts::open(&Root::at(dir.path())).read().clocksource.unwrap();
    assert_eq!(clock.current, "hpet");
    assert_eq!(clock.available, ["hpet", "acpi_pm"]);
    assert!(clock.tsc_expected);
}

#[test]
fn the_flags_are_those_of_the_first_cpu_however_many_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let clock = dir.path().join("sys/devices/system/clocksource/clocksource0");
    fs::create_dir_all(&clock).unwrap();
    fs::create_dir(dir.path().join("proc")).unwrap();
    fs::write(clock.join("current_clocksource"), "hpet\n").unwrap();
    let cpu = |flags: &str| format!("processor\t: 0\nflags\t: {flags}\npad\t: {:2560}\n\n", "x");
    let many = cpu("fpu nonstop_tsc").repeat(3584);
    assert!(many.len() > 8 << 20, "more than a reader of whole files takes");
    let expected = |text: &str| {
        fs::write(dir.path().join("proc/cpuinfo"), text).unwrap();
        Facts::open(&Root::at(dir.path())).read().clocksource.unwrap().tsc_expected
    };
    assert!(expected(&many));
    assert!(!expected(&(cpu("fpu") + &many)));
}

#[test]
fn switches_and_filters_leave_out_what_they_name() {
    let tree = Tree::rack();
    let page = |name: &str, flags: &[(&str, &str)]| {
        common::read(&mut common::open(name, &tree.root(), &common::settings(flags)).unwrap())
            .unwrap()
    };
    assert!(page("cpu", &[]).contains("node_cpu_guest_seconds_total{"));
    assert!(!page("cpu", &[("cpu.guest", "false")]).contains("node_cpu_guest"));
    assert!(!page("cpu", &[("cpu.info", "false")]).contains("node_cpu_info"));
    assert!(page("cpu", &[("cpu.info", "true")]).contains("node_cpu_info{"));
    let flags = page("cpu", &[("cpu.info.flags-include", "^aes$")]);
    assert!(flags.contains("node_cpu_info{") && flags.contains("flag_info{flag=\"aes\"} 1\n"));
    assert!(!flags.contains("flag=\"avx\""));
    let hwmon = page("hwmon", &[("hwmon.sensor-exclude", "^platform_coretemp_0;temp1$")]);
    assert!(hwmon.contains("_0\",sensor=\"temp2\"") && !hwmon.contains("_0\",sensor=\"temp1\""));
    let hwmon = page("hwmon", &[("hwmon.chip-include", "coretemp")]);
    assert!(hwmon.contains("coretemp") && !hwmon.contains("i2c"));
    // An include flag alone puts the default exclusion out of force.
    let disks = page("diskstats", &[("diskstats.device-include", "^sda1$")]);
    assert!(disks.contains("device=\"sda1\"") && !disks.contains("device=\"sda\""));
    let disks = page("diskstats", &[]);
    assert!(!disks.contains("device=\"sda1\"") && disks.contains("device=\"sda\""));
    let net = page("netdev", &[("netdev.device-exclude", "^lo$")]);
    assert!(!net.contains("device=\"lo\"") && net.contains("device=\"eno1\""));
    let mounts = page("filesystem", &[("filesystem.fs-types-include", "^xfs$")]);
    assert!(mounts.contains("fstype=\"xfs\"") && !mounts.contains("fstype=\"ext4\""));
}

#[test]
fn mounts_come_from_this_process_where_those_of_pid_1_are_hidden() {
    let tree = Tree::rack();
    let mounts = fs::read(tree.path("proc/1/mountinfo")).unwrap();
    tree.remove("proc/1");
    tree.write("proc/self/mountinfo", mounts);
    let mut source = tree.open("filesystem");
    assert!(common::read(&mut source).unwrap().contains("fstype=\"xfs\""));
    tree.write("proc/self/mountinfo", "22 1\n");
    let error = common::read(&mut source).unwrap_err().to_string();
    assert!(error.contains("proc/self/mountinfo: line 1"), "{error}");
}

#[test]
fn isolated_cpus_are_all_shown_however_long_their_list() {
    let tree = Tree::rack();
    let every_other: Vec<String> = (0..1792).step_by(2).map(|cpu| cpu.to_string()).collect();
    tree.write("sys/devices/system/cpu/isolated", every_other.join(",") + ",1-3,3\n");
    let page = common::read(&mut tree.open("cpu")).unwrap();
    assert_eq!(page.matches("\nnode_cpu_isolated{").count(), 896 + 2);
    assert!(page.contains("node_cpu_isolated{cpu=\"1790\"} 1\n"));
}
