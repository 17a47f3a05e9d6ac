//! `/cards` and `/card_assignments` (Kisi API reference, Cards): what people hold to a reader. A card opens what its
//! person may open, when they may.
//!
//! Assumed, for the reference does not say it: a card is enrolled by the token that is printed on it, of those that Kisi
//! has made (control API); it has one holder at a time; and it works from its assignment on.

use axum::Json;
use axum::body::Bytes;
use domain::Timestamp;
use http::StatusCode;
use serde::Serialize;

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{Listed, Params, SMALL};
use super::model::{CardAssignmentRecord, CardRecord, Id, Null};
use super::roles::Permission;
use super::short::ShortUser;
use super::state::State;

/// The kind that has its token printed on it.
const PRINTED: &str = "mifare_desfire";

/// Cards carry no `resource_type`.
#[derive(Serialize)]
pub(super) struct CardBody {
    #[serde(flatten)]
    record: CardRecord,
    status: &'static str,
    uid: Null,
    facility_code: Null,
    card_number: Null,
}

impl CardBody {
    fn new(state: &State, card: &CardRecord) -> Self {
        let status = match state.assignment_of_card(card.id) {
            None => "unassigned",
            Some(assignment) => assignment.status(),
        };
        Self { record: card.clone(), status, uid: None, facility_code: None, card_number: None }
    }
}

#[derive(Serialize)]
pub(super) struct CardAssignmentBody {
    #[serde(flatten)]
    record: CardAssignmentRecord,
    status: &'static str,
    assignee_type: &'static str,
    assignee: Option<ShortUser>,
    two_factor_pin: Null,
}

impl CardAssignmentBody {
    fn new(state: &State, record: &CardAssignmentRecord) -> Self {
        Self {
            record: record.clone(),
            status: record.status(),
            assignee_type: "User",
            assignee: ShortUser::of(state, record.assignee_id),
            two_factor_pin: None,
        }
    }
}

fn object(id: Id) -> Object {
    Object::new("Card", id, None, None)
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<CardBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::CardsRead)?;
    let page = params.page(SMALL)?;
    let (token, status) = (params.text("token"), params.text("status"));
    // None of the twin's is known by anything but its token.
    let others = ["uid", "facility_code", "card_number", "card_id", "data_block_value"];
    let is_sought_otherwise = others.iter().any(|name| params.text(name).is_some());
    let bodies: Vec<CardBody> = state
        .cards
        .values()
        .filter(|card| !is_sought_otherwise && token.is_none_or(|token| card.token == token))
        .map(|card| CardBody::new(&state, card))
        .filter(|card| status.is_none_or(|status| card.status == status))
        .collect();
    Ok(page.of(bodies, |card| card))
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<CardBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::CardsWrite)?;
    let mut fields = Fields::of(&body, "card")?;
    let kind = fields.required_text("type");
    let token = fields.required_text("token");
    if !kind.is_empty() && kind != PRINTED {
        fields.refuse("type", "is not included in the list");
    }
    fields.check()?;
    if state.cards.values().any(|card| card.token == token) {
        return Err(ApiError::coded(
            StatusCode::UNPROCESSABLE_ENTITY,
            "cabbeb",
            "The card is already enrolled",
        ));
    }
    if !state.printed_cards.remove(&token) {
        return Err(ApiError::coded(StatusCode::NOT_FOUND, "faa9ef", "The card could not be found"));
    }
    let card = new_card(session.kisi.next_id(), token, session.now);
    state.cards.insert(card.id, card.clone());
    session.audit(&mut state, "card.create", object(card.id));
    Ok(Json(CardBody::new(&state, &card)))
}

/// One that nobody has.
pub(super) fn new_card(id: Id, token: String, now: Timestamp) -> CardRecord {
    CardRecord { id, r#type: PRINTED.to_owned(), token, last_used_at: None, created_at: now, updated_at: now }
}

pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<CardBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::CardsRead)?;
    let card = state.cards.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(CardBody::new(&state, card)))
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::CardsWrite)?;
    state.remove_card(id).ok_or_else(ApiError::not_found)?;
    session.audit(&mut state, "card.destroy", object(id));
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list_assignments(
    session: Session,
    params: Params,
) -> Result<Listed<CardAssignmentBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::CardsRead)?;
    let page = params.page(SMALL)?;
    let (card, assignee) = (params.id("card_id")?, params.pair("assignee_type", "assignee_id")?);
    let status = params.text("status");
    let assignments: Vec<&CardAssignmentRecord> = state
        .card_assignments
        .values()
        .filter(|row| card.is_none_or(|card| row.card_id == card))
        .filter(|row| assignee.is_none_or(|(kind, id)| kind == "User" && row.assignee_id == id))
        .filter(|row| status.is_none_or(|status| row.status() == status))
        .collect();
    Ok(page.of(assignments, |row| CardAssignmentBody::new(&state, row)))
}

pub(super) async fn assign(session: Session, body: Bytes) -> Result<Json<CardAssignmentBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::CardsWrite)?;
    let mut fields = Fields::of(&body, "card_assignment")?;
    let kind = fields.required_text("assignee_type");
    let assignee_id = fields.required_id("assignee_id");
    let card_id = fields.required_id("card_id");
    if !kind.is_empty() && kind != "User" {
        fields.refuse("assignee_type", "is not included in the list");
    }
    fields.check()?;
    if !state.users.contains_key(&assignee_id) {
        return Err(ApiError::field("assignee", "must exist"));
    }
    if !state.cards.contains_key(&card_id) {
        return Err(ApiError::field("card", "must exist"));
    }
    if state.assignment_of_card(card_id).is_some() {
        return Err(ApiError::field("card", "has already been taken"));
    }
    let assignment = session.organization.assign_card(&mut state, card_id, assignee_id, session.now);
    session.audit(&mut state, "card_assignment.create", object(card_id));
    Ok(Json(CardAssignmentBody::new(&state, &assignment)))
}

pub(super) async fn get_assignment(
    session: Session,
    PathId(id): PathId,
) -> Result<Json<CardAssignmentBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::CardsRead)?;
    let row = state.card_assignments.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(CardAssignmentBody::new(&state, row)))
}

pub(super) async fn unassign(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::CardsWrite)?;
    let row = state.card_assignments.remove(&id).ok_or_else(ApiError::not_found)?;
    session.audit(&mut state, "card_assignment.destroy", object(row.card_id));
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn activate(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    set_active(&session, id, true)
}

pub(super) async fn deactivate(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    set_active(&session, id, false)
}

fn set_active(session: &Session, id: Id, is_active: bool) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::CardsWrite)?;
    let now: Timestamp = session.now;
    let row = state.card_assignments.get_mut(&id).ok_or_else(ApiError::not_found)?;
    (row.is_active, row.updated_at) = (is_active, now);
    let card = row.card_id;
    session.audit(&mut state, "card_assignment.update", object(card));
    Ok(StatusCode::NO_CONTENT)
}
