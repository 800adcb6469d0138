//! What the verdict on the hardware needs of /proc and /sys.

use crate::Root;
use crate::file::Kept;
use socle_model::facts::{Clocksource, KernelFacts};

/// The files behind [`KernelFacts`], kept open.
#[derive(Debug)]
pub struct Facts {
    vendor: Kept,
    product: Kept,
    host: Kept,
    current: Kept,
    available: Kept,
    cpuinfo: Kept,
}

impl Facts {
    /// Names the files; none is opened yet.
    #[must_use]
    pub fn open(root: &Root) -> Self {
        let dmi = root.sysfs.join("class/dmi/id");
        let clock = root.sysfs.join("devices/system/clocksource/clocksource0");
        Facts {
            vendor: Kept::new(dmi.join("sys_vendor")),
            product: Kept::new(dmi.join("product_name")),
            host: Kept::new(root.procfs.join("sys/kernel/hostname")),
            current: Kept::new(clock.join("current_clocksource")),
            available: Kept::new(clock.join("available_clocksource")),
            cpuinfo: Kept::new(root.procfs.join("cpuinfo")),
        }
    }

    /// One look. What cannot be read is absent.
    pub fn read(&mut self) -> KernelFacts {
        let model = [text(&mut self.vendor), text(&mut self.product)];
        let model: Vec<String> = model.into_iter().flatten().collect();
        KernelFacts {
            model: (!model.is_empty()).then(|| model.join(" ")),
            host: text(&mut self.host),
            clocksource: self.clocksource(),
            ..KernelFacts::default()
        }
    }

    fn clocksource(&mut self) -> Option<Clocksource> {
        let current = text(&mut self.current)?;
        let available = text(&mut self.available).unwrap_or_default();
        let flags = text(&mut self.cpuinfo).unwrap_or_default();
        let tsc = |word| word == "constant_tsc" || word == "nonstop_tsc";
        Some(Clocksource {
            current,
            available: available.split_whitespace().map(str::to_owned).collect(),
            tsc_expected: flags.split_whitespace().any(tsc),
        })
    }
}

fn text(file: &mut Kept) -> Option<String> {
    let text = String::from_utf8_lossy(file.read().ok()?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
