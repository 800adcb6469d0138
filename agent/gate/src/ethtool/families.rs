//! `node_ethtool_*` and the `node_network_*` of a link's modes, as node_exporter has them.

use super::names::{clean, family, known};
use crate::expose::Rows;
use socle_model::ethtool::{Link, Nic};
use socle_model::metrics::Page;
use std::collections::{BTreeMap, HashMap};

/// Bits of `enum ethtool_link_mode_bit_indices` that are no speed.
const AUTONEG: u32 = 6;
const PAUSE: u32 = 13;
const ASYM_PAUSE: u32 = 14;
const PORTS: [(u32, &str); 6] =
    [(7, "TP"), (8, "AUI"), (9, "MII"), (10, "FIBRE"), (11, "BNC"), (16, "Backplane")];
/// Bit, Mbit/s, duplex, kind: those of the original's table that 32 bits hold.
const SPEEDS: [(u32, u32, &str, &str); 22] = [
    (0, 10, "half", "T"),
    (1, 10, "full", "T"),
    (2, 100, "half", "T"),
    (3, 100, "full", "T"),
    (4, 1000, "half", "T"),
    (5, 1000, "full", "T"),
    (12, 10_000, "full", "T"),
    (17, 1000, "full", "KX"),
    (18, 10_000, "full", "KX4"),
    (19, 10_000, "full", "KR"),
    (20, 10_000, "full", "R_FEC"),
    (21, 20_000, "full", "MLD2"),
    (22, 20_000, "full", "KR2"),
    (23, 40_000, "full", "KR4"),
    (24, 40_000, "full", "CR4"),
    (25, 40_000, "full", "SR4"),
    (26, 40_000, "full", "LR4"),
    (27, 56_000, "full", "KR4"),
    (28, 56_000, "full", "CR4"),
    (29, 56_000, "full", "SR4"),
    (30, 56_000, "full", "LR4"),
    (31, 25_000, "full", "CR"),
];

/// Whether a name is chosen.
type Choice = Box<dyn Fn(&str) -> bool + Send>;

/// Writes the families of all devices.
pub(super) struct Families {
    chosen: Choice,
}

impl Families {
    pub(super) fn new(chosen: impl Fn(&str) -> bool + Send + 'static) -> Self {
        Families { chosen: Box::new(chosen) }
    }

    /// Every family once, with the samples of each device.
    pub(super) fn write(&self, page: &mut Page, nics: &[Nic]) {
        info(page, nics);
        links(page, nics);
        let mut families: BTreeMap<String, Rows> = BTreeMap::new();
        for nic in nics {
            for (clean, value) in self.statistics(nic) {
                let (name, help) = known(&clean);
                let rows =
                    families.entry(name).or_insert_with_key(|name| Rows::untyped(name, &help));
                rows.push(&[("device", &nic.device)], value);
            }
        }
        families.values().for_each(|rows| rows.write(page));
    }

    /// The chosen statistics by their clean names. Where several become one family, none is shown: which
    /// one it was could not be told.
    fn statistics(&self, nic: &Nic) -> Vec<(String, u64)> {
        let mut found: HashMap<String, Option<(String, u64)>> = HashMap::new();
        for (statistic, value) in &nic.statistics {
            let clean = clean(statistic);
            // A name of foreign characters only leaves nothing to call a family by.
            if (self.chosen)(&clean) && clean.bytes().any(|byte| byte != b'_') {
                let family = family(&clean);
                let one = Some((clean, *value));
                found.entry(family).and_modify(|known| *known = None).or_insert(one);
            }
        }
        let mut found: Vec<_> = found.into_values().flatten().collect();
        found.sort_unstable();
        found
    }
}

