//! What becomes of providers' users whose people have no access any more.

use chassis::input::timestamp;
use chrono::Duration;
use proto::access::v1 as pb;
use proto::access::v1::user_command_completed::Outcome;
use proto::access::v1::{NoAccessAction as Action, ProviderUserState as State};
use proto::integrations::v1::Integration;
use proto::workspace::v1::PersonStatus;
use testkit::eventually;

use crate::adapter::failure;
use crate::world::{Client, LIMIT, Stay, World, at, at_minute};

impl World {
    /// Sets the policy of Kisi's users, with an hour's grace.
    pub(crate) async fn set_policy(&self, action: Action) {
        self.set_policy_as(&mut self.client.clone(), action).await;
    }

    pub(crate) async fn set_policy_as(&self, client: &mut Client, action: Action) {
        let policy = pb::NoAccessPolicy {
            provider: "kisi".into(),
            action: action.into(),
            grace: Some(pbjson_types::Duration { seconds: 3_600, nanos: 0 }),
            includes_foreign_users: false,
        };
        let request = self.policy_request(policy);
        client.set_no_access_policy(request).await.unwrap();
    }

    async fn try_set_policy(&self, policy: pb::NoAccessPolicy) -> Result<pb::NoAccessPolicy, tonic::Status> {
        let answer = self.client.clone().set_no_access_policy(self.policy_request(policy)).await?;
        Ok(answer.into_inner().policy.unwrap())
    }

    fn policy_request(&self, policy: pb::NoAccessPolicy) -> pb::SetNoAccessPolicyRequest {
        pb::SetNoAccessPolicyRequest {
            parent: self.name.clone(),
            policy: Some(policy),
            request_id: String::new(),
        }
    }

    /// Answers a command about a user.
    async fn answer_user(&self, command: &pb::UserCommand, outcome: Outcome) {
        let body = pb::UserCommandCompleted {
            provider_user: command.provider_user.clone(),
            generation: command.generation,
            outcome: Some(outcome),
        };
        self.send(&self.message(&command.provider_user, command.generation, &body)).await;
    }

    async fn user_is(&self, command: &pb::UserCommand, state: State, reason: &str) {
        let applied = pb::UserApplied { state: state.into(), reason: reason.into(), was_absent: false };
        self.answer_user(command, Outcome::Applied(applied)).await;
    }

    async fn users(&self) -> Vec<pb::ProviderUser> {
        let request = pb::ListProviderUsersRequest { parent: self.name.clone(), ..Default::default() };
        self.client.clone().list_provider_users(request).await.unwrap().into_inner().provider_users
    }

    /// Waits until the one user is so.
    async fn user(&self, state: State) -> pb::ProviderUser {
        eventually("the user is so", LIMIT, async || match &self.users().await[..] {
            [user] if user.state() == state => Ok(user.clone()),
            others => Err(format!("{others:?}")),
        })
        .await
    }

    /// What was told of users so far, in order.
    async fn told_of_users(&self, expected: &[&str]) {
        eventually("facts of users are told", LIMIT, async || {
            let stream = self.bus.stream(events::subject::StreamKind::Event).await.unwrap();
            let mut told = Vec::new();
            for sequence in 1..=stream.cached_info().state.last_sequence {
                let message = stream.get_raw_message(sequence).await.unwrap();
                let fact = message.subject.split('.').nth(3).unwrap();
                told.extend(fact.strip_prefix("provider_user_").map(str::to_owned));
            }
            if told == expected { Ok(()) } else { Err(format!("{told:?}")) }
        })
        .await;
    }

