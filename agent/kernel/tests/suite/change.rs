//! Machines that change between two readings: CPUs, disks, NICs, chips, mounts that come and go.

use crate::common::{self, Tree, read, value};
use socle_kernel::facts::Facts;
use socle_kernel::rapl::Rapl;
use socle_kernel::{Detail, ReadError, SOURCES, Settings};
use socle_model::energy::ZoneEnergy;
use socle_model::metrics::Page;

fn idle(page: &str, cpu: u32) -> Option<f64> {
    value(page, &format!("node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"idle\"}}"))
}

/// A line of /proc/stat with this many ticks of idle time.
fn cpu(cpu: u32, idle: u64) -> String {
    format!("cpu{cpu} 100 0 50 {idle} 0 0 0 0 0 0\n")
}

#[test]
fn idle_time_steps_back_only_for_a_new_count() {
    let tree = Tree::rack();
    tree.write("proc/stat", cpu(0, 100_000));
    let mut source = tree.open("cpu");
    assert_eq!(idle(&read(&mut source).unwrap(), 0), Some(1000.0));
    tree.write("proc/stat", cpu(0, 99_900));
    assert_eq!(
        idle(&read(&mut source).unwrap(), 0),
        Some(1000.0),
        "1 s back is the kernel's fault"
    );
    tree.write("proc/stat", cpu(0, 99_000));
    let page = read(&mut source).unwrap();
    assert_eq!(idle(&page, 0), Some(990.0), "10 s back is another count");
    assert_eq!(value(&page, "node_cpu_seconds_total{cpu=\"0\",mode=\"user\"}"), Some(1.0));
}

#[test]
fn a_cpu_that_went_and_came_back_counts_as_the_kernel_says() {
    let tree = Tree::rack();
    let both = |second| cpu(0, 5000) + &cpu(1, second);
    tree.write("proc/stat", both(5000));
    let mut source = tree.open("cpu");
    assert_eq!(idle(&read(&mut source).unwrap(), 1), Some(50.0));
    tree.write("proc/stat", cpu(0, 5100));
    assert_eq!(idle(&read(&mut source).unwrap(), 1), None);
    // Less than the three seconds that a step back is otherwise ignored for.
    tree.write("proc/stat", both(4900));
    assert_eq!(idle(&read(&mut source).unwrap(), 1), Some(49.0));
    tree.write("proc/stat", cpu(0, 5100));
    source.discover().unwrap();
    tree.write("proc/stat", both(10));
    assert_eq!(idle(&read(&mut source).unwrap(), 1), Some(0.1));
}

#[test]
fn a_cpu_taken_offline_is_seen_at_once_and_its_files_may_go() {
    let tree = Tree::rack();
    let mut source = tree.open("cpu");
    read(&mut source).unwrap();
    tree.write("sys/devices/system/cpu/cpu3/online", "0\n");
    assert_eq!(value(&read(&mut source).unwrap(), "node_cpu_online{cpu=\"3\"}"), Some(0.0));
    tree.remove("sys/devices/system/cpu/cpu3/topology");
    tree.remove("sys/devices/system/cpu/cpu3/thermal_throttle");
    tree.write("sys/devices/system/cpu/online", "0-2\n");
    source.discover().unwrap();
    let page = read(&mut source).unwrap();
    let throttles = "node_cpu_core_throttles_total{core=\"1\",package=\"1\"}";
    assert_eq!(value(&page, throttles), None);
    assert_eq!(value(&page, "node_cpu_online{cpu=\"3\"}"), Some(0.0));
}

