//! The tokens that a client gets for a session.

use chassis::auth::{Principal, Role};
use chrono::Duration;
use domain::names::{LocationName, PersonName};
use proto::workspace::v1 as pb;
use serde::Serialize;

use super::SignIn;

/// A token of ours holds for so long: whoever is removed is out after it at the latest.
const ACCESS_LIFETIME: Duration = Duration::minutes(10);
/// An ID token is looked at when it comes.
const ID_LIFETIME: Duration = Duration::minutes(5);

/// The answer of the token endpoint (RFC 6749, 5.1; OpenID Connect Core, 3.1.3.3).
#[derive(Serialize)]
pub(super) struct Grant {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: String,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// Where the token is good: `workspaces/{workspace}`.
    workspace: String,
}

/// What an ID token says beside who signed it, for whom and until when.
#[derive(Serialize)]
struct IdClaims<'a> {
    sub: String,
    email: &'a str,
    email_verified: bool,
    name: &'a str,
    workspace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    nonce: &'a str,
}

impl SignIn {
    /// The tokens of a session; an ID token only when it was opened, for `client_id` and with its nonce.
    /// `None` if the session makes no sense.
    pub(super) fn grant(&self, session: &pb::Session, opened: Option<(&str, &str)>) -> Option<Grant> {
        let member = session.membership.as_ref()?;
        let principal = principal(member)?;
        let id_token = opened.map(|(client_id, nonce)| {
            let claims = IdClaims {
                sub: principal.id.clone(),
                email: &member.email,
                email_verified: true,
                name: &member.person_display_name,
                workspace: &member.workspace,
                nonce,
            };
            self.signer.sign(&self.public_url, client_id, ID_LIFETIME, claims)
        });
        self.note_issued(&session.refresh_token);
        Some(Grant {
            access_token: self.signer.issue(&principal, ACCESS_LIFETIME),
            token_type: "Bearer",
            expires_in: ACCESS_LIFETIME.num_seconds(),
            refresh_token: session.refresh_token.clone(),
            scope: "openid",
            id_token,
            workspace: member.workspace.clone(),
        })
    }
}

fn principal(member: &pb::Membership) -> Option<Principal> {
    let PersonName { workspace, id } = member.person.parse().ok()?;
    let role = Role::of_contract(member.role())?;
    let locations = member.locations.iter().map(|name| name.parse::<LocationName>().ok().map(|name| name.id));
    Some(Principal::person(id.to_string(), workspace, role).at(locations.collect::<Option<Vec<_>>>()?))
}
