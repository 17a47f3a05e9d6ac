//! Doors for whoever asks.

use std::collections::{BTreeMap, HashMap, HashSet};

use chassis::auth::Reach;
use chrono::Duration as Span;
use domain::{LocationId, Timestamp, WorkspaceId};
use proto::access::v1::AccessReason;
use sqlx::PgConnection;

use super::App;
use super::explain::standing;
use super::operate::Caller;
use super::roster::Freshness;
use crate::control::Account;
use crate::doors::Admission;
use crate::engine::Entitled;
use crate::error::Error;
use crate::explain::{Standing, admission};
use crate::model::{Target, TargetKind};
use crate::store::door::KnownDoor;
use crate::store::{door, entitlement, lockdown};

/// Doors that are given at once.
const DOORS_MAX: usize = 1_000;
/// People see doors that they may open within this time.
const SOON: Span = Span::hours(24);
/// How old what is known of doors may be.
const TO_LOOK_AT: Freshness = Freshness { doors: Span::seconds(30), groups: Span::minutes(10) };

/// A door as someone sees it.
#[derive(Debug, Clone)]
pub(crate) struct DoorView {
    pub target: Target,
    pub known: Option<KnownDoor>,
    /// Whether the provider ever said which doors it has.
    pub is_listed: bool,
    /// By what they are entitled to; `None`: they may by their role.
    pub admission: Option<Admission>,
    pub is_locked_down: bool,
    pub is_followed: bool,
}

/// Something that leads to doors, and what entitles the caller there.
struct Lead {
    target: Target,
    account: Account,
    is_followed: bool,
    /// `None`: the caller's role.
    entitled: Option<Vec<Entitled>>,
}

impl App {
    /// The doors that the caller may see, by location, then by what they are called.
    pub(crate) async fn list_doors(
        &self,
        workspace: WorkspaceId,
        location: Option<LocationId>,
        caller: &Caller,
    ) -> Result<Vec<DoorView>, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        let leads = self.leads(&mut tx, workspace, location, caller, now).await?;
        tx.commit().await?;
        let mut groups: BTreeMap<Account, Vec<String>> = BTreeMap::new();
        for lead in &leads {
            let groups = groups.entry(lead.account.clone()).or_default();
            groups.extend((lead.target.kind == TargetKind::Group).then(|| lead.target.provider_ref.clone()));
        }
        let asking = groups.iter().map(|(account, groups)| self.freshen(account, groups, TO_LOOK_AT));
        for asked in futures::future::join_all(asking).await {
            asked?;
        }

        let mut tx = self.pool.begin(workspace).await?;
        let accounts: Vec<_> = groups.keys().map(|account| account.id).collect();
        let opened = door::groups(&mut tx, workspace, &accounts).await?;
        let opened: HashMap<_, _> =
            opened.into_iter().map(|(of, group, doors)| ((of, group), doors)).collect();
        let known = door::known(&mut tx, workspace, &accounts).await?;
        let listed: HashSet<_> = known.iter().map(|door| door.account_id).collect();
        let known: HashMap<_, _> =
            known.into_iter().map(|door| ((door.account_id, door.door_ref.clone()), door)).collect();
        let standing_there = lockdown::standing(&mut tx, workspace).await?;
        let who = match caller.person {
            Some(person) => standing(&mut tx, workspace, person).await?,
            None => Standing::Unknown,
        };
        tx.commit().await?;

