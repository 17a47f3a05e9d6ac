//! What is true in the simulated world, and who may enter when. The naive reference: knows nothing of unions,
//! ledgers or commands, and asks of one moment at a time.
//!
//! While not all is settled nobody knows which of the things that were true lately have reached whom. So for
//! each of them it is kept what it was since all was settled last: a door may open if any mixture of that
//! lets it, and must open if each does.

use std::collections::BTreeSet;

use domain::{IntegrationId, WorkspaceId};
use proto::access::v1 as access;
use proto::workspace::v1 as told;

use super::calendar::Calendar;
use super::source::{Entitled, Mapped, Source, Subject};

/// Seconds since 1970.
pub(super) type Second = i64;

pub(super) const MINUTE: Second = 60;
/// All windows begin and end at a multiple of it.
pub(super) const GRAIN: Second = 5 * MINUTE;
pub(super) const HOUR: Second = 60 * MINUTE;
pub(super) const DAY: Second = 24 * HOUR;
/// The end of what has none.
pub(super) const NEVER: Second = Second::MAX / 2;
/// Windows are told so long before they begin.
pub(super) const HORIZON: Second = 72 * HOUR;
/// No window that is told ends later, but for those without an end.
pub(super) const SCOPE: Second = HORIZON + 30 * HOUR;

pub(super) const PEOPLE: usize = 2;
pub(super) const RESOURCES: usize = 2;

/// The doors of each workspace: the providers' ids mean nothing beyond them.
pub(super) const DOORS: [(&str, access::DoorTargetKind, &str); 3] = [
    ("kisi", access::DoorTargetKind::Group, "1"),
    ("kisi", access::DoorTargetKind::Lock, "1"),
    ("unifi", access::DoorTargetKind::Lock, "1"),
];

pub(super) const PROVIDERS: [&str; 2] = ["kisi", "unifi"];

/// A person and a door, as an integration has it: the location's own, or the workspace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub person: usize,
    pub door: usize,
    pub is_own: bool,
}

pub(super) fn places() -> impl Iterator<Item = Place> {
    let doors = move |person| (0..DOORS.len()).map(move |door| (person, door));
    let people = (0..PEOPLE).flat_map(doors);
    people.flat_map(|(person, door)| [false, true].map(|is_own| Place { person, door, is_own }))
}

/// Something with all that it was since everything was settled.
#[derive(Debug, Clone)]
pub(super) struct Lately<T> {
    pub now: T,
    before: Vec<T>,
}

impl<T> Lately<T> {
    pub(super) fn new(now: T) -> Self {
        Self { now, before: Vec::new() }
    }

    /// It is this from now on.
    pub(super) fn becomes(&mut self, next: T) {
        self.before.push(std::mem::replace(&mut self.now, next));
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.before.iter().chain([&self.now])
    }
}

#[derive(Debug)]
pub(super) struct Person {
    pub version: i64,
    pub email: usize,
    pub status: Lately<told::PersonStatus>,
}

#[derive(Debug)]
pub(super) struct Mapping {
    pub name: String,
    pub subject: Mapped,
    pub door: usize,
    pub lead: Option<i64>,
    pub lag: Option<i64>,
    pub stands: Lately<bool>,
}

impl Mapping {
    pub(super) fn new(
        name: String,
        subject: Mapped,
        door: usize,
        lead: Option<i64>,
        lag: Option<i64>,
    ) -> Self {
        Self { name, subject, door, lead, lag, stands: Lately { now: true, before: vec![false] } }
    }
}

/// Lead and lag in minutes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub lead: i64,
    pub lag: i64,
}

#[derive(Debug)]
pub(super) struct Integration {
    pub id: IntegrationId,
    pub provider: &'static str,
    pub is_own: bool,
    pub version: i64,
    pub is_active: bool,
}

/// What is true in one workspace.
#[derive(Debug)]
pub(super) struct Site {
    pub workspace: WorkspaceId,
    pub calendar: &'static Calendar,
    /// Who is in the team.
    pub team: BTreeSet<usize>,
    pub people: Vec<Person>,
    pub sources: Vec<Source>,
    pub mappings: Vec<Mapping>,
    pub settings: Lately<Settings>,
    /// What the location says in place of them.
    pub local_settings: Lately<(Option<i64>, Option<i64>)>,
    /// Of each provider whether the location's own integration serves it: it was active once.
    serves: [Lately<bool>; PROVIDERS.len()],
    pub integrations: Vec<Integration>,
}

