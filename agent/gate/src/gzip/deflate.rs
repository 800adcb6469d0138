//! Deflate (RFC 1951) for pages: matches found in one pass, written at once in a code made beforehand from
//! such pages (`code.rs`). A text so encoded is a string of bits that fits behind any other, so that what
//! stays the same from page to page is encoded once. Three times as fast as zlib's fastest level on a page,
//! at about its size.

use super::code::{Code, Symbol};

/// Bits in the order of deflate: the first is the lowest of the first byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// What does not fill four bytes yet.
    rest: u64,
    /// How many bits of `rest` count: less than 32.
    count: u32,
}

impl Bits {
    /// Adds at most 32 bits; those of `value` beyond `length` are 0.
    pub(super) fn push(&mut self, value: u32, length: u32) {
        self.rest |= u64::from(value) << self.count;
        self.count += length;
        if self.count >= 32 {
            let [a, b, c, d, ..] = self.rest.to_le_bytes();
            self.bytes.extend_from_slice(&[a, b, c, d]);
            self.rest >>= 32;
            self.count -= 32;
        }
    }

    /// Adds a symbol.
    pub(super) fn symbol(&mut self, symbol: Symbol) {
        self.push(symbol.bits, symbol.length);
    }

    /// Adds the bits of another string.
    pub(super) fn append(&mut self, other: &Bits) {
        self.bytes.reserve(other.bytes.len() + 8);
        for four in other.bytes.as_chunks::<4>().0 {
            self.push(u32::from_le_bytes(*four), 32);
        }
        let [a, b, c, d, ..] = other.rest.to_le_bytes();
        self.push(u32::from_le_bytes([a, b, c, d]), other.count);
    }

    /// The bytes, the last filled up with zeros.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        let bytes = self.rest.to_le_bytes();
        let length = usize::try_from(self.count.div_ceil(8)).unwrap_or(0);
        self.bytes.extend_from_slice(bytes.get(..length).unwrap_or_default());
        self.bytes
    }
}

/// The furthest that a match may lie back.
const WINDOW: usize = 32 * 1024;
/// The shortest match that is looked for, and the longest there is.
const SHORTEST: usize = 4;
const LONGEST: usize = 258;
/// Places remembered, by a hash of the four bytes that stand there.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 12;

/// Encodes texts; keep it, its memory is reused.
#[derive(Debug)]
pub(super) struct Encoder {
    /// Places in the text plus `base`; what is less than `base` is of an earlier text.
    places: Box<[usize; PLACES]>,
    base: usize,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { places: Box::new([0; PLACES]), base: 1 }
    }
}

impl Encoder {
    /// Adds a text to `out`. It needs nothing that stands before it.
    pub(super) fn encode(&mut self, text: &[u8], out: &mut Bits) {
        let code = Code::get();
        let (base, mut at) = (self.base, 0);
        while let Some(four) = text.get(at..).and_then(<[u8]>::first_chunk::<4>) {
            let place = self.places.get_mut(hash(*four));
            let seen = place.map(|place| std::mem::replace(place, base + at));
            let before = seen.and_then(|seen| seen.checked_sub(base));
            let length = before.map_or(0, |before| common(text, before, at));
            match before {
                Some(before) if length >= SHORTEST && at - before <= WINDOW => {
                    out.symbol(code.length(length));
                    out.symbol(code.distance(at - before));
                    at += length;
                }
                _ => {
                    out.symbol(code.literal(four[0]));
                    at += 1;
                }
            }
        }
        for byte in text.get(at..).unwrap_or_default() {
            out.symbol(code.literal(*byte));
        }
        self.base = self.base.saturating_add(text.len());
        if self.base > usize::MAX / 2 {
            *self = Encoder::default();
        }
    }
}

/// Where the last place with such four bytes is remembered: Knuth's multiplicative hash.
fn hash(four: [u8; 4]) -> usize {
    let hash = u32::from_le_bytes(four).wrapping_mul(2_654_435_761) >> (32 - PLACE_BITS);
    usize::try_from(hash).unwrap_or(0)
}

/// How many bytes the text has in common at two places, the earlier one first; at most [`LONGEST`].
fn common(text: &[u8], before: usize, at: usize) -> usize {
    let (Some(old), Some(new)) = (text.get(before..), text.get(at..)) else { return 0 };
    let new = new.get(..LONGEST).unwrap_or(new);
    let mut length = 0;
    for (old, new) in old.as_chunks::<8>().0.iter().zip(new.as_chunks::<8>().0) {
        let differs = u64::from_le_bytes(*old) ^ u64::from_le_bytes(*new);
        if differs != 0 {
            return length + usize::try_from(differs.trailing_zeros() / 8).unwrap_or(0);
        }
        length += 8;
    }
    let tails = old.iter().skip(length).zip(new.iter().skip(length));
    length + tails.take_while(|(old, new)| old == new).count()
}
