//! People who hold memberships and contracts together.

use chrono::Duration;
use domain::{PersonId, TeamId, Timestamp, WorkspaceId};

use super::{Person, PersonStatus};

/// People of one team at most: events of what it holds name them all.
pub(crate) const TEAM_PEOPLE_MAX: usize = 500;

/// How much longer than what gives it access lasts at most. So long it still matters who is in a team.
pub(crate) const LAG_MAX: Duration = Duration::days(1);

/// A team as stored.
#[derive(Debug, Clone)]
pub(crate) struct Team {
    pub workspace: WorkspaceId,
    pub id: TeamId,
    pub display_name: String,
    /// Who is in it, in the order in which they came.
    pub people: Vec<PersonId>,
    pub version: i64,
    pub created_at: Timestamp,
}

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Person(PersonId),
    /// Everyone's who is in it.
    Team(TeamId),
}

/// Whose something is, and whom it is for by now.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub team: Option<Team>,
    /// The one who holds it, or those of the team in their order.
    pub people: Vec<Person>,
}

impl Party {
    /// Whether nobody is there who was not removed.
    pub(crate) fn is_empty(&self) -> bool {
        self.people.iter().all(|person| person.status == PersonStatus::Removed)
    }
}

/// What is asked of a team.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request {
    Add(PersonId),
    Remove(PersonId),
}

/// As many are in it as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Team {
    /// The team after the request; `None` if it is so already.
    pub(crate) fn plan(&self, request: Request) -> Result<Option<Self>, Full> {
        let people = self.people.iter().copied();
        let people: Vec<PersonId> = match request {
            Request::Add(person) if self.people.contains(&person) => return Ok(None),
            Request::Add(_) if self.people.len() >= TEAM_PEOPLE_MAX => return Err(Full),
            Request::Add(person) => people.chain([person]).collect(),
            Request::Remove(person) if !self.people.contains(&person) => return Ok(None),
            Request::Remove(person) => people.filter(|other| *other != person).collect(),
        };
        Ok(Some(Self { people, version: self.version + 1, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn whoever_is_added_is_in_it_once_and_until_they_are_taken_out() {
        let [ada, bo] = [PersonId::new(), PersonId::new()];
        let team = Team {
            workspace: WorkspaceId::new(),
            id: TeamId::new(),
            display_name: "Acme".into(),
            people: vec![ada],
            version: 1,
            created_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        assert!(team.plan(Request::Add(ada)).unwrap().is_none());
        assert!(team.plan(Request::Remove(bo)).unwrap().is_none());
        let both = team.plan(Request::Add(bo)).unwrap().unwrap();
        assert_eq!((both.people.as_slice(), both.version), ([ada, bo].as_slice(), 2));
        let left = both.plan(Request::Remove(ada)).unwrap().unwrap();
        assert_eq!((left.people.as_slice(), left.version), ([bo].as_slice(), 3));
        let full = Team { people: (0..TEAM_PEOPLE_MAX).map(|_| PersonId::new()).collect(), ..team };
        assert_eq!(full.plan(Request::Add(ada)).unwrap_err(), Full);
        assert!(full.plan(Request::Add(full.people[0])).unwrap().is_none());
    }
}
