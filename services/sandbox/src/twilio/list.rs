//! The message list: filters, pages, links to the pages beside.

use std::ops::Bound;

use chrono::{DateTime, NaiveDate};
use domain::Timestamp;
use serde_json::{Value, json};

use super::judge::Form;
use super::refusal::Refusal;
use super::state::{Message, State, key_of};
use super::{API_VERSION, wire};

const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;

/// One page of an account's messages, newest first (Twilio API reference, Messages resource, Read multiple).
pub(crate) fn page(state: &State, account_sid: &str, query: &Form) -> Result<Value, Refusal> {
    let size = match query.get("PageSize").map(str::parse::<usize>) {
        None => PAGE_SIZE_DEFAULT,
        Some(Ok(size)) if size > 0 => size.min(PAGE_SIZE_MAX),
        Some(_) => return Err(Refusal::ParameterInvalid("PageSize")),
    };
    let number = match query.get("Page").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(number)) => number,
        Some(Err(_)) => return Err(Refusal::ParameterInvalid("Page")),
    };
    let dates = SentRange::read(query)?;
    let wanted = |message: &&Message| {
        message.account_sid == account_sid
            && query.get("To").is_none_or(|to| to == message.to)
            && query.get("From").is_none_or(|from| Some(from) == message.from.as_deref())
            && dates.admits(message.sent_at)
    };
    let messages: Vec<&Message> = match query.get("PageToken") {
        None => state.messages.values().rev().filter(wanted).take(size + 1).collect(),
        Some(token) => {
            let last = token.strip_prefix("PA").map(key_of).filter(|key| !key.is_empty());
            let last = last.ok_or(Refusal::ParameterInvalid("PageToken"))?;
            let older = state.messages.range::<str, _>((Bound::Unbounded, Bound::Excluded(last)));
            older.rev().map(|(_, message)| message).filter(wanted).take(size + 1).collect()
        }
    };
    let has_more = messages.len() > size;
    let shown = &messages[..messages.len().min(size)];
    let uri = |page: usize, token: Option<&str>| {
        let mut link = url::form_urlencoded::Serializer::new(String::new());
        for name in ["To", "From", "DateSent", "DateSent<", "DateSent>"] {
            if let Some(value) = query.get(name) {
                link.append_pair(name, value);
            }
        }
        link.append_pair("PageSize", &size.to_string()).append_pair("Page", &page.to_string());
        if let Some(sid) = token {
            link.append_pair("PageToken", &format!("PA{sid}"));
        }
        format!("/{API_VERSION}/Accounts/{account_sid}/Messages.json?{}", link.finish())
    };
    let next = shown.last().filter(|_| has_more).map(|last| uri(number + 1, Some(&last.sid)));
    let start = number * size;
    Ok(json!({
        "messages": shown.iter().map(|message| wire::message(message)).collect::<Vec<_>>(),
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + shown.len().saturating_sub(1),
        "first_page_uri": uri(0, None),
        "next_page_uri": next,
        "previous_page_uri": Value::Null,
        "uri": uri(number, None),
    }))
}

/// `DateSent` (that day), `DateSent<` (until) and `DateSent>` (since), as days or times in UTC.
struct SentRange {
    since: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl SentRange {
    fn read(query: &Form) -> Result<Self, Refusal> {
        let read = |name| match query.get(name) {
            None => Ok(None),
            Some(text) => span(text).map(Some).ok_or(Refusal::ParameterInvalid("DateSent")),
        };
        let (on, until, since) = (read("DateSent")?, read("DateSent<")?, read("DateSent>")?);
        Ok(Self { since: on.or(since).map(|(start, _)| start), before: on.or(until).map(|(_, end)| end) })
    }

    fn admits(&self, sent_at: Option<Timestamp>) -> bool {
        let is_open = self.since.is_none() && self.before.is_none();
        sent_at.map_or(is_open, |at| {
            self.since.is_none_or(|since| at >= since) && self.before.is_none_or(|before| at < before)
        })
    }
}

/// The day or second that a text names, half-open.
fn span(text: &str) -> Option<(Timestamp, Timestamp)> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        let start = day.and_time(chrono::NaiveTime::MIN).and_utc();
        return Some((start, start + chrono::Duration::days(1)));
    }
    let start = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    Some((start, start + chrono::Duration::seconds(1)))
}