#[test]
fn a_disk_is_there_at_once_and_udevs_word_after_a_discovery() {
    let tree = Tree::rack();
    let mut source = tree.open("diskstats");
    read(&mut source).unwrap();
    let table = std::fs::read_to_string(tree.path("proc/diskstats")).unwrap();
    tree.write("proc/diskstats", format!("{table}   8 16 sdb 7 0 0 0 0 0 0 0 0 0 0\n"));
    let reads = "node_disk_reads_completed_total{device=\"sdb\"}";
    assert_eq!(value(&read(&mut source).unwrap(), reads), Some(7.0));

    tree.write("run/udev/data/b8:16", "E:ID_SERIAL=NEW1\n");
    source.discover().unwrap();
    assert!(read(&mut source).unwrap().contains("device=\"sdb\",major=\"8\",minor=\"16\",model=\"\",path=\"\",revision=\"\",rotational=\"0\",serial=\"NEW1\""));

    // Pulled and replaced in the same slot: same name, same numbers.
    tree.write("proc/diskstats", &table);
    assert_eq!(value(&read(&mut source).unwrap(), reads), None);
    tree.write("run/udev/data/b8:16", "E:ID_SERIAL=NEW2\n");
    tree.write("proc/diskstats", format!("{table}   8 16 sdb 1 0 0 0 0 0 0 0 0 0 0\n"));
    let page = read(&mut source).unwrap();
    assert!(page.contains("serial=\"NEW2\"") && !page.contains("NEW1"));
    assert_eq!(value(&page, reads), Some(1.0));
}

#[test]
fn a_nic_comes_goes_and_comes_back() {
    let tree = Tree::rack();
    let table = std::fs::read_to_string(tree.path("proc/net/dev")).unwrap();
    let mut source = tree.open("netdev");
    read(&mut source).unwrap();
    let bytes = "node_network_receive_bytes_total{device=\"eth9\"}";
    let nohandler = "node_network_receive_nohandler_total{device=\"eth9\"}";
    let with = |bytes: u32| format!("{table}  eth9: {bytes} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n");
    tree.write("proc/net/dev", with(77));
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, bytes), value(&page, nohandler)), (Some(77.0), None));
    tree.write("sys/class/net/eth9/statistics/rx_nohandler", "4\n");
    assert_eq!(value(&read(&mut source).unwrap(), nohandler), Some(4.0));
    tree.write("proc/net/dev", &table);
    source.discover().unwrap();
    assert_eq!(value(&read(&mut source).unwrap(), bytes), None);
    tree.write("proc/net/dev", with(5));
    assert_eq!(value(&read(&mut source).unwrap(), bytes), Some(5.0));
}

#[test]
fn a_chip_appears_with_the_next_discovery_and_a_broken_sensor_is_left_out() {
    let tree = Tree::rack();
    let mut source = tree.open("hwmon");
    let before = read(&mut source).unwrap();
    source.discover().unwrap();
    assert_eq!(read(&mut source).unwrap(), before, "nothing has changed");
    tree.write("sys/class/hwmon/hwmon9/name", "nvme\n");
    tree.write("sys/class/hwmon/hwmon9/temp1_input", "33000\n");
    source.discover().unwrap();
    let series = "node_hwmon_temp_celsius{chip=\"nvme\",sensor=\"temp1\"}";
    assert_eq!(value(&read(&mut source).unwrap(), series), Some(33.0));
    tree.write("sys/class/hwmon/hwmon9/temp1_input", "");
    assert_eq!(value(&read(&mut source).unwrap(), series), None);
    tree.remove("sys/class/hwmon/hwmon9");
    source.discover().unwrap();
    assert_eq!(read(&mut source).unwrap(), before);
}

#[test]
fn a_memory_controller_that_goes_fails_until_the_next_discovery() {
    let tree = Tree::rack();
    let mut source = tree.open("edac");
    // Not opened yet, so that a removed file is gone as on sysfs.
    tree.remove("sys/devices/system/edac/mc/mc1");
    assert!(
        matches!(read(&mut source), Err(ReadError::NoData(path)) if path.ends_with("mc1/ce_count"))
    );
    source.discover().unwrap();
    let page = read(&mut source).unwrap();
    assert!(page.contains("controller=\"0\"") && !page.contains("controller=\"1\""));
    tree.write("sys/devices/system/edac/mc/mc0/csrow0/ch0_dimm_label", "B4\n");
    source.discover().unwrap();
    assert!(read(&mut source).unwrap().contains("dimm_label=\"B4\""), "labels are set after boot");
}

