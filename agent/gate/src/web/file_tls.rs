//! The keys of `tls_server_config` in a `web.yml`.

use super::file::{Pem, Place, Reading, Tls};
use super::words::{self, ClientAuth, Known, Version};
use super::yaml::{self, Node, Value};
use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use std::collections::BTreeMap;
use std::path::Path;

/// The keys of the table.
const TLS_KEYS: &[&str] = &[
    "cert",
    "cert_file",
    "key",
    "key_file",
    "client_ca",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
];

/// What was read of `tls_server_config`.
#[derive(Default)]
struct Draft {
    pems: BTreeMap<&'static str, Pem>,
    client_auth: Option<(usize, ClientAuth)>,
    sans: Option<Vec<String>>,
    min: Option<(usize, Version)>,
    max: Option<(usize, Version)>,
    suites: Vec<SupportedCipherSuite>,
    client_order: bool,
    groups: Vec<&'static dyn SupportedKxGroup>,
    /// The first key that says nothing without a certificate.
    other: Option<usize>,
}

/// The pairs of keys of which one is given.
const PEMS: &[(&str, &str)] =
    &[("cert", "cert_file"), ("key", "key_file"), ("client_ca", "client_ca_file")];

impl Reading<'_> {
    pub(super) fn tls(&mut self, node: &Node) {
        let mut draft = Draft::default();
        for (key, node) in self.entries(node, "tls_server_config", TLS_KEYS) {
            self.tls_key(&mut draft, key, node);
        }
        let Draft { pems, client_auth, other, .. } = &draft;
        if pems.is_empty() && client_auth.is_none() {
            if let Some(line) = other {
                let what =
                    "without cert_file and key_file no TLS is spoken: add them, or remove it";
                self.fault(*line, "tls_server_config", what);
            }
            return;
        }
        if let Some(tls) = self.tls_whole(node.line, draft) {
            self.file.tls = Some(tls);
        }
    }

    fn tls_key(&mut self, draft: &mut Draft, key: &yaml::Key, node: &Node) {
        let name = format!("tls_server_config.{}", key.name);
        let name = name.as_str();
        if let Some((key_name, inline)) = pem_key(&key.name) {
            let Some(text) = self.text(name, node).filter(|text| !text.is_empty()) else { return };
            let place = if inline {
                Place::Inline(text.to_owned())
            } else {
                Place::File(self.path.parent().unwrap_or(Path::new("")).join(text))
            };
            let key_name_there = if inline { key_name.0 } else { key_name.1 };
            let pem = Pem { key: key_name_there, line: key.line, place };
            if draft.pems.insert(key_name.0, pem).is_some() {
                let what = format!("{} and {} are both given: keep one", key_name.0, key_name.1);
                self.fault(key.line, name, what);
            }
            return;
        }
        if key.name != "client_auth_type" {
            draft.other.get_or_insert(key.line);
        }
        match key.name.as_str() {
            "client_auth_type" => {
                let found = self.word(name, node, words::POLICIES);
                draft.client_auth = found.map(|found| (node.line, found)).or(draft.client_auth);
            }
            "client_allowed_sans" => {
                let texts = self.texts(name, node).into_iter().map(|(_, text)| text).collect();
                draft.sans = (node.value != Value::Null).then_some(texts);
            }
            "min_version" => {
                let found = self.word(name, node, words::VERSIONS);
                draft.min = found.map(|found| (node.line, found));
            }
            "max_version" => {
                let found = self.word(name, node, words::VERSIONS);
                draft.max = found.map(|found| (node.line, found));
            }
            "prefer_server_cipher_suites" => {
                draft.client_order = self.boolean(name, node) == Some(false);
            }
            "cipher_suites" => draft.suites = self.known(name, node, words::SUITES),
            _ => draft.groups = self.known(name, node, &words::groups()),
        }
    }

    /// The words of a list that are here; at least one must be, if there is any.
    fn known<T: Copy>(&mut self, key: &str, node: &Node, known: &[(&str, Known<T>)]) -> Vec<T> {
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for (line, text) in self.texts(key, node) {
            match self.one_of(key, line, &text, known) {
                Some(Known::Here(value)) => here.push(value),
                Some(Known::Elsewhere) => elsewhere.push((line, text)),
                None => {}
            }
        }
        if let Some((line, text)) = elsewhere.first() {
            if here.is_empty() {
                let what = format!(
                    "{text} is not spoken here, and no other is listed: add one of {}",
                    first_here(known)
                );
                self.fault(*line, key, what);
            } else {
                let names: Vec<_> = elsewhere.iter().map(|(_, text)| text.as_str()).collect();
                let what = format!("{} left out: not spoken here", names.join(", "));
                self.note(*line, key, &what);
            }
        }
        here
    }

    fn tls_whole(&mut self, line: usize, mut draft: Draft) -> Option<Tls> {
        let versions = self.versions(draft.min, draft.max);
        let client_ca = draft.pems.remove("client_ca");
        let (at, client_auth) = draft.client_auth.unwrap_or_default();
        match &client_ca {
            Some(ca) if client_auth == ClientAuth::No => {
                let what = "CAs of clients without a policy: add client_auth_type: \
                            RequireAndVerifyClientCert";
                self.fault(ca.line, &format!("tls_server_config.{}", ca.key), what);
            }
            None if client_auth.verifies() => {
                let what =
                    "needs client_ca_file or client_ca: the system's CAs are not taken for clients";
                self.fault(at, "tls_server_config.client_auth_type", what);
            }
            _ => {}
        }
        if draft.sans.is_some() && client_auth == ClientAuth::No {
            let what = "clients are not asked for certificates: add client_auth_type: \
                        RequireAndVerifyClientCert";
            self.fault(line, "tls_server_config.client_allowed_sans", what);
        }
        let mut missing = |name: &'static str, file: &str| {
            let found = draft.pems.remove(name);
            if found.is_none() {
                let what = format!("{file} (or {name}) is missing");
                self.fault(line, "tls_server_config", what);
            }
            found
        };
        let (cert, key) = (missing("cert", "cert_file"), missing("key", "key_file"));
        if versions == (false, true) && !draft.suites.is_empty() {
            let what =
                "only about TLS 1.2, which min_version leaves out; those of 1.3 are always on";
            self.note(line, "tls_server_config.cipher_suites", what);
        }
        Some(Tls {
            cert: cert?,
            key: key?,
            client_ca,
            client_auth,
            sans: draft.sans,
            versions,
            suites: draft.suites,
            prefer_server: !draft.client_order,
            groups: draft.groups,
        })
    }

    /// TLS 1.0 and 1.1 are not spoken: as a lower end they are read as 1.2, as an upper end they leave
    /// nothing.
    fn versions(
        &mut self,
        min: Option<(usize, Version)>,
        max: Option<(usize, Version)>,
    ) -> (bool, bool) {
        let lowest = min.map_or(Version::Tls12, |(_, version)| version);
        let highest = max.map_or(Version::Tls13, |(_, version)| version);
        if let Some((line, _)) = min.filter(|(_, version)| *version < Version::Tls12) {
            let what = "TLS 1.0 and 1.1 are not spoken: 1.2 is the least";
            self.note(line, "tls_server_config.min_version", what);
        }
        if let Some((line, _)) = max.filter(|_| highest < lowest.max(Version::Tls12)) {
            let what =
                "leaves no version: TLS12 and TLS13 are spoken, and it is not below min_version";
            self.fault(line, "tls_server_config.max_version", what);
        }
        (lowest <= Version::Tls12 && highest >= Version::Tls12, highest >= Version::Tls13)
    }
}

fn pem_key(name: &str) -> Option<(&'static (&'static str, &'static str), bool)> {
    let pair = PEMS.iter().find(|(inline, file)| *inline == name || *file == name)?;
    Some((pair, pair.0 == name))
}

fn first_here<T>(known: &[(&str, Known<T>)]) -> String {
    let here = known.iter().filter(|(_, known)| matches!(known, Known::Here(_)));
    here.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
