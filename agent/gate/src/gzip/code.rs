//! The Huffman code of every page's only block (RFC 1951, 3.2.7): lengths made from pages of a laptop, a
//! server and a machine with 1,792 CPUs in both formats, every symbol possible. What is unusual costs 15
//! bits; a page is what nearly always comes.

use super::deflate::Bits;
use std::sync::OnceLock;

/// Bits of the codes of the literals 0 to 255, the end (256) and the match lengths.
const LITERAL_LENGTHS: [u8; 286] = [
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 11, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 6, 15, 8, 11, 15, 15, 15, 12, 11, 12, 14, 12, 9, 10, 6, 9, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 11, 13, 13, 9, 13, 15, 15, 10, 11, 10, 10, 10, 10, 11, 11, 10, 13,
    12, 10, 9, 10, 10, 9, 13, 10, 9, 9, 10, 11, 11, 13, 12, 13, 15, 13, 15, 15, 7, 15, 7, 8, 7, 7,
    6, 8, 8, 8, 7, 12, 9, 7, 7, 7, 6, 8, 11, 7, 6, 7, 8, 9, 9, 10, 9, 11, 10, 15, 10, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 13, 15, 4, 5, 6, 5, 6, 5, 5, 5, 6, 6, 6, 5, 6, 6, 5, 5, 6, 7, 8, 9,
    9, 11, 11, 12, 15, 15, 15, 15,
];

/// Bits of the codes of the distances.
const DISTANCE_LENGTHS: [u8; 30] = [
    12, 14, 14, 13, 11, 10, 8, 9, 7, 6, 4, 3, 4, 5, 4, 5, 4, 4, 4, 5, 4, 5, 5, 5, 5, 5, 5, 5, 4, 5,
];

/// Bits of the codes in which the lengths above are written, for lengths 0 to 15 and three repeats that
/// are not used.
const LENGTH_LENGTHS: [u8; 19] = [0, 0, 0, 7, 5, 3, 5, 5, 5, 4, 4, 4, 6, 5, 7, 1, 0, 0, 0];

/// The order in which these are written.
const LENGTH_ORDER: [usize; 19] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The symbol that ends a block.
const END: usize = 256;

/// Bits to write, and how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Symbol {
    pub(super) bits: u32,
    pub(super) length: u32,
}

impl Symbol {
    /// With extra bits behind it.
    fn with(self, extra: usize, length: u32) -> Self {
        let extra = u32::try_from(extra).unwrap_or(0);
        Symbol { bits: self.bits | extra << self.length, length: self.length + length }
    }
}

/// The code, ready to be written.
#[derive(Debug)]
pub(super) struct Code {
    literals: [Symbol; 256],
    /// From 3 on, with their extra bits.
    lengths: [Symbol; 256],
    distances: [Symbol; 30],
    head: Bits,
    end: Symbol,
}

impl Code {
    /// The code, made by the first who asks for it.
    pub(super) fn get() -> &'static Code {
        static CODE: OnceLock<Code> = OnceLock::new();
        CODE.get_or_init(Code::make)
    }

    /// A byte.
    pub(super) fn literal(&self, byte: u8) -> Symbol {
        self.literals.get(usize::from(byte)).copied().unwrap_or_default()
    }

    /// A match of 3 to 258 bytes.
    pub(super) fn length(&self, length: usize) -> Symbol {
        self.lengths.get(length.wrapping_sub(3)).copied().unwrap_or_default()
    }

    /// That lies 1 to 32,768 bytes back.
    pub(super) fn distance(&self, distance: usize) -> Symbol {
        let (symbol, extra, length) = split(distance.saturating_sub(1), 1);
        let code = self.distances.get(symbol).copied().unwrap_or_default();
        code.with(extra, length)
    }

    /// What stands before the texts: the head of the block, which is the last, and its code.
    pub(super) fn head(&self) -> &Bits {
        &self.head
    }

    /// What ends them.
    pub(super) fn end(&self) -> Symbol {
        self.end
    }

    fn make() -> Self {
        let all = codes(&LITERAL_LENGTHS);
        let at = |n: usize| all.get(n).copied().unwrap_or_default();
        let length = |n: usize| match n {
            // 258 has a symbol of its own.
            255 => at(285),
            n => {
                let (symbol, extra, length) = split(n, 2);
                at(257 + symbol).with(extra, length)
            }
        };
        let distances = codes(&DISTANCE_LENGTHS);
        Code {
            literals: std::array::from_fn(at),
            lengths: std::array::from_fn(length),
            distances: std::array::from_fn(|n| distances.get(n).copied().unwrap_or_default()),
            head: head(),
            end: at(END),
        }
    }
}