impl Site {
    pub(super) fn new(workspace: WorkspaceId, calendar: &'static Calendar) -> Self {
        let person = |_| Person { version: 1, email: 0, status: Lately::new(told::PersonStatus::Active) };
        Self {
            workspace,
            calendar,
            team: BTreeSet::from([0]),
            people: (0..PEOPLE).map(person).collect(),
            sources: Vec::new(),
            mappings: Vec::new(),
            settings: Lately::new(Settings { lead: 15, lag: 15 }),
            local_settings: Lately::new((None, None)),
            serves: PROVIDERS.map(|_| Lately::new(false)),
            integrations: Vec::new(),
        }
    }

    /// All that was lately true has reached everybody; no one knows of what was before.
    pub(super) fn settle(&mut self) {
        self.people.iter_mut().for_each(|person| person.status.before.clear());
        self.sources.iter_mut().for_each(|source| source.gives.before.clear());
        self.mappings.iter_mut().for_each(|mapping| mapping.stands.before.clear());
        self.mappings.retain(|mapping| mapping.stands.now);
        self.settings.before.clear();
        self.local_settings.before.clear();
        self.serves.iter_mut().for_each(|serves| serves.before.clear());
    }

    /// An integration is active from now on, or not any more.
    pub(super) fn turn(&mut self, number: usize) {
        let integration = &mut self.integrations[number];
        integration.version += 1;
        integration.is_active = !integration.is_active;
        if integration.is_own && integration.is_active {
            self.serves[provider(integration.provider)].becomes(true);
        }
    }

    fn serves(&self, place: Place) -> &Lately<bool> {
        &self.serves[provider(DOORS[place.door].0)]
    }

