//! How requests are read, and answers written.

use axum::Json;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::refusal::{Code, Refusal};

/// What a handler answers.
pub(super) type Answer = Result<Json<Value>, Refusal>;

/// The envelope of a success.
pub(super) fn success(data: impl Into<Value>) -> Answer {
    Ok(Json(json!({ "code": "SUCCESS", "msg": "success", "data": data.into() })))
}

/// A body as JSON, whatever its type is said to be. None is as good as an empty one.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|_| Refusal::new(Code::ParamsInvalid))
}

/// A query: names may come more than once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(raw: Option<&str>) -> Self {
        Self(url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let read = |text: &str| text.parse().map_err(|_| Refusal::new(Code::ParamsInvalid));
        self.get(name).map(read).transpose()
    }

    pub(super) fn page(&self) -> Result<Page, Refusal> {
        let number = self.number("page_num")?.unwrap_or(1);
        let size = self.number("page_size")?.unwrap_or(PAGE_SIZE);
        if number == 0 || size == 0 {
            return Err(Refusal::new(Code::ParamsInvalid));
        }
        Ok(Page { number, size })
    }
}

/// Of pages that name none.
const PAGE_SIZE: usize = 25;

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// From 1.
    pub number: usize,
    pub size: usize,
}

impl Page {
    pub(super) fn of<T>(self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip((self.number - 1).saturating_mul(self.size)).take(self.size).collect()
    }
}
