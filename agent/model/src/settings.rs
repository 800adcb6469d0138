//! Configuration: TOML with drop-ins, read against a table of keys, so that a fault names file,
//! line, key and the nearest valid key. Pure: texts in, one merged table or all faults out.

use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One key that exists. A room lists its own; the sample file and the check are made from the list.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The table's name, `ipmi` or `metrics.filters`.
    pub table: &'static str,
    /// The key's name; [`ANY`] for a table that takes any key.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The default as TOML text.
    pub default: &'static str,
    /// What it does, for the sample file; lines of at most 90 characters.
    pub doc: &'static str,
}

/// A [`Key::name`] that stands for every key of its table.
pub const ANY: &str = "*";

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A string.
    Text,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// An array of strings.
    Texts,
    /// A string, or an array of them.
    TextOrTexts,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number within bounds.
    Number(f64, f64),
    /// A string or a boolean.
    TextOrBool,
}

/// The halves that own tables of the one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are their own explanation")]
pub enum Half {
    Host,
    Gate,
}

/// Every table of `socle.toml` and who reads it. The other half passes over it.
pub const TABLES: &[(&str, Half)] =
    &[("gate", Half::Gate), ("metrics", Half::Gate), ("ipmi", Half::Host)];

/// One file.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    /// Its path, for messages.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: String,
    /// Line from 1.
    pub line: usize,
    /// The key with its table; empty where the file is no TOML.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// The nearest key or table that exists.
    pub nearest: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.path, self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; the nearest that exists is {nearest}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Reads all fragments in their order, later ones winning key by key, as far as they concern `half`
