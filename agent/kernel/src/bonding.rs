//! `bonding`: the slaves of bonded network devices, `/sys/class/net/*/bonding`.

use crate::attr::Attr;
use crate::file::{Kept, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page, Series};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

struct Bond {
    name: Vec<u8>,
    dir: PathBuf,
    slaves: Series,
    active: Series,
    /// The file that lists the slaves, and what it said when `states` was made.
    list: Kept,
    listed: Vec<u8>,
    states: Vec<Attr>,
    /// As of this reading: slaves, and those that are up.
    now: Option<(u64, u64)>,
}

pub(crate) struct Bonding {
    dir: PathBuf,
    masters: Kept,
    /// What `masters` said when `bonds` was made.
    listed: Vec<u8>,
    slaves: Family,
    active: Family,
    bonds: Vec<Bond>,
}

/// A name of a device as a part of a path; nothing that would lead elsewhere.
fn part(name: &[u8]) -> &OsStr {
    let safe = !name.contains(&b'/') && name != b".." && name != b".";
    OsStr::from_bytes(if safe { name } else { b"" })
}

impl Bonding {
    pub(crate) fn new(root: &Root) -> Self {
        let dir = root.sysfs.join("class/net");
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        Bonding {
            masters: Kept::new(dir.join("bonding_masters")),
            dir,
            listed: Vec::new(),
            slaves: gauge(
                "node_bonding_slaves",
                "Number of configured slaves per bonding interface.",
            ),
            active: gauge("node_bonding_active", "Number of active slaves per bonding interface."),
            bonds: Vec::new(),
        }
    }

    /// Opens the bonds that came, drops those that went.
    fn list(&mut self) -> Result<(), ReadError> {
        let masters = self.masters.read()?;
        if masters == self.listed {
            return Ok(());
        }
        let mut before = std::mem::take(&mut self.bonds);
        for name in words(masters) {
            if self.bonds.iter().any(|bond| bond.name == name) {
                continue;
            }
            let kept = before.iter().position(|bond| bond.name == name);
            let bond = match kept {
                Some(at) => before.swap_remove(at),
                None => Bond::new(&self.dir, name, &self.slaves, &self.active),
            };
            // Two names that are one where they are shown.
            if !self.bonds.iter().any(|other| other.slaves == bond.slaves) {
                self.bonds.push(bond);
            }
        }
        self.listed = masters.to_owned();
        Ok(())
    }
}

impl Bond {
    fn new(class: &Path, name: &[u8], slaves: &Family, active: &Family) -> Self {
        let shown = String::from_utf8_lossy(name);
        let label = [("master", &*shown)];
        let dir = class.join(part(name));
        Bond {
            name: name.to_owned(),
            slaves: slaves.series(&label),
            active: active.series(&label),
            list: Kept::new(dir.join("bonding/slaves")),
            listed: Vec::new(),
            states: Vec::new(),
            dir,
            now: None,
        }
    }

    fn refresh(&mut self) {
        let Ok(list) = self.list.read() else {
            self.now = None;
            return;
        };
        if list != self.listed {
            self.states = words(list).map(|slave| state(&self.dir, slave)).collect();
            self.listed = list.to_owned();
        }
        let up = |state: &mut Attr| state.parsed(|text| (text == b"up").then_some(())).is_some();
        let (mut slaves, mut active) = (0, 0);
        for state in &mut self.states {
            slaves += 1;
            active += u64::from(up(state));
        }
        self.now = Some((slaves, active));
    }
}

/// The file that says whether a slave's link is up; old kernels have another prefix.
fn state(bond: &Path, slave: &[u8]) -> Attr {
    let file = |prefix: &str| {
        let name = [prefix.as_bytes(), part(slave).as_bytes()].concat();
        bond.join(OsStr::from_bytes(&name)).join("bonding_slave/mii_status")
    };
    let lower = file("lower_");
    Attr::new(if lower.exists() { lower } else { file("slave_") })
}

impl Source for Bonding {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.list()?;
        self.bonds.iter_mut().for_each(Bond::refresh);
        let now = || self.bonds.iter().filter_map(|bond| Some((bond, bond.now?)));
        page.family_of(&self.slaves, |page| {
            now().for_each(|(bond, (slaves, _))| page.sample(&bond.slaves, slaves));
        });
        page.family_of(&self.active, |page| {
            now().for_each(|(bond, (_, active))| page.sample(&bond.active, active));
        });
        Ok(())
    }
}
