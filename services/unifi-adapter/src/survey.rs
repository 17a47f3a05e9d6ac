//! Reads a console's visitors, call by call, and tells ours from others'.

use std::collections::{HashMap, HashSet};

use domain::names::IntegrationName;
use domain::{GrantId, Timestamp};
use door_adapter::{ApplyError, ErrorKind, Origin, Period, ProviderError, Right, Target, TargetKind};

use crate::access;
use crate::store::{Ledger, Row};
use crate::vendor::wire::{Door, Visitor};
use crate::vendor::{Console, Pages};
use crate::visit::{covers, grant_of};

/// One reading of a console.
pub(crate) struct Survey<'a> {
    ledger: &'a Ledger,
    console: Console,
    account: IntegrationName,
    targets: &'a [Target],
    now: Timestamp,
    /// What the ledger knew before visitors were listed.
    before: HashMap<GrantId, Row>,
    /// Those that were listed.
    visitors: Vec<Visitor>,
    step: Step,
}

enum Step {
    Doors,
    Groups(Vec<Door>),
    Visitors(Pages<Visitor>),
    /// Ours that the list lacks: a list that moves may leave one out.
    Lacking(Vec<(String, Row)>),
}

impl<'a> Survey<'a> {
    pub(crate) fn new(
        ledger: &'a Ledger,
        console: Console,
        account: IntegrationName,
        targets: &'a [Target],
        now: Timestamp,
    ) -> Self {
        Self {
            ledger,
            console,
            account,
            targets,
            now,
            before: HashMap::new(),
            visitors: Vec::new(),
            step: Step::Doors,
        }
    }

    /// Makes one call, and gives the rights that it made sure of. `None` at the end.
    pub(crate) async fn read_on(&mut self) -> Result<Option<Vec<Right>>, ApplyError> {
        match std::mem::replace(&mut self.step, Step::Doors) {
            Step::Doors => self.step = Step::Groups(self.console.list_doors().await?),
            Step::Groups(doors) => {
                let (groups, _) = self.console.list_groups().await?;
                let ids: HashSet<&str> = doors
                    .iter()
                    .map(|door| door.id.as_str())
                    .chain(groups.iter().map(|group| group.id.as_str()))
                    .collect();
                self.check(&ids)?;
                self.before = self.ledger.read_all(self.account).await?;
                self.step = Step::Visitors(Pages::default());
            }
            Step::Visitors(mut listed) => match listed.read_on(&self.console).await? {
                Some(visitors) => {
                    self.visitors.extend(visitors);
                    self.step = Step::Visitors(listed);
                }
                None => return self.judge_all().await.map(Some),
            },
            Step::Lacking(mut lacking) => {
                let Some((id, row)) = lacking.pop() else { return Ok(None) };
                let found = self.console.find_visitor(&id).await?;
                self.step = Step::Lacking(lacking);
                let right = found.and_then(|visitor| self.ours(&visitor, &row));
                return Ok(Some(right.into_iter().collect()));
            }
        }
        Ok(Some(Vec::new()))
    }

    /// A console that knows none of the doors is another one.
    fn check(&self, ids: &HashSet<&str>) -> Result<(), ProviderError> {
        let is_known = |target: &Target| ids.contains(target.provider_ref.as_str());
        if self.targets.is_empty() || self.targets.iter().any(is_known) {
            return Ok(());
        }
        let reason = "the console shows none of the doors that people were let in by: is it another one?";
        Err(ProviderError::new(ErrorKind::Malformed, reason))
    }

