//! Whether a mail is taken: pure judgement on the body of `POST /v3/mail/send`.
//!
//! SendGrid v3 API reference, Mail Send. All that is wrong is told at once, each with the path of its field.

mod fields;

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use http::StatusCode;
use serde_json::{Map, Value};

use super::mail::{Address, Bypass, Content, Envelope, Mail};
use super::refusal::Refusal;
use fields::Fields;

/// Most personalizations, and most recipients of all of them together.
const RECIPIENTS_MAX: usize = 1_000;
/// How far ahead a mail can be scheduled.
const SCHEDULE_MAX_S: i64 = 72 * 60 * 60;
/// Custom arguments of one personalization, as JSON.
const CUSTOM_ARGS_MAX_BYTES: usize = 10_000;
/// Headers that are SendGrid's own business.
const RESERVED_HEADERS: [&str; 12] = [
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
];

/// Judges a request body. `senders` are verified addresses and domains.
pub(crate) fn judge(body: &Value, senders: &BTreeSet<String>, now: Timestamp) -> Result<Mail, Refusal> {
    let Some(body) = body.as_object() else {
        return Err(Refusal::bad_request("Bad Request: the body must be a JSON object"));
    };
    let mut fields = Fields::default();
    let mail = read(&mut fields, body, now);
    let errors = fields.into_errors();
    let Some(mail) = mail.filter(|_| errors.is_empty()) else {
        return Err(Refusal { status: StatusCode::BAD_REQUEST, errors });
    };
    let own = mail.envelopes.iter().filter_map(|envelope| envelope.from.as_ref());
    if !own.chain([&mail.from]).all(|from| is_verified(senders, &from.email)) {
        let message = "The from address does not match a verified Sender Identity. Mail cannot be sent until \
                       this error is resolved.";
        return Err(Refusal::of_field(StatusCode::FORBIDDEN, "from", message));
    }
    Ok(mail)
}

fn is_verified(senders: &BTreeSet<String>, email: &str) -> bool {
    let email = email.to_ascii_lowercase();
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    senders.iter().any(|sender| sender.eq_ignore_ascii_case(&email) || sender.eq_ignore_ascii_case(domain))
}

fn read(fields: &mut Fields, body: &Map<String, Value>, now: Timestamp) -> Option<Mail> {
    let headers = headers(fields, body, "headers");
    let custom_args = custom_args(fields, body, "custom_args");
    let envelopes = envelopes(fields, body, &custom_args, now);
    let from = match fields.member(body, "from") {
        Some(value) => fields.address(value, "from"),
        None => {
            fields
                .wrong("from.email", "The from object must be given, with an email and, if wanted, a name.");
            None
        }
    };
    let template_id = template_id(fields, body);
    let subject = fields.text(body, "subject", "subject");
    if subject.as_deref() == Some("") {
        fields.wrong("subject", "The subject must be a string at least one character in length.");
    }
    let has_all_subjects =
        !envelopes.is_empty() && envelopes.iter().all(|envelope| envelope.subject.is_some());
    if subject.is_none() && template_id.is_none() && !has_all_subjects {
        let message = "The subject is required, unless a template or every personalization has one.";
        fields.wrong("subject", message);
    }
    let content = content(fields, body, template_id.is_some());
    let attachments = fields.attachments(body);
    let reply_to = reply_to(fields, body);
    ip_pool(fields, body);
    let mail = Mail {
        envelopes,
        reply_to,
        subject,
        content,
        attachments,
        template_id,
        categories: categories(fields, body),
        headers,
        send_at: send_at(fields, body, "send_at", now),
        asm_group_id: asm(fields, body),
        bypass: bypass(fields, body),
        is_sandboxed: fields.switch(body, "mail_settings", "sandbox_mode"),
        // Last, so that the others have told what is wrong with them.
        from: from?,
    };
    Some(mail)
}

fn envelopes(
    fields: &mut Fields,
    body: &Map<String, Value>,
    shared_args: &BTreeMap<String, String>,
    now: Timestamp,
) -> Vec<Envelope> {
    let given = fields.list(body, "personalizations", "personalizations");
    if given.is_empty() {
        let message = "The personalizations field is required and must have at least one personalization.";
        fields.wrong("personalizations", message);
    }
    if given.len() > RECIPIENTS_MAX {
        fields.wrong("personalizations", "The personalization block is limited to 1000 personalizations.");
        return Vec::new();
    }
    let envelopes: Vec<Envelope> = given
        .iter()
        .enumerate()
        .filter_map(|(n, value)| envelope(fields, value, &format!("personalizations.{n}"), shared_args, now))
        .collect();
    if envelopes.iter().flat_map(Envelope::recipients).count() > RECIPIENTS_MAX {
        fields.wrong("personalizations", "There must be at most 1000 recipients: to, cc and bcc together.");
    }
    envelopes
}

