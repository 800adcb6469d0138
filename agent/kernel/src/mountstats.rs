//! `mountstats`: what the NFS client counts for each mount, `/proc/self/mountstats`. Opt-in.

mod figures;
mod mount;

use crate::file::{number, words};
use crate::lines::{Fault, Lines, Text};
use crate::table::Table;
use crate::{ReadError, Root, Source};
use figures::MOUNT;
use mount::{Families, Mount};
use socle_model::metrics::{Page, Series};

/// Where the parts of a mount's first line stand: `device X mounted on M with fstype T statvers=1.1`.
const EXPORT: usize = 1;
const POINT: usize = 4;
const TYPE: usize = 7;

/// The mount whose lines are being read.
struct Block {
    export: Vec<u8>,
    point: Vec<u8>,
    nfs: bool,
    values: [u64; MOUNT.len()],
    /// Transports so far.
    transports: usize,
    /// Its place among the mounts; none before a transport, or where the same server and export was shown.
    at: Option<usize>,
    operations: bool,
}

/// `/proc/self/mountstats`.
pub(crate) struct Mounts {
    families: Families,
    mounts: Vec<Mount>,
    points: Table<Series>,
    /// The servers' addresses, by the place of the mount in the list.
    addresses: Vec<Vec<u8>>,
    /// Mounts so far.
    listed: usize,
    block: Block,
    key: Vec<u8>,
}

impl Mounts {
    pub(crate) fn new() -> Self {
        let block = Block {
            export: Vec::new(),
            point: Vec::new(),
            nfs: false,
            values: [0; MOUNT.len()],
            transports: 0,
            at: None,
            operations: false,
        };
        Mounts {
            families: Families::default(),
            mounts: Vec::new(),
            points: Table::default(),
            addresses: Vec::new(),
            listed: 0,
            block,
            key: Vec::new(),
        }
    }

    /// Keeps the option `addr` of the n-th line of mountinfo.
    fn address(&mut self, n: usize, line: &[u8]) {
        let mut options = words(line).skip_while(|word| *word != b"-").skip(3);
        let options = options.next().unwrap_or_default().split(|byte| *byte == b',');
        let address = options.filter_map(|option| option.strip_prefix(b"addr=")).next_back();
        if self.addresses.len() < n {
            self.addresses.resize_with(n, Vec::new);
        }
        if let Some(slot) = n.checked_sub(1).and_then(|at| self.addresses.get_mut(at)) {
            slot.clear();
            slot.extend_from_slice(address.unwrap_or_default());
        }
    }

    /// The first line of a mount.
    fn mount(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.listed += 1;
        let word = |n| words(line).nth(n);
        let parts = (word(EXPORT), word(POINT), word(TYPE));
        let (Some(export), Some(point), Some(kind)) = parts else {
            return Err(Fault::new(line, "device X mounted on M with fstype T"));
        };
        let block = &mut self.block;
        block.export.clear();
        block.export.extend_from_slice(export);
        block.point.clear();
        block.point.extend_from_slice(point);
        block.nfs = (kind == b"nfs" || kind == b"nfs4") && word(TYPE + 1).is_some();
        block.values = [0; MOUNT.len()];
        (block.transports, block.at, block.operations) = (0, None, false);
        Ok(())
    }

    /// `xprt: tcp 832 0 1 0 11 6428 6428 0 12154 0 24 26 5726`
    fn transport(&mut self, line: &[u8]) -> Result<(), Fault> {
        let protocol = words(line).nth(1).ok_or_else(|| Fault::new(line, "a protocol"))?;
        let address = self.listed.checked_sub(1).and_then(|at| self.addresses.get(at));
        let address = address.map_or(&b""[..], Vec::as_slice);
        let Mounts { families, mounts, points, block, key, .. } = self;
        key.clear();
        // What is not UTF-8 is shown with U+FFFD; two such mounts may be one.
        for part in [&block.export, protocol, address] {
            key.extend_from_slice(String::from_utf8_lossy(part).as_bytes());
            key.push(0);
        }
        let length = key.len();
        key.extend_from_slice(String::from_utf8_lossy(&block.point).as_bytes());
        points.row(key, || families.point(&block.export, protocol, address, &block.point));
        key.truncate(length);
        if block.transports == 0 {
            let at = mounts.iter().position(|mount| mount.is(key)).unwrap_or_else(|| {
                mounts.push(Mount::new(families, key, &block.export, protocol, address));
                mounts.len() - 1
            });
            let begun = mounts.get_mut(at).is_some_and(|mount| mount.begin(&block.values));
            block.at = begun.then_some(at);
        }
        block.transports += 1;
        match block.at.and_then(|at| mounts.get_mut(at)) {
            Some(mount) => mount.transport(families, block.transports, protocol, line),
            None => Ok(()),
        }
    }
}

impl Text for Mounts {
    fn begin(&mut self) {
        self.mounts.iter_mut().for_each(Mount::forget);
        self.points.begin();
        self.listed = 0;
        self.block.nfs = false;
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        match words.next() {
            Some(b"device") => return self.mount(line),
            // `no device mounted on M`: it has its place in mountinfo too.
            Some(b"no") => {
                self.listed += 1;
                self.block.nfs = false;
            }
            Some(b"xprt:") if self.block.nfs => return self.transport(line),
            Some(b"per-op") => self.block.operations = true,
            Some(key) if self.block.nfs && self.block.operations => {
                let mount = self.block.at.and_then(|at| self.mounts.get_mut(at));
                return mount.map_or(Ok(()), |mount| mount.operation(&self.families, key, line));
            }
            Some(key) if self.block.nfs => {
                let figures = MOUNT.iter().zip(&mut self.block.values);
                for ((_, column, name, ..), value) in
                    figures.filter(|((word, ..), _)| word.as_bytes() == key)
                {
                    let figure = number(crate::file::words(line).nth(column + 1));
                    *value = figure.ok_or_else(|| Fault::new(name, "a whole number"))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        self.families.write(page, self.points.present(), &self.mounts);
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.points.sweep();
        self.mounts.retain(Mount::shown);
        Ok(())
    }
}

pub(crate) struct Mountstats {
    info: Lines,
    stats: Lines,
    mounts: Mounts,
}

impl Mountstats {
    pub(crate) fn new(root: &Root) -> Self {
        let file = |name| Lines::new(root.own().join(name));
        Mountstats { info: file("mountinfo"), stats: file("mountstats"), mounts: Mounts::new() }
    }

    fn collect(&mut self) -> Result<(), ReadError> {
        let Mountstats { info, stats, mounts } = self;
        mounts.addresses.iter_mut().for_each(Vec::clear);
        info.read_if_there(|number, line| {
            mounts.address(number, line);
            Ok(())
        })?;
        stats.read_into(mounts)
    }
}

impl Source for Mountstats {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        self.collect()?;
        self.mounts.write(page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.info.look_again();
        self.collect()?;
        self.mounts.discover()
    }
}