#[test]
fn a_mount_that_fails_names_its_error_until_it_works_again() {
    let tree = Tree::rack();
    let mut source = tree.open("filesystem");
    let gone = "node_filesystem_device_error{device=\"server:/export\",device_error=\"no such file or directory\",fstype=\"nfs4\",mountpoint=\"/gone\"}";
    let fine = gone.replace("no such file or directory", "");
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, gone), value(&page, &fine)), (Some(1.0), None));
    std::fs::create_dir(tree.path("gone")).unwrap();
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, gone), value(&page, &fine)), (None, Some(0.0)));
    assert!(page.contains("node_filesystem_size_bytes{device=\"server:/export\""));
}

#[test]
fn another_file_system_at_the_same_place_shows_its_numbers() {
    let tree = Tree::rack();
    let mut source = tree.open("filesystem");
    read(&mut source).unwrap();
    tree.edit("proc/1/mountinfo", "253:0 / /data ro", "253:7 / /data rw");
    tree.edit("proc/1/mountinfo", "259:1 / / rw", "259:1 / / ro");
    let page = read(&mut source).unwrap();
    let info = "node_filesystem_mount_info{device=\"/dev/mapper/vg0-data\",major=\"253\",minor=\"7\",mountpoint=\"/data\"}";
    assert_eq!(value(&page, info), Some(1.0));
    let root = "node_filesystem_readonly{device=\"/dev/nvme0n1p1\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/\"}";
    assert_eq!(value(&page, root), Some(1.0));
}

#[test]
fn a_lost_clock_source_is_seen_at_once() {
    let tree = Tree::rack();
    let clock = "sys/devices/system/clocksource/clocksource0";
    tree.write(&format!("{clock}/current_clocksource"), "tsc\n");
    tree.write(&format!("{clock}/available_clocksource"), "tsc hpet hpet\n");
    let mut source = tree.open("time");
    let current =
        |name| format!("node_time_clocksource_current_info{{clocksource=\"{name}\",device=\"0\"}}");
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, &current("tsc")), value(&page, &current("hpet"))), (Some(1.0), None));
    tree.write(&format!("{clock}/current_clocksource"), "hpet\n");
    tree.write(&format!("{clock}/available_clocksource"), "hpet\n");
    let page = read(&mut source).unwrap();
    assert_eq!((value(&page, &current("tsc")), value(&page, &current("hpet"))), (None, Some(1.0)));
    assert!(!page.contains("clocksource=\"tsc\""));
}

#[test]
fn energy_zones_come_with_a_discovery_and_may_be_given_by_another_half() {
    let tree = Tree::rack();
    let mut rapl = Rapl::new(&tree.root(), &Settings::default()).unwrap();
    let given = rapl.energies().unwrap();
    assert_eq!((given.len(), given[0].zone.as_str()), (6, "intel-rapl:0:0"));
    let mut source = tree.open("rapl");
    let direct = read(&mut source).unwrap();
    // A zone that this half does not see, and one that the other half has not read.
    let mut page = Page::default();
    let stranger = ZoneEnergy { zone: "intel-rapl:7".into(), microjoules: 1 };
    let others: Vec<_> = given[1..].iter().cloned().chain([stranger]).collect();
    rapl.write(&mut page, &others).unwrap();
    let lost = "node_rapl_core_joules_total{index=\"0\"";
    assert_eq!(page.as_str().lines().count() + 1, direct.lines().count());
    assert!(direct.contains(lost) && !page.as_str().contains(lost));
    page.clear();
    rapl.write(&mut page, &given).unwrap();
    assert_eq!(page.as_str(), direct);

    // Kernels show it to root only; one whose sysctl is write-only is refused even to root.
    let energy = tree.path("sys/class/powercap/intel-rapl:1:1/energy_uj");
    tree.remove("sys/class/powercap/intel-rapl:1:1/energy_uj");
    std::os::unix::fs::symlink("/proc/sys/vm/compact_memory", &energy).unwrap();
    let mut refused = tree.open("rapl");
    if energy.exists() {
        assert!(matches!(read(&mut refused), Err(ReadError::RootOnly(path)) if path == energy));
    }
    tree.remove("sys/class/powercap/intel-rapl:1:1");
    tree.write("sys/class/powercap/intel-rapl:2/name", "psys\n");
    tree.write("sys/class/powercap/intel-rapl:2/energy_uj", "2500000\n");
    source.discover().unwrap();
    let page = read(&mut source).unwrap();
    assert!(
        page.contains("# HELP node_rapl_psys_joules_total Current RAPL psys value in joules\n")
    );
    assert!(page.contains("/intel-rapl:2\"} 2.5\n") && !page.contains("intel-rapl:1:1"));
    tree.write("sys/class/powercap/intel-rapl:2/energy_uj", "many\n");
    assert!(matches!(read(&mut source), Err(ReadError::Parse { .. })), "it is not 0");
    tree.remove("sys/class/powercap");
    source.discover().unwrap();
    assert!(matches!(read(&mut source), Err(ReadError::NoData(_))));
}

