//! `latchkey.ingest.booking.{workspace}`: bookings of other systems.

use std::sync::Arc;

use chassis::error::{Class, Classify};
use chassis::input::{Input, InvalidInput};
use domain::WorkspaceId;
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::ingest::v1 as pb;
use proto::workspace::v1::Person;
use sqlx::PgConnection;
use tracing::Instrument as _;

use crate::app::App;
use crate::app::ingest::{Holder, Telling, TellingState};
use crate::convert::{self, DISPLAY_NAME_CHARS_MAX, EXTERNAL_REF_CHARS_MAX, REASON_CHARS_MAX};
use crate::error::Error;

/// The version of the format that is understood.
const FORMAT_VERSION: i32 = 1;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("workspace-ingest", StreamKind::Ingest, "ingest.booking.*")
}

pub(crate) struct Ingest {
    app: Arc<App>,
}

impl Ingest {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Handler for Ingest {
    type Body = Telling;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Telling>, String> {
        let message: pb::BookingUpsert = decode_json(payload)?;
        telling(envelope.workspace, &message).map(Some).map_err(|error| error.to_string())
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Telling>]) -> Result<(), ApplyError> {
        for received in batch {
            let workspace = received.envelope.workspace;
            // Within its span, so that what follows from it is in its trace.
            let taken = self.app.take_telling(conn, workspace, &received.body);
            taken.instrument(received.span.clone()).await.map_err(verdict)?;
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

fn telling(workspace: WorkspaceId, message: &pb::BookingUpsert) -> Result<Telling, InvalidInput> {
    let mut input = Input::new();
    if message.format_version != FORMAT_VERSION {
        input.refuse("formatVersion", format_args!("must be {FORMAT_VERSION}"));
    }
    let external_ref = input.text("externalRef", &message.external_ref, EXTERNAL_REF_CHARS_MAX);
    if message.sequence <= 0 {
        input.refuse("sequence", "must be above 0");
    }
    let resource = convert::resource_of(&mut input, "resource", &message.resource, workspace);
    let person = input
        .required("person", message.person.as_ref())
        .and_then(|person| holder(&mut input, workspace, person));
    let window = convert::booking_window(
        &mut input,
        ("startTime", message.start_time.as_ref()),
        ("endTime", message.end_time.as_ref()),
    );
    let state = match message.state() {
        pb::BookingUpsertState::Pending => Some(TellingState::Pending),
        pb::BookingUpsertState::Confirmed => Some(TellingState::Confirmed),
        pb::BookingUpsertState::Cancelled => Some(TellingState::Cancelled),
        pb::BookingUpsertState::Failed => Some(TellingState::Failed),
        pb::BookingUpsertState::Unspecified => {
            input.refuse(
                "state",
                "must be BOOKING_UPSERT_STATE_PENDING, …_CONFIRMED, …_CANCELLED or …_FAILED",
            );
            None
        }
    };
    let title = input.optional_text("title", &message.title, DISPLAY_NAME_CHARS_MAX);
    let reason = input.optional_text("reason", &message.reason, REASON_CHARS_MAX);
    let values = (|| {
        Some(Telling {
            sequence: message.sequence,
            external_ref: external_ref?,
            resource: resource?,
            person: person?,
            window: window?,
            state: state?,
            title: title?,
            reason: reason?,
        })
    })();
    input.finish_with(values)
}

fn holder(input: &mut Input, workspace: WorkspaceId, person: &pb::BookingPerson) -> Option<Holder> {
    if !person.name.is_empty() {
        return convert::person_of(input, "person.name", &person.name, workspace).map(Holder::Known);
    }
    if person.email.is_empty() {
        input.refuse("person.email", "must be set, or person.name");
        return None;
    }
    let display_name =
        if person.display_name.is_empty() { person.email.clone() } else { person.display_name.clone() };
    let details = convert::person_details(&Person {
        display_name,
        email: person.email.clone(),
        phone: person.phone.clone(),
        country: person.country.clone(),
        ..Default::default()
    });
    let details = input.nested("person", details)?;
    Some(Holder::ByEmail(details.email.clone()?, details))
}
