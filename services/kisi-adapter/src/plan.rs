//! Decides what to do about one person's rights on one group, from the ledger and what Kisi lists. Pure.

use domain::Window;

use crate::vendor::wire::{RoleAssignmentId, UserId};
use crate::vendor::{RoleAssignment, Validity};

/// A right in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// As told to Kisi, in whole seconds.
    pub window: Window,
    /// Whose, over there.
    pub user: UserId,
    /// What is known of it.
    pub state: State,
}

/// What is known of a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Kisi was asked for it, or nearly; the answer is not known.
    Creating,
    /// Kisi has it.
    Live(Live),
}

/// A right that Kisi has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Live {
    pub id: RoleAssignmentId,
    /// Whether Latchkey made it.
    pub is_ours: bool,
}

impl Row {
    /// What Kisi has, if that is known.
    pub(crate) fn live(&self) -> Option<Live> {
        match self.state {
            State::Creating => None,
            State::Live(live) => Some(live),
        }
    }
}

/// The window as Kisi gets it: in whole seconds, outwards.
pub(crate) fn whole_seconds(window: Window) -> Window {
    let validity: Validity = window.into();
    let (from, until) = (validity.from(), validity.until());
    from.zip(until).and_then(|(from, until)| Window::new(from, until).ok()).unwrap_or(window)
}

/// Users whose rights must be listed before anything can be decided: what became of an earlier try is
/// open.
pub(crate) fn must_list(rows: &[Row]) -> Vec<UserId> {
    let mut users: Vec<UserId> =
        rows.iter().filter(|row| row.state == State::Creating).map(|row| row.user).collect();
    users.sort_unstable();
    users.dedup();
    users
}

/// What the listing of a user's rights says of a row: the row as it is now, or that it is not there.
/// Rows of other users are left as they are.
pub(crate) fn settle(row: Row, rows: &[Row], user: UserId, listed: &[RoleAssignment]) -> Option<Row> {
    if row.user != user {
        return Some(row);
    }
    match row.state {
        State::Live(live) => listed.iter().any(|right| right.id == live.id).then_some(row),
        State::Creating => {
            let is_known = |id| rows.iter().filter_map(Row::live).any(|live| live.id == id);
            let made = listed
                .iter()
                .filter(|right| right.validity == row.window.into() && !is_known(right.id))
                .min_by_key(|right| right.id)?;
            Some(Row { state: State::Live(Live { id: made.id, is_ours: true }), ..row })
        }
    }
}

/// What a refused create comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The right is there.
    SameRight(RoleAssignmentId),
    /// Rights of ours, with other windows, where Kisi takes only one.
    Ours(Vec<Row>),
    /// Rights that are not ours.
    Foreign,
    /// Nothing that could be seen.
    None,
}

