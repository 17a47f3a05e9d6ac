//! What lets in whoever has it: made by a provider, kept sealed, told to whom it is for and to nobody else.

use domain::Timestamp;
use sealing::{Keys, SealError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::request::Matter;

chassis::text_enum! {
    /// What kind of secret.
    pub(crate) enum SecretKind { Link = "link", Pin = "pin" }
}

/// Lets in whoever has it.
#[derive(Debug, Clone)]
pub enum DoorSecret {
    /// An address that opens the door.
    Link(SecretString),
    /// Digits to be typed at the door.
    Pin(SecretString),
}

impl DoorSecret {
    /// The text of it.
    pub fn text(&self) -> &SecretString {
        match self {
            Self::Link(text) | Self::Pin(text) => text,
        }
    }

    fn kind(&self) -> SecretKind {
        match self {
            Self::Link(_) => SecretKind::Link,
            Self::Pin(_) => SecretKind::Pin,
        }
    }
}

impl PartialEq for DoorSecret {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.text().expose_secret() == other.text().expose_secret()
    }
}

impl Eq for DoorSecret {}

/// What becomes of the secret of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretChange {
    /// Nothing: whatever was, is.
    Stays,
    /// The same, if there is one, until then.
    Lasts(Timestamp),
    /// There is none any more.
    Goes,
    /// This is it from now on.
    Is(SealedSecret),
}

impl SecretChange {
    /// This one and then the next.
    pub(crate) fn then(self, next: Self) -> Self {
        match (self, next) {
            (any, Self::Stays) => any,
            (Self::Goes, Self::Lasts(_)) => Self::Goes,
            (Self::Is(secret), Self::Lasts(ends_at)) => Self::Is(SealedSecret { ends_at, ..secret }),
            (_, next) => next,
        }
    }
}

/// As it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSecret {
    pub kind: SecretKind,
    pub sealed: Vec<u8>,
    /// Until when it opens anything.
    pub ends_at: Timestamp,
}

/// Seals the secrets of one provider.
#[derive(Debug)]
pub(crate) struct Sealer {
    provider: &'static str,
    keys: Keys,
}

impl Sealer {
    pub(crate) fn new(provider: &'static str, keys: Keys) -> Self {
        Self { provider, keys }
    }

    pub(crate) fn seal(&self, owner: Matter, secret: &DoorSecret, ends_at: Timestamp) -> SealedSecret {
        let kind = secret.kind();
        SealedSecret { kind, sealed: self.keys.seal(&self.label(owner, kind), secret.text()), ends_at }
    }

    pub(crate) fn open(&self, owner: Matter, secret: &SealedSecret) -> Result<DoorSecret, SealError> {
        let text = self.keys.open(&self.label(owner, secret.kind), &secret.sealed)?;
        Ok(match secret.kind {
            SecretKind::Link => DoorSecret::Link(text),
            SecretKind::Pin => DoorSecret::Pin(text),
        })
    }

    /// One text for one secret: ids in their 16 bytes, then names that have no blanks.
    fn label(&self, owner: Matter, kind: SecretKind) -> Vec<u8> {
        let names = format!("{} {kind}", self.provider);
        let (workspace, id) = (owner.workspace().uuid(), owner.id());
        [b"latchkey door secret 1".as_slice(), workspace.as_bytes(), id.as_bytes(), names.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use domain::names::{GrantName, WayInName};
    use domain::{GrantId, WayInId, WorkspaceId};
    use sealing::SealingConfig;

    use super::*;

    fn sealer(provider: &'static str) -> Sealer {
        let config = SealingConfig { key: "07".repeat(32).into(), key_file: "/nowhere".into() };
        Sealer::new(provider, config.keys().unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn a_secret_opens_as_what_it_was_and_nowhere_else() {
        let name = WayInName { workspace: WorkspaceId::new(), id: WayInId::new() };
        let owner = Matter::WayIn(name);
        let sealed = sealer("kisi").seal(owner, &DoorSecret::Pin("2874".into()), at(0));
        assert_eq!(sealer("kisi").open(owner, &sealed), Ok(DoorSecret::Pin("2874".into())));
        let others = [
            Matter::WayIn(WayInName { workspace: WorkspaceId::new(), ..name }),
            Matter::WayIn(WayInName { id: WayInId::new(), ..name }),
            Matter::Grant(GrantName { workspace: name.workspace, id: GrantId::new() }),
        ];
        assert!(others.iter().all(|other| sealer("kisi").open(*other, &sealed).is_err()));
        assert!(sealer("unifi").open(owner, &sealed).is_err());
        let as_link = SealedSecret { kind: SecretKind::Link, ..sealed };
        assert!(sealer("kisi").open(owner, &as_link).is_err());
    }

    #[test]
    fn a_secret_never_shows() {
        assert!(!format!("{:?}", DoorSecret::Pin("2874".into())).contains("2874"));
    }

    #[test]
    fn of_two_changes_the_later_counts() {
        use SecretChange::{Goes, Is, Lasts, Stays};
        let secret = |ends_at| SealedSecret { kind: SecretKind::Pin, sealed: vec![7], ends_at };
        for (first, next, both) in [
            (Stays, Stays, Stays),
            (Stays, Lasts(at(2)), Lasts(at(2))),
            (Lasts(at(1)), Stays, Lasts(at(1))),
            (Lasts(at(1)), Goes, Goes),
            (Goes, Lasts(at(2)), Goes),
            (Goes, Is(secret(at(2))), Is(secret(at(2)))),
            (Is(secret(at(1))), Stays, Is(secret(at(1)))),
            (Is(secret(at(1))), Lasts(at(2)), Is(secret(at(2)))),
            (Is(secret(at(1))), Goes, Goes),
        ] {
            assert_eq!(first.clone().then(next.clone()), both, "{first:?} then {next:?}");
        }
    }
}
