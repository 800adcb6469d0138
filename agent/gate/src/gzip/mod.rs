//! Gzip put together from parts, so that what stays the same from page to page is compressed once.
//!
//! A gzip file is one deflate stream with a check sum; ours has one block, in a code made beforehand, and
//! each part is a string of bits in it.

mod code;
mod deflate;

use axum::body::Bytes;
use code::Code;
use crc32fast::Hasher;
use deflate::{Bits, Encoder};
use socle_model::metrics::{openmetrics, strict};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// RFC 1952: deflate, no name, no time, fastest, unknown system.
const HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 0xFF];

/// What was made of a text, for as long as the text stays the same.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    packed: OnceLock<Bits>,
    open: OnceLock<Box<Piece>>,
}

impl Kept {
    /// The text of which this is kept in OpenMetrics, without its end; `foreign` text is tidied first.
    pub(crate) fn open(&self, text: &str, foreign: bool) -> &Piece {
        self.open.get_or_init(|| {
            let mut open = String::new();
            match foreign {
                true => openmetrics::append(&mut open, &strict::tidy(text)),
                false => openmetrics::append(&mut open, text),
            }
            Box::new(Piece::of(open))
        })
    }
}

/// A text that many pages have, and what was made of it.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    text: String,
    kept: Kept,
}

impl Piece {
    /// This text; when `before` has the same, `before` itself.
    pub(crate) fn following(before: &Arc<Piece>, text: &str) -> Arc<Self> {
        if before.text == text {
            return before.clone();
        }
        Arc::new(Piece::of(text.to_owned()))
    }

    /// This text.
    pub(crate) fn of(text: String) -> Self {
        Piece { text, ..Piece::default() }
    }

    /// The same in OpenMetrics, without its end.
    pub(crate) fn open(&self) -> &Piece {
        self.kept.open(&self.text, false)
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// As a part of a page.
    pub(crate) fn part(&self) -> Part<'_> {
        Part { text: &self.text, kept: Some(&self.kept) }
    }
}

/// A part of a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// Its text.
    pub(crate) text: &'a str,
    /// Where its compressed form is kept, if it will come again.
    pub(crate) kept: Option<&'a Kept>,
}

impl<'a> Part<'a> {
    /// A text that comes once.
    pub(crate) fn once(text: &'a str) -> Self {
        Part { text, kept: None }
    }
}

/// A gzip file of the parts' texts.
pub(crate) fn file(parts: &[Part<'_>]) -> Bytes {
    static ENCODER: LazyLock<Mutex<Encoder>> = LazyLock::new(Mutex::default);
    let mut encoder = ENCODER.lock().unwrap_or_else(PoisonError::into_inner);
    let (code, mut crc, mut length) = (Code::get(), Hasher::new(), 0u32);
    let mut bits = Bits::default();
    bits.append(code.head());
    for part in parts {
        let text = part.text.as_bytes();
        crc.update(text);
        // Modulo 2^32, says RFC 1952.
        length = length.wrapping_add(u32::try_from(text.len() % (1 << 32)).unwrap_or(0));
        let mut pack = || {
            let mut bits = Bits::default();
            encoder.encode(text, &mut bits);
            bits
        };
        match part.kept {
            Some(kept) => bits.append(kept.packed.get_or_init(pack)),
            None => bits.append(&pack()),
        }
    }
    bits.symbol(code.end());
    let deflate = bits.into_bytes();
    let mut bytes = Vec::with_capacity(HEAD.len() + deflate.len() + 8);
    bytes.extend_from_slice(&HEAD);
    bytes.extend_from_slice(&deflate);
    bytes.extend_from_slice(&crc.finalize().to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn unpack(bytes: &[u8]) -> String {
        let mut text = String::new();
        // One member, as clients expect it: what follows the first would not be read.
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn pieces_make_one_file() {
        let line =
            |n: usize| format!("socle_sensor_status{{name=\"FAN {n}\"}} {}\n", n * 7919 % 31);
        let long: String = (0..3_000).map(line).collect();
        let noise: String = (0..20_000u32).map(|n| char::from(b' ' + (n * n % 89) as u8)).collect();
        for fresh in ["", "a", long.as_str(), noise.as_str()] {
            for kept in ["", "b\n", long.as_str(), noise.as_str()] {
                let piece = Piece::following(&Arc::default(), kept);
                for _ in 0..2 {
                    let fresh = [Part::once(fresh), Part::once("live\n")];
                    let bytes = file(&[fresh[0], fresh[1], piece.part(), piece.part()]);
                    let fresh = fresh[0].text;
                    assert_eq!(unpack(&bytes), format!("{fresh}live\n{kept}{kept}"));
                }
            }
        }
        let packed = file(&[Part::once(&long)]);
        assert!(packed.len() < long.len() / 4, "{} of {}", packed.len(), long.len());
        assert_eq!(unpack(&file(&[])), "");
    }

    #[test]
    fn a_text_that_stays_keeps_its_compressed_form() {
        let first = Piece::following(&Arc::default(), "x");
        assert!(Arc::ptr_eq(&first, &Piece::following(&first, "x")));
        assert!(!Arc::ptr_eq(&first, &Piece::following(&first, "y")));
    }

    #[test]
    fn any_bytes_come_back() {
        let all: String = (0..=0x2FFu32).filter_map(char::from_u32).collect();
        let far = format!("{all}{}{all}", "x".repeat(32 * 1024 - all.len()));
        let further = format!("{all}{}{all}", "y".repeat(32 * 1024 - all.len() + 1));
        for text in [&all, &all.repeat(50), &far, &further, &"z".repeat(1000), &"ab".repeat(70_000)]
        {
            for cut in [0, 1, 2, 3, 5, 258, 259, 260] {
                let text = text.get(text.len().min(cut)..).unwrap_or("");
                assert_eq!(unpack(&file(&[Part::once(text), Part::once(text)])), text.repeat(2));
            }
        }
    }
}
