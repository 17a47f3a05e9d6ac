//! Reads JSON members and notes what is wrong with them. `null` counts as not given.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::contact::EmailAddress;
use serde_json::{Map, Value};

use crate::sendgrid::mail::{Address, Attachment};
use crate::sendgrid::refusal::FieldError;

/// An answer lists at most this many errors.
const ERRORS_MAX: usize = 100;

/// What was wrong so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    pub(super) fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    pub(super) fn wrong(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(FieldError { message: message.into(), field: Some(field.into()) });
        }
    }

    pub(super) fn member<'a>(&self, of: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
        of.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn object<'a>(&mut self, value: &'a Value, at: &str) -> Option<&'a Map<String, Value>> {
        if !value.is_object() {
            self.wrong(at, "Invalid type. Expected: object.");
        }
        value.as_object()
    }

    pub(super) fn list<'a>(&mut self, of: &'a Map<String, Value>, name: &str, at: &str) -> &'a [Value] {
        match self.member(of, name) {
            None => &[],
            Some(Value::Array(values)) => values,
            Some(_) => {
                self.wrong(at, "Invalid type. Expected: array.");
                &[]
            }
        }
    }

    pub(super) fn text(&mut self, of: &Map<String, Value>, name: &str, at: &str) -> Option<String> {
        let value = self.member(of, name)?;
        if !value.is_string() {
            self.wrong(at, "Invalid type. Expected: string.");
        }
        value.as_str().map(str::to_owned)
    }

    /// A text that must be there and have at least one character.
    pub(super) fn filled(&mut self, of: &Map<String, Value>, name: &str, at: &str) -> Option<String> {
        let text = of.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(at, format!("The {name} must be a string at least one character in length."));
        }
        text.map(str::to_owned)
    }

    /// An object whose values are texts.
    pub(super) fn texts(
        &mut self,
        of: &Map<String, Value>,
        name: &str,
        at: &str,
    ) -> BTreeMap<String, String> {
        let Some(value) = self.member(of, name) else { return BTreeMap::new() };
        let Some(members) = self.object(value, at) else { return BTreeMap::new() };
        let mut texts = BTreeMap::new();
        for (name, value) in members {
            match value.as_str() {
                Some(text) => drop(texts.insert(name.clone(), text.to_owned())),
                None => self.wrong(format!("{at}.{name}"), "Invalid type. Expected: string."),
            }
        }
        texts
    }

    /// `of.<group>.<name>.enable`.
    pub(super) fn switch(&mut self, of: &Map<String, Value>, group: &str, name: &str) -> bool {
        let Some(setting) = self.member(of, group).and_then(|group| group.get(name)) else { return false };
        match setting.get("enable") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(enable)) => *enable,
            Some(_) => {
                self.wrong(format!("{group}.{name}.enable"), "Invalid type. Expected: boolean.");
                false
            }
        }
    }

    pub(super) fn address(&mut self, value: &Value, at: &str) -> Option<Address> {
        let given = self.object(value, at)?;
        let name = self.text(given, "name", &format!("{at}.name"));
        let email = given.get("email").and_then(Value::as_str).unwrap_or_default();
        if email.parse::<EmailAddress>().is_err() {
            self.wrong(format!("{at}.email"), "Does not contain a valid address.");
            return None;
        }
        Some(Address { email: email.trim().to_owned(), name })
    }

    pub(super) fn addresses(&mut self, of: &Map<String, Value>, name: &str, at: &str) -> Vec<Address> {
        let given = self.list(of, name, at);
        given.iter().enumerate().filter_map(|(n, value)| self.address(value, &format!("{at}.{n}"))).collect()
    }

    pub(super) fn attachments(&mut self, body: &Map<String, Value>) -> Vec<Attachment> {
        let given = self.list(body, "attachments", "attachments");
        given
            .iter()
            .enumerate()
            .filter_map(|(n, value)| self.attachment(value, &format!("attachments.{n}")))
            .collect()
    }

    fn attachment(&mut self, value: &Value, at: &str) -> Option<Attachment> {
        let given = self.object(value, at)?;
        let filename = self.filled(given, "filename", &format!("{at}.filename"));
        let encoded = self.filled(given, "content", &format!("{at}.content"));
        let media_type = self.text(given, "type", &format!("{at}.type"));
        let disposition = self.text(given, "disposition", &format!("{at}.disposition"));
        let content_id = self.text(given, "content_id", &format!("{at}.content_id"));
        if !matches!(disposition.as_deref(), None | Some("attachment" | "inline")) {
            self.wrong(format!("{at}.disposition"), "The disposition must be attachment or inline.");
        }
        let encoded = encoded?;
        let Ok(content) = STANDARD.decode(&encoded) else {
            self.wrong(format!("{at}.content"), "The attachment content must be base64 encoded.");
            return None;
        };
        let is_inline = disposition.as_deref() == Some("inline");
        Some(Attachment { filename: filename?, media_type, is_inline, content_id, content })
    }
}
