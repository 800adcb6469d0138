//! What network devices say of themselves: asked over a socket that speaks no IP.

use socle_model::Timestamp;
use socle_model::ethtool::{
    ANSWER_LIMIT, DEVICES_LIMIT, Driver, Link, Nic, Nics, STATISTICS_LIMIT,
};
use socle_sys::Errno;
use socle_sys::ethtool::{Room, STRING_LENGTH, driver_info, settings};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixDatagram;

/// Asks each of these devices; one that is not there is left out.
///
/// # Errors
/// There is neither a socket nor memory to ask with, in words.
pub fn ask(devices: &[String]) -> Result<Nics, String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("nothing to ask network devices with: {error}");
    let socket = UnixDatagram::unbound().map_err(|error| failed(&error))?;
    let mut room = Room::new().map_err(|errno| failed(&errno.desc()))?;
    let mut left = ANSWER_LIMIT;
    let mut nics = Nics { at: Timestamp::now(), devices: Vec::new() };
    for device in devices.iter().take(DEVICES_LIMIT) {
        if let Some(nic) = one(socket.as_fd(), &mut room, device, &mut left) {
            nics.devices.push(nic);
        }
    }
    Ok(nics)
}

fn one(socket: BorrowedFd<'_>, room: &mut Room, device: &str, left: &mut usize) -> Option<Nic> {
    let mut nic = Nic { device: device.to_owned(), ..Nic::default() };
    match settings(socket, device) {
        Ok(said) => {
            nic.link = Some(Link {
                supported: said.supported,
                advertising: said.advertising,
                autonegotiates: said.autoneg != 0,
            });
        }
        Err(Errno::ENODEV | Errno::EINVAL) => return None,
        Err(_) => {}
    }
    let Ok(info) = driver_info(socket, device) else { return Some(nic) };
    nic.driver = Some(Driver {
        driver: text(&info.driver),
        version: text(&info.version),
        firmware: text(&info.fw_version),
        bus_info: text(&info.bus_info),
        expansion_rom: text(&info.erom_version),
    });
    if info.n_stats == 0 {
        return Some(nic);
    }
    match room.statistics(socket, device, info.n_stats) {
        Ok(said) => {
            let most = STATISTICS_LIMIT.min(*left);
            nic.left_out = u32::try_from(said.len().saturating_sub(most)).unwrap_or(u32::MAX);
            nic.statistics = said.iter().take(most).map(statistic).collect();
            *left = left.saturating_sub(nic.statistics.len());
        }
        // Nothing was taken, so all were left out.
        Err(_) => nic.left_out = info.n_stats,
    }
    Some(nic)
}

fn statistic((name, value): &([u8; STRING_LENGTH], u64)) -> (String, u64) {
    (text(name), *value)
}

/// Up to the first NUL; a driver's own bytes may be anything.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_are_not_there_are_left_out_and_the_others_asked() {
        let names = ["nope0", "lo", "../etc", ""].map(str::to_owned);
        let nics = ask(&names).unwrap();
        let found: Vec<_> = nics.devices.iter().map(|nic| nic.device.as_str()).collect();
        assert_eq!(found, ["lo"]);
        assert_eq!(nics.devices[0].link, None, "the loopback has no link");
        let entries = std::fs::read_dir("/sys/class/net").unwrap().flatten();
        let all: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).take(64).collect();
        for nic in ask(&all).unwrap().devices {
            assert!(nic.statistics.len() <= STATISTICS_LIMIT);
            assert!(nic.statistics.iter().all(|(name, _)| !name.is_empty()), "{nic:?}");
        }
    }

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(text(b"e1000e\0junk"), "e1000e");
        assert_eq!(text(b"no end"), "no end");
        assert_eq!(text(b"a\xffb\0"), "a\u{fffd}b");
    }
}
