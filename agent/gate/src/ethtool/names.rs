//! Names of drivers' statistics as node_exporter forms them.

use socle_kernel::rapl::sanitized;

/// Statistics that have a name and a help of their own.
const KNOWN: [(&str, &str, &str); 7] = [
    ("rx_bytes", "received_bytes_total", "Network interface bytes received"),
    ("rx_dropped", "received_dropped_total", "Number of received frames dropped"),
    ("rx_errors", "received_errors_total", "Number of received frames with errors"),
    ("rx_packets", "received_packets_total", "Network interface packets received"),
    ("tx_bytes", "transmitted_bytes_total", "Network interface bytes sent"),
    ("tx_errors", "transmitted_errors_total", "Number of sent frames with errors"),
    ("tx_packets", "transmitted_packets_total", "Network interface packets sent"),
];

/// The characters of a statistic's name that a metric's name may have; node_exporter's filter is
/// matched against this.
pub(super) fn clean(statistic: &str) -> String {
    sanitized(statistic)
}

/// The family's name for a clean one, before [`known`] is asked; this is what must not be there twice.
pub(super) fn family(clean: &str) -> String {
    let lower = clean.to_lowercase();
    let name = spelled_out(lower.trim_start_matches('_'), "rx", "received");
    format!("node_ethtool_{}", spelled_out(&name, "tx", "transmitted"))
}

/// Name and help of a clean name's family.
pub(super) fn known(clean: &str) -> (String, String) {
    match KNOWN.iter().find(|(key, ..)| *key == clean) {
        Some((_, name, help)) => (format!("node_ethtool_{name}"), (*help).to_owned()),
        None => (family(clean), format!("Network interface {clean}")),
    }
}

/// Replaces `short` between underscores or ends. As with the original's regular expression, an
/// underscore that ended one is not the start of the next.
fn spelled_out(name: &str, short: &str, long: &str) -> String {
    let mut words = name.split('_').peekable();
    let (mut text, mut free) = (String::with_capacity(name.len() + 16), true);
    while let Some(word) = words.next() {
        let replaced = free && word == short;
        text.push_str(if replaced { long } else { word });
        if words.peek().is_some() {
            text.push('_');
        }
        free = !replaced;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_node_exporters() {
        for (statistic, name) in [
            ("port.rx_errors", "port_received_errors"),
            ("rx_errors", "received_errors"),
            ("Queue[0] AllocFails", "queue_0_allocfails"),
            ("Tx LPI entry count", "transmitted_lpi_entry_count"),
            ("port.VF_admin_queue_requests", "port_vf_admin_queue_requests"),
            ("[3]: tx_bytes", "3_transmitted_bytes"),
            ("     err", "err"),
            ("rx", "received"),
            ("rx_rx_rx", "received_rx_received"),
            ("rx__rx", "received__received"),
            ("proxy_tx", "proxy_transmitted"),
            ("rxtx", "rxtx"),
            ("rx_tx", "received_transmitted"),
        ] {
            assert_eq!(family(&clean(statistic)), format!("node_ethtool_{name}"), "{statistic}");
        }
        let (name, help) = known("rx_packets");
        assert_eq!(name, "node_ethtool_received_packets_total");
        assert_eq!(help, "Network interface packets received");
        assert_eq!(known("tx_x").1, "Network interface tx_x");
    }
}