fn info(page: &mut Page, nics: &[Nic]) {
    let help = "A metric with a constant '1' value labeled by bus_info, device, driver, \
                expansion_rom_version, firmware_version, version.";
    let mut rows = Rows::gauge("node_ethtool_info", help);
    for nic in nics {
        let Some(driver) = &nic.driver else { continue };
        let labels = [
            ("bus_info", driver.bus_info.as_str()),
            ("device", &nic.device),
            ("driver", &driver.driver),
            ("expansion_rom_version", &driver.expansion_rom),
            ("firmware_version", &driver.firmware),
            ("version", &driver.version),
        ];
        rows.push(&labels, 1u64);
    }
    rows.write(page);
}

fn has(modes: u32, bit: u32) -> bool {
    modes.checked_shr(bit).is_some_and(|shifted| shifted & 1 == 1)
}

/// A gauge of one bit or flag of each link.
type OfLink = (&'static str, &'static str, fn(&Link) -> bool);

const FLAGS: [OfLink; 7] = [
    ("autonegotiate_supported", "If this port device supports autonegotiate", |link| {
        has(link.supported, AUTONEG)
    }),
    ("pause_supported", "If this port device supports pause frames", |link| {
        has(link.supported, PAUSE)
    }),
    ("asymmetricpause_supported", "If this port device supports asymmetric pause frames", |link| {
        has(link.supported, ASYM_PAUSE)
    }),
    ("autonegotiate_advertised", "If this port device offers autonegotiate", |link| {
        has(link.advertising, AUTONEG)
    }),
    ("pause_advertised", "If this port device offers pause capability", |link| {
        has(link.advertising, PAUSE)
    }),
    (
        "asymmetricpause_advertised",
        "If this port device offers asymmetric pause capability",
        |link| has(link.advertising, ASYM_PAUSE),
    ),
    ("autonegotiate", "If this port is using autonegotiate", |link| link.autonegotiates),
];

fn links(page: &mut Page, nics: &[Nic]) {
    let links: Vec<(&str, &Link)> =
        nics.iter().filter_map(|nic| Some((nic.device.as_str(), nic.link.as_ref()?))).collect();
    speeds(page, &links, "supported", "supported by", |link| link.supported);
    speeds(page, &links, "advertised", "offered by", |link| link.advertising);
    let help = "Type of ports or PHYs supported by network device";
    let mut rows = Rows::gauge("node_network_supported_port_info", help);
    for (device, link) in &links {
        for (bit, kind) in PORTS {
            if has(link.supported, bit) {
                rows.push(&[("device", device), ("type", kind)], 1u64);
            }
        }
    }
    rows.write(page);
    for (name, help, flag) in FLAGS {
        let mut rows = Rows::gauge(&format!("node_network_{name}"), help);
        for (device, link) in &links {
            rows.push(&[("device", device)], flag(link));
        }
        rows.write(page);
    }
}

fn speeds(
    page: &mut Page,
    links: &[(&str, &Link)],
    name: &str,
    what: &str,
    modes: fn(&Link) -> u32,
) {
    let help = format!("Combination of speeds and features {what} network device");
    let mut rows = Rows::gauge(&format!("node_network_{name}_speed_bytes"), &help);
    for (device, link) in links {
        for (bit, speed, duplex, kind) in SPEEDS {
            if has(modes(link), bit) {
                let mode = format!("{speed}base{kind}");
                let labels = [("device", *device), ("duplex", duplex), ("mode", mode.as_str())];
                // In bytes, to match the speed that netclass shows.
                rows.push(&labels, f64::from(speed) * 1_000_000.0 / 8.0);
            }
        }
    }
    rows.write(page);
}

#[cfg(test)]
mod tests {
    use super::*;
    use socle_model::ethtool::Driver;
    use std::path::Path;

    fn page(chosen: fn(&str) -> bool, nics: &[Nic]) -> String {
        let mut page = Page::default();
        Families::new(chosen).write(&mut page, nics);
        page.as_str().to_owned()
    }

