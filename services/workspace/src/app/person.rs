//! People.

use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::contact::EmailAddress;
use domain::{PersonId, Timestamp, WorkspaceId};
use events::outbox;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::error::Error;
use crate::model::{Person, PersonDetails, PersonStatus, Role};
use crate::store::{person as store, place};
use crate::{convert, facts};

/// A change of a person's details, worked out over the person as stored.
pub(crate) type Amend = Box<dyn FnOnce(&Person) -> Result<PersonDetails, Error> + Send>;

impl App {
    pub(crate) async fn create_person(
        &self,
        workspace: WorkspaceId,
        details: PersonDetails,
        role: Role,
        intent: Option<Intent>,
    ) -> Result<pb::CreatePersonResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        place::find_workspace(change.conn(), workspace).await?.ok_or(Error::WorkspaceNotFound(workspace))?;
        let person = add_person(change.conn(), workspace, details, role, self.clock.now())
            .await?
            .ok_or(Error::EmailTaken)?;
        let answer = pb::CreatePersonResponse { person: Some(convert::person(workspace, &person)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_person(&self, workspace: WorkspaceId, id: PersonId) -> Result<pb::Person, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let person = store::find(&mut tx, workspace, id).await?.ok_or(Error::PersonNotFound(id))?;
        Ok(convert::person(workspace, &person))
    }

    pub(crate) async fn list_people(
        &self,
        workspace: WorkspaceId,
        email: Option<EmailAddress>,
        page: Page,
    ) -> Result<pb::ListPeopleResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let (rows, next_page_token) = match email {
            Some(email) => {
                let found = store::find_by_email(&mut tx, workspace, &email).await?;
                (found.into_iter().collect(), String::new())
            }
            None => {
                let mut rows = store::list(&mut tx, workspace, &page).await?;
                let token = page.finish(&mut rows, |person| person.id.uuid());
                (rows, token)
            }
        };
        let people = rows.iter().map(|person| convert::person(workspace, person)).collect();
        Ok(pb::ListPeopleResponse { people, next_page_token })
    }

    pub(crate) async fn update_person(
        &self,
        workspace: WorkspaceId,
        id: PersonId,
        amend: Amend,
        intent: Option<Intent>,
    ) -> Result<pb::UpdatePersonResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before =
            store::find_for_update(change.conn(), workspace, id).await?.ok_or(Error::PersonNotFound(id))?;
        let details = amend(&before)?;
        let person = with_details(details, &before);
        if let Err(error) = store::update(change.conn(), workspace, &person).await {
            return Err(match error.as_database_error().and_then(|e| e.constraint()) {
                Some("person_email") => Error::EmailTaken,
                _ => error.into(),
            });
        }
        outbox::append(change.conn(), &[facts::person(workspace, &person, self.clock.now())]).await?;
        let answer = pb::UpdatePersonResponse { person: Some(convert::person(workspace, &person)) };
        Ok(change.commit(answer).await?)
    }
}

fn with_details(details: PersonDetails, before: &Person) -> Person {
    Person {
        display_name: details.display_name,
        email: details.email.map(|email| email.as_str().to_owned()),
        phone: details.phone.map(|phone| phone.as_str().to_owned()),
        country: details.country.map(|country| country.code().to_owned()),
        version: before.version + 1,
        ..before.clone()
    }
}

/// Adds a person and tells it; `None` if the email address is someone's already.
pub(super) async fn add_person(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    details: PersonDetails,
    role: Role,
    now: Timestamp,
) -> Result<Option<Person>, Error> {
    let blank = Person {
        id: PersonId::new(),
        display_name: String::new(),
        email: None,
        phone: None,
        country: None,
        role,
        status: PersonStatus::Active,
        version: 0,
    };
    let person = with_details(details, &blank);
    if !store::try_insert(conn, workspace, &person, now).await? {
        return Ok(None);
    }
    outbox::append(conn, &[facts::person(workspace, &person, now)]).await?;
    Ok(Some(person))
}