#[test]
fn energy_zones_may_be_told_apart_by_a_label() {
    let tree = Tree::rack();
    let settings = crate::common::settings(&[("rapl.enable-zone-label", "true")]);
    let mut source = crate::common::open("rapl", &tree.root(), &settings).unwrap();
    let page = read(&mut source).unwrap();
    let zone = tree.path("sys/class/powercap/intel-rapl:0:1");
    let series = format!(
        "node_rapl_joules_total{{index=\"0\",path=\"{}\",rapl_zone=\"dram\"}}",
        zone.display()
    );
    assert_eq!(value(&page, &series), Some(9.000_001), "{page}");
    assert_eq!(page.matches("# TYPE").count(), 1);
}

/// Sources that ask the kernel otherwise, or read what does not change only once.
const WITHOUT_FILES: &[&str] = &["dmi", "os", "textfile", "timex"];

#[test]
fn a_discovery_that_finds_nothing_new_keeps_every_file_open() {
    let tree = Tree::rack();
    for entry in SOURCES {
        let mut source = tree.open(entry.name);
        read(&mut source).unwrap();
        let before = tree.descriptors();
        assert!(!before.is_empty() || WITHOUT_FILES.contains(&entry.name), "{}", entry.name);
        source.discover().unwrap();
        assert_eq!(tree.descriptors(), before, "{}", entry.name);
    }
    let mut facts = Facts::open(&tree.root());
    facts.read();
    let before = tree.descriptors();
    facts.discover();
    assert_eq!(tree.descriptors(), before);
}

