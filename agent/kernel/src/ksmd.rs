//! `ksmd`: same-page merging, `/sys/kernel/mm/ksm` (admin-guide/mm/ksm). Opt-in.

use crate::attr::AttrFamily;
use crate::file::number;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Kind, Page};

/// File, name, type and help, as node_exporter has them.
const FILES: [(&str, &str, Kind, &str); 9] = [
    (
        "full_scans",
        "full_scans_total",
        Kind::Counter,
        "How many times all mergeable areas have been scanned.",
    ),
    (
        "general_profit",
        "general_profit_bytes",
        Kind::Gauge,
        "How effective is KSM. ksm_saved_pages * sizeof(page) - (all_rmap_items) * sizeof(rmap_item)",
    ),
    (
        "merge_across_nodes",
        "merge_across_nodes",
        Kind::Gauge,
        "Specifies if pages from different NUMA nodes can be merged.",
    ),
    ("pages_shared", "pages_shared", Kind::Gauge, "How many shared pages are being used."),
    (
        "pages_sharing",
        "pages_sharing",
        Kind::Gauge,
        "How many more sites are sharing them i.e. how much saved.",
    ),
    (
        "pages_to_scan",
        "pages_to_scan",
        Kind::Gauge,
        "How many pages to scan before ksmd goes to sleep.",
    ),
    (
        "pages_unshared",
        "pages_unshared",
        Kind::Gauge,
        "How many pages unique but repeatedly checked for merging.",
    ),
    (
        "pages_volatile",
        "pages_volatile",
        Kind::Gauge,
        "How many pages changing too fast to be placed in a tree.",
    ),
    ("run", "run", Kind::Gauge, "The status of ksmd. stopped = 0, running = 1"),
];

pub(crate) struct Ksmd {
    files: [AttrFamily; FILES.len()],
    sleep: AttrFamily,
}

impl Ksmd {
    pub(crate) fn new(root: &Root) -> Self {
        let dir = root.sysfs.join("kernel/mm/ksm");
        let family = |file: &str, name: &str, kind, help| {
            let mut family = AttrFamily::new(&format!("node_ksmd_{name}"), kind, help);
            family.add(&[], dir.join(file));
            family
        };
        Ksmd {
            files: FILES.map(|(file, name, kind, help)| family(file, name, kind, help)),
            sleep: family(
                "sleep_millisecs",
                "sleep_seconds",
                Kind::Gauge,
                "How many seconds ksmd should sleep before next scan.",
            ),
        }
    }
}

impl Source for Ksmd {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        // The profit may be negative.
        self.files.iter_mut().for_each(|file| file.write(page, |text| number::<i64>(Some(text))));
        self.sleep.write(page, |text| number::<f64>(Some(text)).map(|ms| ms / 1000.0));
        Ok(())
    }
}
