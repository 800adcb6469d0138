//! The page as a document: it nests, it is bounded, nothing hostile gets through as markup.

use super::*;
use socle_model::bmc::{Degraded, SourceState};
use socle_model::documents::{Component, SourceLine};
use socle_model::event::{Kind, Origin, Severity};
use socle_model::reading::{Absent, Quantity, Thresholds};
use socle_model::{ComponentPath, Status};

const HOSTILE: &str = "</td></table><script>alert('1')</script><b x=\"&lt;\u{202e}\n\u{1b}[2J";

fn part(path: &str, status: Status, text: &str) -> Component {
    let bad = status != Status::Ok;
    Component {
        path: path.split('/').fold(ComponentPath::root(), |path, label| path.join(label)),
        kind: text.into(),
        name: text.into(),
        status,
        cause: bad.then(|| text.into()),
        remedy: bad.then(|| text.into()),
        since: Some(Timestamp::UNIX_EPOCH),
        sources: vec![text.into()],
    }
}

fn sensor(n: usize, status: Status, text: &str) -> SensorLine {
    SensorLine {
        name: text.into(),
        component: ComponentPath::root().join(text),
        source: "ipmi".into(),
        record_id: Some(1),
        number: Some(1),
        lun: Some(0),
        owner: Some(32),
        entity: None,
        sensor_type: "fan".into(),
        quantity: if n.is_multiple_of(2) { Quantity::FanSpeed } else { Quantity::Temperature },
        unit: text.into(),
        value: (!n.is_multiple_of(5)).then_some(40.5),
        absent: match n % 15 {
            0 => Some(Absent::Discrete),
            5 | 10 => Some(Absent::NotAnswered),
            _ => None,
        },
        why: Some(text.into()),
        states: vec![text.into()],
        status,
        thresholds: Thresholds {
            lower_noncritical: Some(20.0),
            lower_critical: Some(10.0),
            lower_nonrecoverable: Some(5.0),
            upper_noncritical: Some(60.0),
            upper_critical: Some(70.0),
            upper_nonrecoverable: Some(80.0),
        },
        at: None,
    }
}

fn event(n: u64, text: &str) -> Event {
    Event {
        schema: "socle.event/1".into(),
        seq: n,
        at: Timestamp::UNIX_EPOCH,
        component: ComponentPath::root(),
        severity: if n.is_multiple_of(2) { Severity::Critical } else { Severity::Info },
        kind: Kind::Agent,
        text: text.into(),
        origins: vec![Origin { source: text.into(), record: text.into(), at: None }],
        detail: serde_json::Map::new(),
    }
}

/// A machine that says `text` wherever it can.
fn page(components: Vec<Component>, sensors: &[SensorLine], events: u64, text: &str) -> String {
    let source = |name: &str, state| SourceLine {
        name: name.into(),
        state,
        age_s: None,
        error: Some(text.into()),
    };
    let status = StatusDocument {
        schema: "socle.status/1".into(),
        host: text.into(),
        model: Some(text.into()),
        at: Timestamp::UNIX_EPOCH,
        status: components.iter().map(|one| one.status).max().unwrap_or_default(),
        components,
        sources: vec![
            source("a", SourceState::Ok),
            source(text, SourceState::Failing),
            source(text, SourceState::Absent),
        ],
        degraded: vec![Degraded { feature: text.into(), why: text.into() }],
    };
    let events: Vec<_> = (0..events).map(|n| event(n, text)).collect();
    let now = Timestamp::UNIX_EPOCH;
    render(&Seen { status: &status, sensors, events: &events, refused: Some(text), now })
}

/// Elements without content.
const VOID: [&str; 3] = ["meta", "br", "hr"];
/// Elements that end where the next of their kind or their parent ends.
const ENDLESS: [&str; 4] = ["li", "td", "tr", "body"];

/// Holds the markup against HTML's rules of nesting; gives every tag that was opened.
fn nests(page: &str) -> Vec<&str> {
    let (mut open, mut seen): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!doctype html>").unwrap();
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray >: {:?}", &rest[..at]);
        let (tag, after) = rest[at + 1..].split_once('>').unwrap();
        assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag:?}");
        rest = after;
        if tag.starts_with("style") {
            rest = rest.split_once("</style>").unwrap().1;
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            while open.last().is_some_and(|last| ENDLESS.contains(last) && *last != name) {
                open.pop();
            }
            assert_eq!(open.pop(), Some(name), "before {:?}", &rest[..rest.len().min(60)]);
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        seen.push(tag);
        if name == "tr" || name == "td" || name == "li" {
            let ends = |last: &&str| *last == name || (name == "tr" && *last == "td");
            while open.last().is_some_and(ends) {
                open.pop();
            }
        }
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    seen
}

fn machine(text: &str, parts: usize, sensors: usize) -> String {
    let states = [Status::Ok, Status::Critical, Status::Warning, Status::Unknown];
    let status = |n: usize| states[if n.is_multiple_of(9) { n % 4 } else { 0 }];
    let deep = ["a"; 40].join("/");
    let parts = (0..parts)
        .map(|n| part(&format!("module/{}/fan/{n}", n % 8), status(n), text))
        .chain([part(&deep, Status::Critical, text), part("module/0", Status::Critical, text)])
        .collect();
    let sensors: Vec<_> = (0..sensors).map(|n| sensor(n, status(n), text)).collect();
    page(parts, &sensors, 100, text)
}

