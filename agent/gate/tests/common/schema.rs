//! The part of JSON Schema (draft 2020-12) that `docs/schema/` uses, and stricter: a property that the
//! schema does not name is a fault, and so is a keyword that is not understood here.

use serde_json::Value;
use std::path::Path;

/// The schema of this name.
pub(crate) fn load(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    serde_json::from_slice(&std::fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap()
}

/// Fails the test with every fault of the document.
pub(crate) fn hold(name: &str, document: &Value) {
    let faults = faults(&load(name), document);
    assert!(faults.is_empty(), "{name}:\n{}\n{document:#}", faults.join("\n"));
}

/// Where the document and the schema disagree.
pub(crate) fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, document, "", true, &mut faults);
    faults
}

/// `whole`: the schema describes the object, it is not only a condition on some of it.
fn check(schema: &Value, value: &Value, at: &str, whole: bool, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("{at}: {what}: {value}"));
    for (word, rule) in schema.as_object().unwrap() {
        let good = match word.as_str() {
            "$schema" | "$id" | "title" | "description" | "then" | "else" => true,
            "type" => is_type(rule, value),
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= size(rule)),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= size(rule)),
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "format" => {
                assert_eq!(rule, "date-time");
                value.as_str().is_none_or(|text| {
                    text.ends_with('Z') && text.parse::<socle_model::Timestamp>().is_ok()
                })
            }
            "required" => rule.as_array().unwrap().iter().all(|key| {
                value.as_object().is_none_or(|object| object.contains_key(key.as_str().unwrap()))
            }),
            "properties" | "items" | "if" => continue,
            other => unreachable!("keyword {other} at {at}"),
        };
        if !good {
            fault(format!("{word} {rule}"));
        }
    }
    if let (Some(rules), Some(object)) = (schema["properties"].as_object(), value.as_object()) {
        for (key, value) in object {
            let at = format!("{at}/{key}");
            match rules.get(key) {
                Some(rule) => check(rule, value, &at, whole, faults),
                None if whole => faults.push(format!("{at}: not in the schema")),
                None => {}
            }
        }
    }
    if let (Some(rule), Some(list)) = (schema.get("items"), value.as_array()) {
        for (n, value) in list.iter().enumerate() {
            check(rule, value, &format!("{at}/{n}"), whole, faults);
        }
    }
    if let Some(condition) = schema.get("if") {
        let mut broken = Vec::new();
        check(condition, value, at, false, &mut broken);
        let branch = if broken.is_empty() { "then" } else { "else" };
        if let Some(rule) = schema.get(branch) {
            check(rule, value, at, false, faults);
        }
    }
}

fn size(rule: &Value) -> u64 {
    rule.as_u64().unwrap()
}

fn is_type(rule: &Value, value: &Value) -> bool {
    let one = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => unreachable!("type {other}"),
    };
    match rule.as_array() {
        Some(names) => names.iter().any(one),
        None => one(rule),
    }
}
