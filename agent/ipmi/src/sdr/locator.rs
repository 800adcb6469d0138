//! Locators: where FRU data and management controllers are (sections 43.8 and 43.9).

use super::{Record, id_string};
use crate::cursor::{Cursor, Short};

/// One locator record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// Type 11h.
    Fru(FruLocator),
    /// Type 12h.
    Mc(McLocator),
}

/// A FRU device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in section 43.8")]
pub struct FruLocator {
    pub record_id: u16,
    /// Slave address of the controller that is asked, or of the device itself.
    pub address: u8,
    /// FRU device id where `logical`, else the device's own slave address.
    pub device: u8,
    /// Whether Read FRU Data of the controller gives it.
    pub logical: bool,
    pub lun: u8,
    pub channel: u8,
    pub device_type: u8,
    pub modifier: u8,
    pub entity_id: u8,
    pub entity_instance: u8,
    pub name: String,
}

/// A management controller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in section 43.9")]
pub struct McLocator {
    pub record_id: u16,
    pub address: u8,
    pub channel: u8,
    /// Device capabilities: bit 0 sensors, 1 SDR repository, 2 SEL, 3 FRU inventory.
    pub capabilities: u8,
    pub entity_id: u8,
    pub entity_instance: u8,
    pub name: String,
}

/// The locator in a record; `None` for other record types.
///
/// # Errors
/// [`Short`] when the record ends before its layout does.
pub fn locator(record: &Record) -> Result<Option<Locator>, Short> {
    let mut cursor = Cursor::new(&record.body);
    match record.kind {
        0x11 => fru(record.id, &mut cursor).map(|fru| Some(Locator::Fru(fru))),
        0x12 => mc(record.id, &mut cursor).map(|mc| Some(Locator::Mc(mc))),
        _ => Ok(None),
    }
}

fn fru(record_id: u16, cursor: &mut Cursor<'_>) -> Result<FruLocator, Short> {
    let address = cursor.u8("device access address")? & 0xFE;
    let device = cursor.u8("FRU device id")?;
    let access = cursor.u8("logical device, LUN, bus")?;
    let channel = cursor.u8("channel")? >> 4;
    cursor.u8("reserved")?;
    Ok(FruLocator {
        record_id,
        address,
        device,
        logical: access & 0x80 != 0,
        lun: access >> 3 & 0x03,
        channel,
        device_type: cursor.u8("device type")?,
        modifier: cursor.u8("device type modifier")?,
        entity_id: cursor.u8("FRU entity id")?,
        entity_instance: cursor.u8("FRU entity instance")?,
        name: {
            cursor.u8("OEM")?;
            id_string(cursor)?
        },
    })
}

fn mc(record_id: u16, cursor: &mut Cursor<'_>) -> Result<McLocator, Short> {
    let address = cursor.u8("slave address")? & 0xFE;
    let channel = cursor.u8("channel")? & 0x0F;
    cursor.u8("power state notification, initialization")?;
    let capabilities = cursor.u8("device capabilities")?;
    cursor.take(3, "reserved")?;
    let (entity_id, entity_instance) = (cursor.u8("entity id")?, cursor.u8("entity instance")?);
    cursor.u8("OEM")?;
    let name = id_string(cursor)?;
    Ok(McLocator { record_id, address, channel, capabilities, entity_id, entity_instance, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_truncation_fails(kind: u8, body: &[u8], layout: usize) {
        for end in 0..layout {
            let record = Record { id: 7, kind, body: body[..end].into() };
            assert!(locator(&record).is_err(), "{end}");
        }
    }

    #[test]
    fn fru_and_mc() {
        let body = [0x20, 3, 0x88, 0x10, 0, 0x10, 1, 10, 2, 0, 0xC3, b'P', b'S', b'1'];
        let record = Record { id: 7, kind: 0x11, body: body.into() };
        let Ok(Some(Locator::Fru(fru))) = locator(&record) else { panic!("no FRU locator") };
        assert_eq!((fru.address, fru.device, fru.logical, fru.lun), (0x20, 3, true, 1));
        assert_eq!((fru.channel, fru.entity_id, fru.entity_instance), (1, 10, 2));
        assert_eq!(fru.name, "PS1");
        each_truncation_fails(0x11, &body, 11);

        let body = [0x2C, 1, 0, 0x0F, 0, 0, 0, 46, 1, 0, 0xC2, b'M', b'E'];
        let record = Record { id: 8, kind: 0x12, body: body.into() };
        let Ok(Some(Locator::Mc(mc))) = locator(&record) else { panic!("no MC locator") };
        assert_eq!((mc.address, mc.channel, mc.capabilities), (0x2C, 1, 0x0F));
        assert_eq!((mc.entity_id, mc.name.as_str()), (46, "ME"));
        each_truncation_fails(0x12, &body, 11);
        assert_eq!(locator(&Record { id: 9, kind: 0xC0, body: vec![] }), Ok(None));
    }
}
