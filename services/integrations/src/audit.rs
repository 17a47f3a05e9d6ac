//! What this service's changes leave in the audit log: names of values, never values.

use chassis::audit::{Author, Entry};
use domain::names::{IntegrationName, LocationName};
use domain::{LocationId, Timestamp};

use crate::convert::credential_field;
use crate::model::Integration;

/// Values of these names were saved; `before` is the integration, be it a new one, without them.
pub(crate) fn saved<'a>(
    author: &Author,
    before: &Integration,
    names: impl Iterator<Item = &'a str>,
    now: Timestamp,
) -> Entry {
    let is_new = before.version == 1;
    let location = before.location.map(|id| LocationName { workspace: before.workspace, id });
    let entry = about(author, before, now)
        .field("provider", None, Some(&before.provider).filter(|_| is_new))
        .field("location", None, location.filter(|_| is_new));
    names.fold(entry, |entry, name| {
        let was_there = before.credentials.iter().any(|kept| kept.name == name);
        entry.secret(&credential_field(name), was_there, true)
    })
}

/// The values of an integration were forgotten; `before` has them.
pub(crate) fn forgotten(author: &Author, before: &Integration, now: Timestamp) -> Entry {
    let names = before.credentials.iter().map(|kept| credential_field(&kept.name));
    names.fold(about(author, before, now), |entry, field| entry.secret(&field, true, false))
}

/// The account that mappings are meant for is another one.
pub(crate) fn confirmed(author: &Author, before: &Integration, after: &Integration, now: Timestamp) -> Entry {
    let account = |of: &Integration| of.confirmed_account_ref.clone();
    about(author, before, now).field("confirmed_account_ref", account(before), account(after))
}

/// The host must show another certificate.
pub(crate) fn accepted(author: &Author, before: &Integration, after: &Integration, now: Timestamp) -> Entry {
    let fingerprint = |of: &Integration| of.certificate.as_ref().map(|certificate| certificate.fingerprint);
    let (was, is) = (fingerprint(before), fingerprint(after));
    about(author, before, now).field("certificate.fingerprint", was, is)
}

/// A location is another place of the provider, or none.
pub(crate) fn place(
    author: &Author,
    integration: &Integration,
    location: LocationId,
    before: Option<&str>,
    after: Option<&str>,
    now: Timestamp,
) -> Entry {
    about(author, integration, now).field(&format!("locations/{location}.place_ref"), before, after)
}

fn about(author: &Author, integration: &Integration, now: Timestamp) -> Entry {
    let Integration { workspace, id, .. } = *integration;
    author.changes(workspace, IntegrationName { workspace, id }, now)
}
