//! The suite that every provider is run through: whatever goes wrong on the way, a person ends up with
//! exactly what was asked for, and what Latchkey did not make is left alone.
//!
//! A provider's tests implement [`World`] with the provider's twin and name it in
//! [`conformance_suite!`](crate::conformance_suite). Each scenario grants, moves and revokes, once for
//! each call that the provider makes on the way, and has that call go wrong.

mod by_hand;
mod cards;
mod case;
mod control;
mod faults;
mod log;
mod people;
mod reconciler;
mod ways_in;
mod wishes;

use std::future::Future;

use chrono::Duration;
use domain::{Timestamp, Window};
use sqlx::PgPool;

pub use self::by_hand::*;
pub use self::cards::*;
pub use self::control::*;
pub use self::faults::*;
pub use self::log::*;
pub use self::people::*;
pub use self::reconciler::*;
pub use self::ways_in::*;
pub use self::wishes::*;
use crate::{Account, Cards, DoorControl, DoorProvider, Person, Target, TargetKind};

/// A provider with its ledger and its twin, fresh for each scenario.
pub trait World: Sized {
    /// The provider.
    type Provider: DoorProvider;

    /// A new one.
    fn new() -> impl Future<Output = Self>;
    /// The provider, as it is when its process starts.
    fn provider(&self) -> Self::Provider;
    /// Where its ledger is, as the runtime writes it.
    fn platform(&self) -> &PgPool;
    /// The account, with credentials that work.
    fn account(&self) -> Account;
    /// The time.
    fn now(&self) -> Timestamp;
    /// One of many doors or groups, by number, that no one has access to. `None` if the provider has no
    /// such targets. There are at least 40.
    fn target(&self, kind: TargetKind, number: usize) -> Option<Target>;
    /// Calls that the twin has answered, or refused to, so far.
    fn calls(&self) -> usize;
    /// Has the `call`th call from now on go wrong; 1 is the next.
    fn break_call(&self, call: usize, fault: Fault);
    /// Nothing goes wrong any more. Whether something did.
    fn heal(&self) -> bool;
    /// All windows in which the person may enter at the target, whoever gave them, by start.
    fn access(&self, person: &Person, target: &Target) -> Vec<Window>;
    /// All windows in which anyone at all may enter at the target, by start.
    fn anyones_access(&self, target: &Target) -> Vec<Window>;
    /// All windows in which some other way in than a person's own access opens the target, by start. `None`: the
    /// provider knows no such thing.
    fn ways_in(&self, target: &Target) -> Option<Vec<Window>> {
        let _ = target;
        None
    }
    /// Whether such a link opens the target now.
    fn opens(&self, link: &str, target: &Target) -> impl Future<Output = bool> {
        let _ = (link, target);
        std::future::ready(false)
    }
    /// The account's credentials stop working, or work again. New ones may take their place.
    fn set_credentials_work(&mut self, do_work: bool);
    /// Checks what must hold in the end, such as that no one was mailed.
    fn finish(self) -> impl Future<Output = ()>;
}

/// The same, for a provider that keeps people and their access itself.
pub trait PeopleWorld: World {
    /// Whether the provider has a user for the person, and whether that may open anything. Of one that keeps none, who
    /// has access is one.
    fn user(&self, person: &Person) -> Option<bool>;
    /// Someone else gives the person access at the target. The twin knows the person afterwards.
    fn add_foreign(&self, person: &Person, target: &Target, window: Window) -> impl Future<Output = ()>;
    /// Someone else takes all of the person's access at the target away.
    fn remove_access(&self, person: &Person, target: &Target) -> impl Future<Output = ()>;
    /// Someone else gives all of the person's access at the target another window.
    fn move_access(&self, person: &Person, target: &Target, window: Window) -> impl Future<Output = ()>;
    /// Someone else gives the person access at the target just where Latchkey alone gives it, after it gave
    /// access there. `false` if there is no such place.
    fn add_stray(&self, person: &Person, target: &Target, window: Window) -> impl Future<Output = bool>;
    /// Someone else has the person open nothing any more, whatever access there is. `false` if the provider knows no
    /// such thing.
    fn suspend_person(&self, person: &Person) -> impl Future<Output = bool>;
    /// Someone else deletes the person.
    fn remove_person(&self, person: &Person) -> impl Future<Output = ()>;
    /// Someone else deletes the target, and what Latchkey keeps for it at the provider.
    fn remove_target(&self, target: &Target) -> impl Future<Output = ()>;
}

/// The same, whose doors are operated on demand.
pub trait ControlWorld: World<Provider: DoorControl> {
    /// The provider's id of one of many doors, by number. There are at least 40, and all of them work.
    fn door(&self, number: usize) -> String;
    /// The provider's id of a group, and those of the doors that it opens. `None` if the provider knows no groups.
    fn group(&self) -> Option<(String, Vec<String>)>;
    /// How often the door has opened for a moment so far.
    fn openings(&self, door: &str) -> usize;
    /// Whether it is held open now.
    fn is_held(&self, door: &str) -> bool;
    /// Whether it opens for nobody.
    fn is_locked_down(&self, door: &str) -> bool;
    /// The door's hardware does not answer any more.
    fn unplug(&self, door: &str);
    /// Whether the provider tells, in the end, what became of a door that was to open for a moment.
    fn tells_fates(&self) -> bool;
    /// Time goes on.
    fn advance(&self, by: Duration);
}

