//! Why someone is let in at a door, or is not: from a situation to the chain of reasons, each with its code, and
//! what decides. Pure: no IO, no clock.
//!
//! A door is what the provider last confirmed. So a decision says what the door does, and the chain why: who,
//! by what, when, by which mapping, whether the provider is told anything, how the ledger stands, what the
//! provider last said, and what happens next.

mod sentence;
#[cfg(test)]
mod tests;

use domain::{DoorMappingId, Timestamp, Window};
use proto::access::v1::{AccessDecision, AccessReason, AccessStep};

use crate::doors::Admission;
use crate::engine::{Entitled, FailureKind, Ledger, Observed, Outlook, Rules, plan};
use crate::model::{Grant, SourceKey};

/// What is known of a person and a door.
#[derive(Debug, Clone)]
pub(crate) struct Situation {
    pub now: Timestamp,
    /// The moment that is asked about: now, or later.
    pub at: Timestamp,
    pub person: Standing,
    /// What leads the person there and is not long over.
    pub passages: Vec<Passage>,
    /// Whether there is a door: what they are entitled to is mapped, or the door itself was named.
    pub has_door: bool,
    /// Whether the provider is told anything.
    pub is_followed: bool,
    /// The ledger's row.
    pub grant: Option<GrantState>,
}

/// How a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    NotActive,
    /// Nobody ever told of them.
    Unknown,
}

/// A way in: something that entitles the person, and how it leads to the door.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    pub source: SourceKey,
    /// By which mapping; `None`: directly, or nowhere.
    pub mapping: Option<DoorMappingId>,
    pub entitled: Entitled,
}

/// The part of a grant that explanations depend on.
#[derive(Debug, Clone)]
pub(crate) struct GrantState {
    pub ledger: Ledger,
    pub problem: Option<AccessReason>,
    pub last_error: String,
}

impl From<&Grant> for GrantState {
    fn from(grant: &Grant) -> Self {
        Self { ledger: grant.ledger, problem: grant.problem, last_error: grant.last_error.clone() }
    }
}

/// What a link is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    Source(SourceKey),
    Mapping(DoorMappingId),
}

/// A link of the chain.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub step: AccessStep,
    pub reason: AccessReason,
    pub time: Option<Timestamp>,
    pub about: Option<About>,
    /// What the provider said.
    pub detail: String,
}

impl Link {
    fn new(step: AccessStep, reason: AccessReason, time: Option<Timestamp>) -> Self {
        Self { step, reason, time, about: None, detail: String::new() }
    }

    fn about(self, about: Option<About>) -> Self {
        Self { about, ..self }
    }

    /// For a person to read.
    pub(crate) fn sentence(&self) -> String {
        sentence(self.reason, self.time)
    }

    /// The same for staff, who can do something about it.
    pub(crate) fn sentence_with_advice(&self) -> String {
        let advice = sentence::advice(self.reason);
        format!("{} {advice}", self.sentence()).trim_end().to_owned()
    }
}

/// A code for a person to read; `time` is when that begins, ends or happens.
pub(crate) fn sentence(reason: AccessReason, time: Option<Timestamp>) -> String {
    sentence::of(reason, time)
}

/// What a door does, and why.
#[derive(Debug, Clone)]
pub(crate) struct Explanation {
    pub decision: AccessDecision,
    /// The code of the link that decides.
    pub reason: AccessReason,
    pub chain: Vec<Link>,
}

impl Explanation {
    /// The same, but the door's account says that it does not let in whom the ledger lets in.
    pub(crate) fn but(mut self, reason: AccessReason, said: String) -> Self {
        self.chain.push(Link { detail: said, ..Link::new(AccessStep::Provider, reason, None) });
        Self { decision: AccessDecision::MayNotEnter, reason, ..self }
    }
}

/// Where the moment lies among the access windows.
#[derive(Debug, Clone, Copy)]
enum Place {
    Within(Window),
    Before(Window),
    After(Window),
    Nowhere,
}

impl Place {
    fn of(at: Timestamp, windows: &[Window]) -> Self {
        let not_over = windows.iter().find(|window| at < window.end());
        match (not_over, windows.last()) {
            (Some(&window), _) if window.contains(at) => Self::Within(window),
            (Some(&window), _) => Self::Before(window),
            (None, Some(&last)) => Self::After(last),
            (None, None) => Self::Nowhere,
        }
    }

    /// The window that counts for the moment: the one around it, or the next.
    fn wanted(self) -> Option<Window> {
        match self {
            Self::Within(window) | Self::Before(window) => Some(window),
            Self::After(_) | Self::Nowhere => None,
        }
    }
}

