//! The link of one PCI Express device: speed and width, against what both ends can do.
//!
//! A slot of sixteen lanes that holds a card of four is no fault, so the port above is asked as well.
//! Bridges are left out: the link of a port is that of the device below it.

use crate::attr::Attr;
use crate::class::{Latest, unsigned};
use crate::file::{number, words};
use socle_model::metrics::{Family, Series, Value};
use std::path::Path;

/// Class code of PCI bridges.
const BRIDGE: u64 = 0x0604;
/// Families of a link.
const COLUMNS: usize = 5;

/// Transfers a second and lanes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    speed: f64,
    width: u64,
}

#[derive(PartialEq)]
pub(super) struct Link {
    series: [Series; COLUMNS],
    speed: Attr,
    width: Attr,
    most: Rate,
    now: Latest<Option<Rate>>,
}

impl Link {
    /// Nothing where there is no link, or its capability is not known.
    pub(super) fn find(device: &str, dir: &Path, families: [&Family; COLUMNS]) -> Option<Self> {
        let class = Attr::new(dir.join("class")).parsed(unsigned)?;
        if class >> 8 == BRIDGE {
            return None;
        }
        let own = most(dir)?;
        // The link in `bus/pci/devices` leads to the device below its port.
        let above = dir.canonicalize().ok().and_then(|dir| most(dir.parent()?));
        let most = above.map_or(own, |above| Rate {
            speed: own.speed.min(above.speed),
            width: own.width.min(above.width),
        });
        Some(Link {
            series: families.map(|family| family.series(&[("device", device)])),
            speed: Attr::new(dir.join("current_link_speed")),
            width: Attr::new(dir.join("current_link_width")),
            most,
            now: Latest(None),
        })
    }

    /// Asks for the link's state. A link that is down has none.
    pub(super) fn refresh(&mut self) {
        self.now.0 = rate(&mut self.speed, &mut self.width);
    }

    /// One of its samples: whether it is below, speed, most speed, width, most width.
    pub(super) fn sample(&self, n: usize) -> Option<(&Series, Value)> {
        let (now, most) = (self.now.0?, self.most);
        let below = now.speed < most.speed || now.width < most.width;
        let values: [Value; COLUMNS] = [
            below.into(),
            now.speed.into(),
            most.speed.into(),
            now.width.into(),
            most.width.into(),
        ];
        Some((self.series.get(n)?, *values.get(n)?))
    }
}

fn most(dir: &Path) -> Option<Rate> {
    let file = |name: &str| Attr::new(dir.join(name));
    rate(&mut file("max_link_speed"), &mut file("max_link_width"))
}

fn rate(speed: &mut Attr, width: &mut Attr) -> Option<Rate> {
    let width = width.value::<u64>().filter(|width| (1..=32).contains(width))?;
    Some(Rate { speed: speed.parsed(transfers)?, width })
}

/// Transfers a second of `16.0 GT/s PCIe`; kernels before 5.7 write `16 GT/s`.
fn transfers(text: &[u8]) -> Option<f64> {
    let mut words = words(text);
    let giga: f64 = number(words.next())?;
    let good = words.next() == Some(b"GT/s") && giga.is_finite() && giga > 0.0;
    good.then_some(giga * 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_as_kernels_write_them() {
        assert_eq!(transfers(b"16.0 GT/s PCIe"), Some(16e9));
        assert_eq!(transfers(b"2.5 GT/s"), Some(2.5e9));
        for none in [&b"Unknown"[..], b"Unknown speed", b"inf GT/s", b"0 GT/s", b"8", b""] {
            assert_eq!(transfers(none), None);
        }
    }
}