#[test]
fn an_ordinary_page_nests_and_needs_nothing_from_elsewhere() {
    let page = machine("FAN 1", 60, 60);
    let tags = nests(&page);
    assert!(tags.iter().any(|tag| tag.starts_with("meta name=viewport")));
    for bad in ["script", "link", "img", "iframe", "form", "object"] {
        assert!(!tags.iter().any(|tag| tag.split(' ').next() == Some(bad)), "{bad}");
    }
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("url("));
    for (_, id) in tags.iter().filter_map(|tag| tag.split_once("href=\"#")) {
        let id = id.split('"').next().unwrap();
        let there = |tag: &&&str| tag.split(' ').any(|word| word == format!("id={id}"));
        assert!(tags.iter().any(|tag| there(&tag)), "{id}");
    }
}

#[test]
fn nothing_hostile_gets_through_as_markup() {
    let (hostile, plain) = (machine(HOSTILE, 60, 60), machine("FAN 1", 60, 60));
    let text = "&lt;script&gt;alert(&#39;1&#39;)";
    assert!(hostile.matches(text).count() > 300, "every place was filled");
    assert!(!hostile.contains('\u{202e}') && !hostile.contains('\u{1b}'));
    let tags = |page| -> Vec<String> { nests(page).into_iter().map(String::from).collect() };
    let (hostile, plain) = (tags(&hostile), tags(&plain));
    // The name of a part without children of that name stands where the label does not say it.
    let of = |tags: &[String], name: &str| tags.iter().filter(|tag| *tag == name).count();
    for name in ["li class=bad", "td class=st", "details open", "svg class=bar aria-hidden=true"] {
        assert!(of(&plain, name) > 0, "{name}");
        assert_eq!(of(&hostile, name), of(&plain, name), "{name}");
    }
    assert_eq!(hostile.len(), plain.len());
}

#[test]
fn a_huge_machine_makes_a_bounded_page() {
    let page = machine("M0_FAN7", 10_000, 400);
    nests(&page);
    assert!(page.len() < 1 << 20, "{}", page.len());
    assert!(page.contains(" more, all ok: socle status --all"));
    assert!(page.contains(" more: socle status"));
    let hostile = machine(&HOSTILE.repeat(9), 10_000, 4_000);
    nests(&hostile);
    assert!(hostile.len() < 8 << 20, "{}", hostile.len());
    let worst: Vec<_> = (0..10_000).map(|n| part(&n.to_string(), Status::Critical, "x")).collect();
    assert!(self::page(worst, &[], 0, "x").len() < 1 << 20);
}

#[test]
fn what_is_healthy_is_folded_and_what_is_not_is_open_with_its_cause() {
    let well =
        page(vec![part("fan/1", Status::Ok, "F"), part("fan/2", Status::Ok, "F")], &[], 0, "");
    assert!(well.contains("<details><summary>") && !well.contains("<details open>"));
    assert!(well.contains("2 ok</span>"), "{well}");
    let ill = [part("fan/1", Status::Critical, "0 RPM"), part("fan/2", Status::Ok, "F")];
    let ill = page(ill.into(), &[], 0, "");
    assert!(ill.contains("<details open><summary>"), "{ill}");
    let why = "<b>fan/1</b> <span class=why>— 0 RPM</span><div class=do>→ 0 RPM</div>";
    assert!(ill.contains(why), "{ill}");
    let rolled =
        Component { cause: Some("see fan/1".into()), ..part("fan", Status::Critical, "x") };
    assert!(!page(vec![rolled], &[], 0, "").contains("see fan/1"));
    let host =
        Component { path: ComponentPath::root(), ..part("x", Status::Unknown, "nobody answered") };
    assert!(page(vec![host], &[], 0, "").contains("<span class=why>— nobody answered</span>"));
}

#[test]
fn many_good_sources_are_folded_and_a_failing_one_is_not() {
    let source = |n: usize, state| SourceLine {
        name: format!("source{n}"),
        state,
        age_s: Some(if n == 7 { 300.0 } else { 2.0 }),
        error: None,
    };
    let mut html = Html::default();
    let mut all: Vec<_> = (0..40).map(|n| source(n, SourceState::Ok)).collect();
    all.push(source(99, SourceState::Failing));
    lists::sources(&mut html, &all);
    let text = html.done();
    assert!(text.contains("40 ok <span class=q>the oldest 5 min old</span>"), "{text}");
    let (failing, folded) = (text.find("source99").unwrap(), text.find("<details>").unwrap());
    assert!(failing < folded && !text.contains("<details open>"), "{text}");
}

#[test]
fn an_empty_machine_has_a_page_that_says_so() {
    let page = page(Vec::new(), &[], 0, "");
    nests(&page);
    assert!(page.contains("No sensor was read") && page.contains("None yet."));
}
