//! Lists: `limit`, `offset`, `ids`, `sort`, and the `X-Collection-Range` header (Kisi API reference,
//! Pagination).

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::request::Parts;
use serde::Serialize;

use super::error::ApiError;
use super::model::Id;

/// Furthest offset of any list.
const OFFSET_MAX: usize = 20_000;

/// A list's default and greatest page size.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    default: usize,
    max: usize,
}

/// Users.
pub(super) const USERS: Limits = Limits { default: 50, max: 100 };
/// Locks and places.
pub(super) const LARGE: Limits = Limits { default: 50, max: 250 };
/// All others.
pub(super) const SMALL: Limits = Limits { default: 10, max: 250 };

/// The query of a request.
pub(super) struct Params(HashMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(map)| Self(map))
            .map_err(|_| ApiError::bad_request("The query is malformed"))
    }
}

impl Params {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn id(&self, name: &str) -> Result<Option<Id>, ApiError> {
        self.parsed(name)
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.parsed(name)
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.text(name)
            .map(|text| text.trim().parse())
            .transpose()
            .map_err(|_| ApiError::bad_request(format!("{name} is invalid")))
    }

    /// `ids=1,2,3`.
    pub(super) fn ids(&self) -> Result<Option<BTreeSet<Id>>, ApiError> {
        let Some(text) = self.text("ids") else { return Ok(None) };
        text.split(',')
            .map(|id| id.trim().parse())
            .collect::<Result<_, _>>()
            .map(Some)
            .map_err(|_| ApiError::bad_request("ids is invalid"))
    }

    /// A type and an id that must come together.
    pub(super) fn pair(&self, kind: &str, id: &str) -> Result<Option<(&str, Id)>, ApiError> {
        match (self.text(kind), self.id(id)?) {
            (Some(kind), Some(id)) => Ok(Some((kind, id))),
            (None, None) => Ok(None),
            _ => Err(ApiError::bad_request(format!("{kind} and {id} must be given together"))),
        }
    }

    /// Whether `query=` is found in one of the texts, whatever the case.
    pub(super) fn found_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let Some(query) = self.text("query") else { return true };
        let query = query.trim().to_lowercase();
        texts.into_iter().any(|text| text.to_lowercase().contains(&query))
    }

    /// The field to sort by and whether downwards. Fields outside of `known`: 400.
    pub(super) fn sort(&self, known: &[&str]) -> Result<Option<(&str, bool)>, ApiError> {
        let Some(text) = self.text("sort") else { return Ok(None) };
        let (field, down) = match text.strip_prefix('-') {
            Some(field) => (field, true),
            None => (text, false),
        };
        if known.contains(&field) {
            Ok(Some((field, down)))
        } else {
            Err(ApiError::bad_request("sort is invalid"))
        }
    }

    /// The page asked for. A limit over the greatest is lowered to it.
    pub(super) fn page(&self, limits: Limits) -> Result<Page, ApiError> {
        let limit = self.parsed::<usize>("limit")?.unwrap_or(limits.default).clamp(1, limits.max);
        let offset = self.parsed::<usize>("offset")?.unwrap_or(0);
        if offset > OFFSET_MAX {
            return Err(ApiError::bad_request(format!("offset must not exceed {OFFSET_MAX}")));
        }
        Ok(Page { limit, offset })
    }
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    limit: usize,
    offset: usize,
}

impl Page {
    /// The page of `all`, each as `body` shows it. The header tells the range as it was asked for, even
    /// past the end.
    pub(super) fn of<T, B: Serialize>(self, all: Vec<T>, body: impl FnMut(T) -> B) -> Listed<B> {
        let total = all.len();
        let items = all.into_iter().skip(self.offset).take(self.limit).map(body).collect();
        Listed { items, range: self.range(total) }
    }

    pub(super) fn limit(self) -> usize {
        self.limit
    }

    fn range(self, total: usize) -> String {
        if total == 0 {
            return "*/0".to_owned();
        }
        format!("{}-{}/{total}", self.offset, self.offset + self.limit - 1)
    }
}

/// One page, ready to be written once the organization's lock is free again.
pub(super) struct Listed<B> {
    items: Vec<B>,
    range: String,
}

impl<B: Serialize> IntoResponse for Listed<B> {
    fn into_response(self) -> Response {
        let mut response = Json(self.items).into_response();
        if let Ok(range) = HeaderValue::from_str(&self.range) {
            response.headers_mut().insert("x-collection-range", range);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_the_one_asked_for() {
        assert_eq!(Page { limit: 10, offset: 10 }.range(15), "10-19/15");
        assert_eq!(Page { limit: 10, offset: 0 }.range(0), "*/0");
    }

    #[test]
    fn limits_are_lowered_and_offsets_refused() {
        let params = |limit: &str, offset: &str| {
            Params(HashMap::from([("limit".into(), limit.into()), ("offset".into(), offset.into())]))
        };
        assert_eq!(params("999", "20000").page(USERS).unwrap(), Page { limit: 100, offset: 20_000 });
        assert!(params("10", "20001").page(SMALL).is_err());
        assert!(params("ten", "0").page(SMALL).is_err());
        assert_eq!(Params(HashMap::new()).page(SMALL).unwrap(), Page { limit: 10, offset: 0 });
    }
}
