//! `SessionService`.

use chassis::input::Input;
use chassis::rpc::refuse;
use domain::names::WorkspaceName;
use proto::workspace::v1 as pb;
use proto::workspace::v1::session_service_server::SessionService;
use tonic::{Request, Response, Status};

use super::Methods;
use crate::app::session::SignIn;
use crate::error::Error;
use crate::model::session::{Redemption, Shown};

/// Characters of what identity providers and clients call things.
const TEXT_CHARS_MAX: usize = 2_000;

#[tonic::async_trait]
impl SessionService for Methods {
    async fn list_memberships(
        &self,
        request: Request<pb::ListMembershipsRequest>,
    ) -> Result<Response<pb::ListMembershipsResponse>, Status> {
        let mut input = Input::new();
        let email = input.parse("email", &request.get_ref().email);
        let email = input.finish_with(email).map_err(refuse)?;
        self.app.list_members(&email).await.map(Response::new).map_err(refuse)
    }

    async fn open_session(
        &self,
        request: Request<pb::OpenSessionRequest>,
    ) -> Result<Response<pb::OpenSessionResponse>, Status> {
        let message = request.into_inner();
        let mut input = Input::new();
        let email = input.parse("email", &message.email);
        let workspace: Option<WorkspaceName> = input.parse("workspace", &message.workspace);
        let mut text = |field, text: &str| input.text(field, text, TEXT_CHARS_MAX);
        let issuer = text("issuer", &message.issuer);
        let subject = text("subject", &message.subject);
        let client_id = text("client_id", &message.client_id);
        let redirect_uri = text("redirect_uri", &message.redirect_uri);
        let code_challenge = text("code_challenge", &message.code_challenge);
        let nonce = input.optional_text("nonce", &message.nonce, TEXT_CHARS_MAX);
        let sign_in = (|| {
            Some(SignIn {
                email: email?,
                workspace: workspace?.0,
                issuer: issuer?,
                subject: subject?,
                client_id: client_id?,
                redirect_uri: redirect_uri?,
                code_challenge: code_challenge?,
                nonce: nonce?,
            })
        })();
        let sign_in = input.finish_with(sign_in).map_err(refuse)?;
        self.app.open_session(sign_in).await.map(Response::new).map_err(refuse)
    }

    async fn redeem_code(
        &self,
        request: Request<pb::RedeemCodeRequest>,
    ) -> Result<Response<pb::RedeemCodeResponse>, Status> {
        let message = request.into_inner();
        let said = Redemption {
            client_id: &message.client_id,
            redirect_uri: &message.redirect_uri,
            code_verifier: &message.code_verifier,
        };
        let code = shown(&message.code)?;
        self.app.redeem_code(&code, &said).await.map(Response::new).map_err(refuse)
    }

    async fn renew_session(
        &self,
        request: Request<pb::RenewSessionRequest>,
    ) -> Result<Response<pb::RenewSessionResponse>, Status> {
        let message = request.into_inner();
        let mut input = Input::new();
        let workspace: Option<WorkspaceName> = input.parse_optional("workspace", &message.workspace);
        input.finish().map_err(refuse)?;
        let token = shown(&message.refresh_token)?;
        let renewed = self.app.renew_session(&token, &message.client_id, workspace.map(|name| name.0)).await;
        renewed.map(Response::new).map_err(refuse)
    }

    async fn end_session(
        &self,
        request: Request<pb::EndSessionRequest>,
    ) -> Result<Response<pb::EndSessionResponse>, Status> {
        let message = request.into_inner();
        if let Some(token) = Shown::read(&message.refresh_token) {
            self.app.end_session(&token, &message.client_id).await.map_err(refuse)?;
        }
        Ok(Response::new(pb::EndSessionResponse {}))
    }
}

fn shown(text: &str) -> Result<Shown, Status> {
    Shown::read(text).ok_or_else(|| refuse(Error::SessionRefused))
}