/// The symbol of a length or distance counted from 0, its extra bits and their number: symbols come in
/// groups of 2 to the power of `fine`, and each group but the first two has one extra bit more.
fn split(n: usize, fine: u32) -> (usize, usize, u32) {
    let group = n.checked_ilog2().unwrap_or(0).saturating_sub(fine);
    let symbol = (usize::try_from(group).unwrap_or(0) << fine) + (n >> group);
    (symbol, n & !(usize::MAX << group), group)
}

/// Canonical codes of these lengths (RFC 1951, 3.2.2), the first bit lowest.
fn codes<const N: usize>(lengths: &[u8; N]) -> [Symbol; N] {
    let mut codes = [Symbol::default(); N];
    let mut next = 0u32;
    for length in 1..=15u32 {
        next <<= 1;
        for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, l)| u32::from(**l) == length) {
            *code = Symbol { bits: next.reverse_bits() >> (32 - length), length };
            next += 1;
        }
    }
    codes
}

fn head() -> Bits {
    let mut head = Bits::default();
    // The last block, with a code of its own: 286 literals and lengths, 30 distances, 19 lengths.
    head.push(1 | 2 << 1 | (286 - 257) << 3 | (30 - 1) << 8 | (19 - 4) << 13, 17);
    for n in LENGTH_ORDER {
        head.push(LENGTH_LENGTHS.get(n).copied().unwrap_or(0).into(), 3);
    }
    let codes = codes(&LENGTH_LENGTHS);
    for length in LITERAL_LENGTHS.iter().chain(&DISTANCE_LENGTHS) {
        let code = codes.get(usize::from(*length)).copied().unwrap_or_default();
        head.push(code.bits, code.length);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_possible_and_the_codes_are_whole() {
        for lengths in [&LITERAL_LENGTHS[..], &DISTANCE_LENGTHS[..]] {
            assert!(lengths.iter().all(|length| (1..=15).contains(length)));
            let sum: u32 = lengths.iter().map(|length| 1 << (15 - length)).sum();
            assert_eq!(sum, 1 << 15);
            let written = |length: &u8| LENGTH_LENGTHS[usize::from(*length)] > 0;
            assert!(lengths.iter().all(written));
        }
        let used = LENGTH_LENGTHS.iter().filter(|length| **length > 0);
        assert_eq!(used.map(|length| 1u32 << (7 - length)).sum::<u32>(), 1 << 7);
    }

    #[test]
    fn lengths_and_distances_are_split_as_the_specification_has_it() {
        for (n, symbol) in
            [(3, 257), (10, 264), (11, 265), (12, 265), (130, 280), (131, 281), (257, 284)]
        {
            assert_eq!(257 + split(n - 3, 2).0, symbol, "length {n}");
        }
        for (n, symbol, bits) in
            [(1, 0, 0), (4, 3, 0), (5, 4, 1), (24_577, 29, 13), (32_768, 29, 13)]
        {
            let (found, _, length) = split(n - 1, 1);
            assert_eq!((found, length), (symbol, bits), "distance {n}");
        }
    }
}
