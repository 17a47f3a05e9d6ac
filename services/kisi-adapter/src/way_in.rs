//! Another way in than a person's own access: an access link of Kisi's, its "group link".
//!
//! Kisi shows a link's secret once, in the answer that says that it was made. So a link whose answer was lost is of no
//! use to anybody: it is found by its name, which ends with the id of the way in, and taken away for another. Nothing
//! of it is kept in this ledger; Kisi closes it at its end by itself.

use domain::Timestamp;
use door_adapter::{ApplyError, DoorSecret, WayInApplied, WayInRequest};

use crate::access::ensure_group;
use crate::plan::whole_seconds;
use crate::provider::failure;
use crate::store::{Ledger, Place};
use crate::vendor::KisiAccount;

/// Characters of the person's name in the name of a link.
const NAME_CHARS_MAX: usize = 60;

/// Has the link be there, or not.
pub(crate) async fn set(
    ledger: &Ledger,
    kisi: &KisiAccount,
    place: Place,
    request: &WayInRequest,
    now: Timestamp,
) -> Result<WayInApplied, ApplyError> {
    let id = request.way_in.id.to_string();
    for link in kisi.find_group_links(&id).await.map_err(failure)? {
        kisi.delete_group_link(link).await.map_err(failure)?;
    }
    // Kisi takes no window that is over.
    let Some(window) = request.window.filter(|window| now < window.end()) else {
        return Ok(WayInApplied { secret: None, was_asked: true });
    };
    let group = match ledger.read(place).await?.group {
        Some(group) => group,
        None => ensure_group(ledger, kisi, place).await?,
    };
    // Kisi's log names who came in by it.
    let person: String = request.person.display_name.chars().take(NAME_CHARS_MAX).collect();
    let name = format!("Latchkey: {person} {id}");
    let (_, link) =
        kisi.create_group_link(group, &name, whole_seconds(window).into()).await.map_err(failure)?;
    Ok(WayInApplied { secret: Some(DoorSecret::Link(link)), was_asked: true })
}
