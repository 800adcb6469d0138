//! Text laid out for a terminal's width: paragraphs below their lead, columns counted without colours.

use crate::paint::{Paint, Tone};

impl Paint {
    /// Text after a lead, wrapped to the width and indented below its own start. Rails of a tree at
    /// the lead's beginning go on beside it.
    pub(crate) fn paragraph(
        self,
        out: &mut String,
        lead: &str,
        text: &str,
        tone: impl Into<Option<Tone>>,
    ) {
        let tone = tone.into();
        let start = visible(lead);
        let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(start).max(20));
        let rails: String = lead.chars().take_while(|c| matches!(c, ' ' | '│' | '|')).collect();
        let fill = " ".repeat(start.saturating_sub(visible(&rails)));
        for (n, line) in wrap(text, room).iter().enumerate() {
            match n {
                0 => out.push_str(lead),
                _ => out.extend([rails.as_str(), &fill]),
            }
            match tone {
                Some(tone) => out.push_str(&self.tone(tone, line)),
                None => out.push_str(line),
            }
            out.push('\n');
        }
    }
}

/// Columns of a text, colour codes not counted.
pub(crate) fn visible(text: &str) -> usize {
    let mut inside = false;
    let count = |c: &char| {
        let counted = !inside && *c != '\x1b';
        inside = if *c == '\x1b' { true } else { inside && *c != 'm' };
        counted
    };
    text.chars().filter(count).count()
}

/// Breaks a text between words into lines of at most `room` characters; a longer word keeps a line
/// of its own.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0usize;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used.saturating_add(length + 1) > room {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
        }
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_on_below_its_start_with_the_rails_beside_it() {
        let paint = Paint { colour: true, unicode: true, width: Some(30) };
        let mut out = String::new();
        let lead = format!("│  {} ", paint.tone(Tone::Bad, "→"));
        paint.paragraph(&mut out, &lead, "one two three four five six", None);
        assert_eq!(out, format!("{lead}one two three four five\n│    six\n"));
    }
}
