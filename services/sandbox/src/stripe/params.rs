//! Parameters in Stripe's form encoding: `a[b][0]=x`, `a[]=x`. What is read is taken out, so that what is left at the
//! end is unknown.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// Names below one another; deeper ones are cut off, as everything that nobody takes.
const DEPTH_MAX: usize = 8;
/// Of metadata (Stripe API reference, Metadata).
const METADATA_KEYS_MAX: usize = 50;
const METADATA_KEY_MAX: usize = 40;
const METADATA_VALUE_MAX: usize = 500;

/// What clients put beside an object.
pub(super) type Metadata = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Text(String),
    /// Arrays, too: their names are numbers.
    Map(BTreeMap<String, Node>),
}

/// Parameters that are still to be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Params {
    /// Where they stand, such as `mandate_data[customer_acceptance]`.
    path: String,
    nodes: BTreeMap<String, Node>,
}

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let mut root = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            insert(&mut root, &segments(&name), value.into_owned());
        }
        Self { path: String::new(), nodes: root }
    }

    /// The full name of one of them.
    pub(super) fn name(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}[{name}]", self.path) }
    }

    /// A text; empty if it is to be unset.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.nodes.remove(name) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(Node::Map(_)) => Err(Refusal::invalid(self.name(name), "Invalid string")),
        }
    }

    /// A text that is not empty.
    pub(super) fn filled(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.filled(name)?.ok_or_else(|| Refusal::ParameterMissing(self.name(name)))
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.filled(name)? else { return Ok(None) };
        let parsed = text.parse().map_err(|_| Refusal::invalid(self.name(name), "Invalid integer"))?;
        Ok(Some(parsed))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.filled(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::invalid(self.name(name), "Invalid boolean")),
        }
    }

    /// One of these.
    pub(super) fn one_of(&mut self, name: &str, known: &[&str]) -> Result<Option<String>, Refusal> {
        let Some(text) = self.filled(name)? else { return Ok(None) };
        if known.contains(&text.as_str()) {
            return Ok(Some(text));
        }
        let message = format!("Invalid {name}: must be one of {}", known.join(", "));
        Err(Refusal::Invalid { param: self.name(name), message, code: None })
    }

    /// An array of texts.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let Some(mut within) = self.within(name)? else { return Ok(Vec::new()) };
        // Numbers sort as numbers: a tenth comes after a second.
        let mut names: Vec<String> = within.nodes.keys().cloned().collect();
        names.sort_by_key(|name| name.parse::<usize>().unwrap_or(usize::MAX));
        names.iter().filter_map(|name| within.text(name).transpose()).collect()
    }

    /// Those below a name.
    pub(super) fn within(&mut self, name: &str) -> Result<Option<Self>, Refusal> {
        match self.nodes.remove(name) {
            None => Ok(None),
            Some(Node::Map(nodes)) => Ok(Some(Self { path: self.name(name), nodes })),
            Some(Node::Text(text)) if text.is_empty() => {
                Ok(Some(Self { path: self.name(name), ..Self::default() }))
            }
            Some(Node::Text(_)) => Err(Refusal::invalid(self.name(name), "Invalid object")),
        }
    }

    /// All that is below a name, as it stands.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.nodes.remove(name).map(json)
    }

    /// Changes metadata: what is empty is taken out, all of it if the whole is empty.
    pub(super) fn metadata(&mut self, metadata: &mut Metadata) -> Result<(), Refusal> {
        let Some(mut within) = self.within("metadata")? else { return Ok(()) };
        if within.nodes.is_empty() {
            metadata.clear();
        }
        for name in within.nodes.keys().cloned().collect::<Vec<_>>() {
            let value = within.text(&name)?.unwrap_or_default();
            let full = within.name(&name);
            if name.chars().count() > METADATA_KEY_MAX || value.chars().count() > METADATA_VALUE_MAX {
                return Err(Refusal::invalid(
                    full,
                    "Metadata keys have up to 40, values up to 500 characters",
                ));
            }
            if value.is_empty() {
                metadata.remove(&name)
            } else {
                metadata.insert(name, value)
            };
        }
        if metadata.len() > METADATA_KEYS_MAX {
            return Err(Refusal::invalid(self.name("metadata"), "Metadata can have up to 50 keys"));
        }
        Ok(())
    }

    /// Refuses what nobody has read.
    pub(super) fn done(&self) -> Result<(), Refusal> {
        match self.nodes.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::ParameterUnknown(self.name(name))),
        }
    }
}

