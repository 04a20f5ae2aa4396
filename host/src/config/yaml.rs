//! YAML as a tree in which everything has a place. Bounded, so that no file exhausts stack or memory.

use std::collections::BTreeMap;
use std::fmt;

use granit_parser::{Event, Parser, ScalarStyle, Span};

/// Most nodes of a file, those counted again that an alias repeats. Fabric's sample has about 150.
const NODES_MAX: usize = 10_000;

/// Most collections inside one another.
const DEPTH_MAX: usize = 32;

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    /// `is_plain`: without quotes, so that a number may be meant.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file. A key given twice stands here twice.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

/// Why a text is no tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub place: Option<Place>,
    pub what: String,
}

/// A collection that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// In a map: the key that waits for its value.
    key: Option<(String, Place)>,
}

struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// Reads the first document; a file without one is a null.
pub(super) fn read(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder { open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| SyntaxError {
            place: Some(Place { line: error.marker().line(), column: error.marker().col() + 1 }),
            what: error.info(),
        })?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event, &span)?;
    }
    Ok(builder.root.unwrap_or(Node { place: Place { line: 1, column: 1 }, value: Value::Null }))
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), SyntaxError> {
        let place = Place { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_plain = style == ScalarStyle::Plain;
                let value = match &*text {
                    "" | "~" | "null" | "Null" | "NULL" if is_plain => Value::Null,
                    text => Value::Scalar { text: text.to_owned(), is_plain },
                };
                self.close(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(Value::List(Vec::new()), anchor, place),
            Event::MappingStart(_, anchor, _) => self.open(Value::Map(Vec::new()), anchor, place),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.close(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.count(size(&node), place)?;
                    self.close(node, 0)
                }
                None => Err(fault(place, "an alias stands inside what it names")),
            },
            _ => Ok(()),
        }
    }

    fn open(&mut self, value: Value, anchor: usize, place: Place) -> Result<(), SyntaxError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(fault(
                place,
                format!("more than {DEPTH_MAX} lists and maps stand inside one another"),
            ));
        }
        self.open.push(Open { node: Node { place, value }, anchor, key: None });
        Ok(())
    }

    /// Puts a whole node where it belongs.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        self.count(1, node.place)?;
        if anchor != 0 {
            self.count(size(&node), node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match (open.key.take(), node.value) {
                (Some((key, place)), value) => {
                    entries.push(Entry { key, place, node: Node { place: node.place, value } });
                }
                (None, Value::Scalar { text, .. }) => open.key = Some((text, node.place)),
                (None, _) => return Err(fault(node.place, "a key must be a word")),
            },
            Value::Null | Value::Scalar { .. } => {}
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), SyntaxError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return Err(fault(place, format!("the file has more than {NODES_MAX} values")));
        }
        Ok(())
    }
}

fn fault(place: Place, what: impl Into<String>) -> SyntaxError {
    SyntaxError { place: Some(place), what: what.into() }
}

/// Nodes of a tree. Its depth is bounded.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|entry| size(&entry.node)).sum(),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
