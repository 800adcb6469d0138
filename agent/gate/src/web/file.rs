//! The keys of a `web.yml`: the exporter toolkit's, each with its kind. A fault names file, line, key and
//! what to do; a word that is understood but cannot be had in full is a note.

use super::words::{self, ClientAuth};
use super::yaml::{self, Node, Value};
use axum::http::{HeaderName, HeaderValue};
use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use socle_model::settings::{Fault, nearest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct WebFile {
    /// `tls_server_config`, where it turns TLS on.
    pub(crate) tls: Option<Tls>,
    /// `http_server_config.headers`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// `basic_auth_users`: name to bcrypt hash.
    pub(crate) users: BTreeMap<String, String>,
    /// `rate_limit`, unless its interval is 0.
    pub(crate) rate: Option<Rate>,
    /// What is understood and not done in full, for people.
    pub(crate) notes: Vec<String>,
}

/// `rate_limit`: a bucket that holds `burst` requests and gains one per `interval`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    /// The time in which it gains one.
    pub(crate) interval: Duration,
    /// What it holds.
    pub(crate) burst: u32,
}

/// Certificates or a key: in the file itself, or in one of their own. With the line of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pem {
    /// The key's name.
    pub(crate) key: &'static str,
    /// Its line.
    pub(crate) line: usize,
    /// Where the text is.
    pub(crate) place: Place,
}

/// Where a PEM text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Here.
    Inline(String),
    /// In this file.
    File(PathBuf),
}

/// `tls_server_config`.
#[derive(Debug)]
pub(crate) struct Tls {
    /// `cert`, `cert_file`.
    pub(crate) cert: Pem,
    /// `key`, `key_file`.
    pub(crate) key: Pem,
    /// `client_ca`, `client_ca_file`.
    pub(crate) client_ca: Option<Pem>,
    /// `client_auth_type`.
    pub(crate) client_auth: ClientAuth,
    /// `client_allowed_sans`.
    pub(crate) sans: Option<Vec<String>>,
    /// `min_version`, `max_version`: whether 1.2 and 1.3 are spoken.
    pub(crate) versions: (bool, bool),
    /// `cipher_suites`; empty for all.
    pub(crate) suites: Vec<SupportedCipherSuite>,
    /// `prefer_server_cipher_suites`.
    pub(crate) prefer_server: bool,
    /// `curve_preferences`; empty for the default.
    pub(crate) groups: Vec<&'static dyn SupportedKxGroup>,
}

/// Reads the text of the file at `path`.
pub(crate) fn parse(path: &Path, text: &str) -> Result<WebFile, Vec<Fault>> {
    let mut reading = Reading { path, faults: Vec::new(), file: WebFile::default() };
    match yaml::parse(text) {
        Ok(node) => reading.all(&node),
        Err(error) => reading.fault(error.line, "", error.what),
    }
    let Reading { mut faults, file, .. } = reading;
    faults.sort_by_key(|fault| fault.line);
    if faults.is_empty() { Ok(file) } else { Err(faults) }
}

const TABLES: &[&str] =
    &["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];

/// The reading of one file.
pub(super) struct Reading<'a> {
    pub(super) path: &'a Path,
    faults: Vec<Fault>,
    pub(super) file: WebFile,
}

/// A table's entries by their keys.
pub(super) type Entries<'n> = Vec<(&'n yaml::Key, &'n Node)>;

