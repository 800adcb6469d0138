//! node_exporter's collector `ethtool`, opt-in: the root half asks the devices that the filters leave,
//! at a pace of its own; names and families are made here.

mod families;
mod names;

use crate::ask::{Asker, Near, Unanswered};
use crate::paced::Paced;
use crate::reader::Failure;
use families::Families;
use socle_kernel::{Root, Settings};
use socle_model::ethtool::{DEVICES_LIMIT, Devices, Nics};
use socle_model::link::Call;
use socle_model::metrics::Page;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// node_exporter's name of the collector.
pub(crate) const NAME: &str = "ethtool";
/// Drivers ask their device's firmware: more than a file of /sys is granted.
const PATIENCE: Duration = Duration::from_secs(3);

/// Starts the source.
///
/// # Errors
/// No thread can be made.
pub(crate) fn start(root: &Root, settings: &Settings, near: Near) -> std::io::Result<Paced> {
    let dir = root.sysfs().join("class/net");
    let ignored = settings.ignores("ethtool.device", "");
    let families = Families::new(settings.search("ethtool.metrics-include", ".*"));
    let mut asker = Asker::patient(near, PATIENCE);
    let mut left_out = 0;
    let look = Box::new(move |page: &mut Page| {
        let mut devices = devices(&dir)?;
        devices.retain(|device| !ignored(device));
        let more = devices.len().saturating_sub(DEVICES_LIMIT);
        devices.truncate(DEVICES_LIMIT);
        let call = Call::Ethtool(Devices { devices });
        let nics: Nics = asker.ask(&call).map_err(|unanswered| match unanswered {
            Unanswered::Refused(why) => Failure::Absent(why),
            Unanswered::Failed(why) => Failure::Failed(why),
        })?;
        let statistics: u64 = nics.devices.iter().map(|nic| u64::from(nic.left_out)).sum();
        if std::mem::replace(&mut left_out, statistics) != statistics || more > 0 {
            tracing::warn!(devices = more, statistics, "ethtool: beyond the limits, left out");
        }
        families.write(page, &nics.devices);
        Ok(())
    });
    Paced::start(NAME, look)
}

/// The network devices by name, sorted.
fn devices(dir: &Path) -> Result<Vec<String>, Failure> {
    let failed = |error: std::io::Error| {
        let text = format!("{}: {error}", dir.display());
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => Failure::Absent(text),
            _ => Failure::Failed(text),
        }
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // Beside devices there may be files, such as bonding_masters.
        let name = path.file_name().and_then(|name| name.to_str());
        found.extend(name.filter(|_| path.is_dir()).map(str::to_owned));
    }
    if found.is_empty() {
        return Err(Failure::Failed(format!("{}: no network devices found", dir.display())));
    }
    found.sort();
    Ok(found)
}
