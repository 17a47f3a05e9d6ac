//! Guests: people for whom Kisi keeps no user. They are let in by an access link of their own, whose window is theirs.
//!
//! Kisi shows a link's secret once. So each wish makes the link anew, and a grant has never more than one: it is found by
//! its name, which ends with the grant's id. A window that is asked for again is as good as another one.

use domain::{PersonId, Window};
use door_adapter::{AccessRequest, Applied, ApplyError, DoorSecret, Origin, Period, Right, Target};

use crate::access::ensure_group;
use crate::plan::whole_seconds;
use crate::provider::failure;
use crate::store::{Ledger, Place};
use crate::vendor::KisiAccount;
use crate::vendor::wire::GroupLink;

/// How the names of guests' links begin.
pub(crate) const NAME_PREFIX: &str = "Latchkey guest: ";

/// Characters of the guest's name in the name of a link.
const NAME_CHARS_MAX: usize = 60;

/// Characters of an id.
const UUID_CHARS: usize = 36;

/// Has the guest's link be there with exactly this window, or not.
pub(crate) async fn set(
    ledger: &Ledger,
    kisi: &KisiAccount,
    place: Place,
    request: &AccessRequest,
    window: Option<Window>,
) -> Result<Applied, ApplyError> {
    let grant = request.grant.id.to_string();
    let mut has_changed = false;
    let unknown_after = |error, has_changed: bool| {
        let error = failure(error);
        if has_changed { error.with_unknown_outcome() } else { error }
    };
    for link in kisi.find_group_links(&grant).await.map_err(failure)? {
        kisi.delete_group_link(link).await.map_err(|error| unknown_after(error, has_changed))?;
        has_changed = true;
    }
    let Some(window) = window else {
        return Ok(Applied { window: None, provider_ref: None, secret: None, was_asked: true });
    };
    let group = match ledger.read(place).await?.group {
        Some(group) => group,
        None => ensure_group(ledger, kisi, place).await?,
    };
    let name = name(&request.person.display_name, request.person.id, &grant);
    let made = kisi.create_group_link(group, &name, whole_seconds(window).into()).await;
    let (id, link) = made.map_err(|error| unknown_after(error, has_changed))?;
    Ok(Applied {
        window: Some(window),
        provider_ref: Some(provider_ref(id.0)),
        secret: Some(DoorSecret::Link(link)),
        was_asked: true,
    })
}

/// Kisi's log names who came in by it.
fn name(display_name: &str, person: PersonId, grant: &str) -> String {
    let shown: String = display_name.chars().take(NAME_CHARS_MAX).collect();
    format!("{NAME_PREFIX}{shown} {person} {grant}")
}

/// The guest whom a link of ours is for, by its name.
pub(crate) fn person_of(name: &str) -> Option<PersonId> {
    let start = name.len().checked_sub(2 * UUID_CHARS + 1)?;
    name.strip_prefix(NAME_PREFIX)?;
    name.get(start..start + UUID_CHARS)?.parse().ok()
}

/// Not an assignment's.
fn provider_ref(link: u64) -> String {
    format!("link-{link}")
}

/// A link as a right, if it is a guest's of ours.
pub(crate) fn right(link: &GroupLink, target: &Target) -> Option<Right> {
    person_of(&link.name)?;
    Some(Right {
        provider_ref: provider_ref(link.id.0),
        target: target.clone(),
        holder: link.name.clone(),
        period: Period { from: link.valid_from, until: link.valid_until },
        origin: Origin::Ledger,
    })
}

#[cfg(test)]
mod tests {
    use domain::GrantId;

    use super::*;

    #[test]
    fn a_guest_is_known_by_the_name_of_their_link_and_nobody_else_is() {
        let (person, grant) = (PersonId::new(), GrantId::new().to_string());
        for display_name in ["Eve", "", "Ünal \u{1f512}", &"long".repeat(40)] {
            assert_eq!(person_of(&name(display_name, person, &grant)), Some(person), "{display_name:?}");
        }
        for other in ["", "Eve", &format!("Latchkey: Eve {grant}"), &format!("Eve {person} {grant}")] {
            assert_eq!(person_of(other), None, "{other:?}");
        }
    }
}
