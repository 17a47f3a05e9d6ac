//! What the page shows, newest first and bounded, as JSON.

use std::collections::BTreeMap;

use domain::{Clock as _, Timestamp};
use serde::Serialize;

use super::doors;
use crate::{Sandbox, sendgrid, twilio};

/// How many of each kind the page shows.
const SHOWN_MAX: usize = 200;

#[derive(Serialize)]
pub(super) struct Feed {
    /// By the sandbox's clock.
    now: Timestamp,
    mails_accepted: u64,
    mails: Vec<Mail>,
    texts_taken: u64,
    texts: Vec<Text>,
    taps: Vec<doors::Tap>,
    access: Vec<doors::Access>,
}

#[derive(Serialize)]
struct Mail {
    id: String,
    at: Timestamp,
    from: String,
    to: Vec<String>,
    subject: String,
    attachments: usize,
    /// How many recipients are where: the last event of each, counted.
    standing: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
struct Text {
    sid: String,
    at: Timestamp,
    from: Option<String>,
    to: String,
    body: String,
    media: Vec<String>,
    segments: usize,
    status: &'static str,
    error_code: Option<u32>,
    is_inbound: bool,
}

pub(super) fn read(sandbox: &Sandbox) -> Feed {
    let now = sandbox.clock().now();
    Feed {
        now,
        mails_accepted: sandbox.sendgrid().accepted(),
        mails: sandbox.sendgrid().latest(SHOWN_MAX, mail),
        texts_taken: sandbox.twilio().taken(),
        texts: sandbox.twilio().latest(SHOWN_MAX).into_iter().map(text).collect(),
        taps: doors::taps(sandbox.kisi(), SHOWN_MAX),
        access: doors::access(sandbox.kisi(), now, SHOWN_MAX),
    }
}

fn mail(message: &sendgrid::Message) -> Mail {
    let mut last: BTreeMap<&str, &'static str> = BTreeMap::new();
    for entry in &message.trail {
        last.insert(&entry.email, entry.event.name());
    }
    let mut standing = BTreeMap::new();
    for event in last.into_values() {
        *standing.entry(event).or_default() += 1;
    }
    let template = message.mail.template_id.as_deref().map(|id| format!("template {id}"));
    Mail {
        id: message.id.clone(),
        at: message.accepted_at,
        from: written(&message.mail.from),
        to: message.recipients().take(10).map(written).collect(),
        subject: message.subjects().next().map(str::to_owned).or(template).unwrap_or_default(),
        attachments: message.mail.attachments.len(),
        standing,
    }
}

/// `Ada <ada@example.org>`, or the address alone.
fn written(address: &sendgrid::Address) -> String {
    match address.name.as_deref() {
        Some(name) if !name.is_empty() => format!("{name} <{}>", address.email),
        _ => address.email.clone(),
    }
}

fn text(message: twilio::Message) -> Text {
    Text {
        sid: message.sid,
        at: message.created_at,
        from: message.from,
        to: message.to,
        body: message.body,
        media: message.media,
        segments: message.segments,
        status: message.status.as_str(),
        error_code: message.error_code,
        is_inbound: message.is_inbound,
    }
}