    /// A stay from nine to ten that is over, as is the access that it gave, at a quarter past ten.
    async fn once_let_in(&mut self) -> Stay {
        let resource = self.mapped("group-1").await;
        let stay = self.booking(&self.new_person(), &resource, 9, 10);
        self.tell(&stay).await;
        self.obey().await;
        self.harness.clock.set(at_minute(10, 15));
        assert_eq!(self.obey().await.window, None);
        stay
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_access_left_is_suspended_after_the_grace_and_taken_up_again_with_the_next_entitlement() {
    let mut world = World::new().await;
    world.set_policy(Action::Suspend).await;
    let stay = world.once_let_in().await;
    assert_eq!(world.quiet().await, []);
    let [idle] = &world.users().await[..] else { panic!("there is one") };
    assert_eq!((idle.state(), &idle.person), (State::InUse, &stay.person.name));
    assert_eq!(idle.next_check_time, Some(timestamp(at_minute(11, 15))));
    world.harness.clock.set(at_minute(11, 14));
    assert_eq!(world.quiet().await, []);
    world.harness.clock.set(at_minute(11, 15));
    let retired = world.user_command().await;
    assert_eq!((retired.state(), retired.generation), (State::Suspended, 1));
    assert_eq!((retired.location.as_str(), retired.includes_foreign_users), ("", false));
    assert_eq!(retired.person.as_ref().unwrap().email, stay.person.email);
    // Behind all else.
    assert!(retired.due_time.unwrap().seconds >= (at_minute(11, 15) + Duration::hours(24)).timestamp());
    world.user_is(&retired, State::Suspended, "").await;
    world.user(State::Suspended).await;
    world.user_is(&retired, State::Suspended, "").await;
    assert_eq!(world.quiet().await, []);
    world.told_of_users(&["suspended"]).await;

    // Next month, which no provider is told of yet.
    let mut later = world.booking(&stay.person, &stay.booking.resource, 9, 10);
    later.booking.start_time = Some(timestamp(at(9) + Duration::days(30)));
    later.booking.end_time = Some(timestamp(at(10) + Duration::days(30)));
    world.tell(&later).await;
    let back = world.user_command().await;
    assert_eq!((back.state(), back.generation), (State::InUse, 2));
    world.user_is(&back, State::InUse, "").await;
    assert_eq!(world.user(State::InUse).await.idle_time, None);
    assert_eq!(world.quiet().await, []);
    world.told_of_users(&["suspended"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_entitlement_overtakes_a_retirement_that_is_under_way() {
    let mut world = World::new().await;
    world.set_policy(Action::Delete).await;
    let stay = world.once_let_in().await;
    world.harness.clock.set(at_minute(11, 15));
    let retired = world.user_command().await;
    assert_eq!(retired.state(), State::Deleted);
    world.tell(&world.booking(&stay.person, &stay.booking.resource, 13, 14)).await;
    // Both at once, in whatever order.
    let (one, other) = (world.commands.next().await, world.commands.next().await);
    let (of_user, of_access) = if one.user.is_some() { (one, other) } else { (other, one) };
    let back = of_user.user.unwrap();
    assert_eq!((back.state(), back.generation), (State::InUse, 2));
    world.applied(&of_access.command).await;
    // Its answer is that of an older command.
    world.user_is(&retired, State::Deleted, "").await;
    world.user_is(&back, State::InUse, "").await;
    world.user(State::InUse).await;
    assert_eq!(world.quiet().await, []);
    world.told_of_users(&[]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retirement_that_is_under_way_follows_the_policy_and_goes_with_it() {
    let mut world = World::new().await;
    world.set_policy(Action::Delete).await;
    world.once_let_in().await;
    world.harness.clock.set(at_minute(11, 15));
    let retired = world.user_command().await;
    assert_eq!((retired.state(), retired.includes_foreign_users), (State::Deleted, false));
    let of_all = pb::NoAccessPolicy {
        provider: "kisi".into(),
        action: Action::Delete.into(),
        grace: None,
        includes_foreign_users: true,
    };
    world.try_set_policy(of_all).await.unwrap();
    let wider = world.user_command().await;
    assert_eq!((wider.state(), wider.generation, wider.includes_foreign_users), (State::Deleted, 2, true));
    world.set_policy(Action::Keep).await;
    let back = world.user_command().await;
    assert_eq!((back.state(), back.generation), (State::InUse, 3));
    world.user_is(&wider, State::Deleted, "").await;
    world.user_is(&back, State::InUse, "").await;
    world.user(State::InUse).await;
    assert_eq!(world.quiet().await, []);
    world.told_of_users(&[]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_there_was_no_policy_counts_for_the_next_one() {
    let mut world = World::new().await;
    world.set_policy(Action::Suspend).await;
    let stay = world.once_let_in().await;
    world.harness.clock.set(at_minute(11, 15));
    let retired = world.user_command().await;
    world.user_is(&retired, State::Suspended, "").await;
    world.user(State::Suspended).await;
    world.set_policy(Action::Keep).await;
    assert_eq!(world.quiet().await, []);
    // Which lets the user in again.
    world.tell(&world.booking(&stay.person, &stay.booking.resource, 13, 14)).await;
    world.obey().await;
    world.harness.clock.set(at_minute(14, 15));
    assert_eq!(world.obey().await.window, None);
    world.set_policy(Action::Suspend).await;
    assert_eq!(world.quiet().await, [], "the grace has only begun");
    world.harness.clock.set(at_minute(15, 15));
    let again = world.user_command().await;
    assert_eq!((again.state(), again.generation), (State::Suspended, 2));
    world.user_is(&again, State::Suspended, "").await;
    world.user(State::Suspended).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_rests_with_its_integration_until_that_is_active_again() {
    let mut world = World::new().await;
    world.set_policy(Action::Suspend).await;
    let connected = world.connected();
    world.hear(1, connected.clone()).await;
    world.once_let_in().await;
    world.hear(2, Integration { is_active: false, ..connected.clone() }).await;
    world.until_mapping_is(false).await;
    world.harness.clock.set(at_minute(11, 15));
    eventually("nobody looks at it", LIMIT, async || match &world.users().await[..] {
        [user] if user.next_check_time.is_none() => Ok(()),
        others => Err(format!("{others:?}")),
    })
    .await;
    assert_eq!(world.quiet().await, []);
    world.hear(3, connected).await;
    let retired = world.user_command().await;
    assert_eq!(retired.state(), State::Suspended);
    world.user_is(&retired, State::Suspended, "").await;
    world.user(State::Suspended).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_keeps_the_user_and_a_removal_does_not_whatever_was_booked() {
    let mut world = World::new().await;
    world.set_policy(Action::Suspend).await;
    let resource = world.mapped("group-1").await;
    let mut person = world.new_person();
    world.tell(&world.booking(&person, &resource, 20, 21)).await;
    world.obey().await;
    for (status, is_retired) in [(PersonStatus::Paused, false), (PersonStatus::Removed, true)] {
        person.version += 1;
        person.status = status.into();
        world.tell_person(&person).await;
        if !is_retired {
            assert_eq!(world.obey().await.window, None);
        }
        assert_eq!(world.quiet().await, []);
        world.harness.clock.advance(Duration::minutes(61));
        if is_retired {
            let retired = world.user_command().await;
            assert_eq!(retired.state(), State::Suspended);
            world.user_is(&retired, State::Suspended, "").await;
            world.user(State::Suspended).await;
        } else {
            assert_eq!(world.quiet().await, []);
        }
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_looks_back_and_what_an_adapter_keeps_is_shown_until_the_policy_is_another() {
    let mut world = World::new().await;
    world.once_let_in().await;
    world.harness.clock.advance(Duration::days(2));
    assert_eq!(world.quiet().await, []);
    assert_eq!(world.users().await, [], "nobody asked");
    world.set_policy(Action::Suspend).await;
    assert_eq!(world.quiet().await, []);
    world.harness.clock.advance(Duration::hours(1));
    let retired = world.user_command().await;
    world
        .answer_user(&retired, Outcome::Failed(failure(pb::AccessFailureKind::Unreachable, "no answer")))
        .await;
    eventually("the reason is shown", LIMIT, async || match &world.users().await[..] {
        [user] if user.reason == "no answer" => Ok(()),
        others => Err(format!("{others:?}")),
    })
    .await;
    world.harness.clock.advance(Duration::seconds(1));
    let again = world.user_command().await;
    assert_eq!((again.generation, again.state()), (2, State::Suspended));
    world.user_is(&again, State::Kept, "it is not ours").await;
    assert_eq!(world.user(State::Kept).await.reason, "it is not ours");
    assert_eq!(world.quiet().await, []);

    let opted_in = pb::NoAccessPolicy {
        provider: "kisi".into(),
        action: Action::Delete.into(),
        grace: None,
        includes_foreign_users: true,
    };
    assert_eq!(world.try_set_policy(opted_in.clone()).await.unwrap().action(), Action::Delete);
    let deleted = world.user_command().await;
    assert_eq!((deleted.state(), deleted.includes_foreign_users), (State::Deleted, true));
    world.user_is(&deleted, State::Deleted, "").await;
    world.user(State::Deleted).await;
    world.told_of_users(&["deleted"]).await;
    world.set_policy(Action::Keep).await;
    assert_eq!(world.quiet().await, []);
    let request = pb::ListNoAccessPoliciesRequest { parent: world.name.clone() };
    let listed = world.client.clone().list_no_access_policies(request).await.unwrap().into_inner();
    assert_eq!(listed.policies, [], "keeping is no policy");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_user_who_never_was_no_deletion_is_told() {
    let mut world = World::new().await;
    world.set_policy(Action::Delete).await;
    world.once_let_in().await;
    world.harness.clock.set(at_minute(11, 15));
    let retired = world.user_command().await;
    let absent = pb::UserApplied { state: State::Deleted.into(), was_absent: true, ..Default::default() };
    world.answer_user(&retired, Outcome::Applied(absent)).await;
    world.user(State::Deleted).await;
    assert_eq!(world.quiet().await, []);
    world.told_of_users(&[]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_makes_no_sense_is_refused_with_its_fields() {
    let world = World::new().await;
    let grace = |seconds| Some(pbjson_types::Duration { seconds, nanos: 0 });
    let sane = pb::NoAccessPolicy {
        provider: "kisi".into(),
        action: Action::Suspend.into(),
        grace: grace(60),
        includes_foreign_users: false,
    };
    for (policy, field) in [
        (pb::NoAccessPolicy { action: Action::Unspecified.into(), ..sane.clone() }, "policy.action"),
        (pb::NoAccessPolicy { grace: grace(-60), ..sane.clone() }, "policy.grace"),
        (pb::NoAccessPolicy { grace: grace(61), ..sane.clone() }, "policy.grace"),
        (pb::NoAccessPolicy { grace: grace(367 * 86_400), ..sane.clone() }, "policy.grace"),
        (pb::NoAccessPolicy { provider: "Ki si".into(), ..sane.clone() }, "policy.provider"),
    ] {
        let refused = world.try_set_policy(policy).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert!(refused.message().contains(field), "{refused:?}");
    }
    assert_eq!(world.try_set_policy(sane.clone()).await.unwrap(), sane);
    world.harness.finish().await;
}