/// Why Kisi may have refused `wanted` for `user`, by its listing.
pub(crate) fn obstacle(rows: &[Row], user: UserId, listed: &[RoleAssignment], wanted: Window) -> Obstacle {
    if let Some(same) = listed.iter().filter(|right| right.validity == wanted.into()).min_by_key(|r| r.id) {
        return Obstacle::SameRight(same.id);
    }
    let is_listed = |live: Live| listed.iter().any(|right| right.id == live.id);
    let ours: Vec<Row> = rows
        .iter()
        .filter(|row| row.user == user && row.live().is_some_and(|live| live.is_ours && is_listed(live)))
        .copied()
        .collect();
    match (ours.is_empty(), listed.is_empty()) {
        (false, _) => Obstacle::Ours(ours),
        (true, false) => Obstacle::Foreign,
        (true, true) => Obstacle::None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::vendor::wire::GroupId;
    use crate::vendor::{Assignee, GROUP_BASIC, Target};

    const ADA: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    fn window(start: i64, end: i64) -> Window {
        let at = |hour| DateTime::from_timestamp(hour * 3_600, 0).unwrap();
        Window::new(at(start), at(end)).unwrap()
    }

    fn creating(window: Window) -> Row {
        Row { window, user: ADA, state: State::Creating }
    }

    fn live(window: Window, id: u64, is_ours: bool) -> Row {
        Row { window, user: ADA, state: State::Live(Live { id: RoleAssignmentId(id), is_ours }) }
    }

    fn right(id: u64, window: Window) -> RoleAssignment {
        RoleAssignment {
            id: RoleAssignmentId(id),
            assignee: Assignee::User(ADA),
            target: Target::Group(GroupId(7)),
            role: GROUP_BASIC.to_owned(),
            validity: window.into(),
            holder: String::new(),
        }
    }

    #[test]
    fn a_window_is_widened_to_whole_seconds() {
        let at = |ms| DateTime::from_timestamp_millis(ms).unwrap();
        let odd = Window::new(at(1_500), at(2_001)).unwrap();
        assert_eq!(whole_seconds(odd), Window::new(at(1_000), at(3_000)).unwrap());
        assert_eq!(whole_seconds(window(1, 2)), window(1, 2));
    }

    #[test]
    fn only_an_open_try_needs_a_listing() {
        assert!(must_list(&[live(window(1, 2), 10, true)]).is_empty());
        let rows =
            [creating(window(1, 2)), creating(window(3, 4)), Row { user: BOB, ..creating(window(5, 6)) }];
        assert_eq!(must_list(&rows), [ADA, BOB]);
    }

    #[test]
    fn a_try_whose_answer_was_lost_is_found_by_its_window() {
        let rows = [creating(window(3, 4)), live(window(1, 2), 10, true)];
        let listed = [right(10, window(1, 2)), right(11, window(3, 4))];
        assert_eq!(settle(rows[0], &rows, ADA, &listed), Some(live(window(3, 4), 11, true)));
        assert_eq!(settle(rows[1], &rows, ADA, &listed), Some(rows[1]));
    }

    #[test]
    fn a_try_that_came_to_nothing_is_gone_and_so_is_what_was_deleted() {
        let rows = [creating(window(3, 4)), live(window(1, 2), 10, true)];
        for row in rows {
            assert_eq!(settle(row, &rows, ADA, &[right(12, window(5, 6))]), None);
            assert_eq!(settle(row, &rows, BOB, &[]), Some(row), "another user's listing says nothing");
        }
    }

    #[test]
    fn a_known_right_is_not_taken_for_the_one_that_was_tried() {
        let rows = [creating(window(1, 2)), live(window(3, 4), 10, true)];
        // Somebody moved the known one to the very window that was tried.
        assert_eq!(settle(rows[0], &rows, ADA, &[right(10, window(1, 2))]), None);
    }

    #[test]
    fn the_obstacle_is_the_same_right_then_ours_then_foreign() {
        let ours = live(window(1, 2), 10, true);
        let (kept, foreign) = (right(10, window(1, 2)), right(20, window(5, 6)));
        let wanted = window(3, 4);
        let listed = [kept.clone(), foreign.clone(), right(21, wanted)];
        assert_eq!(obstacle(&[ours], ADA, &listed, wanted), Obstacle::SameRight(RoleAssignmentId(21)));
        assert_eq!(obstacle(&[ours], ADA, &[kept, foreign.clone()], wanted), Obstacle::Ours(vec![ours]));
        assert_eq!(obstacle(&[ours], ADA, std::slice::from_ref(&foreign), wanted), Obstacle::Foreign);
        assert_eq!(obstacle(&[ours], ADA, &[], wanted), Obstacle::None);
        let adopted = live(window(5, 6), 20, false);
        assert_eq!(obstacle(&[adopted], ADA, &[foreign], wanted), Obstacle::Foreign, "found is not made");
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let row =
            (0i64..6, any::<bool>(), 0u64..8, any::<bool>()).prop_map(|(start, is_live, id, is_ours)| {
                let window = window(start, start + 1);
                if is_live { live(window, id, is_ours) } else { creating(window) }
            });
        prop::collection::vec(row, 0..5)
    }

    proptest! {
        /// Whatever stands in the ledger and at Kisi: what is to be made room of is ours and is there.
        #[test]
        fn room_is_made_of_our_own_rights_only(
            rows in rows(), listed in prop::collection::vec((0u64..8, 0i64..6), 0..6), start in 0i64..6,
        ) {
            let listed: Vec<_> = listed.iter().map(|&(id, start)| right(id, window(start, start + 1))).collect();
            if let Obstacle::Ours(ours) = obstacle(&rows, ADA, &listed, window(start, start + 1)) {
                for row in ours {
                    let live = row.live().unwrap();
                    prop_assert!(live.is_ours && rows.contains(&row));
                    prop_assert!(listed.iter().any(|right| right.id == live.id));
                }
            }
        }

        /// A settled ledger knows no open try, and nothing that Kisi does not list.
        #[test]
        fn after_a_listing_nothing_is_open(
            rows in rows(), listed in prop::collection::vec((0u64..8, 0i64..6), 0..6),
        ) {
            let listed: Vec<_> = listed.iter().map(|&(id, start)| right(id, window(start, start + 1))).collect();
            let settled: Vec<Row> = rows.iter().filter_map(|row| settle(*row, &rows, ADA, &listed)).collect();
            prop_assert!(must_list(&settled).is_empty());
            for row in settled {
                let live = row.live().unwrap();
                prop_assert!(listed.iter().any(|right| right.id == live.id));
            }
        }
    }
}