    /// `ethtool -i` and `-S` as node_exporter's fixtures hold them, and the modes of their link.
    fn fixture(folder: &Path, device: &str) -> Nic {
        let read = |file| std::fs::read_to_string(folder.join(device).join(file)).unwrap();
        let text = read("driver");
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        let statistics = read("statistics");
        let statistics = statistics.lines().filter_map(|line| line.trim().rsplit_once(": "));
        Nic {
            device: device.to_owned(),
            driver: Some(Driver {
                driver: field("driver"),
                version: field("version"),
                firmware: field("firmware-version"),
                bus_info: field("bus-info"),
                expansion_rom: field("expansion-rom-version"),
            }),
            link: Some(Link {
                // TP, MII; 10 to 10000 without 1000 half; symmetric pause, negotiation.
                supported: 1 << 7 | 1 << 9 | 0b10_1111 | 1 << 12 | 1 << 13 | 1 << 6,
                advertising: 0b10_1111 | 1 << 13 | 1 << 6,
                autonegotiates: true,
            }),
            statistics: statistics
                .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
                .collect(),
            left_out: 0,
        }
    }

    #[test]
    fn node_exporters_fixture_gives_its_families() {
        let Some(corpus) = std::env::var_os("SOCLE_CORPUS") else {
            println!(
                "skipped: SOCLE_CORPUS not set, node_exporter's ethtool fixtures are not here"
            );
            return;
        };
        let folder = Path::new(&corpus).join("node_exporter/ethtool");
        let page = page(|_| true, &[fixture(&folder, "eth0")]);
        let samples: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
        // As its own test expects them; the two statistics that become one name are in neither.
        assert_eq!(samples.len(), 15 + 5 + 6 + 2 + 7, "{page}");
        for line in [
            "node_ethtool_port_received_dropped{device=\"eth0\"} 12028",
            "node_ethtool_received_packets_total{device=\"eth0\"} 1260062",
            "node_ethtool_transmitted_errors_total{device=\"eth0\"} 0",
            "node_ethtool_received_missed{device=\"eth0\"} 401",
            "node_network_advertised_speed_bytes{device=\"eth0\",duplex=\"full\",mode=\"1000baseT\"} 125000000",
            "node_network_supported_speed_bytes{device=\"eth0\",duplex=\"half\",mode=\"10baseT\"} 1250000",
            "node_network_supported_port_info{device=\"eth0\",type=\"MII\"} 1",
            "node_network_asymmetricpause_supported{device=\"eth0\"} 0",
            "node_network_pause_advertised{device=\"eth0\"} 1",
            "node_network_autonegotiate{device=\"eth0\"} 1",
        ] {
            assert!(samples.contains(&line), "{line} in\n{page}");
        }
        assert!(page.contains("# HELP node_ethtool_port_received_dropped Network interface port_rx_dropped\n# TYPE node_ethtool_port_received_dropped untyped\n"));
        assert!(page.contains("firmware_version=\"0.5-4\",version=\"5.11.0-22-generic\"} 1"));
        assert!(!page.contains("duplicate"));
    }

    #[test]
    fn devices_share_families_and_hostile_names_make_no_bad_page() {
        let nic = |device: &str, statistics: &[(&str, u64)]| Nic {
            device: device.into(),
            statistics: statistics.iter().map(|(name, value)| ((*name).into(), *value)).collect(),
            ..Nic::default()
        };
        let nics = [
            nic(
                "a\"b",
                &[("rx_bytes", 1), ("Q[0]", 2), ("é\n", 3), ("", 4), ("x y", 5), ("x-y", 6)],
            ),
            nic("eth1", &[("rx_bytes", u64::MAX), ("q 0 ", 7), ("dup", 8), ("DUP", 9), ("dup", 9)]),
        ];
        let page = page(|name| name != "Q_0_", &nics);
        let parsed = socle_model::metrics::parse::parse(&page).unwrap();
        assert_eq!(parsed.series().len(), parsed.samples.len());
        assert_eq!(parsed.samples.len(), 3, "{page}");
        assert_eq!(page.matches("# TYPE node_ethtool_received_bytes_total untyped").count(), 1);
        assert!(page.contains("node_ethtool_q_0_{device=\"eth1\"} 7"), "{page}");
    }
}