/// Whether a person may enter at a moment by what entitles them, whatever the provider has.
pub(crate) fn admission(
    standing: Standing,
    entitled: &[Entitled],
    now: Timestamp,
    rules: &Rules,
) -> Admission {
    let outlook = Outlook::new(entitled.iter().cloned(), now, rules);
    let place = Place::of(now, outlook.windows());
    let is_within = matches!(place, Place::Within(_));
    let is_outside_hours = !is_within && entitled.iter().any(|it| it.window.contains(now));
    let reason = match standing {
        Standing::Active => {
            window(place, is_outside_hours).map_or(AccessReason::EntitlementNone, |link| link.reason)
        }
        Standing::NotActive | Standing::Unknown => person(standing).reason,
    };
    let last = outlook.windows().last().copied();
    Admission { is_open: is_within && standing == Standing::Active, reason, window: place.wanted().or(last) }
}

/// Explains.
pub(crate) fn explain(situation: &Situation, rules: &Rules) -> Explanation {
    let windows = |at| Outlook::new(situation.passages.iter().map(|it| it.entitled.clone()), at, rules);
    let place = Place::of(situation.at, windows(situation.at).windows());
    // Something stands at the moment, though not at that hour.
    let is_outside_hours = !matches!(place, Place::Within(_))
        && situation.passages.iter().any(|passage| passage.entitled.window.contains(situation.at));
    let is_let_in = situation.person == Standing::Active && situation.has_door;
    let wanted = place.wanted().filter(|_| is_let_in);
    let is_entitled = wanted.is_some_and(|window| window.contains(situation.at));
    let held = situation.grant.as_ref().and_then(|grant| match grant.ledger.observed {
        Observed::Holds(window) => Some(window),
        Observed::Nothing | Observed::Unknown => None,
    });
    let opens = held.is_some_and(|window| window.contains(situation.at));
    // What is held and not wanted will be taken back: it says something of this moment alone.
    let is_left_over = opens && !is_entitled && situation.at <= situation.now;

    let mut chain = vec![person(situation.person), entitlement(situation, place, is_outside_hours, rules)];
    chain.extend(window(place, is_outside_hours));
    chain.push(mapping(situation));
    if situation.has_door {
        chain.push(integration(situation.is_followed));
        chain.push(if is_left_over {
            Link::new(AccessStep::Grant, AccessReason::GrantNotRevokedYet, None)
        } else {
            let outlook = if is_let_in { windows(situation.now) } else { Outlook::default() };
            grant(situation, outlook, wanted, rules)
        });
        chain.extend(situation.grant.as_ref().map(|grant| provider(grant, situation.at)));
    }
    let (decision, reason) = if opens && is_entitled {
        (AccessDecision::MayEnter, AccessReason::ProviderHolds)
    } else if is_left_over {
        (AccessDecision::MayEnter, AccessReason::GrantNotRevokedYet)
    } else if let Some(wanted) = wanted {
        let is_told = held.is_some_and(|held| held.contains(wanted.start()));
        expected(&chain, is_told && !is_entitled, is_entitled)
    } else {
        (AccessDecision::MayNotEnter, obstacle(&chain))
    };
    chain.push(next(situation, &chain, held, wanted));
    Explanation { decision, reason, chain }
}

fn person(standing: Standing) -> Link {
    let reason = match standing {
        Standing::Active => AccessReason::PersonActive,
        Standing::NotActive => AccessReason::PersonNotActive,
        Standing::Unknown => AccessReason::PersonUnknown,
    };
    Link::new(AccessStep::Person, reason, None)
}

/// The passage that a place is about: the one that is open at the moment, or else the first within the place's
/// window, or else whichever there is.
fn passage<'a>(situation: &'a Situation, place: Place, rules: &Rules) -> Option<&'a Passage> {
    let (Place::Within(union) | Place::Before(union) | Place::After(union)) = place else {
        return situation.passages.first();
    };
    let openings = situation.passages.iter().flat_map(|passage| {
        let outlook = Outlook::new([passage.entitled.clone()], situation.at, rules);
        let inside = |window: &Window| union.start() <= window.start() && window.end() <= union.end();
        let windows: Vec<Window> = outlook.windows().iter().copied().filter(inside).collect();
        windows.into_iter().map(move |window| (passage, window))
    });
    let first = openings.min_by_key(|(_, window)| (!window.contains(situation.at), window.start()));
    first.map(|(passage, _)| passage)
}

fn entitlement(situation: &Situation, place: Place, is_outside_hours: bool, rules: &Rules) -> Link {
    let reason = match place {
        Place::Within(_) | Place::Before(_) => AccessReason::EntitlementStands,
        Place::After(_) | Place::Nowhere if is_outside_hours => AccessReason::EntitlementStands,
        Place::After(_) => AccessReason::EntitlementOver,
        Place::Nowhere => AccessReason::EntitlementNone,
    };
    let source = passage(situation, place, rules).map(|passage| About::Source(passage.source.clone()));
    Link::new(AccessStep::Entitlement, reason, None).about(source)
}

