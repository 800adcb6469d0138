//! `pressure`: how long tasks waited for CPU, memory, disks and interrupts, `/proc/pressure` (accounting/psi).

use crate::file::{number, words};
use crate::lines::{Fault, Lines};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};

/// What the kernel answers where pressure is off (`psi=0`).
const EOPNOTSUPP: i32 = 95;

/// The totals of a pressure file, in microseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Some tasks waited.
    pub(crate) some: Option<u64>,
    /// No task could go on.
    pub(crate) full: Option<u64>,
}

impl Totals {
    /// Takes a line: `some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781`.
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        let slot = match words.next() {
            Some(b"some") => &mut self.some,
            Some(b"full") => &mut self.full,
            // What later kernels may add.
            _ => return Ok(()),
        };
        let total = words.find_map(|word| word.strip_prefix(b"total="));
        let total = number(total).ok_or_else(|| Fault::new(line, "a total"))?;
        *slot = Some(total);
        Ok(())
    }

    /// Reads a file; none where the kernel has none, or where pressure is off.
    pub(crate) fn read(file: &mut Lines) -> Result<Option<Totals>, ReadError> {
        let mut totals = Totals::default();
        match file.read_if_there(|_, line| totals.line(line)) {
            Ok(there) => Ok(there.then_some(totals)),
            Err(ReadError::Failed { source, .. }) if source.raw_os_error() == Some(EOPNOTSUPP) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The seconds of so many microseconds.
pub(crate) fn seconds(micros: u64) -> f64 {
    // In two steps, as node_exporter does: the last digit is then the same.
    micros as f64 / 1000.0 / 1000.0
}

struct Resource {
    file: Lines,
    waiting: Option<Family>,
    stalled: Option<Family>,
}

pub(crate) struct Pressure {
    resources: [Resource; 4],
    missing: std::path::PathBuf,
}

impl Pressure {
    pub(crate) fn new(root: &Root) -> Self {
        let dir = root.procfs.join("pressure");
        let family = |name, end, help: &str| {
            (!help.is_empty()).then(|| {
                let name = format!("node_pressure_{name}_{end}_seconds_total");
                Family::new(&name, Kind::Counter, help)
            })
        };
        let resource = |name, waiting, stalled| Resource {
            file: Lines::in_one_piece(dir.join(name)),
            waiting: family(name, "waiting", waiting),
            stalled: family(name, "stalled", stalled),
        };
        let resources = [
            resource("cpu", "Total time in seconds that processes have waited for CPU time", ""),
            resource(
                "io",
                "Total time in seconds that processes have waited due to IO congestion",
                "Total time in seconds no process could make progress due to IO congestion",
            ),
            resource(
                "memory",
                "Total time in seconds that processes have waited for memory",
                "Total time in seconds no process could make progress due to memory congestion",
            ),
            resource(
                "irq",
                "",
                "Total time in seconds no process could make progress due to IRQ congestion",
            ),
        ];
        Pressure { resources, missing: dir }
    }
}

impl Source for Pressure {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let mark = page.mark();
        for Resource { file, waiting, stalled } in &mut self.resources {
            let Some(totals) = Totals::read(file)? else { continue };
            for (family, total) in [(waiting, totals.some), (stalled, totals.full)] {
                if let (Some(family), Some(total)) = (family, total) {
                    page.single(family, seconds(total));
                }
            }
        }
        match page.samples_since(mark) {
            0 => Err(ReadError::NoData(self.missing.clone())),
            _ => Ok(()),
        }
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.resources.iter_mut().for_each(|resource| resource.file.look_again());
        Ok(())
    }
}
