//! What the page's own door tells: refusals, and how long its certificate holds.

use super::Rows;
use crate::web::refused::Reason;
use socle_model::metrics::Page;

/// The page's TCP listeners.
const PAGE: (&str, &str) = ("door", "page");

/// Writes the families.
pub(crate) fn write(
    page: &mut Page,
    refused: impl Iterator<Item = (Reason, u64)>,
    expiry_seconds: Option<i64>,
) {
    let help = "Connections and requests refused since start, by their reason.";
    let mut rows = Rows::counter("socle_http_refused_total", help);
    for (reason, count) in refused {
        rows.push(&[PAGE, ("reason", reason.word())], count);
    }
    rows.write(page);
    if let Some(seconds) = expiry_seconds {
        let help =
            "Seconds until the first certificate of the door's chain expires; negative after.";
        let mut rows = Rows::gauge("socle_certificate_expiry_seconds", help);
        rows.push(&[PAGE], seconds);
        rows.write(page);
    }
}