/// The same, with a log of its own of what happened at doors.
pub trait LogWorld: ControlWorld {
    /// A stranger tries to open the door, which stays shut.
    fn try_to_open(&self, door: &str);
    /// The person opens the target's door, to which they have access now.
    fn enter(&self, person: &Person, target: &Target) -> impl Future<Output = ()>;
}

/// The same, where people have cards.
pub trait CardWorld: World<Provider: Cards> {
    /// The number of one of many cards that nobody has, by number. There are at least 40.
    fn card(&self, number: usize) -> String;
    /// Whether the person has the card there, so that it opens what they may open.
    fn has_card(&self, person: &Person, card: &str) -> bool;
    /// How many people have the card there.
    fn holders(&self, card: &str) -> usize;
    /// Someone else gives the card to a person whom Latchkey does not know.
    fn give_card(&self, person: &Person, card: &str) -> impl Future<Output = ()>;
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes effect, but the connection breaks before the answer.
    AnswerLost,
    /// It takes effect, but the answer is cut off.
    Truncated,
    /// The connection breaks before it takes effect.
    NotSent,
    /// It is refused: the provider is out of order.
    Broken,
    /// It is refused: too many calls.
    RateLimited {
        /// Whether the answer says when to come back.
        retry_after: bool,
    },
    /// It takes longer than anyone waits, and has no effect.
    Slow,
}

/// Makes a test of each scenario that concerns providers which know nobody: who has access stands in the ledger alone.
#[macro_export]
macro_rules! ledger_conformance_suite {
    ($world:ty) => {
        $crate::conformance_suite!(@ $world:
            each_step_twice_is_once
            people_and_targets_are_apart
            crashes_leave_no_trace
            a_window_that_is_over_is_none
            targets_are_listed
            a_person_with_another_name_and_address_keeps_their_access
            what_is_in_the_ledger_is_surveyed
        );
    };
}

/// Makes a test of each scenario.
#[macro_export]
macro_rules! conformance_suite {
    ($world:ty) => {
        $crate::ledger_conformance_suite!($world);
        $crate::conformance_suite!(@ $world:
            lost_answers_leave_no_trace
            outages_are_told_and_passed
            slow_answers_are_not_waited_for
            rate_limits_are_told_and_passed
            changes_behind_our_back_are_coped_with
            what_others_gave_is_left_alone
            a_revoked_key_is_told_and_passed
            a_user_whom_nobody_needs_is_suspended_or_deleted_and_taken_up_again
            whatever_goes_wrong_a_user_is_retired_once_and_taken_up_again
            nobody_with_access_is_suspended_or_deleted
            a_user_that_latchkey_did_not_make_is_kept
            another_way_in_opens_one_target_within_its_window
            whatever_goes_wrong_there_is_one_other_way_in_or_none
            what_someone_did_by_hand_is_found_and_repaired
            what_others_gave_is_found_and_stays
            what_stands_where_only_we_give_is_taken_away
            a_page_that_goes_wrong_says_nothing
        );
    };
    (@ $world:ty: $($scenario:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $scenario() {
            $crate::conformance::$scenario::<$world>().await;
        }
    )+};
}

/// Makes a test of each scenario with a provider's own log.
#[macro_export]
macro_rules! log_conformance_suite {
    ($world:ty) => {
        $crate::conformance_suite!(@ $world:
            what_happens_at_doors_is_in_the_log
            a_log_is_read_in_whole_or_not_at_all
            who_enters_is_known
        );
    };
}

/// Makes a test of each scenario with doors that are operated on demand.
#[macro_export]
macro_rules! control_conformance_suite {
    ($world:ty) => {
        $crate::conformance_suite!(@ $world:
            doors_are_listed_and_read_as_they_are
            a_door_does_what_it_can_and_nothing_else
            a_door_that_is_locked_down_opens_for_nobody
            a_place_is_locked_down_with_all_of_its_doors
            a_door_opens_once_at_the_most_and_what_is_told_is_so
            a_crash_leaves_an_operation_that_can_be_found
            a_lockdown_holds_whatever_goes_wrong
            a_door_without_working_hardware_says_so
            a_revoked_key_opens_nothing
        );
    };
}

/// Makes a test of each scenario with cards.
#[macro_export]
macro_rules! card_conformance_suite {
    ($world:ty) => {
        $crate::conformance_suite!(@ $world:
            a_card_is_the_persons_until_it_is_taken_away
            a_lost_card_is_nobodys_whoever_had_it
            whatever_goes_wrong_a_card_ends_as_wished
            a_card_that_someone_else_has_stays_theirs
            a_card_that_is_not_there_is_unknown
            a_revoked_key_gives_no_card
        );
    };
}