impl Reading<'_> {
    pub(super) fn fault(&mut self, line: usize, key: &str, what: impl Into<String>) {
        self.faults.push(Fault {
            path: self.path.display().to_string(),
            line,
            key: key.to_owned(),
            what: what.into(),
            nearest: None,
        });
    }

    pub(super) fn note(&mut self, line: usize, key: &str, what: &str) {
        self.file.notes.push(format!("{}:{line}: {key}: {what}", self.path.display()));
    }

    /// The entries of a table whose keys are `known`; others are faults.
    pub(super) fn entries<'n>(
        &mut self,
        node: &'n Node,
        table: &str,
        known: &[&str],
    ) -> Entries<'n> {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => {
                self.fault(node.line, table, "a table of keys and values is wanted");
                &[]
            }
        };
        let dot = if table.is_empty() { "" } else { "." };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            self.fault(key.line, &format!("{table}{dot}{}", key.name), "no such key");
            let near = nearest(&key.name, known.iter().copied());
            if let Some(fault) = self.faults.last_mut() {
                fault.nearest = near.map(|near| format!("{table}{dot}{near}"));
            }
        }
        entries
            .iter()
            .filter(|(key, _)| known.contains(&key.name.as_str()))
            .map(|(key, node)| (key, node))
            .collect()
    }

    fn all(&mut self, node: &Node) {
        for (key, node) in self.entries(node, "", TABLES) {
            match key.name.as_str() {
                "tls_server_config" => self.tls(node),
                "http_server_config" => self.http(node),
                "basic_auth_users" => self.users(node),
                _ => self.rate(node),
            }
        }
    }

    /// A text; `None` is a fault that was noted, or nothing.
    pub(super) fn text<'n>(&mut self, key: &str, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Text { text, .. } => Some(text),
            Value::Null => None,
            _ => {
                self.fault(node.line, key, "a string is wanted");
                None
            }
        }
    }

    pub(super) fn texts(&mut self, key: &str, node: &Node) -> Vec<(usize, String)> {
        match &node.value {
            Value::List(items) => items
                .iter()
                .filter_map(|item| Some((item.line, self.text(key, item)?.to_owned())))
                .collect(),
            Value::Null => Vec::new(),
            _ => {
                self.fault(node.line, key, "a list of strings is wanted");
                Vec::new()
            }
        }
    }

    pub(super) fn boolean(&mut self, key: &str, node: &Node) -> Option<bool> {
        // The words of YAML 1.1, which the toolkit's reader takes too.
        let word = match &node.value {
            Value::Text { text, plain: true } => text.to_ascii_lowercase(),
            Value::Null => return None,
            _ => String::new(),
        };
        match word.as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => {
                self.fault(node.line, key, "true or false is wanted");
                None
            }
        }
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &str,
        node: &Node,
        known: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(key, node).filter(|text| !text.is_empty())?;
        self.one_of(key, node.line, text, known)
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        key: &str,
        line: usize,
        text: &str,
        known: &[(&str, T)],
    ) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            let what = format!("{text:?} is none of {}", names.join(", "));
            self.fault(line, key, what);
        }
        found
    }

    fn http(&mut self, node: &Node) {
        for (key, node) in self.entries(node, "http_server_config", &["http2", "headers"]) {
            if key.name == "headers" {
                self.headers(node);
            } else if self.boolean("http_server_config.http2", node) == Some(true) {
                let what = "HTTP/1.1 is spoken all the same; clients agree on it by themselves";
                self.note(key.line, "http_server_config.http2", what);
            }
        }
    }

    fn headers(&mut self, node: &Node) {
        let table = "http_server_config.headers";
        let known: Vec<_> = words::HEADERS.iter().map(|(name, _)| *name).collect();
        for (key, node) in self.entries(node, table, &known) {
            let name = format!("{table}.{}", key.name);
            let Some(text) = self.text(&name, node).filter(|text| !text.is_empty()) else {
                continue;
            };
            let limited = words::HEADERS.iter().find(|(header, _)| *header == key.name);
            let values = limited.map_or(&[][..], |(_, values)| values);
            if !values.is_empty() && !values.contains(&text) {
                self.fault(node.line, &name, format!("one of {} is wanted", values.join(", ")));
                continue;
            }
            match (key.name.parse::<HeaderName>(), HeaderValue::from_str(text)) {
                (Ok(header), Ok(value)) => self.file.headers.push((header, value)),
                _ => self.fault(node.line, &name, "no value of a header: one line of ASCII is"),
            }
        }
    }

    fn users(&mut self, node: &Node) {
        let table = "basic_auth_users";
        let Value::Map(entries) = &node.value else {
            if node.value != Value::Null {
                self.fault(node.line, table, "a table of names and bcrypt hashes is wanted");
            }
            return;
        };
        for (key, node) in entries {
            // The hash is a secret, the name in a log is not: it is what has to be corrected.
            let name = format!("{table}.{}", key.name);
            let hash = self.text(&name, node).unwrap_or_default();
            if key.name.is_empty() || key.name.contains(':') {
                self.fault(key.line, &name, "a user's name is not empty and holds no colon");
                continue;
            }
            match hash.parse::<bcrypt::HashParts>() {
                Err(_) => {
                    let what = "no bcrypt hash: make one with `htpasswd -nBC 10 NAME`";
                    self.fault(node.line, &name, what);
                }
                Ok(parts) => {
                    if parts.get_cost() > SLOW {
                        let what =
                            "a hash of this cost takes seconds: the first scrape may time out";
                        self.note(node.line, &name, what);
                    }
                    self.file.users.insert(key.name.clone(), hash.to_owned());
                }
            }
        }
    }

    fn rate(&mut self, node: &Node) {
        let (mut interval, mut burst) = (Duration::ZERO, 0);
        for (key, node) in self.entries(node, "rate_limit", &["interval", "burst"]) {
            let name = format!("rate_limit.{}", key.name);
            let Some(text) = self.text(&name, node) else { continue };
            if key.name == "interval" {
                match words::duration(text) {
                    Some(found) => interval = found,
                    None => {
                        self.fault(node.line, &name, "a duration is wanted, such as 1s or 100ms")
                    }
                }
            } else {
                match text.parse() {
                    Ok(found) => burst = found,
                    Err(_) => self.fault(node.line, &name, "a whole number is wanted"),
                }
            }
        }
        if !interval.is_zero() {
            if burst == 0 {
                let what = "0 lets no request through; 20 lets through what scrapers send";
                self.note(node.line, "rate_limit.burst", what);
            }
            self.file.rate = Some(Rate { interval, burst });
        }
    }
}

/// The highest cost of a hash that takes well under a second.
const SLOW: u32 = 13;

#[cfg(test)]
mod tests;
