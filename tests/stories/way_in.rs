//! Someone to whom Kisi gives no access of their own stands before the door with a link.

use std::time::Duration;

use chrono::{Duration as Span, SubsecRound as _};
use domain::{Clock as _, SystemClock, Window};
use proto::access::v1 as access;
use proto::workspace::v1 as pb;
use sandbox::kisi::Tap;
use sandbox::{Action, Fault, Vendor};
use stories::Stage;
use stories::client::insist;
use stories::door::Door;
use stories::play::World;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

/// Someone whom Kisi refuses, who has booked and was sent a link in the last minutes before.
pub(crate) struct LetIn {
    pub booking: String,
    /// The whole address of it.
    pub link: String,
    window: Window,
}

/// Has it come to that: the booking begins in five minutes and some seconds.
pub(crate) async fn let_in_by_a_link(stage: &Stage, world: &World) -> LetIn {
    let client = stage.client();
    let request = access::UpdateLocationAccessSettingsRequest {
        name: world.location.clone(),
        location_access_settings: Some(access::LocationAccessSettings {
            sends_way_in: true,
            ..Default::default()
        }),
        request_id: "ways-in".into(),
    };
    insist(&client.access, request, |mut c, r| async move { c.update_location_access_settings(r).await })
        .await;
    let refused = Fault::on(Vendor::Kisi, Action::status(422)).request("POST", "/role_assignments$");
    stage.sandbox.faults().add(refused).unwrap();

    let start = SystemClock.now().trunc_subsecs(0) + Span::minutes(5) + Span::seconds(6);
    let window = Window::new(start, start + Span::hours(1)).unwrap();
    let booking = world.create(&client, 0, 0, window, "refused").await;
    let request = pb::ConfirmBookingRequest { name: booking.clone(), request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;

    let (email, phone) = (world.people[0].1.clone(), "+436641000000");
    let link = eventually("the link comes by text and by email", LIMIT, async || {
        let texts = stage.sandbox.twilio().messages_to(phone).into_iter().map(|text| text.body);
        let link = texts.flat_map(|text| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            words.into_iter().find(|word| word.contains("/grouplinks/"))
        });
        let link = link.last().ok_or("no text")?;
        let mails = stage.sandbox.sendgrid().messages_to(&email);
        let has_mail = mails.iter().any(|mail| format!("{:?}", mail.mail).contains(&link));
        if has_mail { Ok(link) } else { Err("no email") }
    })
    .await;
    LetIn { booking, link, window }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_kisi_has_not_confirmed_five_minutes_ahead_is_let_in_by_a_link_within_the_booking() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let LetIn { booking, link, window } = let_in_by_a_link(&stage, &world).await;
    let (kisi, door) =
        (stage.sandbox.kisi().organization(world.kisi.organization).unwrap(), Door::of(&stage, &world));
    let lock = kisi.locks()[0].id;
    let [made] = &kisi.group_links_of(lock)[..] else { panic!("there is one link") };
    assert!(link.ends_with(&made.secret), "the one that was sent");
    let valid = (made.record.valid_from.unwrap(), made.record.valid_until.unwrap());
    assert_eq!(valid, (window.start() - Span::minutes(5), window.end()));
    assert!(kisi.mails().is_empty(), "Kisi itself sends nothing");
    let tap = Tap { group_link_id: Some(made.record.id), email: None, ..Tap::of("", lock) };
    let opens = || kisi.tap(&tap).unwrap().opens;
    assert!(opens() && !door.opens(&world.people[0].1).await, "by the link, and by nothing else");

    let request = pb::CancelBookingRequest {
        name: booking,
        reason: "the visit is off".into(),
        request_id: "cancel".into(),
    };
    let client = stage.client();
    insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
    eventually(
        "the link is withdrawn at once",
        LIMIT,
        async || {
            if opens() { Err("it still opens") } else { Ok(()) }
        },
    )
    .await;
    assert!(kisi.group_links().is_empty());
    stage.settle(LIMIT).await;
}
