//! Someone who is no member comes to a room that opens by Kisi, by a UniFi console and by a controller of our own.

use std::time::Duration;

use domain::{Clock as _, SystemClock};
use proto::workspace::v1 as pb;
use sandbox::kisi::Tap;
use stories::Stage;
use stories::client::insist;
use stories::door::{CONSOLE_DOOR, Door, RelayDoor, System};
use stories::play::World;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

const EMAIL: &str = "eve@visitors.example";
const PHONE: &str = "+436641999999";

/// What the visitor was sent by text.
fn texts(stage: &Stage) -> Vec<String> {
    stage.sandbox.twilio().messages_to(PHONE).into_iter().map(|text| text.body).collect()
}

/// The PINs that the visitor was told.
fn pins(stage: &Stage) -> Vec<String> {
    let pin = |text: &String| {
        let (_, rest) = text.split_once("PIN ")?;
        rest.split_once('.').map(|(pin, _)| pin.to_owned())
    };
    texts(stage).iter().filter_map(pin).collect()
}

/// The links.
fn links(stage: &Stage) -> Vec<String> {
    let words = texts(stage).into_iter().flat_map(|text| {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words
    });
    words.filter(|word| word.contains("/grouplinks/")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_of_a_booking_gets_in_by_what_they_were_told_within_the_window_and_never_else() {
    let mut stage = Stage::set(Default::default()).await;
    let mut world = World::build(&stage, 0, 1).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let console = System::Unifi.connect(&stage, &world).await;
    let relay = RelayDoor::put_up(&stage, &world).await;
    let doors = [Door::of(&stage, &world), console, relay.clone().into()];
    world.add_room_behind(&client, &doors.each_ref()).await;

    let window = Door::window(40, 30);
    let booking = world.create(&client, 0, 0, window, "now").await;
    let visit = pb::Visit {
        display_name: "Eve".into(),
        email: EMAIL.into(),
        phone: PHONE.into(),
        booking: booking.clone(),
        ..Default::default()
    };
    let request = pb::AnnounceVisitRequest {
        parent: world.workspace.clone(),
        visit: Some(visit),
        request_id: "eve".into(),
    };
    insist(&client.visits, request, |mut c, r| async move { c.announce_visit(r).await }).await;
    let request = pb::ConfirmBookingRequest { name: booking, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;

    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let (unifi, machine) = (stage.sandbox.unifi().clone(), relay.machine());
    let (link, console_pin, relay_pin) = eventually("the visitor is told three ways in", LIMIT, async || {
        let (links, pins) = (links(&stage), pins(&stage));
        let visits = unifi.access_windows(CONSOLE_DOOR);
        let theirs = visits.into_iter().find(|visit| visit.email == EMAIL).and_then(|visit| visit.pin);
        let console_pin = theirs.filter(|pin| pins.contains(pin)).ok_or("not the console's")?;
        let relay_pin = pins.into_iter().find(|pin| *pin != console_pin).ok_or("not the controller's")?;
        let link = links.last().cloned().ok_or("no link")?;
        let mails = stage.sandbox.sendgrid().messages_to(EMAIL);
        let is_mailed = |text: &str| mails.iter().any(|mail| format!("{:?}", mail.mail).contains(text));
        match [&link, &console_pin, &relay_pin].iter().all(|way_in| is_mailed(way_in)) {
            true => Ok((link, console_pin, relay_pin)),
            false => Err("no email"),
        }
    })
    .await;
    let lock = kisi.locks()[0].id;
    let made = kisi.group_links_of(lock);
    let [made] = &made[..] else { panic!("one link, not {}", made.len()) };
    assert!(link.ends_with(&made.secret), "the one that they were told");
    let tap = Tap { group_link_id: Some(made.record.id), email: None, ..Tap::of("", lock) };
    let opens = async || {
        [
            kisi.tap(&tap).unwrap().opens,
            unifi.present_pin(CONSOLE_DOOR, &console_pin),
            machine.enter(1, &relay_pin).await.is_ok(),
        ]
    };
    let are_all = async |wanted: bool| match opens().await {
        found if found == [wanted; 3] => Ok(()),
        found => Err(format!("{found:?}")),
    };
    let before = opens().await;
    assert!(SystemClock.now() >= window.start() || before == [false; 3], "{before:?}: too early");
    eventually("all three open", LIMIT, async || are_all(true).await).await;
    assert!(SystemClock.now() >= window.start(), "too early");
    eventually("all three are shut", LIMIT, async || are_all(false).await).await;
    assert!(SystemClock.now() >= window.end(), "too early");
    stage.settle(LIMIT).await;
}
