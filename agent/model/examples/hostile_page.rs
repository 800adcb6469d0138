//! Prints a page with 1,000 hostile label values and as many HELP texts, for other people's parsers.
//! usage: hostile_page text|openmetrics

use socle_model::metrics::openmetrics::{EOF, append};
use socle_model::metrics::{Family, Kind, Page};
use std::io::Write as _;
use std::process::ExitCode;

/// What breaks parsers, and what looks like the format itself.
const PARTS: &[&str] = &[
    "\"",
    "\\",
    "\n",
    "\\n",
    "\\\\n",
    "\\\"",
    "{",
    "}",
    ",",
    "=",
    "#",
    " ",
    "\t",
    "\r",
    "\r\n",
    "\u{0}",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "\u{1F525}",
    "\u{10FFFF}",
    "# EOF\n",
    "# TYPE x counter",
    "\n# HELP x y\n",
    "x{a=\"b\"} 1",
    "} 1 2",
    "\",b=\"",
    "NaN",
    "le=\"+Inf\"",
    "'",
    "`",
    "%00",
    "&lt;",
    "$(x)",
    "_total",
    "",
];

/// A text of one to five parts: the same ones in every run.
fn hostile(seed: &mut u64) -> String {
    let mut next = || {
        // xorshift64.
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        usize::try_from(*seed >> 33).unwrap_or_default()
    };
    let count = 1 + next() % 5;
    (0..count).filter_map(|_| PARTS.get(next() % PARTS.len()).copied()).collect()
}

fn main() -> ExitCode {
    let (mut page, mut seed) = (Page::default(), 0x5EED_u64);
    for n in 0..1_000u64 {
        let (kind, end) = match n % 4 {
            0 => (Kind::Counter, "_total"),
            1 => (Kind::Counter, ""),
            2 => (Kind::Gauge, ""),
            _ => (Kind::Untyped, ""),
        };
        let family = Family::new(&format!("hostile_{n}{end}"), kind, &hostile(&mut seed));
        page.family(&family);
        // The index keeps the series apart where two texts are equal.
        page.sample(&family.series(&[("value", &hostile(&mut seed)), ("n", &n.to_string())]), n);
    }
    let text = match std::env::args().nth(1).as_deref() {
        Some("text") => page.as_str().to_owned(),
        Some("openmetrics") => {
            let mut out = String::new();
            append(&mut out, page.as_str());
            out + EOF
        }
        _ => return ExitCode::from(2),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}
