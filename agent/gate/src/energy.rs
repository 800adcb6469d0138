//! The energy counters: read here where the kernel lets us, else asked of the root half.

use crate::ask::{Asker, Near, Unanswered};
use crate::kernel::failure;
use crate::reader::{Failure, Readable};
use socle_kernel::rapl::Rapl;
use socle_kernel::{ReadError, Root, Settings, Source as _};
use socle_model::energy::Energy;
use socle_model::link::Call;
use socle_model::metrics::Page;
use std::sync::Arc;

/// The source `rapl`.
pub(crate) struct Energies {
    root: Root,
    settings: Arc<Settings>,
    zones: Option<Rapl>,
    asker: Asker,
}

impl Energies {
    /// Nothing is opened before it is first read.
    pub(crate) fn new(root: &Root, settings: &Arc<Settings>, near: Near) -> Self {
        let (root, settings) = (root.clone(), settings.clone());
        Energies { root, settings, zones: None, asker: Asker::new(near) }
    }

    fn zones(&mut self) -> Result<&mut Rapl, Failure> {
        let zones = match self.zones.take() {
            Some(zones) => zones,
            None => Rapl::new(&self.root, &self.settings).map_err(failure)?,
        };
        Ok(self.zones.insert(zones))
    }
}

impl Readable for Energies {
    fn read(&mut self, page: &mut Page) -> Result<(), Failure> {
        let before = page.mark();
        match self.zones()?.read(page) {
            // Some of the zones may be on the page already.
            Err(ReadError::RootOnly(_)) => page.rewind(before),
            other => return other.map_err(failure),
        }
        let energy: Energy =
            self.asker.ask(&Call::Energy).map_err(|unanswered| match unanswered {
                Unanswered::Refused(why) => Failure::Absent(why),
                Unanswered::Failed(why) => Failure::Failed(why),
            })?;
        self.zones()?.write(page, &energy.zones).map_err(failure)
    }

    fn discover(&mut self) -> Result<(), Failure> {
        self.zones()?.discover().map_err(failure)
    }
}
