//! Request bodies: `{"user": {…}}` with fields of the vendor's names; unknown ones are ignored.

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, SubsecRound as _};
use domain::Timestamp;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::model::Id;

/// The fields of one request. Getters note what is wrong; [`Fields::check`] answers all of it at once.
pub(super) struct Fields {
    map: Map<String, Value>,
    errors: BTreeMap<String, Vec<String>>,
}

impl Fields {
    /// The object under `wrapper`. Malformed JSON or a missing wrapper: 400.
    pub(super) fn of(body: &[u8], wrapper: &str) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|_| ApiError::bad_request("The request is not valid JSON"))?;
        match value {
            Value::Object(mut map) => match map.remove(wrapper) {
                Some(Value::Object(map)) => Ok(Self::from_map(map)),
                _ => Err(ApiError::bad_request(format!("param is missing or empty: {wrapper}"))),
            },
            _ => Err(ApiError::bad_request(format!("param is missing or empty: {wrapper}"))),
        }
    }

    pub(super) fn from_map(map: Map<String, Value>) -> Self {
        Self { map, errors: BTreeMap::new() }
    }

    /// Whether the field was sent, `null` included.
    pub(super) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn read<T>(&mut self, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        let result = read(value);
        if result.is_none() {
            self.refuse(name, "is invalid");
        }
        result
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, |value| value.as_str().map(str::to_owned))
    }

    /// Numbers may come as text, as they do from forms.
    pub(super) fn id(&mut self, name: &str) -> Option<Id> {
        self.read(name, |value| value.as_i64().or_else(|| value.as_str()?.parse().ok()))
    }

    /// Kisi's own example sends `"false"`.
    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.read(name, |value| value.as_bool().or_else(|| value.as_str()?.parse().ok()))
    }

    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        self.read(name, Value::as_f64)
    }

    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.read(name, |value| parse_time(value.as_str()?))
    }

    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        self.read(name, |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// As it was sent, if it is text, a number or a boolean.
    pub(super) fn plain(&self, name: &str) -> Option<Value> {
        self.value(name).filter(|value| !value.is_object() && !value.is_array()).cloned()
    }

    pub(super) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.read(name, |value| value.as_object().cloned())
    }

    /// Empty if it is missing, which [`Fields::check`] then refuses.
    pub(super) fn required_text(&mut self, name: &str) -> String {
        let text = self.text(name).unwrap_or_default();
        if text.trim().is_empty() {
            self.refuse_blank(name);
        }
        text
    }

    /// Zero if it is missing, which [`Fields::check`] then refuses.
    pub(super) fn required_id(&mut self, name: &str) -> Id {
        self.id(name).unwrap_or_else(|| {
            self.refuse_blank(name);
            0
        })
    }

    fn refuse_blank(&mut self, name: &str) {
        if !self.errors.contains_key(name) {
            self.refuse(name, "can't be blank");
        }
    }

    pub(super) fn refuse(&mut self, name: &str, text: &str) {
        self.errors.entry(name.to_owned()).or_default().push(text.to_owned());
    }

    /// 422 with all that was wrong.
    pub(super) fn check(&mut self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Fields(std::mem::take(&mut self.errors))) }
    }
}

/// RFC 3339; without a zone it is read as UTC. Kisi knows whole seconds.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let time = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc()))?;
    Some(time.trunc_subsecs(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_zone_and_fraction() {
        let nine: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        for text in [
            "2026-12-01T09:00:00Z",
            "2026-12-01T09:00:00.000Z",
            "2026-12-01T10:00:00+01:00",
            "2026-12-01T09:00:00",
        ] {
            assert_eq!(parse_time(text), Some(nine), "{text}");
        }
        assert_eq!(parse_time("tomorrow"), None);
    }

    #[test]
    fn all_errors_of_a_request_are_answered_at_once() {
        let mut fields = Fields::of(br#"{"user":{"name":5,"access_enabled":"false"}}"#, "user").unwrap();
        fields.required_text("email");
        fields.text("name");
        assert_eq!(fields.boolean("access_enabled"), Some(false));
        let Err(ApiError::Fields(errors)) = fields.check() else { panic!("not refused") };
        assert_eq!(errors.keys().collect::<Vec<_>>(), ["email", "name"]);
    }
}
