//! Where things stand on the bus. The root token is configuration, so that tests and stagings share a
//! server.

use domain::WorkspaceId;

/// One of the four streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// Facts; kept for a while, for anyone to read.
    Event,
    /// Work for one consumer; gone once acknowledged.
    Command,
    /// What other systems tell us; gone once acknowledged.
    Ingest,
    /// What failed for good.
    Dead,
}

impl StreamKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Event, Self::Command, Self::Ingest, Self::Dead];

    /// The token after the root.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Command => "command",
            Self::Ingest => "ingest",
            Self::Dead => "dead",
        }
    }
}

/// The root of all subjects: letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(String);

/// The root has other characters, or none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("subject root {0:?} must be letters, digits, '_' or '-'")]
pub struct RootError(String);

impl Root {
    /// Checks and takes a root.
    pub fn new(text: impl Into<String>) -> Result<Self, RootError> {
        let text = text.into();
        let fits = !text.is_empty()
            && text.len() <= 64
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if fits { Ok(Self(text)) } else { Err(RootError(text)) }
    }

    /// The full subject of a relative one.
    pub fn subject(&self, relative: &str) -> String {
        format!("{}.{relative}", self.0)
    }

    /// The name of a stream, such as `latchkey_event`.
    pub fn stream(&self, kind: StreamKind) -> String {
        format!("{}_{}", self.0, kind.token())
    }
}

/// `event.{domain}.{fact}.{workspace}`, without the root.
pub fn event(domain: &str, fact: &str, workspace: WorkspaceId) -> String {
    format!("event.{domain}.{fact}.{workspace}")
}

/// `command.access.{provider}.{workspace}`, without the root. The provider is one token.
pub fn access_command(provider: &str, workspace: WorkspaceId) -> String {
    format!("command.access.{provider}.{workspace}")
}

/// The workspace in the last token of a subject.
pub fn workspace(subject: &str) -> Option<WorkspaceId> {
    subject.rsplit('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_carry_root_and_workspace() {
        let root = Root::new("latchkey").unwrap();
        let id = WorkspaceId::new();
        let relative = event("workspace", "booking_confirmed", id);
        let full = root.subject(&relative);
        assert_eq!(full, format!("latchkey.event.workspace.booking_confirmed.{id}"));
        assert_eq!(workspace(&full), Some(id));
    }

    #[test]
    fn a_root_that_would_change_the_subject_is_refused() {
        for text in ["", "a.b", "a*", "a b", ">"] {
            assert!(Root::new(text).is_err(), "{text:?}");
        }
    }
}
