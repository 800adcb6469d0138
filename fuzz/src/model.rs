//! Frames of the link, configuration files, pages and textfiles as a stranger writes them. Also run by
//! agent/model/tests/corpus_replay.rs.

use socle_model::link::{
    Answer, Call, DEPTH_LIMIT, Envelope, FrameError, Frames, REQUEST_LIMIT, Records, Seen,
    error_frame,
};
use socle_model::metrics::{exposition, openmetrics::append, parse::parse, strict::tidy};
use socle_model::settings::{Fragment, Half, Key, Kind, merge};
use std::collections::{BTreeMap, BTreeSet};

/// What a reader makes of bytes that come in pieces of `piece`.
fn frames(data: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut reader = Frames::new(REQUEST_LIMIT);
    let mut found = Vec::new();
    for chunk in data.chunks(piece) {
        reader.push(chunk);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fn depth(frame: &[u8]) -> usize {
    frame.iter().filter(|byte| matches!(byte, b'[' | b'{')).count()
}

/// The input as what a peer sends: frames, then calls and answers out of them.
pub fn link(data: &[u8]) {
    let (whole, error) = frames(data, data.len().max(1));
    // However it is cut, the same frames come out.
    let piece = usize::from(data.first().copied().unwrap_or(1)).max(1);
    let (pieces, error_in_pieces) = frames(data, piece);
    assert_eq!((&whole, &error), (&pieces, &error_in_pieces));
    let kept: usize = whole.iter().map(|frame| frame.len() + 1).sum();
    assert!(kept <= data.len(), "no more comes out than went in");
    for frame in &whole {
        assert!(frame.len() <= REQUEST_LIMIT);
        if let Ok(envelope) = Envelope::parse(frame) {
            match Call::decode(&envelope) {
                Ok(call) => again(&call),
                Err(error) => assert_eq!(error_frame(&error).last(), Some(&0)),
            }
        }
        let _ = Answer::parse::<Seen>(frame);
        let _ = Answer::parse::<Records>(frame);
        assert!(depth(frame) >= 1 || Envelope::parse(frame).is_err(), "a call is an object");
    }
    if error == Some(FrameError::TooDeep) {
        assert!(depth(data) > DEPTH_LIMIT);
    }
}

/// What was understood is written and understood again as the same.
fn again(call: &Call) {
    let mut reader = Frames::new(2 * REQUEST_LIMIT);
    reader.push(&call.encode());
    let frame = reader.next_frame().ok().flatten().unwrap_or_default();
    let read = Envelope::parse(&frame).ok().and_then(|envelope| Call::decode(&envelope).ok());
    assert_eq!(read.as_ref(), Some(call));
}

/// One key of every kind.
const KEYS: &[Key] = &[
    key("device", Kind::Text, "\"/dev/ipmi0\""),
    key("word", Kind::Word(&["auto", "cpu"]), "\"auto\""),
    key("names", Kind::Texts, "[]"),
    key("listen", Kind::TextOrTexts, "[]"),
    key("interval_s", Kind::Integer(1, 3600), "30"),
    key("bus_share", Kind::Number(0.01, 1.0), "0.2"),
    key("flag", Kind::TextOrBool, "true"),
    Key {
        table: "ipmi.map",
        name: socle_model::settings::ANY,
        kind: Kind::TextOrBool,
        default: "a = true",
        doc: "Any.",
    },
];

const fn key(name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key { table: "ipmi", name, kind, default, doc: "One." }
}

/// The input as a configuration file, and as a drop-in over a good one.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let good = Fragment { path: "good.toml", text: "[ipmi]\ninterval_s = 5\n" };
    let fragment = Fragment { path: "bad.toml", text };
    let lines = text.matches('\n').count() + 1;
    match merge(Half::Host, KEYS, &[good, fragment]) {
        Ok(table) => assert!(table.keys().all(|name| name == "ipmi"), "only this half's tables"),
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert_eq!(fault.path, "bad.toml");
                assert!((1..=lines).contains(&fault.line), "{fault}");
            }
        }
    }
}

/// Every sample of a page, values by their bits.
fn samples(page: &str) -> Vec<(String, BTreeMap<String, String>, u64)> {
    let parsed = parse(page).unwrap_or_default();
    let mut found: Vec<_> =
        parsed.samples.into_iter().map(|one| (one.name, one.labels, one.value.to_bits())).collect();
    found.sort();
    found
}

/// What a type's samples may be called beyond the family's name.
fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total"],
        "histogram" => &["_bucket", "_sum", "_count"],
        "summary" => &["", "_sum", "_count"],
        _ => &[""],
    }
}

/// The input as a page of text format 0.0.4, tidied and turned into OpenMetrics.
pub fn openmetrics(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let page = tidy(text);
    let mut out = String::new();
    append(&mut out, &page);
    assert!(parse(&page).is_ok() && parse(&out).is_ok(), "{page}\n{out}");
    assert_eq!(samples(&page), samples(&out), "{page}\n{out}");
    assert!(out.is_empty() || out.ends_with('\n'));
    let (mut seen, mut family, mut kind) = (BTreeSet::new(), "", "unknown");
    for line in out.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(_)) => family = name,
            (Some("#"), Some("TYPE"), Some(name), Some(word)) => {
                (family, kind) = (name, word);
                // The same name in two families of the input is the input's own fault.
                let fresh = seen.insert(name.to_owned());
                assert!(fresh || text.matches(name).count() > 2, "{name} twice:\n{page}\n{out}");
            }
            _ => {
                let name = line.split(['{', ' ']).next().unwrap_or_default();
                let good = suffixes(kind).iter().any(|s| name.strip_prefix(family) == Some(s));
                assert!(good, "{line} under {kind} {family}:\n{out}");
            }
        }
    }
}

/// The input as a file of the textfile source.
pub fn textfile(data: &[u8]) {
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    let found = match exposition::read(data) {
        Ok(found) => found,
        Err(fault) => {
            assert!((1..=lines).contains(&fault.line), "{fault}");
            return;
        }
    };
    // What is good is good as a whole, and each family stands there once.
    let mut names: Vec<&str> = found.families.iter().map(|family| family.name).collect();
    names.sort_unstable();
    assert!(
        names.iter().zip(names.iter().skip(1)).all(|(one, next)| one != next),
        "a family twice"
    );
    let samples: usize = found.families.iter().map(|family| family.samples.len()).sum();
    assert!(samples < lines, "no more samples than lines");
    for family in &found.families {
        assert!(!family.name.is_empty() && !family.samples.is_empty());
        for sample in &family.samples {
            for (name, value) in found.labels(sample) {
                assert!(!name.is_empty() && *name != "__name__" && value.len() <= data.len());
            }
        }
    }
    // Our own reader, which is more lenient, agrees on the number of samples.
    if let Ok(text) = std::str::from_utf8(data)
        && !text.contains(['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'])
        && let Ok(page) = parse(text)
    {
        assert_eq!(page.samples.len(), samples);
    }
}
