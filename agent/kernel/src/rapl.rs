//! `rapl`: energy counters of `/sys/class/powercap` (power/powercap/powercap.rst).
//!
//! Since 2020 only root may read `energy_uj` (CVE-2020-8694): whoever is refused it may give the counts
//! that the root half read, by zone.

use crate::attr::{Attr, entries};
use crate::settings::{Flag, Takes};
use crate::{ReadError, Root, Settings, Source};
use socle_model::energy::ZoneEnergy;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) const FLAGS: &[Flag] = &[(ZONE_LABEL, Takes::Switch)];

const ZONE_LABEL: &str = "rapl.enable-zone-label";

/// Most zones that are looked at: 32 sockets have about 200.
const ZONES: usize = 1024;

/// The zones of a machine, with their counters kept open.
#[derive(Debug)]
pub struct Rapl {
    dir: PathBuf,
    zone_label: bool,
    families: Vec<(Family, Vec<Zone>)>,
}

#[derive(Debug, PartialEq)]
struct Zone {
    /// The folder's name, such as `intel-rapl:0`: unique on the machine.
    folder: String,
    series: Series,
    energy: Attr,
}

impl Rapl {
    /// Looks for zones.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn new(root: &Root, settings: &Settings) -> Result<Self, ReadError> {
        let dir = root.sysfs.join("class/powercap");
        let zone_label = settings.on(ZONE_LABEL, false);
        let mut rapl = Rapl { dir, zone_label, families: Vec::new() };
        rapl.discover()?;
        Ok(rapl)
    }

    /// The counts of all zones in microjoules, for the half that may not read them itself. A zone
    /// without a counter is left out.
    ///
    /// # Errors
    /// This machine has no zones, or refuses to read one.
    pub fn energies(&mut self) -> Result<Vec<ZoneEnergy>, ReadError> {
        let mut energies = Vec::new();
        self.each(|zone| {
            if let Some(microjoules) = zone.energy()? {
                energies.push(ZoneEnergy { zone: zone.folder.clone(), microjoules });
            }
            Ok(())
        })?;
        Ok(energies)
    }

    /// As [`Source::read`], with counts that somebody else read.
    ///
    /// # Errors
    /// This machine has no zones.
    pub fn write(&mut self, page: &mut Page, given: &[ZoneEnergy]) -> Result<(), ReadError> {
        self.present()?;
        for (family, zones) in &mut self.families {
            page.family_of(family, |page| {
                for zone in zones {
                    if let Some(one) = given.iter().find(|one| one.zone == zone.folder) {
                        page.sample(&zone.series, joules(one.microjoules));
                    }
                }
            });
        }
        Ok(())
    }

    fn present(&self) -> Result<(), ReadError> {
        match self.families.is_empty() {
            true => Err(ReadError::NoData(self.dir.clone())),
            false => Ok(()),
        }
    }

    fn each(
        &mut self,
        mut what: impl FnMut(&mut Zone) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.present()?;
        self.families.iter_mut().flat_map(|(_, zones)| zones).try_for_each(&mut what)
    }

    fn family(&self, zone: &str) -> Family {
        let (name, help) = match self.zone_label {
            true => {
                ("node_rapl_joules_total".to_owned(), "Current RAPL value in joules".to_owned())
            }
            false => (
                format!("node_rapl_{}_joules_total", sanitized(zone)),
                format!("Current RAPL {zone} value in joules"),
            ),
        };
        Family::new(&name, Kind::Counter, &help)
    }
}

impl Source for Rapl {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.present()?;
        for (family, zones) in &mut self.families {
            let mark = page.mark();
            page.family(family);
            for zone in zones {
                if let Some(microjoules) = zone.energy()? {
                    page.sample(&zone.series, joules(microjoules));
                }
            }
            if page.samples_since(mark) == 0 {
                page.rewind(mark);
            }
        }
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut families: BTreeMap<String, (Family, Vec<Zone>)> = BTreeMap::new();
        let mut used = BTreeMap::new();
        for path in entries(&self.dir)?.into_iter().take(ZONES) {
            let Ok(name) = Attr::new(path.join("name")).text() else { continue };
            let (index, name) = index_and_name(&used, &name);
            used.insert(name.clone(), index.saturating_add(1));
            // Some zones limit power and count no energy.
            if !path.join("energy_uj").exists() {
                continue;
            }
            let family = self.family(&name);
            let (family, zones) =
                families.entry(family.name().to_owned()).or_insert((family, Vec::new()));
            zones.push(Zone::new(family, &path, index, self.zone_label.then_some(&name)));
        }
        let families: Vec<_> = families.into_values().collect();
        // What is the same stays open.
        if self.families != families {
            self.families = families;
        }
        Ok(())
    }
}

impl Zone {
    fn new(family: &Family, path: &Path, index: i64, name: Option<&String>) -> Self {
        let (index, shown) = (index.to_string(), path.to_string_lossy());
        let mut labels = vec![("index", index.as_str()), ("path", &shown)];
        labels.extend(name.map(|name| ("rapl_zone", name.as_str())));
        Zone {
            folder: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            series: family.series(&labels),
            energy: Attr::new(path.join("energy_uj")),
        }
    }

    /// `None` for a zone that went since the last discovery.
    fn energy(&mut self) -> Result<Option<u64>, ReadError> {
        match self.energy.integer() {
            Ok(microjoules) => Ok(Some(microjoules)),
            Err(ReadError::NoData(_)) => Ok(None),
            Err(ReadError::Failed { path, source })
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Err(ReadError::RootOnly(path))
            }
            Err(error) => Err(error),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "node_exporter's values are floats too")]
fn joules(microjoules: u64) -> f64 {
    microjoules as f64 / 1_000_000.0
}

/// `package-1` is index 1 of `package`; a name without a number is counted, as there may be several
/// `dram`.
fn index_and_name(used: &BTreeMap<String, i64>, name: &str) -> (i64, String) {
    if let Some((stem, number)) = name.split_once('-')
        && !number.contains('-')
        && let Ok(index) = number.parse()
    {
        return (index, stem.to_owned());
    }
    (used.get(name).copied().unwrap_or(0), name.to_owned())
}

/// node_exporter's `SanitizeMetricName`: a run of foreign characters, with the underscores around it,
/// is one underscore.
#[must_use]
pub fn sanitized(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric();
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let run = rest.find(fits).unwrap_or(rest.len());
        let (between, after) = rest.split_at(run);
        match between.chars().any(|c| c != '_') {
            true => text.push('_'),
            false => text.push_str(between),
        }
        let word = after.find(|c| !fits(c)).unwrap_or(after.len());
        let (word, after) = after.split_at(word);
        text.push_str(word);
        rest = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_node_exporters() {
        for (name, ours) in [
            ("package", "package"),
            ("a-b", "a_b"),
            ("a_-_b", "a_b"),
            ("a__b", "a__b"),
            ("%tx", "_tx"),
            ("é", "_"),
            ("_-x", "_x"),
            ("", ""),
        ] {
            assert_eq!(sanitized(name), ours, "{name}");
        }
        let used = BTreeMap::from([("dram".to_owned(), 2)]);
        let of = |name| index_and_name(&used, name);
        assert_eq!(of("package-3"), (3, "package".to_owned()));
        assert_eq!(of("package-0-die-1"), (0, "package-0-die-1".to_owned()));
        assert_eq!(of("a--1"), (0, "a--1".to_owned()));
        assert_eq!(of("dram"), (2, "dram".to_owned()));
        assert_eq!(of("core"), (0, "core".to_owned()));
    }
}
