//! `meminfo`: every line of `/proc/meminfo`.

use crate::file::{Kept, number, words};
use crate::{ReadError, Root, Source};
use socle_model::metrics::{Family, Kind, Page};
use std::collections::HashMap;

pub(crate) struct Meminfo {
    file: Kept,
    families: HashMap<Vec<u8>, Family>,
}

impl Meminfo {
    pub(crate) fn new(root: &Root) -> Self {
        Meminfo { file: Kept::new(root.procfs.join("meminfo")), families: HashMap::new() }
    }
}

/// `Active(anon):` in kB is `node_memory_Active_anon_bytes`.
fn family(key: &[u8], bytes: bool) -> Family {
    let key = String::from_utf8_lossy(key);
    let clean: String = key
        .trim_end_matches(':')
        .replace('(', "_")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    let field = format!("{clean}{}", if bytes { "_bytes" } else { "" });
    let kind = if field.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
    let help = format!("Memory information field {field}.");
    Family::new(&format!("node_memory_{field}"), kind, &help)
}

impl Source for Meminfo {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let mut bad = None;
        for (n, line) in self.file.read()?.split(|b| *b == b'\n').enumerate() {
            let mut fields = words(line);
            let Some(key) = fields.next() else { continue };
            let value = number::<u64>(fields.next());
            let scale = match fields.next() {
                None => Some(1),
                Some(b"kB") => Some(1024),
                Some(_) => None,
            };
            let value = value.zip(scale).and_then(|(v, s)| v.checked_mul(s).map(|v| (v, s)));
            let Some((value, scale)) = value else {
                bad = Some((n + 1, String::from_utf8_lossy(key).into_owned()));
                break;
            };
            if !self.families.contains_key(key) {
                self.families.insert(key.to_vec(), family(key, scale != 1));
            }
            if let Some(family) = self.families.get(key) {
                page.single(family, value);
            }
        }
        bad.map_or(Ok(()), |(line, item)| {
            Err(self.file.bad(line, &item, "a number, in kB or bare"))
        })
    }
}
