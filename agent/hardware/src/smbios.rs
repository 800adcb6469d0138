//! SMBIOS, as far as it announces a BMC: structure type 38 (SMBIOS 3.7 section 7.39).

/// What firmware says about the management controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// 1 KCS, 2 SMIC, 3 BT, 4 SSIF; 0 unknown.
    pub interface: u8,
    /// IPMI version, major in the high nibble.
    pub version: u8,
}

impl Announced {
    /// In words: "KCS, IPMI 2.0".
    #[must_use]
    pub fn words(&self) -> String {
        let interface = match self.interface {
            1 => "KCS",
            2 => "SMIC",
            3 => "BT",
            4 => "SSIF",
            _ => "unknown interface",
        };
        format!("{interface}, IPMI {}.{}", self.version >> 4, self.version & 0xf)
    }
}

/// Finds the first structure of type 38 in a table as `/sys/firmware/dmi/tables/DMI` gives it.
/// A table that is cut short or damaged is read as far as it is sound.
#[must_use]
pub fn management_controller(table: &[u8]) -> Option<Announced> {
    let mut rest = table;
    loop {
        let [kind, length, ..] = *rest else { return None };
        // A structure is at least its own header; type 127 ends the table (section 7.45).
        let body = rest.get(..usize::from(length)).filter(|body| body.len() >= 4)?;
        match kind {
            38 => return announced(body),
            127 => return None,
            _ => {}
        }
        rest = after_strings(rest.get(body.len()..)?)?;
    }
}

/// Reads `/sys/firmware/dmi/entries/38-0/raw` or one structure out of the table.
#[must_use]
pub fn announced(structure: &[u8]) -> Option<Announced> {
    let [38, _, _, _, interface, version, ..] = *structure else { return None };
    Some(Announced { interface, version })
}

/// The strings of a structure end with two NUL bytes.
fn after_strings(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == [0, 0])?;
    bytes.get(end + 2..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_38_is_found_behind_others() {
        let mut table = vec![1, 6, 0, 0, 9, 9];
        table.extend(b"Bull\0S800\0\0");
        table.extend([2, 4, 1, 0, 0, 0]);
        table.extend([38, 18, 2, 0, 1, 0x20, 0x20, 0xff, 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        table.extend([127, 4, 3, 0, 0, 0]);
        let found = management_controller(&table).unwrap();
        assert_eq!(found.words(), "KCS, IPMI 2.0");
        for cut in 0..table.len() {
            let _ = management_controller(table.get(..cut).unwrap());
        }
    }

    #[test]
    fn a_table_without_end_or_with_nonsense_ends() {
        assert_eq!(management_controller(&[0; 64]), None);
        assert_eq!(management_controller(&[255; 64]), None);
        assert_eq!(management_controller(&[38, 5, 0, 0, 1, 0, 0]), None);
        assert_eq!(management_controller(&[127, 4, 0, 0, 0, 0, 38, 6, 0, 0, 1, 0x20, 0, 0]), None);
    }
}
