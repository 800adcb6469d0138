//! What a scraper takes: the format and the encoding of its answer, as its headers say.

use axum::http::{HeaderMap, HeaderValue, header};

/// The bytes of an answer: which format, and whether compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// OpenMetrics, else text format 0.0.4.
    pub(crate) open: bool,
    /// Compressed with gzip.
    pub(crate) gzip: bool,
}

/// A format by the name that it is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    Open,
    /// OpenMetrics 0.0.1, the draft that older scrapers name: the same bytes.
    Draft,
}

impl Format {
    const ALL: [Format; 3] = [Format::Open, Format::Draft, Format::Text];

    const fn name(self) -> (&'static str, &'static str) {
        match self {
            Format::Text => ("text/plain", "0.0.4"),
            Format::Open => ("application/openmetrics-text", "1.0.0"),
            Format::Draft => ("application/openmetrics-text", "0.0.1"),
        }
    }

    /// Whether the body is OpenMetrics.
    pub(crate) const fn open(self) -> bool {
        !matches!(self, Format::Text)
    }

    /// The header `Content-Type`.
    pub(crate) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Draft => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        })
    }
}

/// One range of an Accept header: what it names, and how much it is wanted.
struct Range<'a> {
    media: &'a str,
    version: &'a str,
    weight: f32,
}

impl<'a> Range<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let (mut version, mut weight) = ("", 1.0);
        for part in parts {
            match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some((key, value)) if key.eq_ignore_ascii_case("q") => {
                    weight = value.parse().ok().filter(|weight| *weight >= 0.0).unwrap_or(0.0);
                }
                Some((key, value)) if key.eq_ignore_ascii_case("version") => {
                    version = value.trim_matches('"');
                }
                // Charset and escaping: our names need none, and the page is UTF-8.
                _ => {}
            }
        }
        Range { media, version, weight }
    }

    /// Ranges that name no format stand for the text format: that is what a browser or curl can show.
    fn names(&self, format: Format) -> bool {
        let (media, version) = format.name();
        match self.media {
            "*/*" | "text/*" => format == Format::Text,
            named if !named.eq_ignore_ascii_case(media) => false,
            // Without a version the draft is meant (client_golang reads it so).
            _ if self.version.is_empty() => format != Format::Open,
            _ => self.version == version,
        }
    }
}

/// The format that is wanted most, the first named of several; text where none of ours is wanted.
pub(crate) fn negotiate(headers: &HeaderMap) -> Format {
    let values = headers.get_all(header::ACCEPT).iter();
    let ranges = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let mut best = (0.0, Format::Text);
    for range in ranges.map(Range::of) {
        let format = Format::ALL.into_iter().find(|format| range.names(*format));
        if let Some(format) = format.filter(|_| range.weight > best.0) {
            best = (range.weight, format);
        }
    }
    best.1
}

/// Whether the client takes gzip (RFC 9110 section 12.5.3).
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut any = None;
    for coding in values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let wanted = weight.is_ok_and(|weight| weight > 0.0);
        match name.trim() {
            "gzip" | "x-gzip" => return wanted,
            "*" => any = Some(wanted),
            _ => {}
        }
    }
    any.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, text.parse().unwrap());
        headers
    }

    #[test]
    fn prometheus_gets_what_it_asks_for() {
        for (accept, expected) in [
            // Prometheus 2.42, 3.x, 3.x told to take text only, node_exporter's users: curl, a browser.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Open,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::Open,
            ),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.4", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Text),
            // Prometheus 2.4 to 2.26.
            (
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Draft,
            ),
            ("application/openmetrics-text", Format::Draft),
            (
                "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8",
                Format::Text,
            ),
            ("application/openmetrics-text;version=1.0.0;q=0", Format::Text),
            ("application/openmetrics-text;version=1.0.0;q=x", Format::Text),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.2", Format::Open),
            ("text/plain, application/openmetrics-text;version=1.0.0", Format::Text),
            (";;,,q=1", Format::Text),
        ] {
            assert_eq!(negotiate(&with(header::ACCEPT, accept)), expected, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn gzip_is_given_to_those_who_take_it() {
        for (text, expected) in [
            ("gzip", true),
            ("gzip;q=0", false),
            ("br, gzip;q=0.5", true),
            ("identity", false),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=x", false),
            ("gzipped", false),
        ] {
            assert_eq!(accepts_gzip(&with(header::ACCEPT_ENCODING, text)), expected, "{text}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