        let mut doors: BTreeMap<(Account, String), Lead> = BTreeMap::new();
        let mut is_locked_down: HashMap<(Account, String), bool> = HashMap::new();
        for lead in leads {
            let refs = match lead.target.kind {
                TargetKind::Lock => vec![lead.target.provider_ref.clone()],
                TargetKind::Group => {
                    let key = (lead.account.id.uuid(), lead.target.provider_ref.clone());
                    opened.get(&key).cloned().unwrap_or_default()
                }
            };
            let is_covered = standing_there.iter().any(|lockdown| lockdown.covers(lead.target.location));
            for door_ref in refs {
                let key = (lead.account.clone(), door_ref);
                *is_locked_down.entry(key.clone()).or_default() |= is_covered;
                let door = doors.entry(key).or_insert_with(|| Lead {
                    target: lead.target.clone(),
                    account: lead.account.clone(),
                    is_followed: lead.is_followed,
                    entitled: lead.entitled.as_ref().map(|_| Vec::new()),
                });
                // One way in by role is enough; else all that entitles counts.
                door.entitled = door.entitled.take().zip(lead.entitled.clone()).map(|(mut all, more)| {
                    all.extend(more);
                    all
                });
            }
        }
        let view = |(key, lead): ((Account, String), Lead)| {
            let (account, door_ref) = &key;
            let known = known.get(&(account.id.uuid(), door_ref.clone())).cloned();
            let by_itself = (lead.target.kind == TargetKind::Lock).then_some(lead.target.display_name);
            let display_name = known.as_ref().map(|door| door.name.clone()).or(by_itself).unwrap_or_default();
            let admission = lead.entitled.map(|entitled| admission(who, &entitled, now, &self.rules));
            DoorView {
                target: Target {
                    kind: TargetKind::Lock,
                    provider_ref: door_ref.clone(),
                    display_name,
                    ..lead.target
                },
                known,
                is_listed: listed.contains(&account.id.uuid()),
                admission,
                is_locked_down: is_locked_down.get(&key).copied().unwrap_or_default(),
                is_followed: lead.is_followed,
            }
        };
        let is_shown = |door: &DoorView| door.admission.is_none_or(|admission| admission.is_soon(now, SOON));
        let mut doors: Vec<DoorView> = doors.into_iter().map(view).filter(is_shown).collect();
        doors.sort_by(|a, b| {
            let by = |door: &DoorView| (door.target.location, door.target.display_name.clone());
            by(a).cmp(&by(b))
        });
        doors.truncate(DOORS_MAX);
        Ok(doors)
    }

    /// What leads the caller to doors: by their role, and by what they are entitled to.
    async fn leads(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        location: Option<LocationId>,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Vec<Lead>, Error> {
        let is_asked = |target: &Target| location.is_none_or(|location| target.location == location);
        let managed = match &caller.reach {
            Reach::Workspace => door::targets(conn, workspace, None, now).await?,
            Reach::Locations(locations) => door::targets(conn, workspace, Some(locations), now).await?,
            Reach::Own(_) => Vec::new(),
        };
        let mut found: Vec<(Target, Option<Vec<Entitled>>)> =
            managed.into_iter().filter(is_asked).map(|target| (target, None)).collect();
        if let (Some(person), Reach::Own(_) | Reach::Locations(_)) = (caller.person, &caller.reach) {
            let led = door::grants_of(conn, workspace, person).await?;
            let grants: Vec<_> = led.iter().map(|led| (workspace, led.grant)).collect();
            let mut entitled = entitlement::of_grants(conn, &grants, self.defaults, now).await?;
            let led = led.into_iter().filter(|led| is_asked(&led.target));
            found.extend(led.filter_map(|led| Some((led.target, Some(entitled.remove(&led.grant)?)))));
        }
        let places: Vec<_> =
            found.iter().map(|(target, _)| (target.provider.clone(), target.location)).collect();
        let serving = door::serving(conn, workspace, &places).await?;
        let lead = |((target, entitled), serving): ((Target, _), Option<door::Serving>)| {
            let door::Serving { account, is_followed } = serving?;
            Some(Lead { target, account, is_followed, entitled })
        };
        Ok(found.into_iter().zip(serving).filter_map(lead).collect())
    }
}

impl DoorView {
    /// Whether it may be opened now, and why, or why not.
    pub(crate) fn verdict(&self) -> (bool, AccessReason) {
        let may = self.admission.map_or((true, AccessReason::PersonMayOperate), |admission| {
            (admission.is_open, admission.reason)
        });
        match may {
            (false, reason) => (false, reason),
            (true, _) if self.is_locked_down => (false, AccessReason::DoorLockedDown),
            (true, _) if !self.is_followed => (false, AccessReason::IntegrationInactive),
            (true, reason) => match &self.known {
                Some(door) if door.abilities.pulse.is_none() => (false, AccessReason::DoorCannot),
                Some(_) => (true, reason),
                None if self.is_listed => (false, AccessReason::ProviderLacksDoor),
                None => (false, AccessReason::ProviderUnreachable),
            },
        }
    }
}
