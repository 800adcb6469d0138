//! `uname`: the kernel's and the host's name: uname(2), or in a tree made for a test `/proc/sys/kernel`.

use crate::attr::Attr;
use crate::{ReadError, Root, Source};
use nix::sys::utsname::uname;
use socle_model::metrics::{Family, Kind, Page, Series};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Labels, and the files of `/proc/sys/kernel` that hold them.
const LABELS: [(&str, &str); 6] = [
    ("sysname", "ostype"),
    ("release", "osrelease"),
    ("version", "version"),
    ("machine", "arch"),
    ("nodename", "hostname"),
    ("domainname", "domainname"),
];
const MACHINE: usize = 3;

pub(crate) struct Uname {
    /// `None` where the system call answers.
    files: Option<[Attr; LABELS.len()]>,
    family: Family,
    texts: [String; LABELS.len()],
    series: Option<Series>,
}

impl Uname {
    pub(crate) fn new(root: &Root) -> Self {
        let dir = root.procfs.join("sys/kernel");
        let files = LABELS.map(|(_, file)| Attr::new(dir.join(file)));
        let help = "Labeled system information as provided by the uname system call.";
        Uname {
            files: (root.procfs != Path::new("/proc")).then_some(files),
            family: Family::new("node_uname_info", Kind::Gauge, help),
            texts: Default::default(),
            series: None,
        }
    }

    /// Reads the texts, and says whether one has changed.
    fn look(&mut self) -> Result<bool, ReadError> {
        let failed = |errno: nix::Error| ReadError::Failed {
            path: "uname".into(),
            source: std::io::Error::from(errno),
        };
        let mut changed = false;
        let Some(files) = &mut self.files else {
            let names = uname().map_err(failed)?;
            let texts = [
                names.sysname(),
                names.release(),
                names.version(),
                names.machine(),
                names.nodename(),
                names.domainname(),
            ];
            for (kept, text) in self.texts.iter_mut().zip(texts) {
                changed |= set(kept, text.as_bytes());
            }
            return Ok(changed);
        };
        for (n, (file, kept)) in files.iter_mut().zip(&mut self.texts).enumerate() {
            let found = file.read("a name", |text| Some(set(kept, text)));
            changed |= match found {
                // A file of Linux 6.1 and later.
                Err(ReadError::NoData(_)) if n == MACHINE => {
                    set(kept, uname().map_err(failed)?.machine().as_bytes())
                }
                other => other?,
            };
        }
        Ok(changed)
    }
}

/// Keeps a text, and says whether it is another than before.
fn set(kept: &mut String, text: &[u8]) -> bool {
    if kept.as_bytes() == text {
        return false;
    }
    *kept = String::from_utf8_lossy(text).into_owned();
    true
}

impl Source for Uname {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        if self.look()? || self.series.is_none() {
            let mut labels = [("", ""); LABELS.len()];
            for ((label, (name, _)), text) in labels.iter_mut().zip(LABELS).zip(&self.texts) {
                *label = (name, text);
            }
            self.series = Some(self.family.series(&labels));
        }
        if let Some(series) = &self.series {
            page.family(&self.family);
            page.sample(series, 1u64);
        }
        Ok(())
    }
}
