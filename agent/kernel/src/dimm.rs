//! `dimm`: memory errors of each DIMM, with the label on the board where the driver or a tool of the
//! distribution has set one. The `edac` source has node_exporter's sums.

use crate::attr::{Attr, AttrFamily, numbered};
use crate::class::{add_existing, must_exist};
use crate::edac::counts::dimms;
use crate::edac::directory;
use crate::file::number;
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Kind, Page};
use std::path::PathBuf;

pub(crate) struct Dimm {
    dir: PathBuf,
    errors: AttrFamily,
}

fn family() -> AttrFamily {
    AttrFamily::new(
        "socle_edac_dimm_errors_total",
        Kind::Counter,
        "Memory errors of a DIMM since its driver was loaded, corrected and uncorrected.",
    )
}

impl Dimm {
    pub(crate) fn new(root: &Root) -> Result<Self, ReadError> {
        let mut dimm = Dimm { dir: directory(root), errors: family() };
        dimm.discover()?;
        Ok(dimm)
    }
}

impl Source for Dimm {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.errors.files.is_empty() {
            return must_exist(&self.dir);
        }
        self.errors.write(page, |text| number::<u64>(Some(text)));
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        let mut errors = family();
        for (controller, dir) in numbered(&self.dir, "mc")? {
            let controller = controller.to_string();
            for (dimm, dir) in dimms(&dir) {
                let text = |file: &str| Attr::new(dir.join(file)).text().unwrap_or_default();
                let (label, location) = (text("dimm_label"), text("dimm_location"));
                for (kind, file) in
                    [("corrected", "dimm_ce_count"), ("uncorrected", "dimm_ue_count")]
                {
                    let labels = [
                        ("controller", controller.as_str()),
                        ("dimm", dimm.as_str()),
                        ("label", label.as_str()),
                        ("location", location.as_str()),
                        ("type", kind),
                    ];
                    add_existing(&mut errors, &labels, dir.join(file));
                }
            }
        }
        // Labels are set by a tool after boot.
        if self.errors != errors {
            self.errors = errors;
        }
        Ok(())
    }
}
