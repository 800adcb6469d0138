//! Text for people on one line: an error with all its causes, words from devices.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// The text with its control characters escaped (`\n` for a line feed): a device, or whoever names
/// one, cannot write a log line of its own.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    // Line and paragraph separators break lines on some terminals.
    let breaks = |one: char| one.is_control() || matches!(one, '\u{2028}' | '\u{2029}');
    if !text.contains(breaks) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len().saturating_add(8));
    for one in text.chars() {
        if breaks(one) { line.extend(one.escape_default()) } else { line.push(one) }
    }
    Cow::Owned(line)
}

/// The same for a whole line of a log, whose last line feed stays.
#[must_use]
pub fn log_line(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    match text.strip_suffix('\n') {
        Some(line) => format!("{}\n", one_line(line)),
        None => one_line(&text).into_owned(),
    }
}

/// Displays `error: cause: cause of the cause`.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_makes_a_line_of_its_own() {
        assert_eq!(one_line("Lüfter 1 \"a\""), "Lüfter 1 \"a\"");
        assert_eq!(one_line("a\nb\r\x1b[2J\u{85}"), "a\\nb\\r\\u{1b}[2J\\u{85}");
        assert_eq!(log_line(b"FAN\nOct 1 root: all is well\n"), "FAN\\nOct 1 root: all is well\n");
        assert_eq!(log_line(b"\xff"), "\u{fffd}");
    }
}
