//! API keys.

use chassis::auth::ApiKeyPrefix;
use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::ApiKeyName;
use domain::{LocationId, Timestamp, WorkspaceId};
use proto::Requirements;
use proto::workspace::v1 as pb;

use super::{DISPLAY_NAME_CHARS_MAX, location_names, locations, proto_role, role};
use crate::model::api_key::Verdict;
use crate::model::{ApiKey, Role};

/// Patterns that one key has at most: its token names them all.
const METHODS_MAX: usize = 20;

/// A new key, without its id.
#[derive(Debug)]
pub(crate) struct NewApiKey {
    pub display_name: String,
    /// Never that of an owner.
    pub role: Role,
    /// Where a manager is one.
    pub locations: Vec<LocationId>,
    pub methods: Vec<String>,
    pub expires_at: Option<Timestamp>,
}

pub(crate) fn new_api_key(
    workspace: WorkspaceId,
    message: Option<&pb::ApiKey>,
    contracts: &Requirements,
    now: Timestamp,
) -> Result<NewApiKey, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("api_key", message).and_then(|message| {
        let display_name = input.text("api_key.display_name", &message.display_name, DISPLAY_NAME_CHARS_MAX);
        let role = role(message.role()).filter(|role| *role != Role::Owner);
        if role.is_none() {
            input.refuse("api_key.role", "must be admin, manager, member or guest");
        }
        let locations =
            role.map(|role| locations(&mut input, "api_key.locations", &message.locations, role, workspace));
        let methods = methods(&mut input, &message.methods, contracts);
        let expires_at = message.expire_time.as_ref().and_then(|time| {
            let time = input.time("api_key.expire_time", Some(time))?;
            if time <= now {
                input.refuse("api_key.expire_time", "must be in the future");
            }
            Some(time)
        });
        Some(NewApiKey {
            display_name: display_name?,
            role: role?,
            locations: locations?,
            methods,
            expires_at,
        })
    });
    input.finish_with(values)
}

/// Which methods a key is for.
fn methods(input: &mut Input, patterns: &[String], contracts: &Requirements) -> Vec<String> {
    const FIELD: &str = "api_key.methods";
    if patterns.len() > METHODS_MAX {
        input.refuse(FIELD, format_args!("must be at most {METHODS_MAX}"));
    }
    let mut methods = Vec::new();
    for pattern in patterns.iter().take(METHODS_MAX) {
        if !contracts.is_for_people(pattern) {
            input.refuse(
                FIELD,
                format_args!(
                    "has {:?}, which is no method for people; must look like \
                     latchkey.workspace.v1.BookingService/GetBooking or latchkey.workspace.v1.BookingService/*",
                    pattern.chars().take(DISPLAY_NAME_CHARS_MAX).collect::<String>()
                ),
            );
        } else if !methods.contains(pattern) {
            methods.push(pattern.clone());
        }
    }
    methods
}

pub(crate) fn api_key(key: &ApiKey) -> pb::ApiKey {
    pb::ApiKey {
        name: ApiKeyName { workspace: key.workspace, id: key.id }.to_string(),
        display_name: key.display_name.clone(),
        role: proto_role(key.role).into(),
        locations: location_names(key.workspace, &key.locations),
        methods: key.methods.clone(),
        expire_time: key.expires_at.map(timestamp),
        prefix: ApiKeyPrefix(key.id).to_string(),
        create_time: Some(timestamp(key.created_at)),
        creator: key.creator.clone(),
        revoke_time: key.revoked_at.map(timestamp),
        last_use_time: key.last_used_at.map(timestamp),
    }
}

pub(crate) fn verdict(verdict: Verdict) -> pb::ApiKeyVerdict {
    match verdict {
        Verdict::Good => pb::ApiKeyVerdict::Good,
        Verdict::WrongSecret => pb::ApiKeyVerdict::WrongSecret,
        Verdict::Revoked => pb::ApiKeyVerdict::Revoked,
        Verdict::Expired => pb::ApiKeyVerdict::Expired,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chassis::auth::{Principal, Role as CallerRole};
    use domain::{ApiKeyId, SettableClock};

    use super::*;

    /// Verifiers look at no longer ones, and the gateway takes headers of 16 KiB.
    #[test]
    fn the_largest_key_fits_into_a_token() {
        let set: prost_types::FileDescriptorSet = prost::Message::decode(proto::DESCRIPTORS).unwrap();
        let mut methods: Vec<String> = set
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| (file, service)))
            .flat_map(|(file, service)| {
                let path = format!("{}.{}", file.package(), service.name());
                service.method.iter().map(move |method| format!("{path}/{}", method.name()))
            })
            .collect();
        methods.sort_by_key(|method| std::cmp::Reverse(method.len()));
        methods.truncate(METHODS_MAX);
        let now = Timestamp::from_timestamp(1_790_000_000, 0).unwrap();
        let (signer, verifier) = chassis::auth::new_pair(Arc::new(SettableClock::at(now)));
        let largest = Principal::api_key(ApiKeyId::new(), WorkspaceId::new(), CallerRole::Manager)
            .at((0..super::super::LOCATIONS_MAX).map(|_| LocationId::new()))
            .only_for(methods);
        assert_eq!(verifier.verify(&signer.issue(&largest, chrono::Duration::minutes(1))), Ok(largest));
    }
}
