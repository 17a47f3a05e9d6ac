//! The events of an adapter.

use chassis::input::timestamp;
use domain::names::{GrantName, IntegrationName};
use domain::{Timestamp, Window};
use events::outbox::About;
use events::{Envelope, Outgoing};
use proto::access::v1 as pb;

use crate::error::{Problem, ProviderError};
use crate::provider::Applied;

/// Who says so, and of which provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// The service.
    pub service: &'static str,
    /// Such as `kisi`.
    pub provider: &'static str,
}

impl Source {
    /// The answer to a command. To be made inside of the command's trace.
    pub(crate) fn completed(
        self,
        (grant, generation): (GrantName, i64),
        result: &Result<Applied, ProviderError>,
        cause: &Envelope,
        now: Timestamp,
    ) -> Outgoing {
        let outcome = match result {
            Ok(applied) => pb::access_command_completed::Outcome::Applied(pb::AccessApplied {
                window: applied.window.map(window),
                provider_ref: applied.provider_ref.clone().unwrap_or_default(),
            }),
            Err(error) => pb::access_command_completed::Outcome::Failed(error.into()),
        };
        let about =
            About { workspace: grant.workspace, name: grant.to_string(), version: generation, time: now };
        let body =
            pb::AccessCommandCompleted { grant: grant.to_string(), generation, outcome: Some(outcome) };
        Outgoing::event(self.service, about, &body).caused_by(cause)
    }

    /// An account began to be taken (`Ok`) or refused.
    pub(crate) fn connection_changed(
        self,
        account: IntegrationName,
        taken: Result<(), &Problem>,
        now: Timestamp,
    ) -> Outgoing {
        let about = About {
            workspace: account.workspace,
            name: account.to_string(),
            // There is no row that could count: time goes on, too.
            version: now.timestamp_micros(),
            time: now,
        };
        let body = pb::ProviderConnectionChanged {
            provider: self.provider.to_owned(),
            integration: account.to_string(),
            is_accepted: taken.is_ok(),
            reason: taken.err().map(|problem| problem.reason.clone()).unwrap_or_default(),
            problem: taken.err().map(Into::into),
        };
        Outgoing::event(self.service, about, &body)
    }
}

fn window(window: Window) -> pb::AccessWindow {
    pb::AccessWindow { start_time: Some(timestamp(window.start())), end_time: Some(timestamp(window.end())) }
}