fn window(place: Place, is_outside_hours: bool) -> Option<Link> {
    let (reason, time) = match place {
        Place::Within(window) => (AccessReason::WindowOpen, Some(window.end())),
        Place::Before(window) if is_outside_hours => (AccessReason::WindowOutsideHours, Some(window.start())),
        _ if is_outside_hours => (AccessReason::WindowOutsideHours, None),
        Place::Before(window) => (AccessReason::WindowAhead, Some(window.start())),
        Place::After(window) => (AccessReason::WindowOver, Some(window.end())),
        Place::Nowhere => return None,
    };
    Some(Link::new(AccessStep::Window, reason, time))
}

fn mapping(situation: &Situation) -> Link {
    let by = |passage: &Passage| passage.mapping.map(About::Mapping);
    let about = situation.passages.iter().find_map(by);
    let reason = match (&about, situation.has_door) {
        (_, false) => AccessReason::MappingNone,
        (None, true) if !situation.passages.is_empty() => AccessReason::MappingNotNeeded,
        (_, true) => AccessReason::MappingLeads,
    };
    Link::new(AccessStep::Mapping, reason, None).about(about)
}

fn integration(is_followed: bool) -> Link {
    let reason =
        if is_followed { AccessReason::IntegrationActive } else { AccessReason::IntegrationInactive };
    Link::new(AccessStep::Integration, reason, None)
}

/// How the ledger stands. `outlook` is what counts, `wanted` the window of the moment.
fn grant(situation: &Situation, outlook: Outlook, wanted: Option<Window>, rules: &Rules) -> Link {
    let link = |reason, time| Link::new(AccessStep::Grant, reason, time);
    let now = situation.now;
    let Some(grant) = &situation.grant else {
        let reason = if wanted.is_some() { AccessReason::GrantDue } else { AccessReason::GrantNone };
        return link(reason, None);
    };
    let plan = plan(outlook, grant.ledger, now, rules);
    let has_something = grant.ledger.observed != Observed::Nothing;
    if !situation.is_followed && (has_something || wanted.is_some()) {
        return link(AccessReason::GrantRests, None);
    }
    // Also while it is tried again.
    if let Some(at) = plan.ledger.retry_at {
        return link(AccessReason::GrantFailing, Some(at.max(now)));
    }
    if plan.command.is_some() {
        return link(AccessReason::GrantDue, None);
    }
    if let Some(until) = plan.ledger.in_flight_until {
        return link(AccessReason::GrantUnderWay, Some(until));
    }
    match (plan.desired, wanted) {
        (Some(told), Some(wanted)) if told.end() < wanted.start() => {
            link(AccessReason::GrantWaitsForEarlier, Some(told.end()))
        }
        (Some(_), _) => link(AccessReason::GrantSettled, None),
        (None, Some(wanted)) => {
            link(AccessReason::GrantWaitsForHorizon, Some(wanted.start() - rules.horizon))
        }
        (None, None) => link(AccessReason::GrantAtRest, None),
    }
}

fn provider(grant: &GrantState, at: Timestamp) -> Link {
    let link = |reason, time| Link::new(AccessStep::Provider, reason, time);
    match (grant.ledger.observed, grant.problem) {
        (Observed::Holds(window), _) if window.contains(at) => {
            // What failed is another wish, such as a longer window.
            Link { detail: grant.last_error.clone(), ..link(AccessReason::ProviderHolds, Some(window.end())) }
        }
        (_, Some(problem)) if problem != AccessReason::IntegrationInactive => {
            Link { detail: grant.last_error.clone(), ..link(problem, None) }
        }
        (Observed::Holds(window), _) => link(AccessReason::ProviderHoldsOtherTime, Some(window.start())),
        (Observed::Nothing, _) => link(AccessReason::ProviderHoldsNothing, None),
        (Observed::Unknown, _) => link(AccessReason::ProviderUncertain, None),
    }
}

fn find(chain: &[Link], step: AccessStep) -> Option<AccessReason> {
    chain.iter().find(|link| link.step == step).map(|link| link.reason)
}