#[test]
fn cpus_are_summed_by_core_package_or_node() {
    let tree = Tree::rack();
    let page = |detail| {
        let settings = Settings { cpu_detail: detail, ..Settings::default() };
        read(&mut common::open("cpu", &tree.root(), &settings).unwrap()).unwrap()
    };
    let seconds = |page: &str, labels: &str| {
        value(page, &format!("node_cpu_seconds_total{{{labels},mode=\"user\"}}"))
    };
    let node = page(Detail::Node);
    // 3.11 + 13.11 and 23.11 + 33.11 seconds of the four CPUs.
    assert_eq!(seconds(&node, "node=\"0\""), Some(16.22));
    assert_eq!(seconds(&node, "node=\"1\""), Some(56.22));
    assert_eq!(node.matches("node_cpu_seconds_total{").count(), 16);
    assert!(!node.contains("cpu=\"") && !node.contains("throttle") && !node.contains("unknown"));
    let all = |page: &str| -> f64 {
        let user = page.lines().filter(|line| {
            line.starts_with("node_cpu_seconds_total{") && line.contains("mode=\"user\"")
        });
        user.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    for detail in [Detail::Cpu, Detail::Core, Detail::Package, Detail::Node] {
        assert!((all(&page(detail)) - 72.44).abs() < 1e-9, "{detail:?}");
    }
    assert!(page(Detail::Core).contains("node_cpu_seconds_total{core=\"0-"));
    assert!(page(Detail::Package).contains("node_cpu_seconds_total{package=\"0\""));
}

#[test]
fn a_sum_never_falls_when_a_cpu_goes_or_comes_back() {
    let tree = Tree::rack();
    let settings = Settings { cpu_detail: Detail::Node, ..Settings::default() };
    let mut source = common::open("cpu", &tree.root(), &settings).unwrap();
    let mut idle = || {
        let page = read(&mut source).unwrap();
        value(&page, "node_cpu_seconds_total{node=\"0\",mode=\"idle\"}").unwrap()
    };
    assert!((idle() - 1813.11).abs() < 1e-9);
    tree.edit("proc/stat", "cpu1 1311 9 597 91311 45 0 14 0 20 1\n", "");
    assert!((idle() - 1813.11).abs() < 1e-9);
    // It counts from anew.
    tree.edit("proc/stat", "cpu2 2311", "cpu1 10 0 0 500 0 0 0 0 0 0\ncpu2 2311");
    assert!((idle() - 1818.11).abs() < 1e-9);
}

#[test]
fn limits_and_governor_are_looked_up_at_a_discovery_and_the_frequency_at_once() {
    let tree = Tree::rack();
    let mut source = tree.open("cpufreq");
    let max = "node_cpu_scaling_frequency_max_hertz{cpu=\"0\"}";
    let now = "node_cpu_scaling_frequency_hertz{cpu=\"0\"}";
    let governor = "node_cpu_scaling_governor{cpu=\"0\",governor=\"powersave\"}";
    let folder = "sys/devices/system/cpu/cpu0/cpufreq";
    tree.write(&format!("{folder}/scaling_max_freq"), "2000000\n");
    tree.write(&format!("{folder}/scaling_cur_freq"), "2000000\n");
    tree.write(&format!("{folder}/scaling_governor"), "powersave\n");
    let page = read(&mut source).unwrap();
    let values = [max, now, governor].map(|series| value(&page, series));
    assert_eq!(values, [Some(3.9e9), Some(2e9), Some(0.0)]);
    source.discover().unwrap();
    let page = read(&mut source).unwrap();
    let values = [max, now, governor].map(|series| value(&page, series));
    assert_eq!(values, [Some(2e9), Some(2e9), Some(1.0)]);
}

#[test]
fn where_asking_for_a_frequency_sleeps_one_cpu_is_asked_at_a_time() {
    let tree = Tree::rack();
    tree.write("proc/sys/kernel/osrelease", "5.14.0-427.el9.x86_64\n");
    let mut source = tree.open("cpufreq");
    let shown = |page: &str| page.matches("node_cpu_scaling_frequency_hertz{").count();
    assert_eq!(shown(&read(&mut source).unwrap()), 0);
    for asked in 1..=4 {
        assert!(source.step().is_some());
        assert_eq!(shown(&read(&mut source).unwrap()), asked);
    }
    assert_eq!(tree.open("cpufreq").step().map(|wait| wait.as_secs_f64()), Some(3.75));
    assert_eq!(tree.open("cpu").step(), None);
    let mut once = tree.open("cpufreq");
    once.catch_up();
    assert_eq!(shown(&read(&mut once).unwrap()), 4);
}

#[test]
fn coretemps_alarms_interrupt_a_cpu_and_are_read_at_a_discovery_only() {
    let tree = Tree::rack();
    let mut source = tree.open("hwmon");
    let page = read(&mut source).unwrap();
    let line = page.lines().find(|line| line.starts_with("node_hwmon_temp_crit_alarm_celsius{"));
    let series = line.unwrap().rsplit_once(' ').unwrap().0.to_owned();
    assert_eq!(value(&page, &series), Some(0.0));
    tree.write("sys/class/hwmon/hwmon0/temp1_crit_alarm", "1\n");
    assert_eq!(value(&read(&mut source).unwrap(), &series), Some(0.0));
    source.discover().unwrap();
    assert_ne!(value(&read(&mut source).unwrap(), &series), Some(0.0));
}

#[test]
fn the_table_of_cpus_and_interrupts_is_read_once_for_both_who_show_it() {
    let tree = Tree::rack();
    let root = tree.root();
    let mut cpu = common::open("cpu", &root, &Settings::default()).unwrap();
    let mut stat = common::open("stat", &root, &Settings::default()).unwrap();
    let mut switches = || value(&read(&mut stat).unwrap(), "node_context_switches_total");
    read(&mut cpu).unwrap();
    tree.edit("proc/stat", "ctxt 218819212", "ctxt 218819213");
    // The same collection, then the next one without the other source.
    assert_eq!((switches(), switches()), (Some(218_819_212.0), Some(218_819_213.0)));
}
