//! The drives' SMART logs on the page and in the documents, as the root half told them.

mod common;

use common::host::Host;
use common::{Gate, sample};
use socle_model::Timestamp;
use socle_model::drives::{Drive, DriveState, Identity, SmartLog};
use socle_model::metrics::parse::parse;

fn drive(device: &str, log: SmartLog) -> Drive {
    let identity = Identity {
        model: "ACME \"1T\"".into(),
        firmware: "GX1".into(),
        warning_kelvin: Some(343),
        critical_kelvin: Some(353),
        endurance_groups: log.endurance_group_warning.is_some(),
        fingerprint: 7,
    };
    Drive {
        identity: Some(identity),
        log: Some(log),
        at: Some(Timestamp::now()),
        ..Drive::new(device, DriveState::Answers)
    }
}

fn log() -> SmartLog {
    SmartLog {
        critical_warning: 0b10,
        kelvin: Some(350),
        spare_percent: 97,
        spare_threshold_percent: 10,
        used_percent: 113,
        endurance_group_warning: Some(1),
        units_read: 3,
        units_written: u64::MAX,
        read_commands: 5,
        write_commands: 6,
        busy_minutes: 7,
        power_cycles: 8,
        power_on_hours: 9,
        unsafe_shutdowns: 10,
        media_errors: 11,
        error_log_entries: 12,
        warning_minutes: Some(13),
        critical_minutes: None,
    }
}

#[test]
fn every_value_is_on_the_page_in_base_units() {
    let mut gate = Gate::prepare();
    let host = Host::start(&gate.link());
    let failing = DriveState::Failing("EIO".into());
    let drives = vec![
        drive("nvme0", log()),
        Drive { state: failing, ..drive("nvme1", log()) },
        Drive { state: DriveState::NotAsked("tcp".into()), ..drive("nvme2", log()) },
    ];
    host.say(|said| said.snapshot.drives = drives);
    gate.spawn();
    let page = gate.until("/metrics", "the drives", |page| page.contains("socle_nvme_up"));
    assert_eq!(parse(&page).unwrap().series().len(), parse(&page).unwrap().samples.len());
    for (series, value) in [
        ("socle_nvme_up{device=\"nvme0\"}", 1.0),
        ("socle_nvme_up{device=\"nvme1\"}", 0.0),
        ("socle_nvme_info{device=\"nvme0\",firmware=\"GX1\",model=\"ACME \\\"1T\\\"\"}", 1.0),
        ("socle_nvme_critical_warning{device=\"nvme0\",warning=\"temperature\"}", 1.0),
        ("socle_nvme_critical_warning{device=\"nvme0\",warning=\"spare\"}", 0.0),
        ("socle_nvme_critical_warning{device=\"nvme0\",warning=\"persistent_memory\"}", 0.0),
        ("socle_nvme_endurance_group_warning{device=\"nvme0\",warning=\"spare\"}", 1.0),
        ("socle_nvme_temperature_celsius{device=\"nvme0\"}", 76.85),
        ("socle_nvme_temperature_threshold_celsius{device=\"nvme0\",threshold=\"warning\"}", 69.85),
        ("socle_nvme_available_spare_ratio{device=\"nvme0\"}", 0.97),
        ("socle_nvme_available_spare_threshold_ratio{device=\"nvme0\"}", 0.1),
        ("socle_nvme_percentage_used_ratio{device=\"nvme0\"}", 1.13),
        ("socle_nvme_data_units_read_bytes_total{device=\"nvme0\"}", 1_536_000.0),
        ("socle_nvme_data_units_written_bytes_total{device=\"nvme0\"}", 9.444_732_965_739_29e24),
        ("socle_nvme_host_read_commands_total{device=\"nvme0\"}", 5.0),
        ("socle_nvme_host_write_commands_total{device=\"nvme0\"}", 6.0),
        ("socle_nvme_controller_busy_seconds_total{device=\"nvme0\"}", 420.0),
        ("socle_nvme_power_cycles_total{device=\"nvme0\"}", 8.0),
        ("socle_nvme_power_on_seconds_total{device=\"nvme0\"}", 32_400.0),
        ("socle_nvme_unsafe_shutdowns_total{device=\"nvme0\"}", 10.0),
        ("socle_nvme_media_errors_total{device=\"nvme0\"}", 11.0),
        ("socle_nvme_error_log_entries_total{device=\"nvme0\"}", 12.0),
        ("socle_nvme_warning_temperature_seconds_total{device=\"nvme0\"}", 780.0),
    ] {
        let shown = sample(&page, series).unwrap_or(f64::NAN);
        assert!((shown - value).abs() <= value.abs() * 1e-12, "{series} {shown}\n{page}");
    }
    assert!(!page.contains("socle_nvme_critical_temperature_seconds"), "it does not offer that");
    assert!(!page.contains("socle_nvme_media_errors_total{device=\"nvme1\"}"), "not of now");
    assert!(!page.contains("device=\"nvme2\""), "not asked");
    // The temperature has its own family: it is not on the page twice.
    assert!(!page.contains("socle_temperature_celsius{component=\"nvme/0\""), "{page}");
    let status = gate.json("/v1/status").to_string();
    assert!(status.contains("a temperature is outside its thresholds"), "{status}");
    let sensors = gate.json("/v1/sensors").to_string();
    assert!(sensors.contains("nvme0 temperature"), "{sensors}");

    // An older root half says nothing of drives.
    host.say(|said| said.snapshot.drives.clear());
    gate.until("/metrics", "no drives", |page| !page.contains("socle_nvme_"));
}
