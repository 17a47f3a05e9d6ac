//! Between messages and the model. Input is checked field by field; no refusal repeats what it
//! refuses, for it may be a secret in the wrong field.

use std::collections::BTreeMap;

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{IntegrationName, LocationName};
use domain::{LocationId, WorkspaceId};
use proto::integrations::v1 as pb;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::model::{Integration, Status};
use crate::providers::{self, PROVIDERS, Provider};

/// Bytes of one value. Keys of vendors are below 200; a certificate fits.
const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Values to save. Its Debug shows none of them.
#[derive(Debug)]
pub(crate) struct NewConnection {
    pub provider: &'static Provider,
    pub location: Option<LocationId>,
    pub credentials: BTreeMap<&'static str, SecretString>,
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

/// What to save, by a request and the values that were taken out of it.
pub(crate) fn new_connection(
    workspace: WorkspaceId,
    request: &pb::ConnectIntegrationRequest,
    plain: &Plain,
) -> Result<NewConnection, InvalidInput> {
    let mut input = Input::new();
    let location = location_of(&mut input, &request.location, workspace);
    let provider = provider_of(&mut input, &request.provider);
    let credentials = provider.map(|provider| credentials(&mut input, provider, plain));
    let values = provider.zip(credentials);
    input.finish_with(values.map(|(provider, credentials)| NewConnection { provider, location, credentials }))
}

fn credentials(
    input: &mut Input,
    provider: &'static Provider,
    plain: &Plain,
) -> BTreeMap<&'static str, SecretString> {
    if plain.keys().any(|name| !provider.credentials.contains(&name.as_str())) {
        let known = provider.credentials.join(", ");
        input.refuse("credentials", format_args!("must have no other names than {known}"));
    }
    let mut credentials = BTreeMap::new();
    for name in provider.credentials {
        let field = format!("credentials.{name}");
        // Copied keys bring blanks and line ends along.
        let value = plain.get(*name).map_or("", |value| value.trim());
        if value.is_empty() {
            input.refuse(&field, "must not be empty");
        } else if value.len() > VALUE_BYTES_MAX {
            input.refuse(&field, format_args!("must be at most {VALUE_BYTES_MAX} bytes"));
        } else if value.chars().any(char::is_control) {
            input.refuse(&field, "must not contain control characters");
        } else {
            credentials.insert(*name, SecretString::from(value));
        }
    }
    credentials
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
            Status::Unchecked => pb::IntegrationStatus::Unchecked,
            Status::Connected => pb::IntegrationStatus::Connected,
            Status::Refused => pb::IntegrationStatus::Refused,
            Status::Disconnected => pb::IntegrationStatus::Disconnected,
        }
        .into(),
        account_display_name: integration.account_display_name.clone(),
        status_reason: integration.status_reason.clone(),
        status_time: Some(timestamp(integration.status_at)),
        credential_names: integration.credential_names.clone(),
    }
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
    fn a_value_is_taken_without_the_blanks_around_it() {
        let new = check("kisi", &[("api_key", &format!(" {SECRET}\n"))]).unwrap();
        assert_eq!(new.credentials["api_key"].expose_secret(), SECRET);
        assert!(!format!("{new:?}").contains(SECRET), "{new:?}");
    }

    #[test]
    fn what_is_refused_is_named_and_never_repeated() {
        let long = SECRET.repeat(600);
        for (provider, values, problem) in [
            ("kisi", vec![], "credentials.api_key must not be empty"),
            ("kisi", vec![("api_key", " \n")], "credentials.api_key must not be empty"),
            ("kisi", vec![("api_key", "d34db33f\0d34db33f")], "must not contain control characters"),
            ("kisi", vec![("api_key", long.as_str())], "must be at most 8192 bytes"),
            (
                "kisi",
                vec![("api_key", "a"), (SECRET, "a")],
                "credentials must have no other names than api_key",
            ),
            ("kissi", vec![("api_key", SECRET)], "provider must be one of: kisi"),
            (SECRET, vec![], "provider must be one of: kisi"),
        ] {
            let message = check(provider, &values).unwrap_err();
            assert!(message.contains(problem), "{message}");
            assert!(!message.contains("d34db33f"), "{message}");
        }
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
