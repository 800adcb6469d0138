//! `pcie`: errors that PCI Express devices reported (Advanced Error Reporting), and links that run below
//! what both of their ends can do.

mod aer;
mod link;

use crate::class::{devices, must_exist};
use crate::{ReadError, Root, Source};
use aer::Errors;
use link::Link;
use socle_model::metrics::{Family, Kind, Page};
use std::path::PathBuf;
use std::time::Duration;

/// How old what is known of a link may become.
const ROUND: Duration = Duration::from_secs(60);
/// The shortest pause between two links.
const SHORTEST: Duration = Duration::from_millis(20);

struct Families {
    errors: Family,
    downgraded: Family,
    speed: Family,
    most_speed: Family,
    width: Family,
    most_width: Family,
}

impl Families {
    fn new() -> Self {
        let gauge =
            |name: &str, help| Family::new(&format!("socle_pcie_link_{name}"), Kind::Gauge, help);
        Families {
            errors: Family::new(
                "socle_pcie_aer_errors_total",
                Kind::Counter,
                "PCIe errors that a device reported, by severity. The kinds that have occurred, and error=\"total\", the kernel's own sum of all.",
            ),
            downgraded: gauge(
                "downgraded",
                "Whether the link of a PCIe device runs slower or narrower than both of its ends can. Devices that save power (idle GPUs) lower the speed by themselves.",
            ),
            speed: gauge(
                "speed_transfers_per_second",
                "Speed of the link of a PCIe device, in transfers a second and lane.",
            ),
            most_speed: gauge(
                "speed_max_transfers_per_second",
                "Highest speed that both ends of the link can, in transfers a second and lane.",
            ),
            width: gauge("width_lanes", "Lanes that the link of a PCIe device uses."),
            most_width: gauge("width_max_lanes", "Most lanes that both ends of the link can use."),
        }
    }
}

pub(crate) struct Pcie {
    dir: PathBuf,
    families: Families,
    errors: Vec<Errors>,
    links: Vec<Link>,
    next: usize,
}

impl Pcie {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let mut pcie = Pcie {
            dir: root.sysfs.join("bus/pci/devices"),
            families: Families::new(),
            errors: Vec::new(),
            links: Vec::new(),
            next: 0,
        };
        pcie.discover()?;
        Ok(pcie)
    }

    fn links(&self, page: &mut Page) {
        let f = &self.families;
        let columns = [&f.downgraded, &f.speed, &f.most_speed, &f.width, &f.most_width];
        for (n, family) in columns.into_iter().enumerate() {
            page.family_of(family, |page| {
                for link in &self.links {
                    if let Some((series, value)) = link.sample(n) {
                        page.sample(series, value);
                    }
                }
            });
        }
    }
}

impl Source for Pcie {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.errors.is_empty() && self.links.is_empty() {
            return must_exist(&self.dir);
        }
        page.family_of(&self.families.errors, |page| {
            self.errors.iter_mut().for_each(|errors| errors.write(page));
        });
        self.links(page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let (mut errors, mut links) = (Vec::new(), Vec::new());
        let f = &self.families;
        let columns = [&f.downgraded, &f.speed, &f.most_speed, &f.width, &f.most_width];
        for (name, dir) in devices(&self.dir)? {
            errors.extend(Errors::find(&name, &dir, &f.errors));
            links.extend(Link::find(&name, &dir, columns));
        }
        if self.errors != errors {
            self.errors = errors;
        }
        if self.links != links {
            links.iter_mut().for_each(Link::refresh);
            self.links = links;
        }
        Ok(())
    }

    /// Newer kernels wake a sleeping device to ask for its link, so one is asked at a time.
    fn step(&mut self) -> Option<Duration> {
        let at = self.next.checked_rem(self.links.len())?;
        self.next = at + 1;
        self.links.get_mut(at).into_iter().for_each(Link::refresh);
        let count = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
        Some((ROUND / count.max(1)).max(SHORTEST))
    }
}
