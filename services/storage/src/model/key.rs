//! Keys at the store: where a file lies says whose it is and what it is for, and nothing else.

use std::fmt;

use data_encoding::HEXLOWER;
use domain::WorkspaceId;
use rand_core::RngCore as _;

use super::kind::Kind;

/// Random bytes of a name.
const NAME_BYTES: usize = 20;

/// What a file is called at the store: 160 random bits, so that nobody guesses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ObjectName(String);

impl ObjectName {
    /// A new one.
    pub(crate) fn generate() -> Self {
        let mut bytes = [0; NAME_BYTES];
        rand_core::OsRng.fill_bytes(&mut bytes);
        Self(HEXLOWER.encode(&bytes))
    }

    /// One that was made before.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where an object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// What was sent and nobody has looked at: lifecycle rules may empty it after a day.
    Staging,
    /// What is there.
    Stored,
    /// What is there for everybody; a CDN may stand before it.
    Public,
}

impl Place {
    pub(crate) const ALL: [Self; 3] = [Self::Staging, Self::Stored, Self::Public];

    /// What keys there begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Staging => "staging/",
            Self::Stored => "ws/",
            Self::Public => "public/",
        }
    }
}

/// The key of an object: `<place>/<workspace>/<kind>/<name>`, of a smaller version of a picture `…-<side>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub place: Place,
    pub workspace: WorkspaceId,
    pub kind: Kind,
    pub name: ObjectName,
    /// The longer side of a smaller version.
    pub side: Option<u32>,
}

impl Key {
    /// Reads a key; `None`: it is none of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let place = Place::ALL.into_iter().find(|place| text.starts_with(place.prefix()))?;
        let mut parts = text[place.prefix().len()..].split('/');
        let (workspace, kind, last) = (parts.next()?, parts.next()?, parts.next()?);
        let (name, side) = match last.split_once('-') {
            Some((name, side)) => (name, Some(side.parse().ok()?)),
            None => (last, None),
        };
        let is_name = name.len() == 2 * NAME_BYTES
            && name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if parts.next().is_some() || !is_name {
            return None;
        }
        Some(Self {
            place,
            workspace: workspace.parse().ok()?,
            kind: Kind::of_text(kind)?,
            name: ObjectName(name.to_owned()),
            side,
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}/{}/{}", self.place.prefix(), self.workspace, self.kind, self.name.0)?;
        self.side.map_or(Ok(()), |side| write!(f, "-{side}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_others_are_not_ours() {
        for place in Place::ALL {
            for side in [None, Some(512)] {
                let key = Key {
                    place,
                    workspace: WorkspaceId::new(),
                    kind: Kind::Branding,
                    name: ObjectName::generate(),
                    side,
                };
                assert_eq!(Key::parse(&key.to_string()), Some(key));
            }
        }
        let workspace = WorkspaceId::new();
        let name = ObjectName::generate().0;
        for other in [
            String::new(),
            "ws/".to_owned(),
            format!("ws/{workspace}/branding"),
            format!("ws/{workspace}/branding/{name}/x"),
            format!("ws/{workspace}/something/{name}"),
            format!("ws/{workspace}/branding/{}", name.to_uppercase()),
            format!("backup/{workspace}/branding/{name}"),
        ] {
            assert_eq!(Key::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn no_two_names_are_alike() {
        assert_ne!(ObjectName::generate(), ObjectName::generate());
    }
}
