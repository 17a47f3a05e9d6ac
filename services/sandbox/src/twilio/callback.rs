//! Status callbacks and inbound webhooks: what is posted, how it is signed, in which order.
//!
//! Twilio documentation, Outbound message status in status callbacks: each change of the status is posted,
//! the first status, which the answer to the request has told, is not.

use std::time::Duration;

use domain::Timestamp;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::API_VERSION;
use super::signature::{sign, with_body_hash};
use super::state::{CallbackSwitches, Message, Status};
use crate::{Deliveries, Delivery};

/// One POST to a receiver, not yet signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Callback {
    pub(crate) url: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Callback {
    /// Tells the present status of `message`, which it has had since `at`. None if nobody wants to know.
    pub(crate) fn status_of(message: &Message, at: Timestamp) -> Option<Self> {
        let url = message.status_callback.clone()?;
        let status = message.status.as_str();
        let mut parameters = vec![
            ("MessageSid", message.sid.clone()),
            ("MessageStatus", status.to_owned()),
            ("SmsSid", message.sid.clone()),
            ("SmsStatus", status.to_owned()),
            ("AccountSid", message.account_sid.clone()),
            ("From", message.from.clone().unwrap_or_default()),
            ("To", message.to.clone()),
            ("ApiVersion", API_VERSION.to_owned()),
        ];
        if let Some(code) = message.error_code {
            parameters.push(("ErrorCode", code.to_string()));
        }
        if let Some(service) = &message.messaging_service_sid {
            parameters.push(("MessagingServiceSid", service.clone()));
        }
        if matches!(message.status, Status::Delivered | Status::Undelivered) {
            parameters.push(("RawDlrDoneDate", at.format("%y%m%d%H%M").to_string()));
        }
        Some(Self::new(url, parameters))
    }

    /// Tells that `message` came in. `opt_out` is START or STOP if Twilio has acted on it.
    pub(crate) fn inbound(message: &Message, url: String, opt_out: Option<&str>) -> Self {
        let mut parameters = vec![
            ("MessageSid", message.sid.clone()),
            ("SmsSid", message.sid.clone()),
            ("SmsMessageSid", message.sid.clone()),
            ("SmsStatus", message.status.as_str().to_owned()),
            ("AccountSid", message.account_sid.clone()),
            ("From", message.from.clone().unwrap_or_default()),
            ("To", message.to.clone()),
            ("Body", message.body.clone()),
            ("NumMedia", message.media.len().to_string()),
            ("NumSegments", message.segments.to_string()),
            ("ApiVersion", API_VERSION.to_owned()),
        ];
        if let Some(kind) = opt_out {
            parameters.push(("OptOutType", kind.to_owned()));
        }
        Self::new(url, parameters)
    }

    fn new(url: String, parameters: Vec<(&str, String)>) -> Self {
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { url, parameters }
    }

    /// Signed with `auth_token`, as the switches want it.
    pub(crate) fn packed(&self, auth_token: &str, switches: CallbackSwitches) -> Delivery {
        let token =
            if switches.has_wrong_token { format!("{auth_token}-wrong") } else { auth_token.to_owned() };
        let (url, signature, content_type, body) = if switches.is_json {
            let fields: serde_json::Map<_, _> =
                self.parameters.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
            let body = serde_json::Value::Object(fields).to_string();
            let url = with_body_hash(&self.url, body.as_bytes());
            let signature = sign(&token, &url, &[]);
            (url, signature, "application/json", body)
        } else {
            let body =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish();
            let signature = sign(&token, &self.url, &self.parameters);
            (self.url.clone(), signature, "application/x-www-form-urlencoded; charset=UTF-8", body)
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let signature = HeaderValue::from_str(&signature).expect("Base64 is a header value");
        headers.insert("x-twilio-signature", signature);
        Delivery { url, headers, body: body.into(), delay: Duration::ZERO, is_tried_once: false, done: None }
    }
}

/// Sends these one after the other: the next once the one before was answered or given up.
pub(crate) fn send_in_order(deliveries: &Deliveries, callbacks: Vec<Delivery>) {
    let mut rest = callbacks.into_iter();
    let Some(mut first) = rest.next() else { return };
    let rest: Vec<Delivery> = rest.collect();
    if !rest.is_empty() {
        let next = deliveries.clone();
        first.done = Some(Box::new(move |_| send_in_order(&next, rest)));
    }
    deliveries.send(first);
}