    /// Lead and lag where a mapping does not say, by any mixture of what was lately true.
    fn lately_set(&self) -> impl Iterator<Item = Settings> + '_ {
        self.settings.iter().flat_map(|settings| {
            self.local_settings.iter().map(|&(lead, lag)| Settings {
                lead: lead.unwrap_or(settings.lead),
                lag: lag.unwrap_or(settings.lag),
            })
        })
    }

    fn set(&self) -> Settings {
        let ((lead, lag), settings) = (self.local_settings.now, self.settings.now);
        Settings { lead: lead.unwrap_or(settings.lead), lag: lag.unwrap_or(settings.lag) }
    }

    /// Whether anything is told there: the integration is active. Where the workspace has none that is the
    /// location's own, and where nobody has told of that either nothing stands against it.
    pub(super) fn is_followed(&self, place: Place) -> bool {
        let told = |is_own| {
            self.integrations.iter().find(|it| it.provider == DOORS[place.door].0 && it.is_own == is_own)
        };
        told(place.is_own).or(told(true)).is_none_or(|integration| integration.is_active)
    }

    /// Whether anything rests.
    pub(super) fn is_any_at_rest(&self) -> bool {
        places().any(|place| !self.is_followed(place))
    }

    /// Whether the door opens for the person at that moment.
    pub(super) fn may(&self, place: Place, at: Second) -> bool {
        let settings = self.set();
        self.people[place.person].status.now == told::PersonStatus::Active
            && self.serves(place).now == place.is_own
            && self.sources.iter().flat_map(|source| &source.gives.now).any(|entitled| {
                self.leads(entitled, place, settings, |mapping| mapping.stands.now)
                    .any(|settings| self.holds(entitled, settings, at))
            })
    }

    /// Whether it does by any mixture of what was lately true.
    pub(super) fn might(&self, place: Place, at: Second) -> bool {
        self.people[place.person].status.iter().any(|&status| status == told::PersonStatus::Active)
            && self.serves(place).iter().any(|&is_own| is_own == place.is_own)
            && self.sources.iter().flat_map(|source| source.gives.iter().flatten()).any(|entitled| {
                self.lately_set().any(|settings| {
                    self.leads(entitled, place, settings, |mapping| mapping.stands.iter().any(|&it| it))
                        .any(|settings| self.holds(entitled, settings, at))
                })
            })
    }

    /// Whether it does by every mixture of what was lately true.
    pub(super) fn must(&self, place: Place, at: Second) -> bool {
        self.people[place.person].status.iter().all(|&status| status == told::PersonStatus::Active)
            && self.serves(place).iter().all(|&is_own| is_own == place.is_own)
            && self.sources.iter().any(|source| {
                source.gives.iter().all(|given| {
                    given.iter().any(|entitled| {
                        self.lately_set().all(|settings| {
                            self.leads(entitled, place, settings, |mapping| {
                                mapping.stands.iter().all(|&it| it)
                            })
                            .any(|settings| self.holds(entitled, settings, at))
                        })
                    })
                })
            })
    }

    /// The lead and lag of each way from an entitlement to a place, by mappings that stand.
    fn leads<'a>(
        &'a self,
        entitled: &'a Entitled,
        place: Place,
        settings: Settings,
        stands: impl Fn(&Mapping) -> bool + 'a,
    ) -> impl Iterator<Item = Settings> + 'a {
        let is_theirs = entitled.person == place.person;
        let direct = matches!(entitled.subject, Subject::Door(door) if door == place.door);
        let mapped = self.mappings.iter().filter(move |mapping| {
            mapping.door == place.door
                && matches!(entitled.subject, Subject::Mapped(subject) if subject == mapping.subject)
                && stands(mapping)
        });
        let mapped = mapped.map(move |mapping| Settings {
            lead: mapping.lead.unwrap_or(settings.lead),
            lag: mapping.lag.unwrap_or(settings.lag),
        });
        direct.then_some(settings).into_iter().chain(mapped).filter(move |_| is_theirs)
    }

    /// Whether it holds at that moment. An entitlement at hours of the week is one of each grain that is in them.
    fn holds(&self, entitled: &Entitled, Settings { lead, lag }: Settings, at: Second) -> bool {
        let (lead, lag) = (lead * MINUTE, lag * MINUTE);
        let is_within = entitled.start - lead <= at && at < entitled.end + lag;
        let Some(hours) = entitled.hours.as_ref().filter(|_| is_within) else { return is_within };
        let grains = (at - lag).div_euclid(GRAIN)..=(at + lead).div_euclid(GRAIN);
        grains
            .map(|number| number * GRAIN)
            .filter(|grain| (entitled.start..entitled.end).contains(grain))
            .any(|grain| hours.hold(self.calendar, grain))
    }

    /// From when until when it holds, lead and lag apart, around `now`.
    fn spans(&self, entitled: &Entitled, now: Second) -> Vec<(Second, Second)> {
        let Some(hours) = &entitled.hours else { return vec![(entitled.start, entitled.end)] };
        let hold =
            |grain| (entitled.start..entitled.end).contains(&grain) && hours.hold(self.calendar, grain);
        let first = (now - 2 * HOUR) / GRAIN * GRAIN;
        let grains = (0..SCOPE / GRAIN).map(|number| first + number * GRAIN);
        let starts = grains.clone().filter(|&grain| hold(grain) && !hold(grain - GRAIN));
        let end = |start: Second| (start..first + SCOPE).step_by(300).find(|&grain| !hold(grain));
        starts.map(|start| (start, end(start).unwrap_or(first + SCOPE))).collect()
    }

    /// The moments around `now` at which the world may turn: the begins and ends of what is given, with and
    /// without lead and lag, and when it is told.
    pub(super) fn turns(&self, now: Second) -> Vec<Second> {
        let mut turns = Vec::new();
        for entitled in self.sources.iter().flat_map(|source| &source.gives.now) {
            let spans = self.spans(entitled, now);
            for place in places().filter(|place| place.person == entitled.person && !place.is_own) {
                for Settings { lead, lag } in
                    self.leads(entitled, place, self.set(), |mapping| mapping.stands.now)
                {
                    for (start, end) in &spans {
                        let begin = start - lead * MINUTE;
                        turns.extend([begin - HORIZON, begin, end + lag * MINUTE, *end]);
                    }
                }
            }
        }
        turns
    }
}

fn provider(name: &str) -> usize {
    PROVIDERS.iter().position(|it| *it == name).expect("there are two")
}