/// whose keys are `keys`. Only keys that were given are in the result: defaults are the room's.
///
/// # Errors
/// Every fault of every file, in order.
pub fn merge(
    half: Half,
    keys: &[Key],
    fragments: &[Fragment<'_>],
) -> Result<toml::Table, Vec<Fault>> {
    let owned = |name: &str| TABLES.iter().any(|(table, owner)| *table == name && *owner == half);
    merge_tables(&owned, keys, fragments)
}

/// [`merge`] for who needs one table only, whose keys are `keys`; the other tables are passed over.
///
/// # Errors
/// Every fault of every file that concerns this table, or all.
pub fn merge_one(
    table: &str,
    keys: &[Key],
    fragments: &[Fragment<'_>],
) -> Result<toml::Table, Vec<Fault>> {
    merge_tables(&|name| name == table, keys, fragments)
}

fn merge_tables(
    mine: &dyn Fn(&str) -> bool,
    keys: &[Key],
    fragments: &[Fragment<'_>],
) -> Result<toml::Table, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut merged = toml::Table::new();
    for fragment in fragments {
        let found = check(mine, keys, *fragment);
        if found.is_empty() {
            // It parsed as TOML in the check.
            let table = fragment.text.parse::<toml::Table>().unwrap_or_default();
            overlay(&mut merged, table);
        }
        faults.extend(found);
    }
    merged.retain(|name: &str, _| mine(name));
    if faults.is_empty() { Ok(merged) } else { Err(faults) }
}

fn overlay(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => overlay(old, new),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

fn check(mine: &dyn Fn(&str) -> bool, keys: &[Key], fragment: Fragment<'_>) -> Vec<Fault> {
    let root = match DeTable::parse(fragment.text) {
        Ok(root) => root,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return vec![fault(fragment, at, "", error.message().into(), None)];
        }
    };
    let mut faults = Vec::new();
    for (name, value) in root.get_ref() {
        let table = name.get_ref().as_ref();
        match TABLES.iter().find(|(known, _)| *known == table) {
            None => {
                let nearest = nearest(table, TABLES.iter().map(|(known, _)| *known));
                let nearest = nearest.map(|known| format!("[{known}]"));
                let what = "no such table".into();
                faults.push(fault(
                    fragment,
                    name.span().start,
                    &format!("[{table}]"),
                    what,
                    nearest,
                ));
            }
            Some(_) if mine(table) => table_faults(keys, fragment, table, value, &mut faults),
            Some(_) => {}
        }
    }
    faults.sort_by_key(|fault| fault.line);
    faults
}

fn table_faults(
    keys: &[Key],
    fragment: Fragment<'_>,
    table: &str,
    value: &Spanned<DeValue<'_>>,
    faults: &mut Vec<Fault>,
) {
    let DeValue::Table(entries) = value.get_ref() else {
        let what = format!("a table is wanted, not {}", value.get_ref().type_str());
        faults.push(fault(fragment, value.span().start, table, what, None));
        return;
    };
    for (name, value) in entries {
        let key = name.get_ref().as_ref();
        let inner = format!("{table}.{key}");
        if keys.iter().any(|known| known.table == inner) {
            table_faults(keys, fragment, &inner, value, faults);
            continue;
        }
        let known = keys.iter().filter(|known| known.table == table);
        let found = known.clone().find(|known| known.name == key || known.name == ANY);
        let (at, what, near) = match found {
            None => {
                let near = nearest(key, known.map(|known| known.name));
                (
                    name.span().start,
                    "no such key".to_owned(),
                    near.map(|near| format!("{table}.{near}")),
                )
            }
            Some(known) => match kind_fault(known.kind, value.get_ref()) {
                None => continue,
                Some(what) => (value.span().start, what, None),
            },
        };
        faults.push(fault(fragment, at, &inner, what, near));
    }
}

fn kind_fault(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    let wanted = match kind {
        Kind::Text if value.is_str() => return None,
        Kind::Text => "a string is wanted".to_owned(),
        Kind::Word(words) if value.as_str().is_some_and(|word| words.contains(&word)) => {
            return None;
        }
        Kind::Word(words) => format!("one of {} is wanted", words.join(", ")),
        Kind::Texts if is_texts(value) => return None,
        Kind::Texts => "an array of strings is wanted".into(),
        Kind::TextOrTexts if value.is_str() || is_texts(value) => return None,
        Kind::TextOrTexts => "a string, or an array of strings, is wanted".into(),
        Kind::Integer(low, high) if integer(value).is_some_and(|n| (low..=high).contains(&n)) => {
            return None;
        }
        Kind::Integer(low, high) => format!("a whole number from {low} to {high} is wanted"),
        Kind::Number(low, high) if number(value).is_some_and(|x| (low..=high).contains(&x)) => {
            return None;
        }
        Kind::Number(low, high) => format!("a number from {low} to {high} is wanted"),
        Kind::TextOrBool if value.is_str() || value.is_bool() => return None,
        Kind::TextOrBool => "a string, or true or false, is wanted".into(),
    };
    Some(wanted)
}

fn is_texts(value: &DeValue<'_>) -> bool {
    value.as_array().is_some_and(|array| array.iter().all(|item| item.get_ref().is_str()))
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let value = value.as_integer()?;
    i64::from_str_radix(value.as_str(), value.radix()).ok()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value.as_float() {
        Some(float) => float.as_str().parse().ok(),
        None => integer(value).and_then(|n| n.to_string().parse().ok()),
    }
}

fn fault(
    fragment: Fragment<'_>,
    at: usize,
    key: &str,
    what: String,
    nearest: Option<String>,
) -> Fault {
    let before = fragment.text.as_bytes().get(..at).unwrap_or_default();
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    Fault { path: fragment.path.into(), line, key: key.into(), what, nearest }
}

/// The name nearest to `wrong`, if there is any that resembles it at all.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The sample file: every key with its explanation, commented out at its default.
#[must_use]
pub fn commented_defaults(keys: &[Key]) -> String {
    let mut text = String::new();
    let mut table = "";
    for key in keys {
        if key.table != table {
            table = key.table;
            text.push_str(&format!("\n[{table}]\n"));
        }
        for line in key.doc.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        let name = if key.name == ANY { "" } else { key.name };
        match name {
            "" => text.push_str(&format!("#{}\n", key.default)),
            name => text.push_str(&format!("#{name} = {}\n", key.default)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[Key] = &[
        Key {
            table: "ipmi",
            name: "interval_s",
            kind: Kind::Integer(1, 3600),
            default: "30",
            doc: "Sweep.",
        },
        Key {
            table: "ipmi",
            name: "bus_share",
            kind: Kind::Number(0.01, 1.0),
            default: "0.2",
            doc: "Share.",
        },
        Key { table: "ipmi", name: "device", kind: Kind::Text, default: "\"x\"", doc: "Device." },
        Key {
            table: "ipmi.map",
            name: ANY,
            kind: Kind::TextOrBool,
            default: "\"a\" = \"b\"",
            doc: "Map.",
        },
    ];

    fn read(texts: &[&str]) -> Result<toml::Table, Vec<Fault>> {
        let fragments: Vec<_> =
            texts.iter().map(|text| Fragment { path: "/etc/socle/x.toml", text }).collect();
        merge(Half::Host, KEYS, &fragments)
    }

    #[test]
    fn later_files_win_key_by_key() {
        let merged = read(&[
            "[ipmi]\ninterval_s = 5\nbus_share = 1\n[ipmi.map]\n\"a.b\" = true\n[gate]\nanything = 1\n",
            "[ipmi]\ninterval_s = 7\n",
        ]);
        let expected = "[ipmi]\ninterval_s = 7\nbus_share = 1\nmap = { \"a.b\" = true }\n";
        assert_eq!(merged.unwrap(), expected.parse::<toml::Table>().unwrap());
    }

    #[test]
    fn faults_name_file_line_key_and_the_nearest() {
        let faults = read(&["[ipmi]\n\nintervall_s = 5\nbus_share = 2\n[ipmy]\n"]).unwrap_err();
        let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "/etc/socle/x.toml:3: ipmi.intervall_s: no such key; the nearest that exists is ipmi.interval_s",
                "/etc/socle/x.toml:4: ipmi.bus_share: a number from 0.01 to 1 is wanted",
                "/etc/socle/x.toml:5: [ipmy]: no such table; the nearest that exists is [ipmi]",
            ]
        );
        assert_eq!(read(&["[ipmi]\nx = = 1"]).unwrap_err()[0].line, 2);
    }

    #[test]
    fn the_sample_file_is_valid_and_sets_nothing() {
        let sample = commented_defaults(KEYS);
        assert!(read(&[&sample]).is_ok(), "{sample}");
        let live: String = sample
            .lines()
            .map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line))
            .fold(String::new(), |text, line| {
                text + if line.starts_with('#') { "" } else { line } + "\n"
            });
        assert!(read(&[&live]).is_ok(), "{live}");
    }
}
