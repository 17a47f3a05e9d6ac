//! Verifies and reads status callbacks (Twilio docs, Webhooks security and Outbound message status).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use url::form_urlencoded;

use super::MessageStatus;

/// What Twilio reports about a message. Its order of coming is not sure: see
/// [`MessageStatus::is_news_after`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// The message, as [`Sent::sid`](super::Sent::sid) names it.
    pub sid: String,
    /// Where it stands.
    pub status: MessageStatus,
    /// Why it failed: see [`Reason::of_code`](super::Reason::of_code).
    pub error_code: Option<u32>,
}

/// Why a callback is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// Not Twilio's, or not for this address.
    #[error("the signature does not match: check the auth token and the public URL")]
    Mismatch,
    /// Without message or status.
    #[error("not a status callback")]
    Malformed,
}

/// Verifies `X-Twilio-Signature` over a form. `url` is the address that Twilio was given, query included, as
/// the public sees it; `tokens` are the account's auth tokens, of which a new one may sign at any time
/// while they are exchanged.
pub fn verify_callback(
    tokens: &[SecretString],
    signature: &str,
    url: &str,
    body: &[u8],
) -> Result<(), CallbackError> {
    let signature = STANDARD.decode(signature.trim()).map_err(|_| CallbackError::Mismatch)?;
    // Each name with its distinct values, both in order.
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        fields.entry(name.into_owned()).or_default().insert(value.into_owned());
    }
    let is_signed = |token: &SecretString, url: &str| {
        let mut mac = Hmac::<Sha1>::new_from_slice(token.expose_secret().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(url.as_bytes());
        for (name, values) in &fields {
            for value in values {
                mac.update(name.as_bytes());
                mac.update(value.as_bytes());
            }
        }
        mac.verify_slice(&signature).is_ok()
    };
    let urls = with_and_without_port(url);
    let matches = urls.iter().any(|url| tokens.iter().any(|token| is_signed(token, url)));
    if matches { Ok(()) } else { Err(CallbackError::Mismatch) }
}

/// Reads the form of a status callback. Fields that are not known are left out.
pub fn parse_callback(body: &[u8]) -> Result<StatusCallback, CallbackError> {
    let fields: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    let text = |names: [&str; 2]| {
        names.iter().find_map(|&name| fields.get(name)).filter(|value| !value.is_empty()).cloned()
    };
    // The second names are the older ones.
    let sid = text(["MessageSid", "SmsSid"]).ok_or(CallbackError::Malformed)?;
    let status = text(["MessageStatus", "SmsStatus"]).ok_or(CallbackError::Malformed)?;
    let error_code = fields.get("ErrorCode").and_then(|code| code.parse().ok());
    Ok(StatusCallback { sid, status: status.into(), error_code })
}

/// A text message that a person sent to us.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Whose number, as Twilio writes it.
    pub from: String,
    /// What it asks for.
    pub wish: Option<OptOut>,
}

/// What a person asks for by a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptOut {
    /// No more text messages.
    Stop,
    /// Text messages again.
    Start,
}

/// Reads the form of a text message that a person sent; `None`: it is none. A messaging service with advanced opt-out
/// says what was asked for (`OptOutType`); otherwise Twilio acts on the words of its documentation on opt-out keywords.
pub fn parse_inbound(body: &[u8]) -> Option<Inbound> {
    let fields: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    let text = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if text("SmsStatus") != Some("received") {
        return None;
    }
    let word = text("OptOutType").or(text("Body")).unwrap_or_default().trim().to_ascii_uppercase();
    let wish = match word.as_str() {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "OPTOUT" | "REVOKE" => {
            Some(OptOut::Stop)
        }
        "START" | "YES" | "UNSTOP" => Some(OptOut::Start),
        _ => None,
    };
    Some(Inbound { from: text("From")?.to_owned(), wish })
}