    /// Says of each visitor whose it is, now that all are listed.
    async fn judge_all(&mut self) -> Result<Vec<Right>, ApplyError> {
        // What was given meanwhile was written down before the console was asked; what was taken away meanwhile was
        // known before: so whatever is ours is known before or after.
        let after = self.ledger.read_all(self.account).await?;
        let ids = |rows: &HashMap<GrantId, Row>| -> HashMap<String, Row> {
            rows.values().filter_map(|row| Some((row.visitor.clone()?, row.clone()))).collect()
        };
        let mut ours = ids(&self.before);
        ours.extend(ids(&after));
        let creating = |grant| {
            let open = |rows: &HashMap<GrantId, Row>| {
                rows.get(&grant).filter(|row: &&Row| row.visitor.is_none()).cloned()
            };
            open(&self.before).or_else(|| open(&after))
        };
        let own_grant = |visitor: &Visitor| {
            grant_of(&visitor.remarks).filter(|it| it.workspace == self.account.workspace)
        };
        let grants: Vec<GrantId> = self.visitors.iter().filter_map(own_grant).map(|grant| grant.id).collect();
        let elsewhere = self.ledger.grants_elsewhere(self.account, &grants).await?;
        let rights = self.visitors.iter().filter_map(|visitor| {
            let grant = own_grant(visitor).filter(|grant| !elsewhere.contains(&grant.id));
            match (ours.get(&visitor.id), grant) {
                (Some(row), _) => self.ours(visitor, row),
                (None, Some(grant)) => match creating(grant.id) {
                    Some(row) => self.ours(visitor, &row),
                    None => self.right(visitor, self.where_it_enters(visitor), Origin::Kept),
                },
                (None, None) => {
                    let target = self.targets.iter().find(|target| names(visitor, target))?;
                    self.right(visitor, target.clone(), Origin::Foreign)
                }
            }
        });
        let rights = rights.collect();
        let seen: HashSet<&str> = self.visitors.iter().map(|visitor| visitor.id.as_str()).collect();
        let lacks = |(id, row): &(String, Row)| !seen.contains(id.as_str()) && self.now < row.ends_at;
        self.step = Step::Lacking(ours.into_iter().filter(lacks).collect());
        Ok(rights)
    }

    /// One that we made, if it still lets in there.
    fn ours(&self, visitor: &Visitor, row: &Row) -> Option<Right> {
        let target = self.known(&row.target);
        if covers(visitor, &target) { self.right(visitor, target, Origin::Ledger) } else { None }
    }

    /// With the name that it has among the targets.
    fn known(&self, target: &Target) -> Target {
        let is_it = |it: &&Target| (it.kind, &it.provider_ref) == (target.kind, &target.provider_ref);
        self.targets.iter().find(is_it).unwrap_or(target).clone()
    }

    /// The first of a visitor's doors.
    fn where_it_enters(&self, visitor: &Visitor) -> Target {
        if let Some(target) = self.targets.iter().find(|target| names(visitor, target)) {
            return target.clone();
        }
        let first = visitor.resources.first().cloned();
        let (provider_ref, kind, display_name) = first.map_or_else(
            || (visitor.id.clone(), TargetKind::Group, String::new()),
            |it| {
                let kind = if it.r#type == "door" { TargetKind::Lock } else { TargetKind::Group };
                (it.id, kind, it.name)
            },
        );
        Target { kind, provider_ref, display_name }
    }

    fn right(&self, visitor: &Visitor, target: Target, origin: Origin) -> Option<Right> {
        let period = period(visitor);
        if visitor.is_cancelled() || period.is_over(self.now) {
            return None;
        }
        let name = format!("{} {}", visitor.first_name, visitor.last_name);
        let holder = if visitor.email.is_empty() { name.trim().to_owned() } else { visitor.email.clone() };
        Some(Right { provider_ref: visitor.id.clone(), target, holder, period, origin })
    }
}

/// Whether the target itself stands among a visitor's doors and groups.
fn names(visitor: &Visitor, target: &Target) -> bool {
    visitor.resources.iter().any(|resource| resource.id == target.provider_ref)
}

fn period(visitor: &Visitor) -> Period {
    let at = |seconds| Timestamp::from_timestamp(seconds, 0);
    Period { from: at(visitor.start_time), until: at(visitor.end_time) }
}

/// Takes a visitor away that a survey found with our remarks, if it is still the same and still not in the ledger.
pub(crate) async fn remove(
    ledger: &Ledger,
    console: &Console,
    account: IntegrationName,
    right: &Right,
) -> Result<(), ApplyError> {
    let Some(visitor) = console.find_visitor(&right.provider_ref).await? else { return Ok(()) };
    let Some(grant) = grant_of(&visitor.remarks).filter(|grant| grant.workspace == account.workspace) else {
        return Ok(());
    };
    let known = ledger.read(account, grant).await?;
    let is_known = known.is_some_and(|row| row.visitor.is_none_or(|id| id == visitor.id));
    let is_elsewhere = !ledger.grants_elsewhere(account, &[grant.id]).await?.is_empty();
    if !is_known && !is_elsewhere && period(&visitor) == right.period {
        access::remove(console, &visitor).await?;
    }
    Ok(())
}
