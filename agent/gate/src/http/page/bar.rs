//! A sensor as a bar: its range with the zones that the thresholds cut, and the value in it.
//!
//! Places are percentages of an inline SVG, so the bar is as wide as there is room. Nothing rests on
//! colour alone: each threshold has a tick of its own shape and its name beside the bar, and the
//! value is marked by the shape of its status.

use super::html::Html;
use super::mark;
use socle_model::Status;
use socle_model::reading::Thresholds;

/// Share of the range that is left free at either end, for the marks.
const MARGIN: f64 = 0.08;

/// One threshold: its short name, its limit.
type Limit = (&'static str, Option<f64>);

/// The lower limits, from the least severe on.
pub(super) fn lower(limits: &Thresholds) -> [Limit; 3] {
    [
        ("lnc", limits.lower_noncritical),
        ("lcr", limits.lower_critical),
        ("lnr", limits.lower_nonrecoverable),
    ]
}

/// The upper limits, from the least severe on.
pub(super) fn upper(limits: &Thresholds) -> [Limit; 3] {
    [
        ("unc", limits.upper_noncritical),
        ("ucr", limits.upper_critical),
        ("unr", limits.upper_nonrecoverable),
    ]
}

/// What a limit of each severity looks like: the zone beyond it, its tick.
const LOOKS: [(&str, &str); 3] = [
    ("\" class=w width=\"", "\" class=tn y1=12 y2=20 "),
    ("\" class=c width=\"", "\" class=tc y1=9 y2=20 "),
    ("\" class=r width=\"", "\" class=tr y1=5 y2=20 "),
];

/// A range of values on paper.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    /// Wide enough for the value and every limit. `None` when there is nothing to draw.
    fn of(value: f64, lower: &[f64], upper: &[f64]) -> Option<Self> {
        if lower.is_empty() && upper.is_empty() {
            return None;
        }
        // A range with one end only begins at nothing.
        let zero = (lower.is_empty() || upper.is_empty()).then_some(0.0);
        let all = || lower.iter().chain(upper).copied().chain([value]).chain(zero);
        let (least, most) = (all().fold(value, f64::min), all().fold(value, f64::max));
        let width = most - least;
        let good = value.is_finite() && width.is_finite() && width > 0.0;
        good.then_some(Scale { from: least - width * MARGIN, to: most + width * MARGIN })
    }

    /// Where a value lies, from 0 to 100.
    fn place(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from) * 100.0).clamp(0.0, 100.0)
    }
}

fn known(limits: &[Limit]) -> Vec<f64> {
    limits.iter().filter_map(|(_, limit)| *limit).filter(|limit| limit.is_finite()).collect()
}

/// Draws the bar; nothing for a sensor without thresholds.
pub(super) fn draw(html: &mut Html, value: f64, status: Status, limits: &Thresholds) {
    let (below, above) = (lower(limits), upper(limits));
    let (least, most) = (known(&below), known(&above));
    let Some(scale) = Scale::of(value, &least, &most) else { return };
    html.raw("<svg class=bar aria-hidden=true><rect class=o y=8 width=\"100%\" height=8 />");
    // On a scale that falls the "upper" limits lie below the lower ones: ticks, but no zones.
    let rises = least.iter().all(|low| most.iter().all(|high| low <= high));
    for ((_, limit), (zone, _)) in below.iter().zip(LOOKS).filter(|_| rises) {
        if let Some(limit) = limit.filter(|limit| limit.is_finite()) {
            rect(html, 0.0, scale.place(limit), zone);
        }
    }
    for ((_, limit), (zone, _)) in above.iter().zip(LOOKS).filter(|_| rises) {
        if let Some(limit) = limit.filter(|limit| limit.is_finite()) {
            let at = scale.place(limit);
            rect(html, at, 100.0 - at, zone);
        }
    }
    for side in [&below, &above] {
        for ((_, limit), (_, tick)) in side.iter().zip(LOOKS) {
            if let Some(limit) = limit.filter(|limit| limit.is_finite()) {
                let at = scale.place(limit);
                html.raw("<line x1=\"").percent(at).raw(tick).raw("x2=\"").percent(at).raw("\"/>");
            }
        }
    }
    html.raw("<use href=\"#").raw(mark::id(status)).raw("\" y=12 x=\"");
    html.percent(scale.place(value)).raw("\"/></svg>");
}

fn rect(html: &mut Html, x: f64, width: f64, look: &'static str) {
    html.raw("<rect y=8 height=8 x=\"").percent(x).raw(look).percent(width).raw("\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(value: f64, limits: Thresholds) -> String {
        let mut html = Html::default();
        draw(&mut html, value, Status::Ok, &limits);
        html.done()
    }

    /// Where the marker stands, in percent.
    fn marker(svg: &str) -> f64 {
        let (_, rest) = svg.rsplit_once(" x=\"").unwrap();
        rest.split_once('%').unwrap().0.parse().unwrap()
    }

    fn limits(lower: [Option<f64>; 3], upper: [Option<f64>; 3]) -> Thresholds {
        Thresholds {
            lower_noncritical: lower[0],
            lower_critical: lower[1],
            lower_nonrecoverable: lower[2],
            upper_noncritical: upper[0],
            upper_critical: upper[1],
            upper_nonrecoverable: upper[2],
        }
    }

    #[test]
    fn every_limit_has_its_tick_and_its_zone() {
        let all =
            limits([Some(12.0), Some(11.0), Some(10.0)], [Some(14.0), Some(15.0), Some(16.0)]);
        let svg = drawn(13.0, all);
        assert_eq!(svg.matches("<line ").count(), 6);
        assert_eq!(svg.matches("<rect ").count(), 7);
        assert!((marker(&svg) - 50.0).abs() < 0.1, "{svg}");
        let one = drawn(20.0, limits([None; 3], [Some(80.0), None, None]));
        assert_eq!((one.matches("<line ").count(), one.matches("<rect ").count()), (1, 2));
        let place = marker(&one);
        assert!(place > 20.0 && place < 40.0, "a range without lower limits begins at 0: {place}");
    }

    #[test]
    fn a_scale_that_falls_has_no_zones() {
        let svg = drawn(13.0, limits([Some(15.0), None, None], [Some(11.0), None, None]));
        assert_eq!((svg.matches("<line ").count(), svg.matches("<rect ").count()), (2, 1));
    }

    #[test]
    fn what_cannot_be_drawn_is_not() {
        for (value, upper) in [
            (1.0, None),
            (f64::NAN, Some(1.0)),
            (0.0, Some(0.0)),
            (f64::INFINITY, Some(1.0)),
            (f64::MAX, Some(f64::MIN)),
        ] {
            assert_eq!(
                drawn(value, limits([None; 3], [upper, None, None])),
                "",
                "{value} {upper:?}"
            );
        }
        let odd = drawn(1.0, limits([Some(f64::NAN), Some(0.5), None], [None; 3]));
        assert_eq!(odd.matches("<line ").count(), 1);
        assert!(!odd.contains("NaN") && !odd.contains("inf"));
    }
}