fn envelope(
    fields: &mut Fields,
    value: &Value,
    at: &str,
    shared_args: &BTreeMap<String, String>,
    now: Timestamp,
) -> Option<Envelope> {
    let given = fields.object(value, at)?;
    let to = fields.addresses(given, "to", &format!("{at}.to"));
    if to.is_empty() {
        let message = "The to array is required for all personalization objects, and must have at least one \
                       email object with a valid email address.";
        fields.wrong(format!("{at}.to"), message);
    }
    let subject = fields.text(given, "subject", &format!("{at}.subject"));
    if subject.as_deref() == Some("") {
        fields
            .wrong(format!("{at}.subject"), "The subject must be a string at least one character in length.");
    }
    let mut custom_args_here = shared_args.clone();
    custom_args_here.extend(custom_args(fields, given, &format!("{at}.custom_args")));
    if serde_json::to_string(&custom_args_here).is_ok_and(|text| text.len() >= CUSTOM_ARGS_MAX_BYTES) {
        fields.wrong(format!("{at}.custom_args"), "Custom arguments must be less than 10,000 bytes.");
    }
    let dynamic = fields.member(given, "dynamic_template_data");
    let envelope = Envelope {
        to,
        cc: fields.addresses(given, "cc", &format!("{at}.cc")),
        bcc: fields.addresses(given, "bcc", &format!("{at}.bcc")),
        from: fields.member(given, "from").and_then(|from| fields.address(from, &format!("{at}.from"))),
        subject,
        headers: headers(fields, given, &format!("{at}.headers")),
        custom_args: custom_args_here,
        dynamic_template_data: dynamic
            .and_then(|data| fields.object(data, &format!("{at}.dynamic_template_data")))
            .cloned()
            .unwrap_or_default(),
        send_at: send_at(fields, given, &format!("{at}.send_at"), now),
    };
    let mut seen = BTreeSet::new();
    let duplicate = envelope.recipients().find(|address| !seen.insert(address.email.to_lowercase()));
    if let Some(Address { email, .. }) = duplicate {
        let message = format!(
            "Each email address in the personalization block should be unique between to, cc, and bcc. We \
             found the first duplicate instance of [{email}] in the {at} field."
        );
        fields.wrong(at, message);
    }
    Some(envelope)
}

fn reply_to(fields: &mut Fields, body: &Map<String, Value>) -> Vec<Address> {
    let one = fields.member(body, "reply_to");
    let several = fields.member(body, "reply_to_list");
    match (one, several) {
        (Some(_), Some(_)) => {
            fields.wrong("reply_to_list", "Only one of reply_to and reply_to_list may be given.");
            Vec::new()
        }
        (Some(value), None) => fields.address(value, "reply_to").into_iter().collect(),
        (None, Some(_)) => {
            let list = fields.addresses(body, "reply_to_list", "reply_to_list");
            let unique: BTreeSet<String> = list.iter().map(|address| address.email.to_lowercase()).collect();
            if unique.len() < list.len() || list.len() > RECIPIENTS_MAX {
                fields.wrong("reply_to_list", "There must be at most 1000 addresses, each only once.");
            }
            list
        }
        (None, None) => Vec::new(),
    }
}

fn content(fields: &mut Fields, body: &Map<String, Value>, has_template: bool) -> Vec<Content> {
    let given = fields.list(body, "content", "content");
    if given.is_empty() && !has_template {
        let message = "Unless a valid template_id is provided, at least one content block is required.";
        fields.wrong("content", message);
    }
    let mut contents = Vec::new();
    for (n, value) in given.iter().enumerate() {
        let at = format!("content.{n}");
        let Some(block) = fields.object(value, &at) else { continue };
        let media_type = fields.filled(block, "type", &format!("{at}.type"));
        let value = fields.filled(block, "value", &format!("{at}.value"));
        if media_type.as_deref().is_some_and(|text| text.contains([';', '\r', '\n'])) {
            fields.wrong(format!("{at}.type"), "The content type must not contain ; or line breaks.");
        }
        if let (Some(media_type), Some(value)) = (media_type, value) {
            contents.push(Content { media_type, value });
        }
    }
    let rank = |content: &Content| match content.media_type.as_str() {
        "text/plain" => 0,
        "text/html" => 1,
        _ => 2,
    };
    if !contents.is_sorted_by_key(rank) {
        fields.wrong("content", "text/plain must come first, then text/html, then anything else.");
    }
    contents
}

