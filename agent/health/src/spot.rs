//! Which DIMM a report is about, as far as its words tell: `CPU1_B4`, `P1-DIMMB4`, `channel 0 slot 1`.

use serde::{Deserialize, Serialize};

/// A place for a DIMM. What is not told is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spot {
    /// The module of a machine built of several: `M0` of `M0_DIMM_A1`.
    module: Option<u32>,
    /// The socket that the board's print names (`CPU1`, `P1`); the kernel's own numbers count otherwise.
    socket: Option<u32>,
    /// The slot as the board's print names it: `B4`, or `3` of `DIMM 3`.
    slot: Option<String>,
    /// Memory channel and place on it, as the memory controller counts.
    channel: Option<(u32, u32)>,
}

/// Whether two reports are of one DIMM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Likeness {
    /// They cannot be.
    Other,
    /// At least one of them does not tell.
    Unknown,
    /// They are.
    Same,
}

impl Spot {
    /// What these words tell.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut spot = Spot::default();
        let (mut channel, mut place) = (None, None);
        for text in texts {
            let words: Vec<String> = words(text);
            let mut words = words.iter().map(String::as_str).peekable();
            while let Some(word) = words.next() {
                let (head, mut number) = split(word);
                if number.is_none() && takes_number(head) {
                    number = words.next_if(|next| number_of(next).is_some()).and_then(number_of);
                }
                match (head, number) {
                    ("CHANNEL" | "CHAN" | "CH", Some(number)) => channel = Some(number),
                    ("M", Some(number)) => spot.module = spot.module.or(Some(number)),
                    ("SLOT" | "DIMM", Some(number)) => place = Some(number),
                    ("CPU" | "PROC" | "PROCESSOR" | "P" | "SOCKET", Some(number)) => {
                        spot.socket = spot.socket.or(Some(number));
                    }
                    _ => spot.slot = spot.slot.or_else(|| slot(word)),
                }
            }
        }
        spot.channel = channel.zip(place);
        if channel.is_none() {
            spot.slot = spot.slot.or_else(|| place.map(|number| number.to_string()));
        }
        spot
    }

    /// Whether both can be, or are, of one DIMM.
    pub(crate) fn like(&self, other: &Spot) -> Likeness {
        let module = self.module.zip(other.module).map(|(one, two)| one == two);
        let socket = self.socket.zip(other.socket).map(|(one, two)| one == two);
        let slot = self.slot.as_ref().zip(other.slot.as_ref()).map(|(one, two)| one == two);
        let channel = self.channel.zip(other.channel).map(|(one, two)| one == two);
        if [module, socket, slot, channel].contains(&Some(false)) {
            return Likeness::Other;
        }
        // A socket alone has many DIMMs.
        if slot.or(channel).is_some() { Likeness::Same } else { Likeness::Unknown }
    }

    /// Takes over what the other one tells beyond this.
    pub(crate) fn learn(&mut self, other: Spot) {
        self.module = self.module.or(other.module);
        self.socket = self.socket.or(other.socket);
        self.slot = self.slot.take().or(other.slot);
        self.channel = self.channel.or(other.channel);
    }
}

/// Words in capitals; `DIMMB4` is `DIMM` and `B4`.
fn words(text: &str) -> Vec<String> {
    let upper = text.to_ascii_uppercase();
    let words = upper.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let apart = |word: &str| match word.strip_prefix("DIMM") {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic()) => vec![rest.to_owned()],
        _ => vec![word.to_owned()],
    };
    words.flat_map(apart).collect()
}

/// Letters and the number behind them.
fn split(word: &str) -> (&str, Option<u32>) {
    let head = word.trim_end_matches(|c: char| c.is_ascii_digit());
    (head, number_of(word.get(head.len()..).unwrap_or_default()))
}

fn number_of(word: &str) -> Option<u32> {
    word.parse().ok()
}

/// Words whose number may stand behind a blank.
fn takes_number(head: &str) -> bool {
    matches!(
        head,
        "CHANNEL" | "CHAN" | "CH" | "SLOT" | "DIMM" | "CPU" | "PROC" | "PROCESSOR" | "P" | "SOCKET"
    ) || matches!(head, "MC" | "SRCID" | "NODE" | "HA" | "IMC" | "CSROW" | "RANK" | "BANK")
}

/// `B4`, `A12`, `AB1`: one or two letters and one or two digits, as boards print them.
fn slot(word: &str) -> Option<String> {
    let (head, number) = split(word);
    let digits = word.len() - head.len();
    let letters = (1..=2).contains(&head.len()) && head.bytes().all(|b| b.is_ascii_alphabetic());
    let known = matches!(head, "MC" | "HA" | "CH" | "P");
    (letters && !known && (1..=2).contains(&digits))
        .then(|| number.map(|number| format!("{head}{number}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(text: &str) -> Spot {
        Spot::of([text])
    }

    #[test]
    fn dimms_are_told_apart_where_both_tell() {
        for (one, two, likeness) in [
            ("CPU1_B4", "CPU1 DIMM B4", Likeness::Same),
            ("CPU1_B4", "P1-DIMMB4", Likeness::Same),
            ("CPU1_B4", "DIMM_B04", Likeness::Same),
            ("CPU1_B4", "CPU2_B4", Likeness::Other),
            ("CPU1_B4", "CPU1_B5", Likeness::Other),
            ("CPU1_B4", "CPU1 ECC", Likeness::Unknown),
            ("CPU1_B4", "CPU0 ECC", Likeness::Other),
            ("CPU1_B4", "Memory ECC", Likeness::Unknown),
            ("CPU1_B4", "CPU_SrcID#0_MC#1_Chan#0_DIMM#1", Likeness::Unknown),
            ("M0_DIMM_A1", "M1_DIMM_A1", Likeness::Other),
            ("M0_DIMM_A1", "CPU1_A1", Likeness::Same),
            ("DIMM 3", "DIMM3", Likeness::Same),
            ("DIMM 3", "DIMM 4", Likeness::Other),
            ("channel 0 slot 1", "CPU_SrcID#0_MC#1_Chan#0_DIMM#1", Likeness::Same),
            ("channel 0 slot 1", "P0_Node1_Channel1_Dimm1", Likeness::Other),
            ("", "", Likeness::Unknown),
            ("\u{fc}\u{0}%n", "4294967296 DIMM99999999999", Likeness::Unknown),
        ] {
            assert_eq!(spot(one).like(&spot(two)), likeness, "{one} {two}");
            assert_eq!(spot(two).like(&spot(one)), likeness, "{two} {one}");
        }
    }

    #[test]
    fn what_one_report_does_not_tell_is_learnt_from_the_next() {
        let mut known = spot("Memory ECC");
        known.learn(Spot::of(["CPU1_B4", "channel 0 slot 1"]));
        assert_eq!(known.like(&spot("P1-DIMMB5")), Likeness::Other);
        assert_eq!(known.like(&spot("Chan#0_DIMM#1")), Likeness::Same);
    }
}
