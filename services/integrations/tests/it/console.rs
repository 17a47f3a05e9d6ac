//! An adapter of consoles with certificates of their own. Like the real ones it resolves the values in force,
//! sends them only to whoever shows the certificate that it was told, and says which one it saw.

use std::sync::{Arc, Mutex, OnceLock};

use chassis::rpc::ServiceChannel;
use proto::integrations::v1 as pb;
use proto::integrations::v1::ConnectionProblemKind as Kind;
use proto::integrations::v1::connection_service_server::ConnectionService;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use tonic::{Request, Response, Status};

/// The key of the consoles.
pub(crate) const CONSOLE_KEY: &str = "the-key-of-the-console-7d1f";

/// The fingerprint of a certificate, by a digit.
pub(crate) fn fingerprint(digit: char) -> String {
    digit.to_string().repeat(64)
}

#[derive(Default)]
pub(crate) struct Console {
    /// The digit of the certificate that whoever answers shows; none: nobody answers.
    pub shows: Mutex<Option<char>>,
    /// To whom keys were sent: hosts, with the digits of their certificates.
    pub sent: Mutex<Vec<(String, char)>>,
    /// Where the values are.
    pub credentials: OnceLock<CredentialServiceClient<ServiceChannel>>,
}

impl Console {
    /// From now on this certificate is shown.
    pub(crate) fn show(&self, digit: char) {
        *self.shows.lock().unwrap() = Some(digit);
    }

    /// To whom keys were sent since this was last asked.
    pub(crate) fn sent(&self) -> Vec<(String, char)> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

#[derive(Clone)]
pub(crate) struct ConsoleAdapter(pub Arc<Console>);

fn problem(credential: &str, kind: Kind) -> Vec<pb::ConnectionProblem> {
    let reason = format!("it is {}", kind.as_str_name());
    vec![pb::ConnectionProblem { credential: credential.into(), kind: kind.into(), reason }]
}

#[tonic::async_trait]
impl ConnectionService for ConsoleAdapter {
    async fn check_connection(
        &self,
        request: Request<pb::CheckConnectionRequest>,
    ) -> Result<Response<pb::CheckConnectionResponse>, Status> {
        let pb::CheckConnectionRequest { workspace, location } = request.into_inner();
        let resolve = pb::ResolveCredentialRequest { workspace, provider: "unifi".into(), location };
        let mut credentials = self.0.credentials.get().unwrap().clone();
        let resolved = credentials.resolve_credential(resolve).await?.into_inner();
        let Some(digit) = *self.0.shows.lock().unwrap() else {
            let problems = problem("", Kind::Unreachable);
            return Ok(Response::new(pb::CheckConnectionResponse { problems, ..Default::default() }));
        };
        let host = resolved.values["host"].clone();
        let certificate = Some(pb::Certificate {
            host: host.clone(),
            fingerprint: fingerprint(digit),
            subject: "CN=console\n".into(),
            not_before_time: Some(pbjson_types::Timestamp { seconds: 1_767_312_000, nanos: 0 }),
            not_after_time: None,
        });
        let pinned = &resolved.certificate_fingerprint;
        if !pinned.is_empty() && *pinned != fingerprint(digit) {
            let problems = problem("host", Kind::CertificateChanged);
            return Ok(Response::new(pb::CheckConnectionResponse { account: None, problems, certificate }));
        }
        self.0.sent.lock().unwrap().push((host, digit));
        let is_right = resolved.values["api_key"] == CONSOLE_KEY;
        let account = pb::ProviderAccount { display_name: "Hall".into(), ..Default::default() };
        let problems = if is_right { Vec::new() } else { problem("api_key", Kind::Wrong) };
        let account = is_right.then_some(account);
        Ok(Response::new(pb::CheckConnectionResponse { account, problems, certificate }))
    }
}
