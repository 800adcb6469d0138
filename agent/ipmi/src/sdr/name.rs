//! Id strings (section 43.15): type/length byte and the four encodings.

use crate::cursor::{Cursor, Short};

/// Reads a type/length byte and the string it announces. A string that is cut off by the end of the
/// record is read as far as it goes. The result is text: bytes of 8-bit strings are Latin-1 unless
/// they are UTF-8, unicode strings are UTF-16 little endian or UTF-8.
///
/// # Errors
/// [`Short`] when not even the type/length byte is there.
pub fn id_string(cursor: &mut Cursor<'_>) -> Result<String, Short> {
    Ok(padded_id_string(cursor)?.trim_end_matches(' ').to_owned())
}

/// The same with the blanks that some BMCs pad it with: FreeIPMI, and so `ipmi_*`, shows them.
///
/// # Errors
/// [`Short`] when not even the type/length byte is there.
pub fn padded_id_string(cursor: &mut Cursor<'_>) -> Result<String, Short> {
    let kind = cursor.u8("id string type/length")?;
    let length = usize::from(kind & 0x1F);
    let rest = cursor.rest();
    // OpenIPMI counts characters, the specification bytes: packed strings take what is there.
    let bytes = rest.get(..length).unwrap_or(rest);
    let text = match kind >> 6 {
        0 => unicode(bytes),
        1 => bcd_plus(bytes),
        2 => six_bit(bytes),
        _ => text(bytes),
    };
    Ok(text.trim_end_matches('\0').to_owned())
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let bytes = bytes.get(..end).unwrap_or_default();
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn unicode(bytes: &[u8]) -> String {
    let pairs = bytes.as_chunks::<2>().0;
    let wide = bytes.len().is_multiple_of(2) && pairs.iter().any(|pair| pair.contains(&0));
    if !wide {
        return text(bytes);
    }
    let units = pairs.iter().map(|&pair| u16::from_le_bytes(pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn bcd_plus(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ' ', '-', '.', ':', ',', '_'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(' ');
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 0x0F)]).collect()
}

fn six_bit(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().rev().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        for n in 0..group.len() * 8 / 6 {
            let six = (bits >> (6 * n)) & 0x3F;
            text.push(u8::try_from(six + 0x20).map_or(' ', char::from));
        }
    }
    text
}