/// The URL as it is, without the standard port of its scheme, and with it: which of them is signed differs.
/// Nothing else of the text may change, so it is not taken apart as a URL.
fn with_and_without_port(url: &str) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return urls };
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return urls,
    };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (_, after_user) = host.rsplit_once('@').unwrap_or(("", host));
    if let Some(bare) = host.strip_suffix(port) {
        urls.push(format!("{scheme}://{bare}{path}"));
    } else if after_user.rsplit(']').next().is_some_and(|end| !end.contains(':')) {
        urls.push(format!("{scheme}://{host}{port}{path}"));
    }
    urls
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://hooks.space.example/twilio?message=018f";
    const FORM: &[u8] = b"MessageSid=SM1&MessageStatus=sent&To=%2B436641234567&Body=a+b&A=2&A=1&A=2";

    fn token(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn sign(text: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(b"t0ken").unwrap();
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// What Twilio signs for [`FORM`].
    fn signed(url: &str) -> String {
        sign(&format!("{url}A1A2Bodya bMessageSidSM1MessageStatussentTo+436641234567"))
    }

    fn verify(signature: &str, url: &str, body: &[u8]) -> bool {
        verify_callback(&[token("older"), token("t0ken")], signature, url, body).is_ok()
    }

    /// The worked example of Twilio's documentation on webhook security.
    #[test]
    fn the_example_of_the_documentation_verifies() {
        let body = b"Digits=1234&To=%2B18005551212&From=%2B14158675310&Caller=%2B14158675310&CallSid=CA1234567890ABCDE";
        let url = "https://example.com/myapp.php?foo=1&bar=2";
        assert_eq!(verify_callback(&[token("12345")], "L/OH5YylLD5NRKLltdqwSvS0BnU=", url, body), Ok(()));
    }

    #[test]
    fn what_twilio_signed_for_this_address_is_taken() {
        assert!(verify(&signed(URL), URL, FORM));
    }

    #[test]
    fn another_address_form_or_token_is_refused() {
        let signature = signed(URL);
        assert!(!verify(&signature, "https://hooks.space.example/twilio?message=018e", FORM));
        assert!(!verify(&signature, URL, b"MessageSid=SM1&MessageStatus=delivered"));
        assert!(!verify("", URL, FORM));
        assert!(!verify("not base64", URL, FORM));
        assert_eq!(verify_callback(&[token("x")], &signature, URL, FORM), Err(CallbackError::Mismatch));
        assert_eq!(verify_callback(&[], &signature, URL, FORM), Err(CallbackError::Mismatch));
    }

    #[test]
    fn the_standard_port_does_not_matter_and_another_does() {
        let with_port = "https://hooks.space.example:443/twilio?message=018f";
        assert!(verify(&signed(with_port), URL, FORM));
        assert!(verify(&signed(URL), with_port, FORM));
        assert!(!verify(&signed(URL), "https://hooks.space.example:8443/twilio?message=018f", FORM));
        assert!(!verify(&signed(URL), "https://hooks.space.example:80/twilio?message=018f", FORM));
        for (url, other) in [
            ("http://a.example", "http://a.example:80"),
            ("http://a.example?x=:1", "http://a.example:80?x=:1"),
            ("https://[::1]/x", "https://[::1]:443/x"),
        ] {
            assert_eq!(with_and_without_port(url), [url, other]);
            assert_eq!(with_and_without_port(other), [other, url]);
        }
    }

    #[test]
    fn a_callback_is_read_by_its_newer_or_older_names() {
        let failed = StatusCallback {
            sid: "SM1".to_owned(),
            status: MessageStatus::Undelivered,
            error_code: Some(30003),
        };
        for body in [
            "MessageSid=SM1&MessageStatus=undelivered&SmsSid=x&SmsStatus=y&ErrorCode=30003&Invented=1",
            "SmsSid=SM1&SmsStatus=undelivered&ErrorCode=30003",
        ] {
            assert_eq!(parse_callback(body.as_bytes()), Ok(failed.clone()));
        }
        assert_eq!(parse_callback(FORM).unwrap().error_code, None);
    }

    #[test]
    fn a_form_without_message_or_status_is_refused() {
        for body in ["", "MessageSid=SM1", "MessageStatus=sent", "MessageSid=&MessageStatus=sent"] {
            assert_eq!(parse_callback(body.as_bytes()), Err(CallbackError::Malformed));
        }
    }

    #[test]
    fn a_persons_wish_is_read_by_what_twilio_says_or_by_its_word() {
        let wish = |form: &str| parse_inbound(form.as_bytes()).map(|inbound| inbound.wish);
        let from = "SmsStatus=received&From=%2B436641234567";
        assert_eq!(wish(&format!("{from}&Body=+Stop+")), Some(Some(OptOut::Stop)));
        assert_eq!(wish(&format!("{from}&Body=Aus&OptOutType=STOP")), Some(Some(OptOut::Stop)));
        assert_eq!(wish(&format!("{from}&Body=START")), Some(Some(OptOut::Start)));
        assert_eq!(wish(&format!("{from}&Body=please+stop")), Some(None));
        assert_eq!(wish("MessageSid=SM1&SmsStatus=sent&From=1&Body=STOP"), None);
        assert_eq!(wish("SmsStatus=received&Body=STOP"), None);
    }

    proptest! {
        #[test]
        fn no_input_breaks_it(url in ".{0,40}", body in prop::collection::vec(any::<u8>(), 0..80), signature in ".{0,40}") {
            prop_assert!(!verify(&signature, &url, &body));
            let _ = (parse_callback(&body), parse_inbound(&body));
        }
    }
}
