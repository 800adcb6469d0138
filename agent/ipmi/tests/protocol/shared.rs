//! What the tests of this room share: records made by hand, and a BMC that answers from memory.

use socle_ipmi::{Completion, Request, Response, Transport, TransportError};
use std::collections::VecDeque;
use std::time::Duration;

/// What varies between the full records of the tests.
#[derive(Debug, Clone)]
pub(crate) struct Full<'a> {
    pub(crate) id: u16,
    pub(crate) number: u8,
    pub(crate) lun: u8,
    pub(crate) sensor_type: u8,
    pub(crate) event_type: u8,
    pub(crate) readable: u8,
    pub(crate) units: [u8; 3],
    pub(crate) linearization: u8,
    /// M, M and tolerance, B, B and accuracy, accuracy, exponents.
    pub(crate) factors: [u8; 6],
    /// From upper non-recoverable down to lower non-critical: upper three, then lower three.
    pub(crate) thresholds: [u8; 6],
    pub(crate) name: &'a [u8],
    pub(crate) encoding: u8,
}

impl Default for Full<'_> {
    fn default() -> Self {
        Full {
            id: 1,
            number: 0x30,
            lun: 0,
            sensor_type: 0x04,
            event_type: 0x01,
            readable: 0x3F,
            units: [0x00, 18, 0],
            linearization: 0,
            factors: [75, 0, 0, 0, 0, 0],
            thresholds: [255, 250, 240, 10, 15, 20],
            name: b"M0_FAN3",
            encoding: 3,
        }
    }
}

/// Record head and body.
pub(crate) fn record(id: u16, kind: u8, body: &[u8]) -> Vec<u8> {
    let [low, high] = id.to_le_bytes();
    let length = u8::try_from(body.len()).unwrap();
    [&[low, high, 0x51, kind, length], body].concat()
}

impl Full<'_> {
    /// The bytes of the record (section 43.1).
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = vec![0x20, self.lun, self.number, 29, 4, 0x7F, 0x68];
        body.extend([self.sensor_type, self.event_type, 0, 0, 0, 0, self.readable, 0]);
        body.extend(self.units);
        body.push(self.linearization);
        body.extend(self.factors);
        body.extend([0, 0, 0, 0, 255, 0]);
        body.extend(self.thresholds);
        body.extend([0, 0, 0, 0, 0]);
        body.push(self.encoding << 6 | u8::try_from(self.name.len()).unwrap());
        body.extend(self.name);
        record(self.id, 0x01, &body)
    }
}

/// A compact record (section 43.2) of `count` sensors; `modifier` is byte 24 without the count.
pub(crate) fn compact(id: u16, count: u8, modifier: u8, offset: u8, name: &[u8]) -> Vec<u8> {
    let mut body = vec![0x20, 0, 0x60, 4, 1, 0x67, 0x40, 0x0D, 0x6F, 0, 0, 0, 0, 7, 0, 0xC0, 0, 0];
    body.extend([modifier | count, offset, 0, 0, 0, 0, 0, 0]);
    body.push(0xC0 | u8::try_from(name.len()).unwrap());
    body.extend(name);
    record(id, 0x02, &body)
}

/// An event-only record (section 43.3) of one sensor.
pub(crate) fn event_only(id: u16, name: &[u8]) -> Vec<u8> {
    let mut body = vec![0x20, 0, 0x70, 7, 1, 0x07, 0x6F, 0, 0, 0, 0];
    body.push(0xC0 | u8::try_from(name.len()).unwrap());
    body.extend(name);
    record(id, 0x03, &body)
}

/// A system event record of the sensor of [`Full::default`].
pub(crate) fn event(id: u16, seconds: u32, offset: u8, reading: u8, threshold: u8) -> [u8; 16] {
    let mut raw = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 4, 0x30, 0x01, 0x50 | offset, 0, 0];
    raw[..2].copy_from_slice(&id.to_le_bytes());
    raw[3..7].copy_from_slice(&seconds.to_le_bytes());
    (raw[14], raw[15]) = (reading, threshold);
    raw
}

/// How a [`Bmc`] misbehaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quirks {
    /// Most bytes of a record in one answer, else CAh.
    pub(crate) most: Option<u8>,
    /// Sends whole records whatever is asked.
    pub(crate) whole: bool,
    /// No repository, device SDRs only.
    pub(crate) device_only: bool,
    /// Writes this id into every record's head.
    pub(crate) wrong_id: Option<u16>,
    /// Records it refuses, with the code.
    pub(crate) refused: Vec<(u16, u8)>,
    /// After the record of this id comes that one.
    pub(crate) jump: Option<(u16, u16)>,
    /// At the n-th command answers this code instead.
    pub(crate) faults: Vec<(usize, u8)>,
    /// At the n-th command the repository changes; C5h follows by itself.
    pub(crate) changes: Vec<usize>,
    /// Changes at each repository info.
    pub(crate) restless: bool,
}

