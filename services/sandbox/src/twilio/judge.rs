//! Whether a message is taken: pure judgement on the form, the account and the time.
//!
//! Twilio API reference, Messages resource, Create a Message.

use chrono::{DateTime, Duration};
use domain::Timestamp;
use http::{HeaderMap, header};
use url::Url;

use super::refusal::Refusal;
use super::segments::smart_encode;
use super::state::{Account, AccountKind};

/// Longest body, in characters.
const BODY_MAX: usize = 1_600;
/// Most media of one message.
const MEDIA_MAX: usize = 10;

/// The only sender of the test credentials that works.
const TEST_SENDER: &str = "+15005550006";

/// A form as it came in: names may repeat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The form in a request's body; empty if the body is something else.
    pub(crate) fn of_body(headers: &HeaderMap, body: &[u8]) -> Self {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form = media_type.is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"));
        if is_form { Self::parse(body) } else { Self::default() }
    }

    /// The value of `name`, if it is given and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }

    /// The value of `name`, be it empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(given, value)| given == name && !value.is_empty())
            .map(|(_, v)| v.clone())
            .collect()
    }
}

/// A message that may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) to: String,
    /// None: the service chooses.
    pub(crate) from: Option<String>,
    pub(crate) messaging_service_sid: Option<String>,
    pub(crate) body: String,
    pub(crate) media: Vec<String>,
    pub(crate) content_sid: Option<String>,
    pub(crate) status_callback: Option<String>,
    pub(crate) send_at: Option<Timestamp>,
}

pub(crate) fn judge(account: &Account, form: &Form, now: Timestamp) -> Result<Draft, Refusal> {
    let to = form.get("To").ok_or(Refusal::ToMissing)?;
    let service = form.get("MessagingServiceSid");
    if form.get("From").is_none() && service.is_none() {
        return Err(Refusal::SenderMissing);
    }
    let (body, media) = content(form)?;
    let from = sender(account, form.get("From"), service)?;
    recipient(account, to, from, service)?;
    let send_at = schedule(form, now)?;
    within(form, "ValidityPeriod", 1..=36_000)?;
    within(form, "Attempt", 1..=u32::MAX)?;
    let callback = form.get("StatusCallback");
    if let Some(url) = callback
        && !is_callable(url)
    {
        return Err(Refusal::CallbackInvalid(url.to_owned()));
    }
    let of_service = || account.services.get(service?)?.status_callback.clone();
    Ok(Draft {
        to: to.to_owned(),
        from: from.map(str::to_owned),
        messaging_service_sid: service.map(str::to_owned),
        body: if account.kind == AccountKind::Trial {
            format!("Sent from your Twilio trial account - {body}")
        } else {
            body
        },
        media,
        content_sid: form.get("ContentSid").map(str::to_owned),
        status_callback: callback.map(str::to_owned).or_else(of_service),
        send_at,
    })
}

fn content(form: &Form) -> Result<(String, Vec<String>), Refusal> {
    let body = form.get("Body").unwrap_or_default();
    let media = form.all("MediaUrl");
    let template = form.get("ContentSid");
    if body.is_empty() && media.is_empty() && template.is_none() {
        return Err(Refusal::ContentMissing);
    }
    if template.is_some_and(|sid| !is_sid(sid, "HX")) {
        return Err(Refusal::ParameterInvalid("ContentSid"));
    }
    if media.len() > MEDIA_MAX || !media.iter().all(|url| is_web_address(url)) {
        return Err(Refusal::ParameterInvalid("MediaUrl"));
    }
    let is_smart = form.get("SmartEncoded").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let body = if is_smart { smart_encode(body) } else { body.to_owned() };
    if body.chars().count() > BODY_MAX {
        return Err(Refusal::BodyTooLong);
    }
    Ok((body, media))
}

/// The sender that is known already, if any. A service chooses later, but must have one to choose.
fn sender<'a>(
    account: &Account,
    from: Option<&'a str>,
    service: Option<&str>,
) -> Result<Option<&'a str>, Refusal> {
    let pool = match service {
        Some(sid) => {
            let unknown = || Refusal::ServiceUnknown(sid.to_owned());
            let service = account.services.get(sid).ok_or_else(unknown)?;
            if service.senders.is_empty() {
                return Err(Refusal::ServiceEmpty(sid.to_owned()));
            }
            Some(&service.senders)
        }
        None => None,
    };
    let Some(from) = from else { return Ok(None) };
    if !is_sender(from) {
        return Err(Refusal::FromInvalid(from.to_owned()));
    }
    if account.kind == AccountKind::Test {
        return match from {
            TEST_SENDER => Ok(Some(from)),
            "+15005550001" => Err(Refusal::FromInvalid(from.to_owned())),
            "+15005550008" => Err(Refusal::QueueFull),
            _ => Err(Refusal::SenderNotOurs(from.to_owned())),
        };
    }
    match pool {
        Some(pool) if !pool.iter().any(|member| member == from) => {
            Err(Refusal::SenderNotInService(from.to_owned()))
        }
        Some(_) => Ok(Some(from)),
        None if !account.senders.contains_key(from) => Err(Refusal::SenderNotOurs(from.to_owned())),
        None => Ok(Some(from)),
    }
}

