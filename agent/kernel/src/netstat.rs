//! `netstat`: `/proc/net/{netstat,snmp,snmp6}`, the figures whose names the flag `netstat.fields` matches.

use crate::file::words;
use crate::lines::{Fault, Lines, Text, whole};
use crate::names::Names;
use crate::settings::{Flag, Takes};
use crate::table::Table;
use crate::{ReadError, Root, Settings, Source};
use regex::Regex;
use socle_model::metrics::{Family, Kind, Page, Value};

/// This source's flags.
pub(crate) const FLAGS: &[Flag] = &[("netstat.fields", Takes::Regex)];

/// node_exporter's default.
pub(crate) const FIELDS: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

/// A figure; without family where it is not wanted.
struct Figure {
    family: Option<Family>,
    value: Value,
}

/// A line of names, and the figures of the line below it.
struct Pair {
    head: Box<[u8]>,
    figures: Vec<Figure>,
}

/// Which figures are wanted, and which of their names are taken.
struct Choice {
    wanted: Option<Regex>,
    names: Names,
}

/// What the lines of all three files come to: pairs of lines in the first two, a figure a line in the
/// third.
pub(crate) struct Figures {
    choice: Choice,
    pairs: Vec<Pair>,
    /// The pair that comes next.
    next: usize,
    /// Whether its names have been read.
    named: bool,
    lines: Table<Figure>,
}

pub(crate) struct Netstat {
    files: [Lines; 2],
    six: Lines,
    figures: Figures,
}

impl Netstat {
    pub(crate) fn new(root: &Root, settings: &Settings) -> Self {
        let file = |name| Lines::in_one_piece(root.procfs.join("net").join(name));
        Netstat {
            files: [file("netstat"), file("snmp")],
            six: file("snmp6"),
            figures: Figures::new(settings),
        }
    }
}

impl Choice {
    fn figure(&mut self, protocol: &[u8], name: &[u8]) -> Figure {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        Figure { family: self.family(text(protocol), text(name)), value: Value::Int(0) }
    }

    fn family(&mut self, protocol: &str, name: &str) -> Option<Family> {
        let key = format!("{protocol}_{name}");
        self.wanted.as_ref().filter(|wanted| wanted.is_match(&key))?;
        let help = format!("Statistic {protocol}{name}.");
        self.names.family(&format!("node_netstat_{key}"), Kind::Untyped, &help)
    }
}

impl Figures {
    pub(crate) fn new(settings: &Settings) -> Self {
        let wanted = Regex::new(settings.text("netstat.fields", FIELDS)).ok();
        Figures {
            choice: Choice { wanted, names: Names::default() },
            pairs: Vec::new(),
            next: 0,
            named: false,
            lines: Table::default(),
        }
    }

    /// A line of names. The kernel's are nearly always those of the reading before.
    fn head(&mut self, line: &[u8]) {
        self.named = true;
        if self.pairs.get(self.next).is_some_and(|pair| &*pair.head == line) {
            return;
        }
        self.forget(self.next);
        let mut words = words(line);
        let protocol = words.next().unwrap_or_default();
        let protocol = protocol.strip_suffix(b":").unwrap_or(protocol);
        let figures = words.map(|name| self.choice.figure(protocol, name)).collect();
        self.pairs.push(Pair { head: line.into(), figures });
    }

    /// The line below it.
    fn values(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.named = false;
        let Some(pair) = self.pairs.get_mut(self.next) else { return Ok(()) };
        self.next += 1;
        let mut words = words(line);
        let protocol = words.next();
        if protocol != crate::file::words(&pair.head).next() {
            return Err(Fault::new(line, "figures below their names"));
        }
        for figure in &mut pair.figures {
            let word = words.next();
            if figure.family.is_some() || word.is_none() {
                let value = whole(word);
                figure.value = value.ok_or_else(|| {
                    Fault::new(protocol.unwrap_or_default(), "a whole number for each name")
                })?;
            }
        }
        match words.next() {
            Some(word) => Err(Fault::new(word, "no more figures than names")),
            None => Ok(()),
        }
    }

    /// A line of snmp6: `Ip6InOctets 460`. Names without a 6 are none of IPv6.
    fn line_of_six(&mut self, line: &[u8]) -> Result<(), Fault> {
        let mut words = words(line);
        let Some(key) = words.next() else { return Ok(()) };
        let Some(six) = key.iter().position(|byte| *byte == b'6') else { return Ok(()) };
        let (protocol, name) = key.split_at(six + 1);
        let Figures { choice, lines, .. } = self;
        if let Some((figure, _)) = lines.row(key, || choice.figure(protocol, name))
            && figure.family.is_some()
        {
            figure.value = whole(words.next()).ok_or_else(|| Fault::new(key, "a whole number"))?;
        }
        Ok(())
    }

    /// Forgets the pairs from this one on.
    fn forget(&mut self, from: usize) {
        for pair in self.pairs.drain(from..) {
            for family in pair.figures.iter().filter_map(|figure| figure.family.as_ref()) {
                self.choice.names.free(family);
            }
        }
    }
}

impl Text for Figures {
    fn begin(&mut self) {
        self.next = 0;
        self.named = false;
        self.lines.begin();
    }

    fn line(&mut self, _: usize, line: &[u8]) -> Result<(), Fault> {
        match words(line).next() {
            _ if self.named => self.values(line),
            Some(word) if word.ends_with(b":") => {
                self.head(line);
                Ok(())
            }
            _ => self.line_of_six(line),
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.named {
            return Err(Fault::new("", "figures below the last names"));
        }
        self.forget(self.next);
        Ok(())
    }

    fn write(&self, page: &mut Page) {
        let pairs = self.pairs.iter().flat_map(|pair| &pair.figures);
        for figure in pairs.chain(self.lines.present()) {
            if let Some(family) = &figure.family {
                page.single(family, figure.value);
            }
        }
    }
}

impl Source for Netstat {
    fn read(&mut self, page: &mut Page) -> Result<(), ReadError> {
        let Netstat { files: [netstat, snmp], six, figures } = self;
        figures.begin();
        netstat.read(|number, line| figures.line(number, line))?;
        snmp.read(|number, line| figures.line(number, line))?;
        // Without IPv6 there is no such file.
        six.read_if_there(|number, line| figures.line(number, line))?;
        figures.end().map_err(|fault| snmp.bad(0, fault))?;
        figures.write(page);
        Ok(())
    }

    fn discover(&mut self) -> Result<(), ReadError> {
        self.six.look_again();
        Ok(())
    }
}
