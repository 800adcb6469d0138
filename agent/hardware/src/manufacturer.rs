//! Names of manufacturers by their IANA enterprise number, as FreeIPMI's `bmc-info` prints them and
//! `ipmi_bmc_info` therefore shows them.

/// `NAME (NUMBER)` where FreeIPMI knows the name, else the number.
pub(crate) fn label(number: u32) -> String {
    match NAMES.binary_search_by_key(&number, |(known, _)| *known) {
        Ok(at) => {
            NAMES.get(at).map_or_else(|| number.to_string(), |(_, n)| format!("{n} ({number})"))
        }
        Err(_) => number.to_string(),
    }
}

const NAMES: &[(u32, &str)] = &[];
