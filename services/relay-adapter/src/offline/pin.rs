//! A person's PIN, which is the same at all controllers of an account.

use std::num::NonZeroU32;

use data_encoding::HEXLOWER;
use domain::PersonId;
use domain::names::IntegrationName;
use ring::{digest, pbkdf2};
use sealing::{Keys, SealError};
use secrecy::{ExposeSecret as _, SecretString};

/// Digits of a PIN: with a thousand of them at a door, who tries one a minute finds one after about two months.
const DIGITS: usize = 8;

/// As the controller's API advises.
pub(crate) const ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).expect("it is not zero");

/// What a controller has in place of a PIN.
pub(crate) type PinHash = [u8; 32];

/// Whose PIN it is, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PinOwner {
    pub account: IntegrationName,
    pub person: PersonId,
}

/// A PIN with its hash: that takes a while to find.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    digits: SecretString,
    hash: PinHash,
}

impl Pin {
    /// One at random. Takes some tens of milliseconds.
    pub(crate) fn make(owner: PinOwner) -> Self {
        let number: u32 = rand::random_range(0..10_u32.pow(DIGITS as u32));
        let digits = format!("{number:0DIGITS$}");
        let mut hash = [0; 32];
        let salt = salt(owner.account);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, &salt, digits.as_bytes(), &mut hash);
        Self { digits: digits.into(), hash }
    }

    pub(crate) fn digits(&self) -> &SecretString {
        &self.digits
    }

    pub(crate) fn hash(&self) -> PinHash {
        self.hash
    }

    /// The hash as well: PINs are so few that it gives the PIN away.
    pub(crate) fn seal(&self, keys: &Keys, owner: PinOwner) -> Vec<u8> {
        let text = format!("{} {}", self.digits.expose_secret(), HEXLOWER.encode(&self.hash));
        keys.seal(&label(owner), &text.into())
    }

    /// One that was sealed for this owner.
    pub(crate) fn open(keys: &Keys, owner: PinOwner, sealed: &[u8]) -> Result<Self, SealError> {
        let text = keys.open(&label(owner), sealed)?;
        let (digits, hash) = text.expose_secret().split_once(' ').ok_or(SealError)?;
        let hash = HEXLOWER.decode(hash.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
        Ok(Self { digits: digits.into(), hash: hash.ok_or(SealError)? })
    }
}

/// Another one for each account.
pub(crate) fn salt(account: IntegrationName) -> [u8; 32] {
    let ids = [account.workspace.uuid(), account.id.uuid()].map(uuid::Uuid::into_bytes).concat();
    let text = [b"latchkey relay pins 1".as_slice(), &ids].concat();
    digest::digest(&digest::SHA256, &text).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn label(PinOwner { account, person }: PinOwner) -> Vec<u8> {
    let ids = [account.workspace.uuid(), account.id.uuid(), person.uuid()].map(uuid::Uuid::into_bytes);
    [b"latchkey relay pin 1".as_slice(), &ids.concat()].concat()
}

#[cfg(test)]
mod tests {
    use domain::{IntegrationId, WorkspaceId};
    use sealing::SealingConfig;

    use super::*;

    fn owner() -> PinOwner {
        let account = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
        PinOwner { account, person: PersonId::new() }
    }

    fn keys() -> Keys {
        SealingConfig { key: "07".repeat(32).into(), key_file: "/nowhere".into() }.keys().unwrap()
    }

    #[test]
    fn a_pin_opens_for_its_owner_alone_and_is_what_the_controller_makes_of_it() {
        let (keys, owner) = (keys(), owner());
        let pin = Pin::make(owner);
        let sealed = pin.seal(&keys, owner);
        let opened = Pin::open(&keys, owner, &sealed).unwrap();
        let digits = opened.digits().expose_secret();
        assert_eq!(digits, pin.digits().expose_secret());
        assert!(digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit()), "a PIN");
        let theirs = relay_controller::offline::hash_pin(digits, &salt(owner.account), ITERATIONS);
        assert_eq!(opened.hash(), theirs);
        for other in [
            PinOwner { person: PersonId::new(), ..owner },
            PinOwner { account: super::tests::owner().account, ..owner },
        ] {
            assert!(Pin::open(&keys, other, &sealed).is_err());
        }
        assert!(!format!("{pin:?}").contains(digits));
    }
}
