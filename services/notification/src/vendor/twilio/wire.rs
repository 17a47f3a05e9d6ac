//! Twilio's JSON by its own names; only the fields that are used (Twilio API reference, Message and
//! Account resources).

use chrono::DateTime;
use domain::Timestamp;
use serde::Deserialize;
use vendor_http::Url;

use super::MessageStatus;

/// A message. No `Debug`: it holds personal data.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) sid: String,
    pub(super) status: MessageStatus,
    pub(super) body: Option<String>,
    pub(super) error_code: Option<u32>,
    /// A number written as text; "0" until a messaging service has picked the sender.
    pub(super) num_segments: Option<String>,
    /// RFC 2822.
    pub(super) date_created: Option<String>,
}

impl Message {
    pub(super) fn segments(&self) -> Option<u32> {
        self.num_segments.as_ref()?.parse().ok().filter(|&segments| segments > 0)
    }

    pub(super) fn created_at(&self) -> Option<Timestamp> {
        Some(DateTime::parse_from_rfc2822(self.date_created.as_ref()?).ok()?.to_utc())
    }
}

/// A page of messages.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) messages: Vec<Message>,
    pub(super) next_page_uri: Option<String>,
}

impl Page {
    /// The query of the next page; `None` after the last. Its address is not used: what an answer says must
    /// not decide where the credentials go.
    pub(super) fn next_query(&self) -> Option<Vec<(String, String)>> {
        let next = self.next_page_uri.as_ref()?;
        let (_, query) = next.split_once('?')?;
        // An address of no one, just to have the query decoded.
        let url: Url = format!("http://localhost/?{query}").parse().ok()?;
        Some(url.query_pairs().into_owned().collect())
    }
}

/// `GET /Accounts/{AccountSid}.json`.
#[derive(Deserialize)]
pub(super) struct Account {
    /// `active`, `suspended` or `closed`.
    pub(super) status: Option<String>,
    /// `Trial` or `Full`.
    pub(super) r#type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        serde_json::from_str(include_str!("../samples/twilio_messages.json")).unwrap()
    }

    #[test]
    fn messages_are_read_with_their_odd_types() {
        let [first, second, third] = &page().messages[..] else { panic!("the sample has three") };
        assert_eq!((first.status.clone(), first.segments()), (MessageStatus::Delivered, Some(1)));
        assert_eq!(first.created_at().unwrap().to_rfc3339(), "2026-12-01T09:00:00+00:00");
        assert_eq!((second.segments(), second.error_code), (None, Some(30003)));
        assert_eq!((third.segments(), third.created_at(), third.body.as_deref()), (None, None, None));
    }

    #[test]
    fn only_the_query_of_the_next_page_is_used() {
        let pairs = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        assert_eq!(
            page().next_query(),
            pairs(&[("To", "+436641234567"), ("Page", "1"), ("PageToken", "PT1")])
        );
        let at =
            |uri: Option<&str>| Page { messages: vec![], next_page_uri: uri.map(str::to_owned) }.next_query();
        assert_eq!(at(Some("https://evil.example/?PageToken=x")), pairs(&[("PageToken", "x")]));
        assert_eq!(at(None), None);
        assert_eq!(at(Some("/nothing")), None);
    }
}
