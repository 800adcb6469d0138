//! A YAML document as a tree in which every node knows its line, so that a fault can name it.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A node and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Line from 1.
    pub(crate) line: usize,
    /// What it is.
    pub(crate) value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// A word. Plain ones may stand for a number or a boolean; quoted ones do not.
    Text {
        /// The text.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in their order; no key is there twice.
    Map(Vec<(Key, Node)>),
}

/// A key and its line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Line from 1.
    pub(crate) line: usize,
    /// The key.
    pub(crate) name: String,
}

/// What is wrong with a document, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Line from 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) what: String,
}

/// Deeper than any key of a `web.yml`.
const DEEPEST: usize = 8;

/// Reads one document. An empty one is [`Value::Null`].
pub(crate) fn parse(text: &str) -> Result<Node, Fault> {
    let mut reader = Reader { events: Parser::new_from_str(text) };
    let mut document = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if document.is_some() => {
                return Err(fault(line, "a second document; a web.yml is one"));
            }
            event => document = Some(reader.node(event, line, 0)?),
        }
    }
    Ok(document.unwrap_or(Node { line: 1, value: Value::Null }))
}

fn fault(line: usize, what: impl Into<String>) -> Fault {
    Fault { line, what: what.into() }
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Fault> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => {
                Err(fault(error.marker().line(), format!("no YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, Fault> {
        if depth > DEEPEST {
            return Err(fault(line, "nested deeper than any key of a web.yml"));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Text { text: text.into_owned(), plain }
                }
            }
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            Event::Alias(_) => {
                return Err(fault(line, "aliases are not followed; write the value out"));
            }
            _ => return Err(fault(line, "the document ends too early")),
        };
        Ok(Node { line, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(items);
            }
            items.push(self.node(event, line, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Fault> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, line) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(name, ..) => name.into_owned(),
                _ => return Err(fault(line, "a key is a word")),
            };
            if entries.iter().any(|(known, _)| known.name == name) {
                return Err(fault(line, format!("{name} is there twice")));
            }
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            entries.push((Key { line, name }, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_lines() {
        let text = "---\na:\n  b: \"1\"\n  c: |\n    two\n    lines\nd:\n- x\n- ~\n";
        let Value::Map(entries) = parse(text).unwrap().value else { unreachable!() };
        let (a, inner) = &entries[0];
        assert_eq!((a.line, a.name.as_str()), (2, "a"));
        let Value::Map(inner) = &inner.value else { unreachable!() };
        assert_eq!(inner[0].1.value, Value::Text { text: "1".into(), plain: false });
        assert_eq!(inner[1].1.value, Value::Text { text: "two\nlines\n".into(), plain: false });
        let Value::List(items) = &entries[1].1.value else { unreachable!() };
        assert_eq!((items[0].line, items[1].line, &items[1].value), (8, 9, &Value::Null));
        for empty in ["", "# nothing\n", "---\n"] {
            assert_eq!(parse(empty).unwrap().value, Value::Null, "{empty:?}");
        }
    }

    #[test]
    fn faults_know_their_lines() {
        for (text, line, what) in [
            ("a: 1\na: 2\n", 2, "twice"),
            ("a: &x 1\nb: *x\n", 2, "aliases"),
            ("a: [1\n", 2, "no YAML"),
            ("a: 1\n---\nb: 2\n", 3, "second document"),
            ("a:\n\tb: 1\n", 2, "no YAML"),
            ("[[[[[[[[[[1]]]]]]]]]]", 1, "deeper"),
            ("? [a]\n: 1\n", 1, "word"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.what.contains(what), "{text:?}: {fault:?}");
            assert_eq!(fault.line, line, "{text:?}: {fault:?}");
        }
    }
}
