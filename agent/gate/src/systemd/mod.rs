//! node_exporter's collector `systemd`, opt-in: asks systemd over the system bus, at its own pace.

mod bus;
mod page;
#[cfg(test)]
mod tests;
mod wire;

use crate::paced::Paced;
use crate::reader::Failure;
use bus::Bus;
use page::{Choice, Looker};
use socle_kernel::Settings;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

/// node_exporter's name of the collector.
pub(crate) const NAME: &str = "systemd";
/// How long one look may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Starts the source.
///
/// # Errors
/// No thread can be made.
pub(crate) fn start(rootfs: &Path, settings: &Settings) -> std::io::Result<Paced> {
    let socket = rootfs.join("run/dbus/system_bus_socket");
    let mut looker = Looker::new(Choice::new(settings));
    let look = Box::new(move |page: &mut _| {
        let bus = Bus::open(&socket, Instant::now() + DEADLINE);
        bus.and_then(|mut bus| looker.look(&mut bus, page))
            .map_err(|error| failure(&socket, &error))
    });
    Paced::start(NAME, look)
}

fn failure(socket: &Path, error: &std::io::Error) -> Failure {
    let text = format!("{}: {error}", socket.display());
    match error.kind() {
        ErrorKind::NotFound => Failure::Absent(text),
        _ => Failure::Failed(text),
    }
}
