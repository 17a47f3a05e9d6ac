//! Memberships whose plan has a price are billed: followed from when they were sold until they end.

use billing_core::Tariff;
use billing_core::cycle::{Anchor, local_day};
use billing_core::subscription::Subscription as Periods;
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{LocationId, MembershipId, PlanId, Timestamp, WorkspaceId};
use sqlx::PgConnection;

use crate::invoices::InvoiceError;
use crate::payers::{self, Payer};
use crate::prices::{self, Subject, Unit};
use crate::settings;
use crate::subscriptions::{self, Subscription};

/// Where a membership stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MembershipState {
    Active,
    Paused,
    Ending,
    Ended,
}

/// A membership as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub workspace: WorkspaceId,
    pub id: MembershipId,
    pub plan: PlanId,
    pub plan_name: String,
    pub payer: Payer,
    pub location: LocationId,
    pub time_zone: Tz,
    pub starts_at: Timestamp,
    pub period_ends_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub state: MembershipState,
    pub is_ending: bool,
    pub created_at: Timestamp,
    pub version: i64,
}

impl Membership {
    /// The first day that is not billed any more; `None`: it goes on.
    fn ends_on(&self) -> Option<NaiveDate> {
        let end = match self.state {
            MembershipState::Ended => self.ended_at,
            MembershipState::Active | MembershipState::Paused | MembershipState::Ending => {
                self.is_ending.then_some(self.period_ends_at)
            }
        };
        // A day that has begun counts.
        local_day(self.time_zone, end? - chrono::Duration::microseconds(1)).succ_opt()
    }

    /// A subscription, after it was told of this.
    fn told(&self, known: &Subscription, now: Timestamp) -> Subscription {
        let is_paused = self.state == MembershipState::Paused;
        // What is paid for otherwise, such as by whoever was a member before, is not billed.
        let paid_until = local_day(self.time_zone, self.period_ends_at);
        let mut periods = Periods { ends_on: self.ends_on(), ..known.periods }.resumed(paid_until);
        if known.is_paused && !is_paused {
            periods = periods.resumed(local_day(self.time_zone, now));
        }
        Subscription { periods, is_paused, version: self.version, ..known.clone() }
    }
}

/// Bills a membership from now on, or follows what became of it.
pub(crate) async fn follow(
    conn: &mut PgConnection,
    membership: &Membership,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    match subscriptions::find_for_update(conn, membership.workspace, membership.id).await? {
        Some(known) if known.version >= membership.version => Ok(()),
        Some(known) => Ok(subscriptions::update(conn, &membership.told(&known, now)).await?),
        None => begin(conn, membership, now).await,
    }
}

async fn begin(conn: &mut PgConnection, membership: &Membership, now: Timestamp) -> Result<(), InvoiceError> {
    let workspace = membership.workspace;
    let Some(settings) = settings::find(conn, workspace).await? else { return Ok(()) };
    let subject = Subject::Plan(membership.plan);
    let price = prices::find_as_of(conn, workspace, subject, membership.created_at).await?;
    let Some(price) = price else { return Ok(()) };
    let Unit::Period { interval, is_calendar } = price.unit else { return Ok(()) };
    let anchor = if is_calendar { Anchor::Calendar(settings.anchor_day) } else { Anchor::Rolling };
    let tariff = Tariff {
        rate: price.amount,
        cycle: interval.cycle(anchor),
        start: local_day(membership.time_zone, membership.starts_at),
    };
    let customer = payers::known(conn, workspace, &membership.payer, now).await?;
    let begun = Subscription {
        workspace,
        membership: membership.id,
        customer,
        location: membership.location,
        time_zone: membership.time_zone,
        description: membership.plan_name.clone(),
        tax: price.tax,
        periods: Periods::begun(tariff),
        is_paused: false,
        is_behind: false,
        version: membership.version,
    };
    Ok(subscriptions::insert(conn, &membership.told(&begun, now)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::Holder;

    fn membership(state: MembershipState) -> Membership {
        Membership {
            workspace: WorkspaceId::new(),
            id: MembershipId::new(),
            plan: PlanId::new(),
            plan_name: "Flex".into(),
            payer: Payer {
                holder: Holder::Person(domain::PersonId::new()),
                display_name: "Anna".into(),
                email: "anna@example.org".into(),
            },
            location: LocationId::new(),
            time_zone: chrono_tz::Europe::Vienna,
            starts_at: "2026-01-09T23:00:00Z".parse().unwrap(),
            period_ends_at: "2026-03-31T22:00:00Z".parse().unwrap(),
            ended_at: None,
            state,
            is_ending: false,
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            version: 1,
        }
    }

    #[test]
    fn days_that_have_begun_are_billed_and_later_ones_are_not() {
        let ends_on = |membership: Membership| membership.ends_on().map(|day| day.to_string());
        assert_eq!(ends_on(membership(MembershipState::Active)), None);
        // Paid until the last moment of March there, after the clocks went forward.
        let ending = Membership { is_ending: true, ..membership(MembershipState::Ending) };
        assert_eq!(ends_on(ending.clone()), Some("2026-04-01".into()));
        let paused = Membership { state: MembershipState::Paused, ..ending };
        assert_eq!(ends_on(paused), Some("2026-04-01".into()));
        let ended = |time: &str| Membership {
            ended_at: Some(time.parse().unwrap()),
            ..membership(MembershipState::Ended)
        };
        assert_eq!(ends_on(ended("2026-02-10T09:00:00Z")), Some("2026-02-11".into()));
        assert_eq!(ends_on(ended("2026-02-10T23:00:00Z")), Some("2026-02-11".into()));
    }
}
