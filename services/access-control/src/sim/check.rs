//! What must hold: after each step, and exactly whenever all is settled.

use super::names::place;
use super::provider::At;
use super::shell::Row;
use super::truth::{GRAIN, HORIZON, SCOPE, Second};
use super::world::{CLOCK_STEP_MAX, Violation, World};

impl World<'_> {
    /// After each step: the providers hold nothing but what something that was lately true lets, and still hold
    /// what all that was lately true asks for.
    pub(super) fn check(&self) -> Result<(), Violation> {
        for (&at, &(start, end)) in &self.accounts.rights {
            if self.meddled.contains(&at) {
                continue;
            }
            let site = &self.sites[at.0];
            for moment in moments(self.now).take_while(|&moment| moment < end).filter(|&it| it >= start) {
                if !site.might(at.1, moment) {
                    return Err(format!("access without entitlement: {at:?} opens at {}", time(moment)));
                }
            }
        }
        for (&at, &(start, end)) in &self.held {
            let site = &self.sites[at.0];
            let is_due = start <= self.now && self.now + self.skew_max < end;
            // Where the replicas' clock is ahead they take the end for nearer than it is.
            let must = is_due && site.must(at.1, self.now) && site.must(at.1, self.now + self.skew_max);
            if must && !self.accounts.opens(at, self.now) {
                return Err(format!("locked out: {at:?} does not open at {}", time(self.now)));
            }
        }
        Ok(())
    }

    /// When all is settled: each door opens exactly when it should, from now until the horizon and the end of
    /// the window that begins before it; the ledger knows what the provider has; the others were told; nothing
    /// is noted that is not there any more. From here on the past counts no more.
    pub(super) async fn check_settled(&mut self, rows: &[Row]) -> Result<(), Violation> {
        for at in self.all_places() {
            if self.sites[at.0].is_followed(at.1) {
                self.check_place(at)?;
            }
        }
        for row in rows {
            self.check_row(row)?;
        }
        let is_all_found = self.meddled.iter().all(|at| self.sites[at.0].is_followed(at.1));
        if is_all_found {
            for (workspace, kind) in self.shell.drifts(&self.workspaces()).await {
                if kind != "foreign" {
                    return Err(format!("{kind} is still noted in {workspace}"));
                }
            }
        }
        let followed: Vec<At> =
            self.all_places().into_iter().filter(|at| self.sites[at.0].is_followed(at.1)).collect();
        self.meddled.retain(|at| !followed.contains(at));
        for site in self.sites.iter_mut().filter(|site| !site.is_any_at_rest()) {
            site.settle();
        }
        self.resting = self.all_places().into_iter().filter(|at| !followed.contains(at)).collect();
        self.skew_max = 0;
        self.held = followed.iter().filter_map(|at| Some((*at, *self.accounts.rights.get(at)?))).collect();
        Ok(())
    }

    /// The provider has the first window that is not over, if it begins before the horizon, and nothing else.
    fn check_place(&self, at: At) -> Result<(), Violation> {
        let site = &self.sites[at.0];
        let (mut is_before, mut is_after) = (true, false);
        if self.accounts.rights.contains_key(&at) {
            let (known, email) = (&self.accounts.emails[&at], site.email(at.1.person));
            if *known != email {
                return Err(format!("all is settled, and {at:?} is known by {known} in place of {email}"));
            }
        }
        for moment in moments(self.now) {
            let may = site.may(at.1, moment);
            if may && is_before {
                if (1..=CLOCK_STEP_MAX).contains(&(moment - self.now - HORIZON)) {
                    // Told by a clock that was ahead, or not.
                    return Ok(());
                }
                is_before = false;
                is_after = moment > self.now + HORIZON;
            }
            is_after |= !may && !is_before;
            let expected = may && !is_after;
            if expected != self.accounts.opens(at, moment) {
                let wrong = if expected { "does not open" } else { "opens" };
                return Err(format!(
                    "all is settled, and {at:?} {wrong} at {}; the provider has {:?}",
                    time(moment),
                    self.accounts.rights.get(&at).map(|&(start, end)| (time(start), time(end)))
                ));
            }
        }
        Ok(())
    }

    fn check_row(&self, row: &Row) -> Result<(), Violation> {
        let Some(number) = self.sites.iter().position(|site| site.workspace.uuid() == row.workspace_id)
        else {
            return Ok(());
        };
        let place = place(row.person_id, &row.provider, &row.target_kind, &row.target_ref, row.served_by);
        let at: At = (number, place.ok_or_else(|| format!("a grant for no place: {row:?}"))?);
        if !self.sites[number].is_followed(at.1) {
            return Ok(());
        }
        let held = self.accounts.rights.get(&at).copied();
        let observed = row.observed_starts_at.zip(row.observed_ends_at);
        let observed = observed.map(|(start, end)| (start.timestamp(), end.timestamp()));
        let is_known = if row.observed == "unknown" { false } else { observed == held };
        // What is over is of no interest: what someone did with it is not found.
        let is_over = |span: Option<(Second, Second)>| span.is_none_or(|(_, end)| end <= self.now);
        let is_past = self.meddled.contains(&at) && is_over(held) && is_over(observed);
        if !is_known && !is_past {
            return Err(format!("the ledger knows {observed:?} and the provider has {held:?}: {row:?}"));
        }
        if !row.last_error.is_empty() || row.problem.is_some() {
            return Err(format!("all is settled, and there is still an error: {row:?}"));
        }
        let told = self.told.get(&(number, row.name())).and_then(|(_, window)| *window);
        if observed.is_some() && told != observed && !self.meddled.contains(&at) {
            return Err(format!("others were told {told:?} and it is {observed:?}: {row:?}"));
        }
        Ok(())
    }
}

/// Now, and all moments at which something can begin or end, for as long as windows are told.
fn moments(now: Second) -> impl Iterator<Item = Second> {
    let first = now / GRAIN * GRAIN + GRAIN;
    std::iter::once(now)
        .chain((0..).map(move |number| first + number * GRAIN).take_while(move |it| *it < now + SCOPE))
}

fn time(second: Second) -> String {
    chrono::DateTime::from_timestamp(second, 0).map_or_else(|| "never".to_owned(), |time| time.to_rfc3339())
}
