//! Cards (UniFi Access API reference, 6.2 to 6.7, 3.6, 3.7, 4.8, 4.9): who has which, and readers that read new ones.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Unifi;
use super::fields::{Answer, Query, read, success};
use super::model::{Card, Holder, HolderKind};
use super::refusal::{Code, Refusal};
use super::state::{State as Console, hex, new_id};
use super::token::Scope;

impl Unifi {
    /// The console comes to know a card with this number. Its token.
    pub fn add_card(&self, number: &str) -> String {
        self.lock().know_card(number)
    }

    /// Someone at the console calls a card so.
    pub fn call_card(&self, token: &str, alias: &str) {
        if let Some(card) = self.lock().cards.get_mut(token) {
            card.alias = alias.to_owned();
        }
    }

    /// Who has the card with this number: their address, or their name if they have none.
    pub fn card_holder(&self, number: &str) -> Option<String> {
        let state = self.lock();
        let holder = state.cards.values().find(|card| card.number == number)?.holder.as_ref()?;
        let (email, name) = match holder.kind {
            HolderKind::User => {
                state.users.get(&holder.id).map(|it| (it.user_email.clone(), it.full_name()))?
            }
            HolderKind::Visitor => {
                state.visitors.get(&holder.id).map(|it| (it.email.clone(), it.full_name()))?
            }
        };
        Some(if email.is_empty() { name } else { email })
    }

    /// Someone holds a card to a reader that waits for one.
    pub fn show_card(&self, device: &str, number: &str) {
        let mut state = self.lock();
        let token = state.know_card(number);
        if let Some(session) = state.card_sessions.values_mut().find(|session| session.device == device) {
            session.token = Some(token);
        }
    }

    /// How many readers wait for a card.
    pub fn card_sessions(&self) -> usize {
        self.lock().card_sessions.len()
    }
}

impl Console {
    fn know_card(&mut self, number: &str) -> String {
        let known = self.cards.values().find(|card| card.number == number).map(|card| card.token.clone());
        known.unwrap_or_else(|| {
            let token = hex(32) + &hex(32);
            let card =
                Card { token: token.clone(), number: number.to_owned(), alias: String::new(), holder: None };
            self.cards.insert(token.clone(), card);
            token
        })
    }

    fn card_mut(&mut self, token: &str) -> Result<&mut Card, Refusal> {
        self.cards.get_mut(token).ok_or(Refusal::new(Code::CardInvalid))
    }

    /// Whoever is gone has no cards.
    pub(super) fn take_cards_of(&mut self, id: &str) {
        for card in self.cards.values_mut() {
            card.holder.take_if(|holder| holder.id == id);
        }
    }

    /// What is shown of someone's cards.
    pub(super) fn cards_of(&self, id: &str) -> Value {
        let own = self.cards.values().filter(|card| card.is_of(id));
        own.map(|card| json!({ "id": card.number, "token": card.token, "type": "ua_card" })).collect()
    }

    fn shown(&self, card: &Card) -> Value {
        let mut shown = json!({
            "token": card.token, "display_id": card.number, "note": card.number, "alias": card.alias,
            "card_type": "ua_card", "status": "pending", "user_id": "", "user_type": "", "user": null,
        });
        if let Some(holder) = &card.holder {
            shown["status"] = "assigned".into();
            shown["user_id"] = holder.id.clone().into();
            shown["user_type"] = json!(holder.kind);
        }
        shown
    }
}

pub(super) async fn list(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewCredential)?;
    let page = Query::of(query.as_deref()).page()?;
    let total = state.cards.len();
    let cards = page.of(state.cards.values().collect());
    let Json(mut answer) = success(cards.into_iter().map(|card| state.shown(card)).collect::<Vec<_>>())?;
    answer["pagination"] = json!({ "page_num": page.number, "page_size": page.size, "total": total });
    Ok(Json(answer))
}

pub(super) async fn get(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewCredential)?;
    let card = state.cards.get(&token).ok_or(Refusal::new(Code::NotExists))?;
    success(state.shown(card))
}

#[derive(Deserialize)]
struct Wanted {
    token: String,
    #[serde(default)]
    force_add: bool,
}

pub(super) async fn assign_to_user(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    state.user_mut(&id)?;
    assign(&mut state, Holder { kind: HolderKind::User, id }, &body)
}

pub(super) async fn assign_to_visitor(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditVisitor)?;
    state.visitor_mut(&id)?;
    assign(&mut state, Holder { kind: HolderKind::Visitor, id }, &body)
}

/// Someone else's only with force.
fn assign(state: &mut Console, holder: Holder, body: &Bytes) -> Answer {
    let wanted: Wanted = read(body)?;
    let card = state.card_mut(&wanted.token)?;
    if card.holder.as_ref().is_some_and(|it| *it != holder) && !wanted.force_add {
        return Err(Refusal::new(Code::CardHasUser));
    }
    card.holder = Some(holder);
    success("success")
}

pub(super) async fn unassign_from_user(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditUser)?;
    state.user_mut(&id)?;
    unassign(&mut state, &id, &body)
}

pub(super) async fn unassign_from_visitor(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditVisitor)?;
    state.visitor_mut(&id)?;
    unassign(&mut state, &id, &body)
}

fn unassign(state: &mut Console, id: &str, body: &Bytes) -> Answer {
    let wanted: Wanted = read(body)?;
    let card = state.card_mut(&wanted.token)?;
    if card.holder.take_if(|holder| holder.id == id).is_none() {
        return Err(Refusal::new(Code::NotExists));
    }
    success("success")
}

#[derive(Deserialize)]
struct Waiting {
    device_id: String,
}

/// A reader waits for a card.
pub(super) async fn begin(State(unifi): State<Arc<Unifi>>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditCredential)?;
    let Waiting { device_id } = read(&body)?;
    if !state.doors.values().any(|door| door.devices.contains(&device_id)) {
        return Err(Refusal::new(Code::DeviceNotFound));
    }
    // One at a reader.
    state.card_sessions.retain(|_, session| session.device != device_id);
    let id = new_id();
    state.card_sessions.insert(id.clone(), super::model::CardSession { device: device_id, token: None });
    success(json!({ "session_id": id }))
}

pub(super) async fn poll(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let state = unifi.admit(&headers, Scope::EditCredential)?;
    let session = state.card_sessions.get(&id).ok_or(Refusal::new(Code::CardSessionNotFound))?;
    let token = session.token.as_ref().ok_or(Refusal::new(Code::CardNotReadYet))?;
    let card = state.cards.get(token).ok_or(Refusal::new(Code::CardInvalid))?;
    success(json!({ "card_id": card.number, "token": card.token }))
}

pub(super) async fn end(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditCredential)?;
    state.card_sessions.remove(&id).ok_or(Refusal::new(Code::CardSessionNotFound))?;
    success("success")
}
