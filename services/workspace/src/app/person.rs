//! People.

use chassis::audit::Author;
use chassis::auth::{Principal, Reach};
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::contact::EmailAddress;
use domain::{LocationId, PersonId, Timestamp, WorkspaceId};
use events::outbox;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;

use super::{App, team, visit};
use crate::audit;
use crate::convert::{self, NewPerson};
use crate::error::Error;
use crate::facts::{self, SOURCE};
use crate::model::person::Request;
use crate::model::{Person, PersonDetails, PersonStatus, Role, policy};
use crate::store::{person as store, place};

/// A change of a person's details, worked out over the person as stored.
pub(crate) type Amend = Box<dyn FnOnce(&Person) -> Result<PersonDetails, Error> + Send>;

impl App {
    pub(crate) async fn create_person(
        &self,
        workspace: WorkspaceId,
        caller: &Principal,
        author: &Author,
        new: NewPerson,
        intent: Option<Intent>,
    ) -> Result<pb::CreatePersonResponse, Error> {
        if !policy::may_add(caller, new.role) {
            return Err(Error::RoleAbove(new.role));
        }
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        place::find_workspace(change.conn(), workspace).await?.ok_or(Error::WorkspaceNotFound(workspace))?;
        let NewPerson { details, role, locations } = new;
        known_locations(change.conn(), workspace, &locations).await?;
        if role == Role::Owner && store::find_owner_for_update(change.conn(), workspace).await?.is_some() {
            return Err(Error::OwnerExists);
        }
        let blank = Person { locations, ..blank(role) };
        let person = add_person(change.conn(), workspace, author, details, blank, self.clock.now())
            .await?
            .ok_or(Error::EmailTaken)?;
        let answer = pb::CreatePersonResponse { person: Some(convert::person(workspace, &person)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_person(
        &self,
        workspace: WorkspaceId,
        reach: &Reach,
        id: PersonId,
    ) -> Result<pb::Person, Error> {
        if !policy::sees_person(reach, id) {
            return Err(Error::PersonNotFound(id));
        }
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
        caller: &Principal,
        author: &Author,
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
        if !policy::may_edit(caller, &before) {
            return Err(Error::PersonAbove(id));
        }
        let details = amend(&before)?;
        let person = with_details(details, &before);
        if let Err(error) = store::update(change.conn(), workspace, &person).await {
            return Err(match error.as_database_error().and_then(|e| e.constraint()) {
                Some("person_email") => Error::EmailTaken,
                _ => error.into(),
            });
        }
        tell(change.conn(), workspace, author, Some(&before), &person, self.clock.now()).await?;
        let answer = pb::UpdatePersonResponse { person: Some(convert::person(workspace, &person)) };
        Ok(change.commit(answer).await?)
    }

    /// Changes a person's place in the workspace. Whoever is removed is taken out of their teams, too, and whoever would
    /// come to them comes no more; who comes to somebody that is paused is paused along.
    pub(crate) async fn change_person(
        &self,
        workspace: WorkspaceId,
        id: PersonId,
        request: Request,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::Person, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        if let Request::Role(_, locations) = &request {
            known_locations(change.conn(), workspace, locations).await?;
        }
        let before =
            store::find_for_update(change.conn(), workspace, id).await?.ok_or(Error::PersonNotFound(id))?;
        let planned = before.plan(&request).map_err(|refusal| Error::PersonStays { id, refusal })?;
        if let Some(after) = &planned {
            let now = self.clock.now();
            store::update(change.conn(), workspace, after).await?;
            tell(change.conn(), workspace, author, Some(&before), after, now).await?;
            if after.status == PersonStatus::Removed {
                team::leave_all(change.conn(), workspace, id, author, now).await?;
                visit::end_of_host(change.conn(), workspace, id, author, now).await?;
            } else if after.status != before.status {
                visit::follow_host(change.conn(), workspace, id, now).await?;
            }
        }
        Ok(change.commit(convert::person(workspace, planned.as_ref().unwrap_or(&before))).await?)
    }

    /// Makes `heir` the owner. Owners give away what they own themselves; the operator anything.
    pub(crate) async fn transfer_ownership(
        &self,
        workspace: WorkspaceId,
        heir: PersonId,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::TransferOwnershipResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let owner = store::find_owner_for_update(change.conn(), workspace).await?;
        let before = store::find_for_update(change.conn(), workspace, heir)
            .await?
            .ok_or(Error::PersonNotFound(heir))?;
        let owner = owner.ok_or(Error::WorkspaceNotFound(workspace))?;
        let (owner, after) = if owner.id == heir {
            (owner, before)
        } else {
            let (previous, after) =
                owner.hand_over(&before).map_err(|refusal| Error::PersonStays { id: heir, refusal })?;
            let now = self.clock.now();
            // In this order: a workspace never has two.
            store::update(change.conn(), workspace, &previous).await?;
            store::update(change.conn(), workspace, &after).await?;
            tell(change.conn(), workspace, author, Some(&owner), &previous, now).await?;
            tell(change.conn(), workspace, author, Some(&before), &after, now).await?;
            (previous, after)
        };
        let answer = pb::TransferOwnershipResponse {
            owner: Some(convert::person(workspace, &after)),
            previous_owner: Some(convert::person(workspace, &owner)),
        };
        Ok(change.commit(answer).await?)
    }
}

/// Refuses locations that the workspace does not have.
pub(super) async fn known_locations(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    locations: &[LocationId],
) -> Result<(), Error> {
    for location in locations {
        place::find_location(conn, workspace, *location).await?.ok_or(Error::LocationNotFound(*location))?;
    }
    Ok(())
}

/// A person of whom nothing is known yet.
pub(super) fn blank(role: Role) -> Person {
    Person {
        id: PersonId::new(),
        display_name: String::new(),
        email: None,
        phone: None,
        country: None,
        role,
        locations: Vec::new(),
        status: PersonStatus::Active,
        version: 0,
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

/// Adds a person, `blank` but for the details, and tells it; `None` if the email address is someone's
/// already.
pub(super) async fn add_person(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    author: &Author,
    details: PersonDetails,
    blank: Person,
    now: Timestamp,
) -> Result<Option<Person>, Error> {
    let person = with_details(details, &blank);
    if !store::try_insert(conn, workspace, &person, now).await? {
        return Ok(None);
    }
    tell(conn, workspace, author, None, &person, now).await?;
    Ok(Some(person))
}

/// Tells how a person is now, and records what of it is new.
async fn tell(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    author: &Author,
    before: Option<&Person>,
    after: &Person,
    now: Timestamp,
) -> Result<(), Error> {
    outbox::append(conn, &[facts::person(workspace, after, now)]).await?;
    Ok(audit::person(author, workspace, before, after, now).record(SOURCE, conn).await?)
}
