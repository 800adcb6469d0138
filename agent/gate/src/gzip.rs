//! Gzip put together from pieces, so that what stays the same from page to page is compressed once.
//!
//! A gzip file is one deflate stream with a check sum. Each piece is compressed on its own up to a byte
//! boundary (a sync flush), and the check sums of the pieces combine.

use axum::body::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use socle_model::metrics::openmetrics;
use std::sync::{Arc, OnceLock};

/// RFC 1952: deflate, no name, no time, fastest, unknown system.
const HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 0xFF];
/// RFC 1951: a last block with nothing in it.
const END: [u8; 2] = [3, 0];

/// A text that many pages have, and its compressed form once one was asked for.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    text: String,
    packed: OnceLock<Packed>,
    open: OnceLock<Box<Piece>>,
}

#[derive(Debug)]
struct Packed {
    deflate: Vec<u8>,
    crc: Crc,
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
        self.open.get_or_init(|| {
            let mut text = String::new();
            openmetrics::append(&mut text, &self.text);
            Box::new(Piece::of(text))
        })
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn packed(&self) -> &Packed {
        self.packed.get_or_init(|| pack(&[&self.text]))
    }
}

/// A gzip file of the texts in `fresh`, then those of the pieces.
pub(crate) fn file(fresh: &[&str], pieces: &[&Piece]) -> Bytes {
    let mut whole = pack(fresh);
    let mut bytes = Vec::with_capacity(whole.deflate.len() + 64);
    bytes.extend_from_slice(&HEAD);
    bytes.append(&mut whole.deflate);
    for piece in pieces {
        let packed = piece.packed();
        bytes.extend_from_slice(&packed.deflate);
        whole.crc.combine(&packed.crc);
    }
    bytes.extend_from_slice(&END);
    bytes.extend_from_slice(&whole.crc.sum().to_le_bytes());
    bytes.extend_from_slice(&whole.crc.amount().to_le_bytes());
    bytes.into()
}

/// Compresses, fast rather than small, up to a byte boundary.
fn pack(texts: &[&str]) -> Packed {
    let mut compress = Compress::new(Compression::fast(), false);
    let length: usize = texts.iter().map(|text| text.len()).sum();
    let mut packed = Packed { deflate: Vec::with_capacity(length / 4 + 64), crc: Crc::new() };
    for (n, text) in texts.iter().enumerate() {
        packed.crc.update(text.as_bytes());
        let last = n + 1 == texts.len();
        let flush = if last { FlushCompress::Sync } else { FlushCompress::None };
        let mut rest = text.as_bytes();
        loop {
            let before = compress.total_in();
            // It fails only when it has nothing to do, which the length below tells too.
            let _ = compress.compress_vec(rest, &mut packed.deflate, flush);
            let taken = usize::try_from(compress.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            if rest.is_empty() && packed.deflate.len() < packed.deflate.capacity() {
                break;
            }
            packed.deflate.reserve(rest.len() / 4 + 64);
        }
    }
    packed
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
                    let bytes = file(&[fresh, "live\n"], &[&piece, &piece]);
                    assert_eq!(unpack(&bytes), format!("{fresh}live\n{kept}{kept}"));
                }
            }
        }
        let packed = file(&[&long], &[]);
        assert!(packed.len() < long.len() / 4, "{} of {}", packed.len(), long.len());
        assert_eq!(unpack(&file(&[], &[])), "");
    }

    #[test]
    fn a_text_that_stays_keeps_its_compressed_form() {
        let first = Piece::following(&Arc::default(), "x");
        assert!(Arc::ptr_eq(&first, &Piece::following(&first, "x")));
        assert!(!Arc::ptr_eq(&first, &Piece::following(&first, "y")));
    }
}
