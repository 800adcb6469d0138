//! The bytes of Identify Controller and of the SMART / Health log (NVM Express Base 2.0, figures 275 and
//! 207): length-checked, values in the specification's units.

use socle_model::drives::{Identity, SmartLog};

/// Bytes of the log page.
pub(crate) const SMART_LENGTH: usize = 512;
/// The log page's identifier.
pub(crate) const SMART_PAGE: u8 = 0x02;

/// The structure ends before a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{structure} ends before byte {end}")]
pub(crate) struct Short {
    structure: &'static str,
    end: usize,
}

/// Fields of a structure by their first byte, as the figures have them.
struct Fields<'a> {
    structure: &'static str,
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take<const N: usize>(&self, first: usize) -> Result<[u8; N], Short> {
        let short = || Short { structure: self.structure, end: first.saturating_add(N) };
        let rest = self.bytes.get(first..).ok_or_else(short)?;
        rest.first_chunk().copied().ok_or_else(short)
    }

    fn u8(&self, first: usize) -> Result<u8, Short> {
        self.take(first).map(u8::from_le_bytes)
    }

    fn u16(&self, first: usize) -> Result<u16, Short> {
        self.take(first).map(u16::from_le_bytes)
    }

    fn u32(&self, first: usize) -> Result<u32, Short> {
        self.take(first).map(u32::from_le_bytes)
    }

    /// A counter of 128 bits; one that does not fit ends at the most there is.
    fn counter(&self, first: usize) -> Result<u64, Short> {
        let wide = self.take(first).map(u128::from_le_bytes)?;
        Ok(u64::try_from(wide).unwrap_or(u64::MAX))
    }

    /// Text padded with blanks; what is no printable ASCII becomes `?`.
    fn text<const N: usize>(&self, first: usize) -> Result<String, Short> {
        let bytes: [u8; N] = self.take(first)?;
        let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let text: String = bytes
            .iter()
            .map(|byte| if printable(byte) { char::from(*byte) } else { '?' })
            .collect();
        Ok(text.trim_matches([' ', '?']).to_owned())
    }
}

/// What a controller is for (CNTRLTYPE).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An I/O controller, or one too old to say.
    Drive,
    /// Discovery, administrative, or a kind of tomorrow: need not have the log.
    Other(u8),
}