/// What becomes of a window that is wanted and that the provider has not confirmed for the moment. `is_told`:
/// it has confirmed the window, which is still to begin.
fn expected(chain: &[Link], is_told: bool, is_entitled: bool) -> (AccessDecision, AccessReason) {
    let ahead = find(chain, AccessStep::Window).unwrap_or(AccessReason::WindowAhead);
    if is_told {
        return (AccessDecision::WillEnter, ahead);
    }
    match find(chain, AccessStep::Grant) {
        Some(AccessReason::GrantRests) => (AccessDecision::MayNotEnter, AccessReason::IntegrationInactive),
        Some(AccessReason::GrantFailing) => {
            let said = find(chain, AccessStep::Provider).unwrap_or(AccessReason::GrantFailing);
            (AccessDecision::MayNotEnter, said)
        }
        Some(reason) if is_entitled => (AccessDecision::WillEnter, reason),
        _ => (AccessDecision::WillEnter, ahead),
    }
}

/// The first link that keeps someone out for whom nothing is wanted.
fn obstacle(chain: &[Link]) -> AccessReason {
    chain
        .iter()
        .map(|link| link.reason)
        .find(|reason| {
            matches!(
                reason,
                AccessReason::PersonUnknown
                    | AccessReason::PersonNotActive
                    | AccessReason::EntitlementNone
                    | AccessReason::EntitlementOver
                    | AccessReason::WindowOutsideHours
                    | AccessReason::MappingNone
            )
        })
        .expect("who is active and entitled at a door has a window that is wanted")
}

fn next(situation: &Situation, chain: &[Link], held: Option<Window>, wanted: Option<Window>) -> Link {
    let link = |reason, time| Link::new(AccessStep::Next, reason, time);
    let grant = chain.iter().find(|link| link.step == AccessStep::Grant);
    let ledger = situation.grant.as_ref().map(|grant| grant.ledger);
    match grant.map(|link| (link.reason, link.time)) {
        Some((AccessReason::GrantRests, _)) => return link(AccessReason::NextConnect, None),
        Some((AccessReason::GrantDue, _)) => return link(AccessReason::NextTold, Some(situation.now)),
        Some((AccessReason::GrantUnderWay, until)) => return link(AccessReason::NextAnswer, until),
        Some((AccessReason::GrantFailing, at)) => {
            let until =
                ledger.and_then(|ledger| ledger.in_flight_until).filter(|until| situation.now < *until);
            return match until {
                Some(_) => link(AccessReason::NextAnswer, until),
                None => link(AccessReason::NextRetry, at),
            };
        }
        Some((AccessReason::GrantWaitsForHorizon | AccessReason::GrantWaitsForEarlier, at)) => {
            return link(AccessReason::NextTold, at);
        }
        Some((AccessReason::GrantNotRevokedYet, _)) if !situation.is_followed => {
            return link(AccessReason::NextConnect, None);
        }
        Some((AccessReason::GrantNotRevokedYet, _)) => {
            let at = ledger.and_then(|ledger| ledger.in_flight_until.or(ledger.retry_at));
            return link(AccessReason::NextTold, Some(at.unwrap_or(situation.now)));
        }
        _ => {}
    }
    match (wanted, held) {
        (Some(wanted), _) if situation.at < wanted.start() => {
            link(AccessReason::NextBegins, Some(wanted.start()))
        }
        (Some(wanted), _) => link(AccessReason::NextEnds, Some(wanted.end())),
        (None, _) => {
            let reason = match situation.person {
                Standing::NotActive => AccessReason::NextActivate,
                _ if !situation.has_door => AccessReason::NextMap,
                _ => AccessReason::NextNothing,
            };
            link(reason, None)
        }
    }
}

/// The code of a grant by itself.
pub(crate) fn of_grant(grant: &Grant) -> AccessReason {
    let Ledger { in_flight_until, retry_at, observed, .. } = grant.ledger;
    match (grant.problem, grant.desired, observed) {
        // Also while it is tried again.
        (Some(problem), ..) => problem,
        _ if in_flight_until.is_some() => AccessReason::GrantUnderWay,
        _ if retry_at.is_some() => AccessReason::GrantFailing,
        (None, Some(wanted), Observed::Holds(held)) if wanted == held => AccessReason::GrantSettled,
        (None, None, Observed::Nothing) if grant.next_check_at.is_some() => {
            AccessReason::GrantWaitsForHorizon
        }
        (None, None, Observed::Nothing) => AccessReason::GrantAtRest,
        _ => AccessReason::GrantDue,
    }
}

/// The code of a failure.
pub(crate) fn of_failure(kind: FailureKind) -> AccessReason {
    match kind {
        FailureKind::Unreachable => AccessReason::ProviderUnreachable,
        FailureKind::RateLimited => AccessReason::ProviderRateLimited,
        FailureKind::Unauthorized => AccessReason::ProviderRefusesCredentials,
        FailureKind::NotFound => AccessReason::ProviderLacksDoor,
        FailureKind::Rejected => AccessReason::ProviderRejects,
    }
}