fn template_id(fields: &mut Fields, body: &Map<String, Value>) -> Option<String> {
    let id = fields.text(body, "template_id", "template_id")?;
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !id.strip_prefix("d-").is_some_and(is_hex) && uuid::Uuid::parse_str(&id).is_err() {
        fields.wrong("template_id", "The template_id must be a valid id of a template.");
    }
    Some(id)
}

fn headers(fields: &mut Fields, of: &Map<String, Value>, at: &str) -> BTreeMap<String, String> {
    let headers = fields.texts(of, "headers", at);
    for name in headers.keys().filter(|name| RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str())) {
        fields.wrong(format!("{at}.{name}"), "This header is reserved and cannot be set.");
    }
    headers
}

/// The API reference types the mail's own arguments as a string, its client libraries send an object: both are
/// understood.
fn custom_args(fields: &mut Fields, of: &Map<String, Value>, at: &str) -> BTreeMap<String, String> {
    if let Some(Value::String(text)) = of.get("custom_args") {
        return serde_json::from_str(text).unwrap_or_else(|_| {
            fields.wrong(at, "Custom arguments must be an object of strings.");
            BTreeMap::new()
        });
    }
    fields.texts(of, "custom_args", at)
}

fn categories(fields: &mut Fields, body: &Map<String, Value>) -> Vec<String> {
    let given = fields.list(body, "categories", "categories");
    let categories: Vec<String> = given.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let unique: BTreeSet<&String> = categories.iter().collect();
    if categories.len() < given.len() || categories.iter().any(|category| category.chars().count() > 255) {
        fields.wrong("categories", "Categories must be strings of at most 255 characters.");
    }
    if given.len() > 10 || unique.len() < categories.len() {
        fields.wrong("categories", "There must be at most 10 categories, each only once.");
    }
    categories
}

fn send_at(fields: &mut Fields, of: &Map<String, Value>, at: &str, now: Timestamp) -> Option<i64> {
    let given = fields.member(of, "send_at")?;
    let Some(seconds) = given.as_i64() else {
        fields.wrong(at, "The send_at parameter must be a Unix timestamp in seconds.");
        return None;
    };
    if seconds > now.timestamp() + SCHEDULE_MAX_S {
        fields.wrong(at, "Scheduling more than 72 hours in advance is forbidden.");
    }
    Some(seconds)
}

fn asm(fields: &mut Fields, body: &Map<String, Value>) -> Option<i64> {
    let asm = fields.member(body, "asm")?;
    let asm = fields.object(asm, "asm")?;
    let shown = fields.list(asm, "groups_to_display", "asm.groups_to_display");
    if shown.len() > 25 || !shown.iter().all(Value::is_i64) {
        fields.wrong("asm.groups_to_display", "There must be at most 25 group ids, each an integer.");
    }
    let id = asm.get("group_id").and_then(Value::as_i64);
    if id.is_none() {
        fields.wrong("asm.group_id", "The group_id is required and must be an integer.");
    }
    id
}

fn bypass(fields: &mut Fields, body: &Map<String, Value>) -> Bypass {
    let mut switch = |name| fields.switch(body, "mail_settings", name);
    let bypass = Bypass {
        list: switch("bypass_list_management"),
        spam: switch("bypass_spam_management"),
        bounce: switch("bypass_bounce_management"),
        unsubscribe: switch("bypass_unsubscribe_management"),
    };
    if bypass.list && (bypass.spam || bypass.bounce || bypass.unsubscribe) {
        let message = "bypass_list_management cannot be combined with other bypass settings.";
        fields.wrong("mail_settings.bypass_list_management", message);
    }
    bypass
}

fn ip_pool(fields: &mut Fields, body: &Map<String, Value>) {
    let name = fields.text(body, "ip_pool_name", "ip_pool_name");
    if name.is_some_and(|name| !(2..=64).contains(&name.chars().count())) {
        fields.wrong("ip_pool_name", "The ip_pool_name must have 2 to 64 characters.");
    }
}

#[cfg(test)]
mod tests;
