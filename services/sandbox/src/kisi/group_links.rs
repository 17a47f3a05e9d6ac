//! `/group_links` (Kisi API reference, Group links): access without an account.

use axum::Json;
use axum::body::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::{Object, place_of};
use super::fields::Fields;
use super::lists::{Listed, Params, SMALL};
use super::model::{GroupLink, GroupLinkRecord, Id, Target};
use super::organization::new_secret;
use super::roles::Permission;
use super::short::{Short, ShortUser};
use super::state::State;

/// A white dot: what the code shows does not matter, that it is a PNG does.
const QR_IMAGE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg==";

#[derive(Serialize)]
pub(super) struct GroupLinkBody {
    #[serde(flatten)]
    record: GroupLinkRecord,
    resource_type: &'static str,
    group: Option<Short>,
    created_by_type: Option<&'static str>,
    created_by: Option<ShortUser>,
    issued_by_id: Option<Id>,
    issued_by: Option<ShortUser>,
}

impl GroupLinkBody {
    fn new(state: &State, record: &GroupLinkRecord) -> Self {
        let issuer = || record.created_by_id.and_then(|id| ShortUser::of(state, id));
        Self {
            record: record.clone(),
            resource_type: "GroupLink",
            group: Short::group_of(state, record.group_id),
            created_by_type: record.created_by_id.map(|_| "User"),
            created_by: issuer(),
            issued_by_id: record.created_by_id,
            issued_by: issuer(),
        }
    }
}

/// What only the answer to its creation shows.
#[derive(Serialize)]
pub(super) struct NewGroupLinkBody {
    #[serde(flatten)]
    link: GroupLinkBody,
    secret: String,
    quick_response_code_token: Option<String>,
    quick_response_code_image: Option<&'static str>,
}

fn object(state: &State, link: &GroupLinkRecord) -> Object {
    let place = place_of(state, Target::Group(link.group_id));
    Object::new("GroupLink", link.id, Some(link.name.clone()), place)
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<GroupLinkBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::GroupLinksRead)?;
    let page = params.page(SMALL)?;
    let ids = params.ids()?;
    let group_id = params.id("group_id")?;
    let candidates: Vec<&GroupLink> = match group_id {
        Some(group) => state.index.links_by_group.of(&group).filter_map(|id| state.links.get(&id)).collect(),
        None => state.links.values().collect(),
    };
    let group_name =
        |link: &GroupLinkRecord| state.groups.get(&link.group_id).map(|group| group.name.as_str());
    let mut links: Vec<&GroupLinkRecord> = candidates
        .into_iter()
        .map(|link| &link.record)
        .filter(|link| ids.as_ref().is_none_or(|ids| ids.contains(&link.id)))
        .filter(|link| {
            let texts =
                [Some(link.name.as_str()), link.email.as_deref(), link.phone.as_deref(), group_name(link)];
            params.found_in(texts.into_iter().flatten())
        })
        .collect();
    if let Some((field, down)) = params.sort(&["name", "unlock", "valid_until", "group_name"])? {
        links.sort_by(|a, b| {
            let (a, b) = if down { (b, a) } else { (a, b) };
            match field {
                "name" => a.name.cmp(&b.name),
                "unlock" => a.last_used_at.cmp(&b.last_used_at),
                "valid_until" => a.valid_until.cmp(&b.valid_until),
                _ => group_name(a).cmp(&group_name(b)),
            }
        });
    }
    Ok(page.of(links, |link| GroupLinkBody::new(&state, link)))
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<NewGroupLinkBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::GroupLinksWrite)?;
    let mut fields = Fields::of(&body, "group_link")?;
    let group_id = fields.required_id("group_id");
    let name = fields.required_text("name");
    let mut record = GroupLinkRecord {
        id: 0,
        name,
        email: fields.text("email"),
        phone: fields.text("phone"),
        last_used_at: None,
        link_enabled: fields.boolean("link_enabled").unwrap_or(true),
        quick_response_code_type: fields.text("quick_response_code_type"),
        valid_from: fields.time("valid_from"),
        valid_until: fields.time("valid_until"),
        group_id,
        created_by_id: session.user_id().ok(),
        created_at: session.now,
        updated_at: session.now,
    };
    if record.quick_response_code_type.as_ref().is_some_and(|kind| kind != "online" && kind != "offline") {
        fields.refuse("quick_response_code_type", "is not included in the list");
    }
    if let (Some(from), Some(until)) = (record.valid_from, record.valid_until)
        && until <= from
    {
        fields.refuse("valid_until", "must be after valid_from");
    }
    fields.check()?;
    if !state.groups.contains_key(&group_id) {
        return Err(ApiError::field("group", "must exist"));
    }
    record.id = session.kisi.next_id();
    // Kisi itself sends the link to whoever is named.
    for recipient in [record.email.clone(), record.phone.clone()].into_iter().flatten() {
        state.mail(&recipient, "group_link", session.now);
    }
    let link = GroupLink { record, secret: new_secret() };
    let has_code = link.record.quick_response_code_type.is_some();
    let body = NewGroupLinkBody {
        link: GroupLinkBody::new(&state, &link.record),
        secret: link.secret.clone(),
        quick_response_code_token: has_code.then(new_secret),
        quick_response_code_image: has_code.then_some(QR_IMAGE),
    };
    let object = object(&state, &link.record);
    session.organization.add_link(&mut state, link);
    session.audit(&mut state, "group_link.create", object);
    Ok(Json(body))
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::GroupLinksWrite)?;
    let link = state.remove_link(id).ok_or_else(ApiError::not_found)?;
    let object = object(&state, &link.record);
    session.audit(&mut state, "group_link.destroy", object);
    Ok(StatusCode::NO_CONTENT)
}
