//! Who may call which method, as the contracts say.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};

use crate::auth::v1::requirement::Caller;
use crate::auth::v1::{Requirement as Declaration, Role};

/// The option of a method that says who may call it.
const OPTION: &str = "latchkey.auth.v1.requires";

/// Who may call a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// People of the workspace with this role or a higher one, and parts of the platform.
    Role(Role),
    /// These parts of the platform alone, by name.
    Internal(Vec<String>),
}

/// The requirement of each method.
#[derive(Debug, Clone)]
pub struct Requirements(HashMap<String, Requirement>);

/// A method does not say who may call it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{method} does not say who may call it: give it `option ({OPTION})` with {missing}")]
pub struct Undeclared {
    /// `/package.Service/Method`.
    pub method: String,
    /// What it should have.
    pub missing: &'static str,
}

impl Requirements {
    /// Those of our contracts.
    pub fn of_contracts() -> Result<Self, Undeclared> {
        let pool = DescriptorPool::decode(crate::DESCRIPTORS).expect("the descriptor set is generated");
        Self::read(&pool)
    }

    /// Those of the methods in a pool.
    pub fn read(pool: &DescriptorPool) -> Result<Self, Undeclared> {
        let methods: Vec<MethodDescriptor> =
            pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
        methods.iter().map(|method| Ok((path(method), declared(method)?))).collect::<Result<_, _>>().map(Self)
    }

    /// The requirement of the method at `/package.Service/Method`; `None` if there is no such method.
    pub fn of(&self, path: &str) -> Option<&Requirement> {
        self.0.get(path)
    }

    /// Whether `package.Service/Method`, or `package.Service/*`, names a method that is for people.
    pub fn is_for_people(&self, pattern: &str) -> bool {
        let Some((service, method)) = pattern.split_once('/') else { return false };
        let is_open = |needed: &Requirement| matches!(needed, Requirement::Role(_));
        if method == "*" {
            let prefix = format!("/{service}/");
            return self.0.iter().any(|(path, needed)| path.starts_with(&prefix) && is_open(needed));
        }
        self.of(&format!("/{pattern}")).is_some_and(is_open)
    }

    /// Whether a service has methods, none of them for people.
    pub fn is_internal(&self, service: &str) -> bool {
        let prefix = format!("/{service}/");
        let mut methods = self.0.iter().filter(|(path, _)| path.starts_with(&prefix)).peekable();
        methods.peek().is_some() && methods.all(|(_, needed)| matches!(needed, Requirement::Internal(_)))
    }
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn declared(method: &MethodDescriptor) -> Result<Requirement, Undeclared> {
    let undeclared = |missing| Undeclared { method: path(method), missing };
    let option = method
        .parent_pool()
        .get_extension_by_name(OPTION)
        .filter(|option| method.options().has_extension(option))
        .ok_or_else(|| undeclared("a role or internal services"))?;
    let value = method.options().get_extension(&option).into_owned();
    let declaration = value
        .as_message()
        .and_then(|message: &DynamicMessage| message.transcode_to::<Declaration>().ok())
        .unwrap_or_default();
    match declaration.caller {
        Some(Caller::Role(role)) => match Role::try_from(role) {
            Ok(role) if role != Role::Unspecified => Ok(Requirement::Role(role)),
            _ => Err(undeclared("a role")),
        },
        Some(Caller::Internal(internal)) if !internal.services.is_empty() => {
            Ok(Requirement::Internal(internal.services))
        }
        Some(Caller::Internal(_)) => Err(undeclared("the services that may call it")),
        None => Err(undeclared("a role or internal services")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool with one method that has this option.
    fn pool(option: &str) -> DescriptorPool {
        let text = format!(
            r#"syntax = "proto3";
            package sample.v1;
            import "latchkey/auth/v1/requirement.proto";
            message Nothing {{}}
            service Sample {{ rpc Try(Nothing) returns (Nothing) {{ {option} }} }}"#
        );
        let mut pool = DescriptorPool::decode(crate::DESCRIPTORS).unwrap();
        let known: Vec<String> = pool.files().map(|file| file.name().to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sample.proto"), text).unwrap();
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
        let mut compiler = protox::Compiler::new([folder.path(), root.as_ref()]).unwrap();
        compiler.include_imports(true).open_file("sample.proto").unwrap();
        let set = compiler.encode_file_descriptor_set();
        assert!(!known.iter().any(|name| name == "sample.proto"));
        pool.decode_file_descriptor_set(set.as_slice()).unwrap();
        pool
    }

    #[test]
    fn each_method_of_the_contracts_says_who_may_call_it() {
        let requirements = Requirements::of_contracts().unwrap();
        let confirm = requirements.of("/latchkey.workspace.v1.BookingService/ConfirmBooking");
        assert_eq!(confirm, Some(&Requirement::Role(Role::Manager)));
        assert!(requirements.is_internal("latchkey.integrations.v1.CredentialService"));
        assert!(!requirements.is_internal("latchkey.workspace.v1.WorkspaceService"));
        assert!(!requirements.is_internal("latchkey.workspace.v1.Workspace"));
        assert_eq!(requirements.of("/latchkey.workspace.v1.BookingService/Nothing"), None);
    }

    #[test]
    fn a_pattern_names_methods_that_are_for_people() {
        let requirements = Requirements::of_contracts().unwrap();
        for (pattern, is_for_people) in [
            ("latchkey.workspace.v1.BookingService/GetBooking", true),
            ("latchkey.workspace.v1.BookingService/*", true),
            ("latchkey.workspace.v1.BookingService/Get*", false),
            ("latchkey.workspace.v1.BookingService/", false),
            ("latchkey.workspace.v1.BookingService", false),
            ("latchkey.workspace.v1.Booking/*", false),
            ("/latchkey.workspace.v1.BookingService/GetBooking", false),
            ("latchkey.integrations.v1.CredentialService/*", false),
            ("latchkey.integrations.v1.CredentialService/ResolveCredential", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(requirements.is_for_people(pattern), is_for_people, "{pattern:?}");
        }
    }

    #[test]
    fn a_method_that_does_not_say_it_is_named() {
        let say = |option: &str| Requirements::read(&pool(option)).err().map(|error| error.to_string());
        let declared = |value: &str| say(&format!("option (latchkey.auth.v1.requires) = {{{value}}};"));
        assert_eq!(declared("role: ROLE_MEMBER"), None);
        assert_eq!(declared(r#"internal: {services: ["gateway"]}"#), None);
        for problem in [
            say("").unwrap(),
            declared("").unwrap(),
            declared("role: ROLE_UNSPECIFIED").unwrap(),
            declared("internal: {}").unwrap(),
        ] {
            assert!(problem.starts_with("/sample.v1.Sample/Try does not say"), "{problem}");
        }
    }
}
