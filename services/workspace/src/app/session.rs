//! Sessions: who is signed in. Every renewal looks at the person as they are then. They work across
//! workspaces: whoever signs in may be in several, and says only then in which.

use domain::WorkspaceId;
use domain::contact::EmailAddress;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use crate::convert;
use crate::error::Error;
use crate::model::Member;
use crate::model::session::{Redemption, Refusal, Secret, Session, SessionState, Shown};
use crate::store::session as store;

/// Sessions that are over and are deleted with each new one at most.
const DELETED_PER_SESSION: i64 = 100;

/// Who signed in, and for which client.
#[derive(Debug)]
pub(crate) struct SignIn {
    pub email: EmailAddress,
    pub workspace: WorkspaceId,
    pub issuer: String,
    pub subject: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub code_challenge: String,
    pub nonce: String,
}

impl App {
    pub(crate) async fn list_members(
        &self,
        email: &EmailAddress,
    ) -> Result<pb::ListMembershipsResponse, Error> {
        let mut conn = self.platform.acquire().await?;
        let members = store::members(&mut conn, email.as_str(), None).await?;
        Ok(pb::ListMembershipsResponse { memberships: members.iter().map(convert::member).collect() })
    }

    pub(crate) async fn open_session(&self, sign_in: SignIn) -> Result<pb::OpenSessionResponse, Error> {
        let (id, code, now) = (Uuid::now_v7(), Secret::generate(), self.clock.now());
        let session = Session {
            id,
            email: sign_in.email.as_str().to_owned(),
            issuer: sign_in.issuer,
            subject: sign_in.subject,
            workspace: sign_in.workspace,
            client_id: sign_in.client_id,
            redirect_uri: sign_in.redirect_uri,
            code_challenge: sign_in.code_challenge,
            nonce: sign_in.nonce,
            secret_hash: code.hash(),
            previous_hash: None,
            state: SessionState::Opened,
            opened_at: now,
            expires_at: Session::code_expiry(now),
        };
        let mut tx = self.platform.begin().await?;
        member(&mut tx, &session).await?;
        store::delete_expired(&mut tx, now, DELETED_PER_SESSION).await?;
        store::insert(&mut tx, &session).await?;
        tx.commit().await?;
        Ok(pb::OpenSessionResponse { code: code.of(id) })
    }

    pub(crate) async fn redeem_code(
        &self,
        code: &Shown,
        said: &Redemption<'_>,
    ) -> Result<pb::RedeemCodeResponse, Error> {
        let (next, now) = (Secret::generate(), self.clock.now());
        let (session, taken) =
            self.take(code, &next, |session| session.redeem(code, said, &next, now)).await?;
        Ok(pb::RedeemCodeResponse { session: Some(taken), nonce: session.nonce })
    }

    pub(crate) async fn renew_session(
        &self,
        token: &Shown,
        client_id: &str,
        workspace: Option<WorkspaceId>,
    ) -> Result<pb::RenewSessionResponse, Error> {
        let (next, now) = (Secret::generate(), self.clock.now());
        let (_, taken) = self
            .take(token, &next, |session| {
                let renewed = session.renew(token, client_id, &next, now)?;
                Ok(Session { workspace: workspace.unwrap_or(renewed.workspace), ..renewed })
            })
            .await?;
        Ok(pb::RenewSessionResponse { session: Some(taken) })
    }

    pub(crate) async fn end_session(&self, token: &Shown, client_id: &str) -> Result<(), Error> {
        let mut tx = self.platform.begin().await?;
        if let Some(session) = store::find_for_update(&mut tx, token.session).await?
            && let Some(ended) = session.end(token, client_id)
        {
            store::update(&mut tx, &ended).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Takes a code or token that is good once. One that was taken before ends its session, which is
    /// kept although the caller is refused.
    async fn take(
        &self,
        shown: &Shown,
        next: &Secret,
        decide: impl FnOnce(&Session) -> Result<Session, Refusal>,
    ) -> Result<(Session, pb::Session), Error> {
        let mut tx = self.platform.begin().await?;
        let before = store::find_for_update(&mut tx, shown.session).await?.ok_or(Error::SessionRefused)?;
        let after = match decide(&before) {
            Ok(after) => after,
            Err(Refusal::Unfit) => return Err(Error::SessionRefused),
            Err(Refusal::Copied(ended)) => {
                tracing::warn!(session.id = %ended.id, "a code or token came twice; its session is ended");
                store::update(&mut tx, &ended).await?;
                tx.commit().await?;
                return Err(Error::SessionRefused);
            }
        };
        let member = member(&mut tx, &after).await?;
        store::update(&mut tx, &after).await?;
        tx.commit().await?;
        let refresh_token = next.of(after.id);
        let taken = pb::Session { membership: Some(convert::member(&member)), refresh_token };
        Ok((after, taken))
    }
}

/// Who the session's person is now; refused if they are nobody there.
async fn member(conn: &mut PgConnection, session: &Session) -> Result<Member, Error> {
    let found = store::members(conn, &session.email, Some(session.workspace)).await?;
    found.into_iter().next().ok_or(Error::SessionRefused)
}
