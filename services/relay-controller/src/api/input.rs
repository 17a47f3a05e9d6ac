//! What comes in, checked.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::controller::Controller;
use crate::error::Error;
use crate::request::{ChannelNumber, RequestId};

/// Longest actor.
const ACTOR_MOST: usize = 128;

/// A body of JSON.
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Error::BodyTooLarge
            } else {
                Error::RequestInvalid(rejection.body_text())
            }
        })?;
        let value = serde_json::from_slice(&bytes);
        value.map(Input).map_err(|error| Error::RequestInvalid(error.to_string()))
    }
}

/// The parameters behind the path.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|error| Error::RequestInvalid(error.body_text()))
    }
}

/// A channel by its number in the path.
pub(super) struct Channel(pub(super) ChannelNumber);

impl FromRequestParts<std::sync::Arc<Controller>> for Channel {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        controller: &std::sync::Arc<Controller>,
    ) -> Result<Self, Error> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, controller).await;
        let number = path.ok().and_then(|Path(mut names)| names.remove("channel")).unwrap_or_default();
        find(controller, number.parse().ok()).map(Channel).ok_or(Error::ChannelUnknown(number))
    }
}

fn find(controller: &Controller, number: Option<u16>) -> Option<ChannelNumber> {
    controller.channel(number?)
}

pub(super) fn channel(controller: &Controller, number: u16) -> Result<ChannelNumber, Error> {
    find(controller, Some(number)).ok_or_else(|| Error::ChannelUnknown(number.to_string()))
}

pub(super) fn id(field: &'static str, text: String) -> Result<RequestId, Error> {
    RequestId::new(text).map_err(|_| Error::IdInvalid { field })
}

pub(super) fn actor(text: Option<String>) -> Result<Option<String>, Error> {
    let is_fine = |text: &String| text.chars().count() <= ACTOR_MOST && !text.chars().any(char::is_control);
    if text.as_ref().is_none_or(is_fine) { Ok(text) } else { Err(Error::ActorInvalid) }
}