/// `a[b][]` is `a`, `b` and nothing.
fn segments(name: &str) -> Vec<&str> {
    let Some((first, rest)) = name.split_once('[') else { return vec![name] };
    let rest = rest.strip_suffix(']').unwrap_or(rest);
    std::iter::once(first).chain(rest.split("][")).take(DEPTH_MAX).collect()
}

fn insert(nodes: &mut BTreeMap<String, Node>, segments: &[&str], value: String) {
    let Some((first, rest)) = segments.split_first() else { return };
    // Without a name it is the next of an array.
    let name = if first.is_empty() { nodes.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        nodes.insert(name, Node::Text(value));
        return;
    }
    let below = nodes.entry(name).or_insert_with(|| Node::Map(BTreeMap::new()));
    if let Node::Text(_) = below {
        *below = Node::Map(BTreeMap::new());
    }
    if let Node::Map(below) = below {
        insert(below, rest, value);
    }
}

fn json(node: Node) -> Value {
    match node {
        Node::Text(text) if text.is_empty() => Value::Null,
        Node::Text(text) => Value::String(text),
        Node::Map(nodes) => {
            Value::Object(nodes.into_iter().map(|(name, node)| (name, json(node))).collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_nest_raw_and_percent_encoded() {
        let mut params =
            Params::parse(b"a%5Bb%5D%5Bc%5D=1&a[b][d]=2&types[]=x&types[]=y&expand[1]=q&expand[0]=p");
        assert_eq!(params.list("types").unwrap(), ["x", "y"]);
        assert_eq!(params.list("expand").unwrap(), ["p", "q"]);
        assert_eq!(params.value("a"), Some(json!({ "b": { "c": "1", "d": "2" } })));
        params.done().unwrap();
    }

    #[test]
    fn what_nobody_reads_is_unknown_by_its_whole_name() {
        let mut params = Params::parse(b"a[b][c]=1");
        let within = params.within("a").unwrap().unwrap();
        params.done().unwrap();
        assert_eq!(within.done(), Err(Refusal::ParameterUnknown("a[b]".to_owned())));
    }

    #[test]
    fn metadata_is_changed_name_by_name_and_cleared_as_a_whole() {
        let mut metadata =
            Metadata::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        Params::parse(b"metadata[a]=&metadata[c]=3").metadata(&mut metadata).unwrap();
        assert_eq!(
            metadata,
            Metadata::from([("b".to_owned(), "2".to_owned()), ("c".to_owned(), "3".to_owned())])
        );
        Params::parse(b"metadata=").metadata(&mut metadata).unwrap();
        assert_eq!(metadata, Metadata::new());
        let long = format!("metadata[a]={}", "x".repeat(501));
        assert!(Params::parse(long.as_bytes()).metadata(&mut metadata).is_err());
    }

    #[test]
    fn numbers_and_flags_are_what_they_say() {
        let mut params = Params::parse(b"n=12&x=1.5&yes=true&maybe=perhaps&empty=");
        assert_eq!(params.integer("n").unwrap(), Some(12));
        assert!(params.integer("x").is_err());
        assert!(params.flag("yes").unwrap());
        assert!(params.flag("maybe").is_err());
        assert_eq!(params.text("empty").unwrap().as_deref(), Some(""));
        assert_eq!(params.required("none"), Err(Refusal::ParameterMissing("none".to_owned())));
    }
}