/// A BMC with a repository and a log, in memory.
#[derive(Debug, Default)]
pub(crate) struct Bmc {
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) log: Vec<(u16, [u8; 16])>,
    pub(crate) erased: u32,
    pub(crate) quirks: Quirks,
    pub(crate) commands: usize,
    pub(crate) asked: VecDeque<Request>,
    reservation: u16,
    changed: u32,
}

impl Bmc {
    pub(crate) fn new(records: Vec<Vec<u8>>, quirks: Quirks) -> Self {
        Bmc { records, quirks, reservation: 1, ..Bmc::default() }
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Response {
        self.commands += 1;
        self.asked.push_back(request.clone());
        if self.quirks.changes.contains(&self.commands) {
            self.changed += 1;
            self.reservation += 1;
        }
        let fault = self.quirks.faults.iter().find(|(n, _)| *n == self.commands);
        if let Some(&(_, code)) = fault {
            if code == 0xC5 {
                self.reservation += 1;
            }
            return Response { completion: Completion(code), data: Vec::new() };
        }
        match self.command(request) {
            Ok(data) => Response { completion: Completion::OK, data },
            Err(code) => Response { completion: Completion(code), data: Vec::new() },
        }
    }

    fn command(&mut self, request: &Request) -> Result<Vec<u8>, u8> {
        let netfn = if self.quirks.device_only { 0x04 } else { 0x0A };
        match (request.netfn, request.cmd) {
            (0x0A, 0x40) => Ok(self.sel_info()),
            (0x0A, 0x43) => self.entry(&request.data),
            (function, 0x20) if function == netfn => Ok(self.info()),
            (function, 0x22) if function == netfn => {
                self.reservation += 1;
                Ok(self.reservation.to_le_bytes().to_vec())
            }
            (0x0A, 0x23) if netfn == 0x0A => self.part(&request.data),
            (0x04, 0x21) if netfn == 0x04 => self.part(&request.data),
            _ => Err(0xC1),
        }
    }

    fn info(&mut self) -> Vec<u8> {
        if self.quirks.restless {
            self.changed += 1;
        }
        let count = u16::try_from(self.records.len()).unwrap().to_le_bytes();
        let added = self.changed.to_le_bytes();
        [&[0x51], &count[..], &[0xFF, 0xFF], &added, &[0; 4], &[0x22]].concat()
    }

    fn part(&self, data: &[u8]) -> Result<Vec<u8>, u8> {
        let &[r0, r1, i0, i1, offset, length] = data else { return Err(0xC7) };
        if u16::from_le_bytes([r0, r1]) != self.reservation {
            return Err(0xC5);
        }
        let (asked, own) = (u16::from_le_bytes([i0, i1]), |n: usize| self.id_of(n));
        let n =
            if asked == 0 { Some(0) } else { (0..self.records.len()).find(|&n| own(n) == asked) };
        let n = n.filter(|&n| n < self.records.len()).ok_or(0xCB)?;
        if let Some((_, code)) = self.quirks.refused.iter().find(|(id, _)| *id == own(n)) {
            return Err(*code);
        }
        if self.quirks.most.is_some_and(|most| length > most) {
            return Err(0xCA);
        }
        let mut next = if n + 1 < self.records.len() { own(n + 1) } else { 0xFFFF };
        if let Some((_, to)) = self.quirks.jump.filter(|(from, _)| *from == own(n)) {
            next = to;
        }
        let mut record = self.records[n].clone();
        if let Some(id) = self.quirks.wrong_id {
            record[..2].copy_from_slice(&id.to_le_bytes());
        }
        let from = usize::from(offset).min(record.len());
        let to = (from + usize::from(length)).min(record.len());
        let bytes = if self.quirks.whole { &record[..] } else { &record[from..to] };
        Ok([&next.to_le_bytes()[..], bytes].concat())
    }

    fn id_of(&self, n: usize) -> u16 {
        u16::from_le_bytes([self.records[n][0], self.records[n][1]])
    }

    fn sel_info(&self) -> Vec<u8> {
        let count = u16::try_from(self.log.len()).unwrap().to_le_bytes();
        let added = self.log.last().map_or(0, |(id, _)| u32::from(*id)).to_le_bytes();
        [&[0x51], &count[..], &[0, 0x40], &added, &self.erased.to_le_bytes(), &[2]].concat()
    }

    fn entry(&self, data: &[u8]) -> Result<Vec<u8>, u8> {
        let &[_, _, i0, i1, _, _] = data else { return Err(0xC7) };
        let asked = u16::from_le_bytes([i0, i1]);
        let n = if asked == 0 {
            0
        } else {
            self.log.iter().position(|(id, _)| *id == asked).ok_or(0xCB)?
        };
        let (id, raw) = self.log.get(n).ok_or(0xCB)?;
        let mut next = self.log.get(n + 1).map_or(0xFFFF, |(id, _)| *id);
        if let Some((_, to)) = self.quirks.jump.filter(|(from, _)| from == id) {
            next = to;
        }
        Ok([&next.to_le_bytes()[..], raw].concat())
    }
}

impl Transport for Bmc {
    fn exchange(&mut self, request: &Request, _: Duration) -> Result<Response, TransportError> {
        Ok(self.answer(request))
    }
}
