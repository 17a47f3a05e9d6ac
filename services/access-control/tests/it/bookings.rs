//! Bookings become access, and what becomes of it.

use chassis::input::timestamp;
use domain::names::GrantName;
use proto::access::v1 as pb;
use proto::workspace::v1::{BookingState, PersonStatus};

use crate::world::{World, at, at_minute, window};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmed_booking_is_told_to_the_adapter_and_its_answer_settles_the_grant() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let person = world.new_person();
    let event = world.tell(&world.booking(&person, &resource, 9, 10)).await;
    let received = world.commands.next().await;
    let command = received.command;
    let expected = pb::AccessCommand {
        grant: command.grant.clone(),
        generation: 1,
        // The workspace's own credentials.
        location: String::new(),
        target: world.mapping(&resource, "group-1").target,
        person: Some(pb::AccessPerson {
            name: person.name.clone(),
            display_name: "Ada".into(),
            email: "ada@example.org".into(),
        }),
        window: window((8, 45), (10, 15)),
        due_time: Some(timestamp(at_minute(8, 45))),
        is_guest: false,
    };
    assert_eq!(command, expected);
    assert_eq!(command.grant.parse::<GrantName>().unwrap().workspace, world.workspace);
    assert_eq!(
        received.subject,
        world.bus.root().subject(&format!("command.access.kisi.{}", world.workspace))
    );
    assert_eq!(received.envelope.type_name, "latchkey.access.v1.AccessCommand");
    assert_eq!(received.envelope.causation, Some(event.to_string()), "the booking's story goes on");
    assert_eq!(received.envelope.correlation, event.to_string());

    let grant = world.grant("it is under way", |grant| grant.state() == pb::GrantState::InFlight).await;
    assert_eq!((&grant.name, &grant.person), (&command.grant, &person.name));
    assert_eq!((grant.desired, grant.observed), (command.window, None));
    world.applied(&command).await;
    let grant = world.grant("it is settled", |grant| grant.state() == pb::GrantState::Settled).await;
    assert_eq!((grant.desired, grant.observed), (command.window, command.window));
    assert_eq!((grant.generation, grant.last_error.as_str()), (1, ""));
    assert_eq!(grant.next_check_time, Some(timestamp(at_minute(10, 15))));
    world.told(&["granted"]).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_back_to_back_behind_one_group_have_no_seam() {
    let mut world = World::new().await;
    let (first, second) = (world.mapped("group-1").await, world.mapped("group-1").await);
    let person = world.new_person();
    world.tell(&world.booking(&person, &first, 9, 10)).await;
    assert_eq!(world.obey().await.window, window((8, 45), (10, 15)));
    world.tell(&world.booking(&person, &second, 10, 11)).await;
    let longer = world.obey().await;
    assert_eq!((longer.generation, longer.window), (2, window((8, 45), (11, 15))));
    for (hour, minute) in [(8, 45), (9, 59), (10, 0), (10, 15), (11, 14)] {
        world.harness.clock.set(at_minute(hour, minute));
        assert_eq!(world.quiet().await, [], "at {hour}:{minute}");
    }
    world.harness.clock.set(at_minute(11, 15));
    assert_eq!(world.obey().await.window, None);
    world.told(&["granted", "granted", "revoked"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_one_of_two_overlapping_bookings_leaves_the_others_access_alone() {
    let mut world = World::new().await;
    let (first, second) = (world.mapped("group-1").await, world.mapped("group-1").await);
    let person = world.new_person();
    let early = world.booking(&person, &first, 9, 11);
    world.tell(&early).await;
    world.obey().await;
    world.tell(&world.booking(&person, &second, 10, 12)).await;
    assert_eq!(world.obey().await.window, window((8, 45), (12, 15)));
    world.tell(&early.cancelled()).await;
    assert_eq!(world.obey().await.window, window((9, 45), (12, 15)));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_booking_moves_the_window_and_a_cancelled_one_takes_it_at_once() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    let first = world.obey().await;
    let moved = stay.rescheduled(14, 16);
    world.tell(&moved).await;
    let second = world.obey().await;
    assert_eq!((&second.grant, second.generation), (&first.grant, 2));
    assert_eq!(second.window, window((13, 45), (16, 15)));
    world.harness.clock.set(at(14));
    world.tell(&moved.cancelled()).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.generation, revoke.window), (3, None));
    assert_eq!(revoke.due_time, Some(timestamp(at(14))), "not a moment later");
    world.told(&["granted", "granted", "revoked"]).await;
    let grant = world.grant("it is at rest", |grant| grant.next_check_time.is_none()).await;
    assert_eq!((grant.desired, grant.observed, grant.state()), (None, None, pb::GrantState::Settled));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_with_two_mappings_gives_two_grants() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let lock = pb::DoorMapping {
        location: domain::names::LocationName { workspace: world.workspace, id: domain::LocationId::new() }
            .to_string(),
        provider: "relay".into(),
        target: Some(pb::DoorTarget {
            kind: pb::DoorTargetKind::Lock.into(),
            r#ref: "channel-3".into(),
            display_name: String::new(),
        }),
        lead: Some(crate::world::minutes(0)),
        ..world.mapping(&resource, "group-1")
    };
    world.create_mapping(lock.clone()).await.unwrap();
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    let mut commands = [world.commands.next().await, world.commands.next().await];
    commands.sort_by(|a, b| a.subject.cmp(&b.subject));
    let [kisi, relay] = &commands;
    assert!(kisi.subject.contains(".kisi.") && relay.subject.contains(".relay."), "{commands:?}");
    assert_ne!(kisi.command.grant, relay.command.grant);
    assert_eq!(kisi.command.window, window((8, 45), (10, 15)));
    assert_eq!(relay.command.target, lock.target);
    assert_eq!(relay.command.window, window((9, 0), (10, 15)), "its own lead, the usual lag");
    world.applied(&relay.command).await;
    world.applied(&kisi.command).await;
    world.settled(&kisi.command).await;
    world.tell(&stay.cancelled()).await;
    assert_eq!(world.quiet().await.iter().map(|command| command.window).collect::<Vec<_>>(), [None, None]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_do_not_share_grants_nor_workspaces_mappings() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    world.tell(&world.booking(&world.new_person(), &resource, 10, 11)).await;
    let (first, second) = (world.obey().await, world.obey().await);
    assert_ne!(first.grant, second.grant);
    let mut windows = [first.window, second.window].map(Option::unwrap);
    windows.sort_by_key(|window| window.start_time.unwrap().seconds);
    assert_eq!(windows.map(Some), [window((8, 45), (10, 15)), window((9, 45), (11, 15))]);

    // The same resource id in another workspace is another resource.
    let mut stay = world.booking(&world.new_person(), &resource, 9, 10);
    let (here, elsewhere) = (world.workspace.to_string(), domain::WorkspaceId::new());
    let (booking, person) = (&mut stay.booking, &mut stay.person);
    for name in
        [&mut booking.name, &mut booking.resource, &mut booking.person, &mut person.name, &mut stay.location]
    {
        *name = name.replace(&here, &elsewhere.to_string());
    }
    let mut message = world.fact_of(&stay);
    message.subject = message.subject.replace(&here, &elsewhere.to_string());
    message.envelope.workspace = elsewhere;
    world.send(&message).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_stand_gives_nothing() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    for state in [BookingState::Pending, BookingState::Failed, BookingState::Unspecified] {
        let mut stay = world.booking(&world.new_person(), &resource, 9, 10);
        stay.booking.state = state.into();
        world.tell(&stay).await;
    }
    let mut paused = world.booking(&world.new_person(), &resource, 9, 10);
    paused.person.status = PersonStatus::Paused.into();
    world.tell(&paused).await;
    world.tell(&world.booking(&world.new_person(), &world.new_resource(), 9, 10)).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_whole_or_of_another_workspace_waits_among_the_dead_letters() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    let mut endless = stay.clone();
    endless.booking.end_time = None;
    world.tell(&endless).await;
    // Said on the subject of one workspace, about another's booking.
    let mut foreign = world.fact_of(&stay);
    let other = domain::WorkspaceId::new();
    foreign.subject = foreign.subject.replace(&world.workspace.to_string(), &other.to_string());
    world.send(&foreign).await;
    assert_eq!(world.quiet().await, []);
    let letters = testkit::eventually("two dead letters", crate::world::LIMIT, async || {
        let letters = events::dead_letter::list(&world.bus, 1, 10).await.map_err(|e| e.to_string())?;
        if letters.len() == 2 { Ok(letters) } else { Err(format!("{letters:?}")) }
    })
    .await;
    assert_eq!(letters[0].reason, "the snapshot is not complete");
    assert_eq!(letters[1].reason, "it speaks of another workspace than its subject");
    world.harness.finish_with_dead_letters(2).await;
}
