//! Between messages and the model. Input is checked field by field; no refusal repeats what it
//! refuses, for it may be a secret in the wrong field.

use std::collections::BTreeMap;

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{IntegrationName, LocationName};
use domain::{LocationId, WorkspaceId};
use proto::access::v1::ProviderPlace;
use proto::integrations::v1 as pb;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::model::{Account, Certificate, Finding, Integration, Problem, ProblemKind, Status, Word};
use crate::providers::{self, CredentialSpec, PROVIDERS, Provider};

/// Bytes of one value. Keys of vendors are below 200; a certificate fits.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// Characters that are kept of a reason, or of what something is called.
const TEXT_CHARS_MAX: usize = 500;
/// Problems, findings and names that are kept of each.
const LIST_MAX: usize = 10;

/// Values to save. Its Debug shows none of them.
#[derive(Debug)]
pub(crate) struct NewConnection {
    pub provider: &'static Provider,
    pub location: Option<LocationId>,
    pub credentials: Vec<(&'static CredentialSpec, SecretString)>,
    /// Values that were sent blank: they stay as they are, so they must be there.
    pub blank: Vec<&'static str>,
}

/// Values by name, taken out of a message so that they are wiped after use.
pub(crate) type Plain = BTreeMap<String, Zeroizing<String>>;

/// Takes the values out of a request.
pub(crate) fn take_credentials(request: &mut pb::ConnectIntegrationRequest) -> Plain {
    std::mem::take(&mut request.credentials)
        .into_iter()
        .map(|(name, value)| (name, Zeroizing::new(value)))
        .collect()
}

/// Where a value stands in a request.
pub(crate) fn credential_field(name: &str) -> String {
    format!("credentials.{name}")
}

/// What to save, by a request and the values that were taken out of it.
pub(crate) fn new_connection(
    workspace: WorkspaceId,
    request: &pb::ConnectIntegrationRequest,
    plain: &Plain,
) -> Result<NewConnection, InvalidInput> {
    let mut input = Input::new();
    let location = location_of(&mut input, &request.location, workspace);
    let provider = provider_of(&mut input, &request.provider);
    let new = provider.map(|provider| {
        let (credentials, blank) = credentials(&mut input, provider, plain);
        NewConnection { provider, location, credentials, blank }
    });
    input.finish_with(new)
}

type Credentials = (Vec<(&'static CredentialSpec, SecretString)>, Vec<&'static str>);

fn credentials(input: &mut Input, provider: &'static Provider, plain: &Plain) -> Credentials {
    if plain.keys().any(|name| provider.credential(name).is_none()) {
        let known: Vec<&str> = provider.credentials.iter().map(|spec| spec.name).collect();
        input.refuse("credentials", format_args!("must have no other names than {}", known.join(", ")));
    }
    let (mut credentials, mut blank) = (Vec::new(), Vec::new());
    for spec in provider.credentials {
        let Some(value) = plain.get(spec.name) else { continue };
        let field = credential_field(spec.name);
        // Copied keys bring blanks and line ends along.
        let value = value.trim();
        if value.is_empty() {
            blank.push(spec.name);
        } else if value.len() > VALUE_BYTES_MAX {
            input.refuse(&field, format_args!("must be at most {VALUE_BYTES_MAX} bytes"));
        } else if let Err(problem) = (spec.check)(value) {
            input.refuse(&field, &*problem);
        } else {
            credentials.push((spec, SecretString::from(value)));
        }
    }
    if credentials.is_empty() {
        if plain.is_empty() {
            input.refuse("credentials", "must have a value to save");
        }
        for name in &blank {
            input.refuse(&credential_field(name), "must not be empty");
        }
    }
    (credentials, blank)
}

/// A provider that is known.
pub(crate) fn provider_of(input: &mut Input, name: &str) -> Option<&'static Provider> {
    let provider = providers::find(name);
    if provider.is_none() {
        let known = PROVIDERS.each_ref().map(|provider| provider.name).join(", ");
        input.refuse("provider", format_args!("must be one of: {known}"));
    }
    provider
}

/// A location of this workspace, if one is named. Whether it exists is not ours to know.
pub(crate) fn location_of(input: &mut Input, text: &str, workspace: WorkspaceId) -> Option<LocationId> {
    let name: LocationName = input.parse_optional("location", text)?;
    if name.workspace != workspace {
        input.refuse("location", "must be a location of this workspace");
        return None;
    }
    Some(name.id)
}

pub(crate) fn integration(integration: &Integration) -> pb::Integration {
    let workspace = integration.workspace;
    pb::Integration {
        name: IntegrationName { workspace, id: integration.id }.to_string(),
        provider: integration.provider.clone(),
        location: integration
            .location
            .map_or_else(String::new, |id| LocationName { workspace, id }.to_string()),
        status: match integration.status {
            Status::NotConnected => pb::IntegrationStatus::NotConnected,
            Status::Connected => pb::IntegrationStatus::Connected,
            Status::Failing => pb::IntegrationStatus::Failing,
        }
        .into(),
        status_reason: integration.status_reason(),
        status_time: Some(timestamp(integration.status_at)),
        problems: integration.problems.iter().map(problem).collect(),
        account: integration.account.as_ref().map(account),
        account_changed: integration.account_changed(),
        is_active: integration.is_active(),
        credentials: integration
            .credentials
            .iter()
            .map(|kept| pb::Credential {
                name: kept.name.clone(),
                mask: kept.mask.clone(),
                saved_by: kept.saved_by.clone(),
                save_time: Some(timestamp(kept.saved_at)),
            })
            .collect(),
        certificate: integration.certificate.as_ref().map(certificate),
        changed_certificate: integration.changed_certificate.as_ref().map(certificate),
    }
}

fn certificate(certificate: &Certificate) -> pb::Certificate {
    pb::Certificate {
        host: certificate.host.to_string(),
        fingerprint: certificate.fingerprint.to_string(),
        subject: certificate.subject.clone(),
        not_before_time: certificate.not_before.map(timestamp),
        not_after_time: certificate.not_after.map(timestamp),
    }
}

fn account(account: &Account) -> pb::ProviderAccount {
    let finding = |finding: &Finding| pb::Finding {
        kind: finding.kind.clone(),
        count: finding.count,
        names: finding.names.clone(),
    };
    pb::ProviderAccount {
        r#ref: account.account_ref.clone(),
        display_name: account.display_name.clone(),
        mode: account.mode.clone(),
        findings: account.findings.iter().map(finding).collect(),
    }
}

fn problem(problem: &Problem) -> pb::ConnectionProblem {
    pb::ConnectionProblem {
        credential: problem.credential.clone(),
        kind: match problem.kind {
            ProblemKind::Missing => pb::ConnectionProblemKind::Missing,
            ProblemKind::Wrong => pb::ConnectionProblemKind::Wrong,
            ProblemKind::Unreachable => pb::ConnectionProblemKind::Unreachable,
            ProblemKind::TimedOut => pb::ConnectionProblemKind::TimedOut,
            ProblemKind::CertificateChanged => pb::ConnectionProblemKind::CertificateChanged,
            ProblemKind::AddressRefused => pb::ConnectionProblemKind::AddressRefused,
        }
        .into(),
        reason: problem.reason.clone(),
    }
}

/// A place of a provider's, with the locations that it is.
pub(crate) fn place(
    workspace: WorkspaceId,
    place: ProviderPlace,
    assigned: &[(LocationId, String)],
) -> pb::Place {
    let locations = assigned.iter().filter(|(_, place_ref)| *place_ref == place.r#ref);
    let locations = locations.map(|(id, _)| LocationName { workspace, id: *id }.to_string()).collect();
    pb::Place { r#ref: place.r#ref, display_name: place.display_name, locations }
}

/// What an adapter says; `None` if it is neither yes nor no.
pub(crate) fn word(response: pb::CheckConnectionResponse) -> Option<Word> {
    let certificate = response.certificate.as_ref().map(found_certificate).transpose().ok()?;
    match response.account {
        Some(found) if response.problems.is_empty() => {
            Some(Word::Accepted { account: Some(found_account(&found)), certificate })
        }
        _ if response.problems.is_empty() => None,
        _ => Some(Word::Failed {
            problems: response.problems.iter().take(LIST_MAX).map(found_problem).collect(),
            certificate,
        }),
    }
}

fn found_certificate(found: &pb::Certificate) -> Result<Certificate, InvalidInput> {
    let mut input = Input::new();
    let host = input.parse("host", &found.host);
    let fingerprint = input.parse("fingerprint", &found.fingerprint);
    // What a certificate says of times nobody vouches for: one out of all reason, as devices have it, is as good as none.
    let mut times = Input::new();
    let not_before = times.time("not_before_time", found.not_before_time.as_ref());
    let not_after = times.time("not_after_time", found.not_after_time.as_ref());
    let certificate = (|| {
        Some(Certificate {
            host: host?,
            fingerprint: fingerprint?,
            subject: shorten(&found.subject),
            not_before,
            not_after,
        })
    })();
    input.finish_with(certificate)
}

fn found_account(found: &pb::ProviderAccount) -> Account {
    let finding = |finding: &pb::Finding| Finding {
        kind: shorten(&finding.kind),
        count: finding.count,
        names: finding.names.iter().take(LIST_MAX).map(|name| shorten(name)).collect(),
    };
    Account {
        account_ref: shorten(&found.r#ref),
        display_name: shorten(&found.display_name),
        mode: shorten(&found.mode),
        findings: found.findings.iter().take(LIST_MAX).map(finding).collect(),
    }
}

pub(crate) fn found_problem(found: &pb::ConnectionProblem) -> Problem {
    Problem {
        credential: shorten(&found.credential),
        kind: match found.kind() {
            pb::ConnectionProblemKind::Missing => ProblemKind::Missing,
            pb::ConnectionProblemKind::Wrong => ProblemKind::Wrong,
            pb::ConnectionProblemKind::TimedOut => ProblemKind::TimedOut,
            pb::ConnectionProblemKind::CertificateChanged => ProblemKind::CertificateChanged,
            pb::ConnectionProblemKind::AddressRefused => ProblemKind::AddressRefused,
            // A kind of the future: nobody is to blame.
            pb::ConnectionProblemKind::Unreachable | pb::ConnectionProblemKind::Unspecified => {
                ProblemKind::Unreachable
            }
        },
        reason: shorten(&found.reason),
    }
}

/// A text of others, cut to what is kept.
pub(crate) fn shorten(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    const SECRET: &str = "d34db33fd34db33f";

    fn check(provider: &str, values: &[(&str, &str)]) -> Result<NewConnection, String> {
        let mut request = pb::ConnectIntegrationRequest {
            provider: provider.into(),
            credentials: values.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            ..Default::default()
        };
        let plain = take_credentials(&mut request);
        assert!(request.credentials.is_empty());
        new_connection(WorkspaceId::new(), &request, &plain).map_err(|error| error.to_string())
    }

    #[test]
    fn a_certificate_with_times_out_of_all_reason_is_one_all_the_same() {
        let fingerprint = "ab".repeat(32);
        let at = |seconds| Some(pbjson_types::Timestamp { seconds, nanos: 0 });
        let found = pb::Certificate {
            host: "10.0.0.7".to_owned(),
            fingerprint: fingerprint.clone(),
            subject: "CN=console".to_owned(),
            not_before_time: at(157_766_400),
            not_after_time: at(67_090_118_400),
        };
        let certificate = found_certificate(&found).unwrap();
        assert_eq!(certificate.fingerprint.to_string(), fingerprint);
        assert_eq!((certificate.not_before, certificate.not_after), (None, None));
        let sane = pb::Certificate { not_after_time: at(1_900_000_000), ..found };
        assert!(found_certificate(&sane).unwrap().not_after.is_some());
    }

    #[test]
    fn a_value_is_taken_without_the_blanks_around_it() {
        let new = check("kisi", &[("api_key", &format!(" {SECRET}\n"))]).unwrap();
        let (spec, value) = &new.credentials[0];
        assert_eq!((spec.name, value.expose_secret()), ("api_key", SECRET));
        assert!(!format!("{new:?}").contains(SECRET), "{new:?}");
    }

    #[test]
    fn any_part_of_the_values_is_taken() {
        let new = check("unifi", &[("host", "10.0.0.7"), ("api_key", " ")]).unwrap();
        let names: Vec<&str> = new.credentials.iter().map(|(spec, _)| spec.name).collect();
        assert_eq!((names, new.blank), (vec!["host"], vec!["api_key"]));
    }

    #[test]
    fn what_is_refused_is_named_and_never_repeated() {
        let long = SECRET.repeat(600);
        let all = "provider must be one of: kisi, relay, stripe, unifi";
        for (provider, values, problem) in [
            ("kisi", vec![], "credentials must have a value to save"),
            ("kisi", vec![("api_key", " \n")], "credentials.api_key must not be empty"),
            (
                "unifi",
                vec![("host", ""), ("api_key", "")],
                "credentials.host must not be empty; credentials.api_key",
            ),
            ("kisi", vec![("api_key", "d34db33f\0d34db33f")], "credentials.api_key must be of ASCII"),
            ("kisi", vec![("api_key", long.as_str())], "must be at most 8192 bytes"),
            (
                "kisi",
                vec![("api_key", "a"), (SECRET, "a")],
                "credentials must have no other names than api_key",
            ),
            (
                "unifi",
                vec![("host", "d34db33f:1"), ("api_key", "d34d b33f")],
                "credentials.api_key must be of",
            ),
            ("kissi", vec![("api_key", SECRET)], all),
            (SECRET, vec![], all),
        ] {
            let message = check(provider, &values).unwrap_err();
            assert!(message.contains(problem), "{message}");
            assert!(!message.contains("d34d"), "{message}");
        }
    }

    #[test]
    fn an_answer_that_says_nothing_is_no_word() {
        assert_eq!(word(pb::CheckConnectionResponse::default()), None);
        let problem = pb::ConnectionProblem { kind: 99, reason: "ä\n".repeat(600), ..Default::default() };
        // An account with a problem is no yes.
        let account = Some(pb::ProviderAccount::default());
        let response = pb::CheckConnectionResponse { account, problems: vec![problem], certificate: None };
        let Some(Word::Failed { problems, .. }) = word(response) else { panic!("no failure") };
        assert_eq!(problems[0].kind, ProblemKind::Unreachable, "of a kind that nobody knows");
        assert_eq!(problems[0].reason, "ä".repeat(500), "cut between characters");
        // Who answered is not known: it may be anybody.
        let certificate = pb::Certificate { host: "console".into(), ..Default::default() };
        let account = Some(pb::ProviderAccount::default());
        let response =
            pb::CheckConnectionResponse { account, problems: Vec::new(), certificate: Some(certificate) };
        assert_eq!(word(response), None);
    }

    #[test]
    fn a_location_of_another_workspace_is_refused() {
        let workspace = WorkspaceId::new();
        let location = |workspace| LocationName { workspace, id: LocationId::new() }.to_string();
        let read = |text: &str| {
            let mut input = Input::new();
            let id = location_of(&mut input, text, workspace);
            input.finish().map(|()| id).map_err(|error| error.to_string())
        };
        assert!(matches!(read(&location(workspace)), Ok(Some(_))));
        assert_eq!(read(""), Ok(None));
        assert_eq!(
            read(&location(WorkspaceId::new())),
            Err("location must be a location of this workspace".into())
        );
    }
}
