//! Sources of entitlement and people, from the workspace service.

use std::sync::Arc;

use domain::WorkspaceId;
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::Fact;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;

use crate::app::App;
use crate::model::{Person, SourceFacts};
use crate::{convert, sources};

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("access-control-workspace", StreamKind::Event, "event.workspace.>")
}

pub(crate) struct Workspace {
    app: Arc<App>,
}

impl Workspace {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

/// What concerns access.
pub(crate) enum Body {
    Source(SourceFacts),
    Person(Person),
}

fn as_person(told: Option<pb::Person>) -> Result<(WorkspaceId, Body), String> {
    let person = told.as_ref().and_then(convert::person).ok_or("the person is not complete")?;
    Ok((person.workspace, Body::Person(person)))
}

impl Handler for Workspace {
    type Body = Body;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Body>, String> {
        let (workspace, body) = match envelope.type_name.as_str() {
            pb::PersonUpdated::TYPE => as_person(decode_json::<pb::PersonUpdated>(payload)?.person)?,
            pb::PersonRetold::TYPE => as_person(decode_json::<pb::PersonRetold>(payload)?.person)?,
            type_name => match sources::read(type_name, payload)? {
                Some(facts) => (facts.source.workspace, Body::Source(facts)),
                None => return Ok(None),
            },
        };
        if workspace != envelope.workspace {
            return Err("it speaks of another workspace than its subject".to_owned());
        }
        Ok(Some(body))
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Body>]) -> Result<(), ApplyError> {
        let workspaces: Vec<_> = batch.iter().map(|received| received.envelope.workspace).collect();
        self.app.hold_off_mappings(conn, &workspaces).await?;
        let mut sources = Vec::new();
        let mut people = Vec::new();
        for received in batch {
            match &received.body {
                Body::Source(facts) => sources.push((&received.envelope, &received.span, facts)),
                Body::Person(person) => people.push(person),
            }
        }
        if !people.is_empty() {
            self.app.hear_people(conn, &people).await?;
        }
        if !sources.is_empty() {
            self.app.hear_sources(conn, &sources).await?;
        }
        Ok(())
    }

    fn applied(&self) {
        self.app.wake();
    }
}
