//! `event.access.provider_connection_changed.{workspace}`: an adapter at work found that a provider
//! began to take, or to refuse, an account's credentials.

use std::sync::Arc;

use chassis::error::{Class, Classify};
use domain::names::IntegrationName;
use domain::{IntegrationId, WorkspaceId};
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1::ProviderConnectionChanged;
use sqlx::PgConnection;
use tracing::Instrument as _;

use crate::app::App;
use crate::convert::{found_problem, shorten};
use crate::error::Error;
use crate::model::{Problem, ProblemKind, Word};

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new(
        "integrations-connections",
        StreamKind::Event,
        "event.access.provider_connection_changed.*",
    )
}

pub(crate) struct Connections {
    app: Arc<App>,
}

impl Connections {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

/// Which integration, and what about it.
pub(crate) type Said = (IntegrationId, Word);

impl Handler for Connections {
    type Body = Said;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Said>, String> {
        said(envelope.workspace, &decode_json(payload)?).map(Some)
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Said>]) -> Result<(), ApplyError> {
        for received in batch {
            let (id, word) = &received.body;
            self.app
                .take_word(conn, &received.envelope, *id, word)
                .instrument(received.span.clone())
                .await
                .map_err(verdict)?;
        }
        Ok(())
    }
}

/// What a refusal means for the message.
fn verdict(error: Error) -> ApplyError {
    match error {
        Error::Store(error) => error.into(),
        Error::Outbox(error) => error.into(),
        error => match error.class() {
            Class::Unavailable | Class::LostRace | Class::Internal => ApplyError::Later(error.to_string()),
            _ => ApplyError::Never(format!("{}: {error}", error.reason())),
        },
    }
}

fn said(workspace: WorkspaceId, message: &ProviderConnectionChanged) -> Result<Said, String> {
    let name: IntegrationName =
        message.integration.parse().map_err(|error| format!("integration {error}"))?;
    if name.workspace != workspace {
        return Err("integration must be one of the subject's workspace".to_owned());
    }
    let word = if message.is_accepted {
        Word::Accepted { account: None, certificate: None }
    } else {
        let problem = message.problem.as_ref().map_or_else(
            // Adapters of older versions say no more.
            || Problem {
                credential: String::new(),
                kind: ProblemKind::Wrong,
                reason: shorten(&message.reason),
            },
            found_problem,
        );
        Word::Failed { problems: vec![problem], certificate: None }
    };
    Ok((name.id, word))
}

#[cfg(test)]
mod tests {
    use proto::integrations::v1::{ConnectionProblem, ConnectionProblemKind};

    use super::*;

    fn message(name: String, is_accepted: bool) -> ProviderConnectionChanged {
        ProviderConnectionChanged {
            provider: "kisi".into(),
            integration: name,
            is_accepted,
            reason: "the key was revoked".into(),
            problem: None,
        }
    }

    #[test]
    fn only_an_integration_of_the_same_workspace_is_spoken_of() {
        let (workspace, id) = (WorkspaceId::new(), IntegrationId::new());
        let name = IntegrationName { workspace, id }.to_string();
        let taken = Word::Accepted { account: None, certificate: None };
        assert_eq!(said(workspace, &message(name.clone(), true)), Ok((id, taken)));
        let Ok((_, Word::Failed { problems, .. })) = said(workspace, &message(name.clone(), false)) else {
            panic!("no failure")
        };
        assert_eq!(
            (problems[0].reason.as_str(), problems[0].kind),
            ("the key was revoked", ProblemKind::Wrong)
        );
        assert!(said(WorkspaceId::new(), &message(name.clone(), true)).is_err());
        assert!(said(workspace, &message("kisi".into(), true)).is_err());
    }

    #[test]
    fn what_an_adapter_says_exactly_is_kept_exactly() {
        let (workspace, id) = (WorkspaceId::new(), IntegrationId::new());
        let problem = ConnectionProblem {
            credential: "host".into(),
            kind: ConnectionProblemKind::CertificateChanged.into(),
            reason: "another one".into(),
        };
        let name = IntegrationName { workspace, id }.to_string();
        let message = ProviderConnectionChanged { problem: Some(problem), ..message(name, false) };
        let (credential, kind) = ("host".to_owned(), ProblemKind::CertificateChanged);
        let problems = vec![Problem { credential, kind, reason: "another one".into() }];
        assert_eq!(said(workspace, &message), Ok((id, Word::Failed { problems, certificate: None })));
    }
}
