//! `loadavg`: `/proc/loadavg`.

use crate::file::{Kept, number, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};

pub(crate) struct Loadavg {
    file: Kept,
    families: [Family; 3],
}

impl Loadavg {
    pub(crate) fn new(root: &Root) -> Self {
        let gauge = |name, help| Family::new(name, Kind::Gauge, help);
        Loadavg {
            file: Kept::in_one_piece(root.procfs.join("loadavg")),
            families: [
                gauge("node_load1", "1m load average."),
                gauge("node_load5", "5m load average."),
                gauge("node_load15", "15m load average."),
            ],
        }
    }
}

impl Source for Loadavg {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let mut fields = words(self.file.read()?);
        let loads = [(); 3].map(|()| number::<f64>(fields.next()));
        drop(fields);
        for (family, load) in self.families.iter().zip(loads) {
            let Some(load) = load else {
                return Err(self.file.bad(1, family.name(), "a number"));
            };
            page.single(family, load);
        }
        Ok(())
    }
}
