//! The checked-in .varlink file held against the types that cross the link.

#![expect(clippy::unwrap_used, reason = "a broken description may fail the test loudly")]

use serde_json::{Map, Value, json};
use socle_model::Timestamp;
use socle_model::bmc::{Bmc, Snapshot};
use socle_model::energy::Energy;
use socle_model::ethtool::{Devices, Nic, Nics};
use socle_model::link::{After, DESCRIPTION, Hello, INTERFACE, Records, Seen, Welcome};
use std::collections::BTreeMap;

/// Field name to type, of a parameter list like `version: string, schema: int`.
fn fields(list: &str) -> BTreeMap<String, String> {
    let pairs = list.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.map(|(name, kind)| (name.trim().to_owned(), kind.trim().to_owned())).collect()
}

/// Method to parameters and results, of the description.
fn described() -> BTreeMap<String, [BTreeMap<String, String>; 2]> {
    let lines = DESCRIPTION.lines().filter_map(|line| line.strip_prefix("method "));
    let method = |line: &str| {
        let (name, rest) = line.split_once('(').unwrap();
        let (parameters, rest) = rest.split_once(')').unwrap();
        let results = rest.trim().strip_prefix("-> (").unwrap().strip_suffix(')').unwrap();
        (name.to_owned(), [fields(parameters), fields(results)])
    };
    lines.map(method).collect()
}

/// The varlink type of each field of a value as it is sent.
fn sent(value: &Value) -> BTreeMap<String, String> {
    let kind = |value: &Value| match value {
        Value::Bool(_) => "bool",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(all) if all.first().is_some_and(Value::is_string) => "[]string",
        Value::Array(_) => "[]object",
        _ => "object",
    };
    let fields = value.as_object().unwrap();
    fields.iter().map(|(name, value)| (name.clone(), kind(value).to_owned())).collect()
}

#[test]
fn the_description_has_exactly_the_methods_and_fields_that_cross() {
    let at: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let snapshot = Snapshot {
        started: at,
        at,
        bmc: Bmc::Absent,
        sources: vec![],
        degraded: vec![],
        checks: vec![],
        drives: vec![],
    };
    let nothing = Value::Object(Map::new());
    let hello = json!(Hello { version: "1".into(), schema: 1 });
    let welcome = json!(Welcome { version: "1".into(), schema: 1 });
    let records = json!(Records { started: at, records: vec![], more: false });
    let crossing = [
        ("Hello", hello, welcome),
        ("Watch", nothing.clone(), json!(Seen { snapshot })),
        ("Events", json!(After { after: 1 }), records),
        (
            "Ethtool",
            json!(Devices { devices: vec!["eth0".into()] }),
            json!(Nics { at, devices: vec![Nic::default()] }),
        ),
        ("Energy", nothing.clone(), json!(Energy { at, zones: vec![] })),
    ];
    let expected: BTreeMap<_, _> = crossing
        .iter()
        .map(|(method, call, answer)| ((*method).to_owned(), [sent(call), sent(answer)]))
        .collect();
    assert_eq!(described(), expected);
    assert!(DESCRIPTION.contains(&format!("\ninterface {INTERFACE}\n")));
}