fn recipient(account: &Account, to: &str, from: Option<&str>, service: Option<&str>) -> Result<(), Refusal> {
    if !is_e164(to) {
        return Err(Refusal::ToInvalid(to.to_owned()));
    }
    if account.kind == AccountKind::Test {
        return match to {
            "+15005550001" => Err(Refusal::ToInvalid(to.to_owned())),
            "+15005550002" => Err(Refusal::NotRoutable(to.to_owned())),
            "+15005550003" => Err(Refusal::CountryNotEnabled(to.to_owned())),
            "+15005550004" => Err(Refusal::OptedOut),
            "+15005550009" => Err(Refusal::NotMobile(to.to_owned())),
            _ => Ok(()),
        };
    }
    if account.blocked_prefixes.iter().any(|prefix| to.starts_with(prefix.as_str())) {
        return Err(Refusal::CountryNotEnabled(to.to_owned()));
    }
    if account.kind == AccountKind::Trial && !account.verified.contains(to) {
        return Err(Refusal::TrialUnverified(to.to_owned()));
    }
    let has_left = |sender: Option<&str>| {
        sender.is_some_and(|s| account.opt_outs.contains(&(s.to_owned(), to.to_owned())))
    };
    if has_left(from) || has_left(service) {
        return Err(Refusal::OptedOut);
    }
    Ok(())
}

fn schedule(form: &Form, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    match form.get("ScheduleType") {
        None => return Ok(None),
        Some("fixed") => {}
        Some(_) => return Err(Refusal::ParameterInvalid("ScheduleType")),
    }
    if form.get("MessagingServiceSid").is_none() {
        return Err(Refusal::ScheduleNeedsService);
    }
    let at = form.get("SendAt").and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let at = at.ok_or(Refusal::SendAtInvalid)?.to_utc();
    if (now + Duration::seconds(300)..=now + Duration::days(35)).contains(&at) {
        Ok(Some(at))
    } else {
        Err(Refusal::SendAtInvalid)
    }
}

fn within(form: &Form, name: &'static str, range: std::ops::RangeInclusive<u32>) -> Result<(), Refusal> {
    match form.get(name).map(str::parse::<u32>) {
        None => Ok(()),
        Some(Ok(value)) if range.contains(&value) => Ok(()),
        Some(_) => Err(Refusal::ParameterInvalid(name)),
    }
}

/// `+`, then at most 15 digits, the first not 0. No country's numbers have fewer than seven.
pub(crate) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A number, a short code, or up to eleven letters and digits with at least one letter.
fn is_sender(text: &str) -> bool {
    let is_short_code = (3..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" +-_&".contains(&byte));
    is_e164(text) || is_short_code || is_name
}

fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Twilio calls no host with an underscore in its name.
fn is_callable(text: &str) -> bool {
    is_web_address(text)
        && Url::parse(text).is_ok_and(|url| url.host_str().is_some_and(|host| !host.contains('_')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::state::{MessagingService, Sender};

    const OURS: &str = "+43720000001";
    const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";

    fn account(kind: AccountKind) -> Account {
        let pool = MessagingService {
            senders: vec![OURS.into()],
            status_callback: Some("https://hooks.example/service".into()),
        };
        Account {
            sid: "AC0123456789abcdef0123456789abcdef".into(),
            auth_token: "token".into(),
            friendly_name: String::new(),
            kind,
            api_keys: [].into(),
            senders: [(OURS.into(), Sender::default()), ("Space".into(), Sender::default())].into(),
            services: [(SERVICE.into(), pool), (SERVICE.replace('0', "1"), MessagingService::default())]
                .into(),
            verified: ["+436641234567".into()].into(),
            blocked_prefixes: ["+7".into()].into(),
            opt_outs: [(OURS.to_owned(), "+436640000009".to_owned())].into(),
        }
    }

    fn now() -> Timestamp {
        "2026-12-01T09:00:00Z".parse().unwrap()
    }

    fn form(overrides: &[(&str, &str)]) -> Form {
        let mut fields = vec![("To", "+436641234567"), ("From", OURS), ("Body", "Door code")];
        fields.retain(|(name, _)| overrides.iter().all(|(other, _)| other != name));
        fields.extend(overrides);
        Form(fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn code(kind: AccountKind, overrides: &[(&str, &str)]) -> Option<u32> {
        judge(&account(kind), &form(overrides), now()).err().map(|refusal| refusal.code())
    }

    #[test]
    fn each_fault_of_a_form_has_its_code() {
        let (long, longest) = ("x".repeat(1_601), "ж".repeat(1_600));
        let other_service = SERVICE.replace('0', "1");
        for (overrides, expected) in [
            (vec![], None),
            (vec![("To", "")], Some(21604)),
            (vec![("From", "")], Some(21603)),
            (vec![("Body", "")], Some(21619)),
            (vec![("Body", ""), ("MediaUrl", "https://a.example/x.png")], None),
            (vec![("Body", ""), ("MediaUrl", "x.png")], Some(20001)),
            (vec![("Body", long.as_str())], Some(21617)),
            (vec![("Body", longest.as_str())], None),
            (vec![("To", " 436641234567")], Some(21211)),
            (vec![("To", "06641234567")], Some(21211)),
            (vec![("To", "+0664123456")], Some(21211)),
            (vec![("To", "+1234567890123456")], Some(21211)),
            (vec![("From", "+0")], Some(21212)),
            (vec![("From", "A name too long")], Some(21212)),
            (vec![("From", "Space")], None),
            (vec![("From", "+43720000002")], Some(21606)),
            (vec![("To", "+79991234567")], Some(21408)),
            (vec![("To", "+436640000009")], Some(21610)),
            (vec![("To", "+436640000009"), ("From", "Space")], None),
            (vec![("From", ""), ("MessagingServiceSid", SERVICE)], None),
            (vec![("From", "Space"), ("MessagingServiceSid", SERVICE)], Some(21712)),
            (vec![("From", ""), ("MessagingServiceSid", "MG1")], Some(21701)),
            (vec![("From", ""), ("MessagingServiceSid", other_service.as_str())], Some(21703)),
            (vec![("ValidityPeriod", "0")], Some(20001)),
            (vec![("ValidityPeriod", "36000")], None),
            (vec![("StatusCallback", "https://my_host.example/x")], Some(21609)),
            (vec![("StatusCallback", "hooks")], Some(21609)),
            (vec![("ScheduleType", "fixed"), ("SendAt", "2026-12-02T09:00:00Z")], Some(35118)),
        ] {
            assert_eq!(code(AccountKind::Full, &overrides), expected, "{overrides:?}");
        }
    }

    #[test]
    fn scheduling_needs_a_service_and_a_time_within_reach() {
        let at = |send_at| {
            let fields = [
                ("From", ""),
                ("MessagingServiceSid", SERVICE),
                ("ScheduleType", "fixed"),
                ("SendAt", send_at),
            ];
            code(AccountKind::Full, &fields)
        };
        assert_eq!(at("2026-12-01T10:05:00+01:00"), None);
        assert_eq!(at("2026-12-01T09:04:59Z"), Some(35111));
        assert_eq!(at("2027-01-06T00:00:00Z"), Some(35111));
        assert_eq!(at("tomorrow"), Some(35111));
    }

    #[test]
    fn trial_accounts_reach_verified_numbers_and_prefix_the_text() {
        assert_eq!(code(AccountKind::Trial, &[("To", "+436641234568")]), Some(21608));
        let draft = judge(&account(AccountKind::Trial), &form(&[]), now()).unwrap();
        assert!(draft.body.ends_with("account - Door code"), "{}", draft.body);
    }

    #[test]
    fn the_magic_numbers_of_the_test_credentials_answer_as_documented() {
        for (from, to, expected) in [
            ("+15005550006", "+436641234567", None),
            ("+15005550001", "+436641234567", Some(21212)),
            ("+15005550007", "+436641234567", Some(21606)),
            ("+15005550008", "+436641234567", Some(21611)),
            (OURS, "+436641234567", Some(21606)),
            ("+15005550006", "+15005550001", Some(21211)),
            ("+15005550006", "+15005550002", Some(21612)),
            ("+15005550006", "+15005550003", Some(21408)),
            ("+15005550006", "+15005550004", Some(21610)),
            ("+15005550006", "+15005550009", Some(21614)),
        ] {
            assert_eq!(code(AccountKind::Test, &[("From", from), ("To", to)]), expected, "{from} {to}");
        }
    }

    #[test]
    fn the_service_lends_its_callback_unless_the_message_has_one() {
        let of = |overrides: &[(&str, &str)]| {
            judge(&account(AccountKind::Full), &form(overrides), now()).unwrap().status_callback
        };
        assert_eq!(of(&[]), None);
        let through_service = [("From", ""), ("MessagingServiceSid", SERVICE)];
        assert_eq!(of(&through_service).as_deref(), Some("https://hooks.example/service"));
        let own =
            [("From", ""), ("MessagingServiceSid", SERVICE), ("StatusCallback", "http://127.0.0.1:9/t?m=1")];
        assert_eq!(of(&own).as_deref(), Some("http://127.0.0.1:9/t?m=1"));
    }

    #[test]
    fn smart_encoding_is_applied_on_wish() {
        let fields = [("Body", "it’s"), ("SmartEncoded", "true")];
        assert_eq!(judge(&account(AccountKind::Full), &form(&fields), now()).unwrap().body, "it's");
    }
}
