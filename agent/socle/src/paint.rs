//! What a terminal is given: colour where it is wanted, its width, and text that cannot control it.

use std::env;
use std::io::IsTerminal as _;

/// Narrower terminals are written to as if they were this wide: a tree needs some room.
const NARROWEST: usize = 40;

/// How to write for whoever reads stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    /// ANSI colours.
    pub(crate) colour: bool,
    /// Lines and marks outside ASCII.
    pub(crate) unicode: bool,
    /// Columns; lines are not cut when this is `None` (a file, a pipe).
    pub(crate) width: Option<usize>,
}

/// What a text means, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Unknown,
    Quiet,
    Strong,
}

impl Paint {
    /// For this process's stdout.
    pub(crate) fn stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        Paint {
            colour: terminal && !set("NO_COLOR") && !dumb,
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            width: terminal.then(columns),
        }
    }

    /// `text` in the colour of `tone`.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "1;31",
            Tone::Unknown => "35",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// One of two spellings, by what the locale can show.
    pub(crate) const fn pick<'a>(self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }

    /// Text from outside (a BMC's sensor name, an error) made harmless: what could move the cursor,
    /// change colours or turn the writing direction is written as an escape that can be read.
    pub(crate) fn clean(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if harmless(c) && (self.unicode || c.is_ascii()) {
                out.push(c);
            } else if let Some(plain) = ascii(c).filter(|_| !self.unicode) {
                out.push_str(plain);
            } else {
                out.extend(c.escape_default());
            }
        }
        out
    }
}

/// A JSON text with the same meaning in which nothing steers a terminal: JSON itself escapes only some
/// of what does. Such characters can stand nowhere but in strings.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if harmless(c) || c == '\n' {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Lines for stderr: errors may quote what a BMC, a file or an agent said.
pub(crate) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if harmless(c) || c == '\n' {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
    out
}

/// What people type for a character of our own words where the locale has none.
const fn ascii(c: char) -> Option<&'static str> {
    match c {
        '°' => Some(""),
        'µ' => Some("u"),
        '…' => Some("..."),
        _ => None,
    }
}

/// Neither a control character (C0, DEL, C1) nor one of Unicode's invisible format characters.
fn harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The terminal's columns: what the kernel says of it, else the shell, else 80.
fn columns() -> usize {
    let asked = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let asked = asked.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    let said = || env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    asked.or_else(said).unwrap_or(80).max(NARROWEST)
}

impl Tone {
    /// The tone of a verdict.
    pub(crate) const fn of(status: socle_model::Status) -> Self {
        match status {
            socle_model::Status::Ok => Tone::Good,
            socle_model::Status::Warning => Tone::Warning,
            socle_model::Status::Critical => Tone::Bad,
            socle_model::Status::Unknown => Tone::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_and_loses_what_steers_a_terminal() {
        let name = "a\u{9b}31m\u{202e}\u{7f}\u{e0001}é";
        let text = serde_json::to_string(name).unwrap() + "\n";
        assert!(text.contains('\u{9b}'), "serde_json leaves C1 as it is");
        let safe = json(&text);
        assert!(safe.trim_end().chars().all(harmless), "{safe:?}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), name);
        assert_eq!(lines("x\u{1b}[2J\ny"), "x\\u{1b}[2J\ny");
    }
}
