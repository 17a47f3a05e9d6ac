//! Reads what an explanation depends on.

use chassis::auth::Reach;
use chassis::error::Violation;
use chassis::input::InvalidInput;
use chrono::Duration;
use domain::names::PersonName;
use domain::{PersonId, Timestamp, WorkspaceId};
use proto::access::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::convert;
use crate::error::Error;
use crate::explain::{GrantState, Situation, Standing, explain};
use crate::model::{SubjectKey, Target};
use crate::store::{entitlement, grant, integration, mapping, person};

/// A caller's clock may be behind ours by so much.
const CLOCKS_DIFFER: Duration = Duration::minutes(5);

/// Which doors are asked about.
#[derive(Debug, Clone)]
pub(crate) enum Doors {
    /// All that a subject is mapped to.
    Of(SubjectKey),
    One(Target),
}

impl App {
    /// Why a person is let in at doors at a moment, or is not. `at` empty: now. `asks_themselves`: it is the person
    /// who asks.
    pub(crate) async fn explain(
        &self,
        PersonName { workspace, id: person }: PersonName,
        doors: Doors,
        at: Option<Timestamp>,
        reach: &Reach,
        asks_themselves: bool,
    ) -> Result<pb::ExplainAccessResponse, Error> {
        let now = self.clock.now();
        let at = at.unwrap_or(now);
        if at < now - CLOCKS_DIFFER {
            let problem = "must not be over: the ledger knows what is and what will be, not what was";
            let violation = Violation { field: "time".to_owned(), problem: problem.to_owned() };
            return Err(InvalidInput(vec![violation]).into());
        }
        let at = at.max(now);
        let mut tx = self.pool.begin(workspace).await?;
        let standing = standing(&mut tx, workspace, person).await?;
        let targets = match &doors {
            Doors::One(target) => vec![target.clone()],
            Doors::Of(subject) => mapping::targets_of(&mut tx, workspace, *subject).await?,
        };
        let is_unmapped = targets.is_empty();
        let mut answers = Vec::new();
        for target in &targets {
            let is_managed = match reach {
                Reach::Workspace => true,
                // Where a door is the caller says; what leads there says whether it is so.
                Reach::Locations(locations) => {
                    locations.contains(&target.location)
                        && entitlement::is_door_of(&mut tx, workspace, target, locations, now).await?
                }
                Reach::Own(_) => false,
            };
            if !is_managed && !asks_themselves {
                continue;
            }
            let passages =
                entitlement::passages(&mut tx, workspace, person, target, self.defaults, now).await?;
            let grant = grant::find(&mut tx, workspace, person, target).await?;
            let situation = Situation {
                now,
                at,
                person: standing,
                has_door: !passages.is_empty() || mapping::is_mapped(&mut tx, workspace, target).await?,
                passages,
                is_followed: integration::is_followed(&mut tx, workspace, target).await?,
                grant: grant.as_ref().map(GrantState::from),
            };
            let explanation = explain(&situation, &self.rules);
            let target = grant.as_ref().map_or(target, |grant| &grant.target);
            answers.push(convert::explanation(
                workspace,
                Some(target),
                grant.as_ref(),
                explanation,
                is_managed,
            ));
        }
        let may_see_all = asks_themselves || *reach == Reach::Workspace;
        if let (Doors::Of(subject), true) = (&doors, is_unmapped && may_see_all) {
            let situation = Situation {
                now,
                at,
                person: standing,
                passages: entitlement::passages_nowhere(&mut tx, workspace, person, *subject, now).await?,
                has_door: false,
                is_followed: false,
                grant: None,
            };
            let explanation = explain(&situation, &self.rules);
            answers.push(convert::explanation(workspace, None, None, explanation, false));
        }
        if answers.is_empty() {
            return Err(Error::PersonNotFound(person));
        }
        Ok(pb::ExplainAccessResponse { time: Some(chassis::input::timestamp(at)), doors: answers })
    }
}

pub(super) async fn standing(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
) -> Result<Standing, sqlx::Error> {
    Ok(match person::find_many(conn, &[(workspace, person)]).await?.first() {
        Some(person) if person.is_active => Standing::Active,
        Some(_) => Standing::NotActive,
        None => Standing::Unknown,
    })
}
