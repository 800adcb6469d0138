//! HTML under construction: markup is what stands in this program, everything else is escaped.

use jiff::Timestamp;

/// The longest name that is shown whole, in characters.
pub(super) const NAME: usize = 64;
/// The longest sentence that is shown whole, in characters.
pub(super) const SENTENCE: usize = 300;

/// A page under construction.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup. Only what is written in this program has this type, so nothing that a BMC says can
    /// get in unescaped.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text from outside, at most `most` characters of it.
    pub(super) fn text(&mut self, text: &str, most: usize) -> &mut Self {
        for (at, c) in text.chars().enumerate() {
            if at == most {
                self.0.push('…');
                break;
            }
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if harmless(c) => self.0.push(c),
                _ => self.0.push('\u{fffd}'),
            }
        }
        self
    }

    /// A whole number.
    pub(super) fn count(&mut self, number: usize) -> &mut Self {
        self.0.push_str(&number.to_string());
        self
    }

    /// A measured value: three decimals at most, none that say nothing.
    pub(super) fn value(&mut self, value: f64) -> &mut Self {
        let text = format!("{value:.3}");
        let plain = match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
            None => &text,
        };
        self.0.push_str(if plain == "-0" { "0" } else { plain });
        self
    }

    /// A place on a scale from 0 to 100, for an attribute.
    pub(super) fn percent(&mut self, percent: f64) -> &mut Self {
        self.0.push_str(&format!("{percent:.1}%"));
        self
    }

    /// A moment, for people and for programs.
    pub(super) fn time(&mut self, at: Timestamp) -> &mut Self {
        let shown = at.strftime("%Y-%m-%d %H:%M:%SZ");
        self.0.push_str(&format!("<time datetime=\"{at:.0}\">{shown}</time>"));
        self
    }

    /// How long something has lasted, in the largest unit that fits.
    pub(super) fn span(&mut self, seconds: f64) -> &mut Self {
        let (divisor, unit) = match seconds {
            s if s < 120.0 => (1.0, "s"),
            s if s < 7_200.0 => (60.0, "min"),
            s if s < 172_800.0 => (3_600.0, "h"),
            _ => (86_400.0, "d"),
        };
        self.0.push_str(&format!("{:.0} {unit}", (seconds.max(0.0) / divisor).floor()));
        self
    }

    /// How long ago `then` was.
    pub(super) fn ago(&mut self, then: Timestamp, now: Timestamp) -> &mut Self {
        self.span(now.duration_since(then).as_secs_f64())
    }

    /// The page.
    pub(super) fn done(self) -> String {
        self.0
    }
}

/// Neither a control character nor one of Unicode's invisible format characters, which could turn
/// the writing direction of what follows.
fn harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::default();
        write(&mut html);
        html.done()
    }

    #[test]
    fn nothing_from_outside_is_markup() {
        let text = written(|html| {
            html.text("<b a='1' c=\"2\">&\n\u{202e}é", 99);
        });
        assert_eq!(text, "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;\u{fffd}\u{fffd}é");
        let cut = written(|html| {
            html.text("éééé", 3);
        });
        assert_eq!(cut, "ééé…");
    }

    #[test]
    fn values_have_the_digits_that_say_something() {
        for (value, shown) in [
            (0.1 + 0.2, "0.3"),
            (1_125.0, "1125"),
            (-0.000_1, "0"),
            (12.065, "12.065"),
            (f64::INFINITY, "inf"),
            (100.0, "100"),
        ] {
            let text = written(|html| {
                html.value(value);
            });
            assert_eq!(text, shown);
        }
    }

    #[test]
    fn spans_are_in_the_largest_unit_that_fits() {
        for (seconds, shown) in [
            (-3.0, "0 s"),
            (119.9, "119 s"),
            (7_199.0, "119 min"),
            (7_200.0, "2 h"),
            (259_200.0, "3 d"),
        ] {
            let text = written(|html| {
                html.span(seconds);
            });
            assert_eq!(text, shown);
        }
    }
}