/// FNV-1a, 64 bits: the same after an upgrade too.
fn fingerprint(serial: &[u8]) -> u64 {
    serial.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Reads Identify Controller.
pub(crate) fn identity(bytes: &[u8]) -> Result<(Identity, Role), Short> {
    let fields = Fields { structure: "Identify Controller", bytes };
    // 0 is "not reported" (bytes 266 to 269).
    let kelvin = |first| fields.u16(first).map(|kelvin| (kelvin != 0).then_some(kelvin));
    let identity = Identity {
        model: fields.text::<40>(24)?,
        firmware: fields.text::<8>(64)?,
        warning_kelvin: kelvin(266)?,
        critical_kelvin: kelvin(268)?,
        endurance_groups: fields.u32(96)? & 1 << 4 != 0,
        fingerprint: fingerprint(&fields.take::<20>(4)?),
    };
    let role = match fields.u8(111)? {
        0 | 1 => Role::Drive,
        other => Role::Other(other),
    };
    Ok((identity, role))
}

/// Reads the log of a controller that is `identity`: a field that it does not offer is `None`.
pub(crate) fn smart_log(bytes: &[u8], identity: &Identity) -> Result<SmartLog, Short> {
    let fields = Fields { structure: "the SMART log", bytes };
    let kelvin = fields.u16(1)?;
    let groups = fields.u8(6)?;
    let (warning, critical) = (fields.u32(192)?, fields.u32(196)?);
    Ok(SmartLog {
        critical_warning: fields.u8(0)?,
        kelvin: (kelvin != 0).then_some(kelvin),
        spare_percent: fields.u8(3)?,
        spare_threshold_percent: fields.u8(4)?,
        used_percent: fields.u8(5)?,
        endurance_group_warning: identity.endurance_groups.then_some(groups),
        units_read: fields.counter(32)?,
        units_written: fields.counter(48)?,
        read_commands: fields.counter(64)?,
        write_commands: fields.counter(80)?,
        busy_minutes: fields.counter(96)?,
        power_cycles: fields.counter(112)?,
        power_on_hours: fields.counter(128)?,
        unsafe_shutdowns: fields.counter(144)?,
        media_errors: fields.counter(160)?,
        error_log_entries: fields.counter(176)?,
        warning_minutes: identity.warning_kelvin.map(|_| warning),
        critical_minutes: identity.critical_kelvin.map(|_| critical),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn put(bytes: &mut [u8], first: usize, value: &[u8]) {
        bytes[first..first + value.len()].copy_from_slice(value);
    }

    /// As QEMU's controller says it, with endurance groups.
    pub(crate) fn identify_bytes() -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        put(&mut bytes, 4, b"SECRET-SERIAL-00001 ");
        put(&mut bytes, 24, b"QEMU NVMe Ctrl                          ");
        put(&mut bytes, 64, b"8.2.2\0  ");
        put(&mut bytes, 96, &[0x10]);
        put(&mut bytes, 111, &[1]);
        put(&mut bytes, 266, &343u16.to_le_bytes());
        put(&mut bytes, 268, &373u16.to_le_bytes());
        bytes
    }

    pub(crate) fn smart_bytes() -> Vec<u8> {
        let mut bytes = vec![0; SMART_LENGTH];
        put(&mut bytes, 0, &[0b100, 0x43, 0x01, 97, 10, 113, 0b1]);
        for (n, first) in (32..192).step_by(16).enumerate() {
            put(&mut bytes, first, &(1000 + n as u64).to_le_bytes());
        }
        put(&mut bytes, 192, &7u32.to_le_bytes());
        put(&mut bytes, 196, &3u32.to_le_bytes());
        bytes
    }

    #[test]
    fn every_field_is_where_the_specification_has_it() {
        let (identity, role) = identity(&identify_bytes()).unwrap();
        assert_eq!(role, Role::Drive);
        assert_eq!((&*identity.model, &*identity.firmware), ("QEMU NVMe Ctrl", "8.2.2"));
        assert_eq!((identity.warning_kelvin, identity.critical_kelvin), (Some(343), Some(373)));
        let mut other = identify_bytes();
        put(&mut other, 22, b"2");
        assert_ne!(super::identity(&other).unwrap().0.fingerprint, identity.fingerprint);
        let expected = SmartLog {
            critical_warning: 0b100,
            kelvin: Some(323),
            spare_percent: 97,
            spare_threshold_percent: 10,
            used_percent: 113,
            endurance_group_warning: Some(1),
            units_read: 1000,
            units_written: 1001,
            read_commands: 1002,
            write_commands: 1003,
            busy_minutes: 1004,
            power_cycles: 1005,
            power_on_hours: 1006,
            unsafe_shutdowns: 1007,
            media_errors: 1008,
            error_log_entries: 1009,
            warning_minutes: Some(7),
            critical_minutes: Some(3),
        };
        assert_eq!(smart_log(&smart_bytes(), &identity), Ok(expected));
    }

    #[test]
    fn what_is_not_offered_is_absent_and_not_zero() {
        let mut bytes = identify_bytes();
        put(&mut bytes, 96, &[0]);
        put(&mut bytes, 266, &[0; 4]);
        put(&mut bytes, 111, &[2]);
        let (identity, role) = identity(&bytes).unwrap();
        assert_eq!(role, Role::Other(2));
        let mut bytes = smart_bytes();
        put(&mut bytes, 1, &[0, 0]);
        put(&mut bytes, 32, &[0xFF; 16]);
        let log = smart_log(&bytes, &identity).unwrap();
        assert_eq!((log.kelvin, log.endurance_group_warning), (None, None));
        assert_eq!((log.warning_minutes, log.critical_minutes), (None, None));
        assert_eq!(log.units_read, u64::MAX, "a counter that does not fit does not wrap");
    }

    #[test]
    fn a_structure_that_is_cut_short_is_refused_wherever_it_ends() {
        let (whole, smart) = (identify_bytes(), smart_bytes());
        let (known, _) = identity(&whole).unwrap();
        for length in 0..270 {
            assert!(identity(&whole[..length]).is_err(), "{length}");
        }
        for length in 0..200 {
            assert!(smart_log(&smart[..length], &known).is_err(), "{length}");
        }
        assert_eq!(smart_log(&smart[..200], &known), smart_log(&smart, &known));
        let why = smart_log(&smart[..40], &known).unwrap_err().to_string();
        assert_eq!(why, "the SMART log ends before byte 196");
        // Text of a hostile drive is a label value later.
        let mut hostile = whole;
        put(&mut hostile, 24, &[0xFF, b'"', b'\n', 0, b'x']);
        assert_eq!(identity(&hostile).unwrap().0.model, "\"??xNVMe Ctrl");
    }
}
