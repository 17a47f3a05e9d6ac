//! Whoever has no access left is suspended at Kisi, if the workspace wants it so, and is back with the next booking.

use std::time::Duration;

use proto::access::v1 as access;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::insist;
use stories::door::Door;
use stories::play::World;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_access_left_is_suspended_and_back_with_the_next_booking() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    let request = access::SetNoAccessPolicyRequest {
        parent: world.workspace.clone(),
        policy: Some(access::NoAccessPolicy {
            provider: "kisi".into(),
            action: access::NoAccessAction::Suspend.into(),
            ..Default::default()
        }),
        request_id: "policy".into(),
    };
    insist(&client.access, request, |mut c, r| async move { c.set_no_access_policy(r).await }).await;
    let door = Door::of(&stage, &world);
    let email = &world.people[0].1;
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let user = || kisi.users().into_iter().find(|user| user.record.email == *email);
    for key in ["first", "second"] {
        // Within its time before the start.
        let name = world.create(&client, 0, 0, Door::window(300, 3_600), key).await;
        let request = pb::ConfirmBookingRequest { name: name.clone(), request_id: String::new() };
        insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
        door.lets_in(email).await;
        let request = pb::CancelBookingRequest { name, ..Default::default() };
        insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
        eventually("the user is suspended", LIMIT, async || {
            let user = user();
            let is_suspended = user.as_ref().is_some_and(|user| !user.record.access_enabled);
            if is_suspended { Ok(()) } else { Err(format!("{user:?}")) }
        })
        .await;
        assert!(!door.opens(email).await);
        stage.settle(LIMIT).await;
        let request =
            access::ListProviderUsersRequest { parent: world.workspace.clone(), ..Default::default() };
        let listed =
            insist(&client.access, request, |mut c, r| async move { c.list_provider_users(r).await }).await;
        let [listed] = &listed.provider_users[..] else { panic!("{listed:?}") };
        assert_eq!(listed.person, world.people[0].0);
        assert_eq!(listed.state(), access::ProviderUserState::Suspended);
    }
}
