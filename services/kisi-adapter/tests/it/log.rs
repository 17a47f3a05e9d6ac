//! Kisi's log is read on and on, and each event of doors is told once.

use domain::names::LocationName;
use proto::access::v1 as pb;
use proto::access::v1::AccessLogSource as Source;
use proto::integrations::v1::{Integration, IntegrationStatus};
use sandbox::kisi::Tap;
use sandbox::{Action, Fault, Phase, Vendor};
use tokio_util::sync::CancellationToken;

use door_adapter::LogConfig;
use kisi_adapter::Config;

use crate::world::{Site, World};

impl World {
    fn reading_config(&self) -> Config {
        Config { log: LogConfig { every_seconds: 1 }, ..self.config() }
    }

    /// Tells the adapter that the site's own account is connected.
    async fn tell_own_connected(&self, site: &Site) {
        self.tell_integration(Integration {
            name: site.integration.to_string(),
            provider: "kisi".into(),
            location: LocationName { workspace: site.workspace, id: site.location }.to_string(),
            status: IntegrationStatus::Connected.into(),
            is_active: true,
            ..Default::default()
        })
        .await;
    }

    /// The next event of a door that is told.
    async fn next_event(&mut self) -> pb::DoorEventLogged {
        loop {
            if let Some(event) = self.next().await.read() {
                return event;
            }
        }
    }

    /// How many events were told so far, as far as was looked.
    fn told(&self) -> usize {
        self.history.iter().filter(|told| told.read::<pb::DoorEventLogged>().is_some()).count()
    }

    /// Readings so far of the site's log that came to their end: each moves it on.
    async fn read_until(&self, site: &Site) -> domain::Timestamp {
        sqlx::query_scalar("select read_until from provider_log where account_id = $1")
            .bind(site.integration.id.uuid())
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Until all that happened up to now was read.
    async fn caught_up(&self, site: &Site) {
        let now = domain::Clock::now(&*self.harness.clock);
        testkit::eventually("the log is read", crate::world::LIMIT, async || {
            let until = self.read_until(site).await;
            if until >= now { Ok(()) } else { Err(until) }
        })
        .await;
    }
}

fn tap(site: &Site, email: &str, door: &str) {
    site.org.twin.tap(&Tap::of(email, site.org.lock(door))).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_at_doors_is_told_once_with_who_it_was() {
    let mut world = World::without_adapter().await;
    let config = world.reading_config();
    world.address = world.run_adapter(config, CancellationToken::new()).await;
    let site = world.site("Nine");
    tap(&site, "stranger@example.org", "Door 09");
    world.harness.clock.advance(chrono::Duration::hours(1));
    world.tell_own_connected(&site).await;
    let grant = site.grant("Group 00");
    world.send(&grant, 1, Some(world.window(0, 1))).await;
    world.success(&grant).await;
    world.harness.clock.advance(chrono::Duration::seconds(1));
    tap(&site, &grant.email, "Door 00");
    tap(&site, "stranger@example.org", "Door 01");

    let mut events = [world.next_event().await, world.next_event().await];
    events.sort_by_key(|event| event.outcome);
    let [done, refused] = &events;
    assert_eq!((done.provider.as_str(), &done.integration), ("kisi", &site.integration.to_string()));
    assert_eq!(done.event_time, Some(chassis::input::timestamp(domain::Clock::now(&*world.harness.clock))));
    assert_eq!(done.person.rsplit('/').next().unwrap(), grant.person().to_string());
    assert_eq!((done.source(), done.action()), (Source::Card, pb::DoorAction::Pulse));
    assert_eq!((done.outcome(), done.reason()), (pb::DoorOperationState::Done, pb::AccessReason::DoorObeyed));
    assert_eq!(done.display_name, "Door 00");
    let door = site.org.lock("Door 00").to_string();
    assert_eq!(done.r#where, Some(pb::door_event_logged::Where::DoorRef(door)));
    assert_eq!((refused.outcome(), refused.person.as_str()), (pb::DoorOperationState::Refused, ""));
    assert_eq!(refused.reason(), pb::AccessReason::ProviderHoldsNothing);

    // Read again and again, nothing of it is told twice; what was before the account was connected is not told.
    world.harness.clock.advance(chrono::Duration::seconds(30));
    world.caught_up(&site).await;
    tap(&site, "stranger@example.org", "Door 02");
    assert_eq!(world.next_event().await.display_name, "Door 02");
    assert_eq!(world.told(), 3);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_and_whoever_dies_each_event_is_told_once() {
    let mut world = World::without_adapter().await;
    let site = world.site("Nine");
    world.tell_own_connected(&site).await;
    let (mut told, lags) = (Vec::new(), [0, 300, 0]);
    for (round, lag) in lags.into_iter().enumerate() {
        let stop = CancellationToken::new();
        let config = world.reading_config();
        world.address = world.run_adapter(config, stop.clone()).await;
        // Pages are lost, refused, cut off.
        for (every, action) in [
            (2, Action::DropAfterEffect),
            (3, status(500, None)),
            (5, status(200, Some(r#"{"id": 1, "status": "finis"#))),
            (7, status(429, None)),
        ] {
            let fault = Fault::on(Vendor::Kisi, action).every(every).times(2);
            world.twin.sandbox.faults().add(fault).unwrap();
        }
        site.org.twin.set_switches(sandbox::kisi::Switches {
            rate_limit: false,
            events_lag_seconds: lag,
            ..Default::default()
        });
        for number in 0..60 {
            tap(&site, "stranger@example.org", &format!("Door {:02}", number % 40));
            if number % 7 == 0 {
                world.harness.clock.advance(chrono::Duration::seconds(1));
            }
        }
        if round % 2 == 0 {
            // It dies while it may be reading.
            told.push(world.next_event().await);
        } else {
            // What the log lags behind with is found later.
            world.harness.clock.advance(chrono::Duration::seconds(1));
            world.caught_up(&site).await;
        }
        stop.cancel();
    }
    let config = world.reading_config();
    world.address = world.run_adapter(config, CancellationToken::new()).await;
    world.harness.clock.advance(chrono::Duration::minutes(6));
    while told.len() < 180 {
        told.push(world.next_event().await);
    }
    world.harness.clock.advance(chrono::Duration::seconds(1));
    world.caught_up(&site).await;
    tap(&site, "stranger@example.org", "Door 39");
    told.push(world.next_event().await);
    let mut refs: Vec<String> = told.into_iter().map(|event| event.event_ref).collect();
    refs.sort_unstable();
    let mut happened: Vec<String> =
        site.org.twin.events().into_iter().filter(of_doors).map(|it| it.uuid).collect();
    happened.sort_unstable();
    assert_eq!(refs, happened);
    world.finish().await;
}

fn of_doors(event: &sandbox::kisi::Event) -> bool {
    event.r#type == "lock.unlock"
}

fn status(code: u16, body: Option<&str>) -> Action {
    Action::Status {
        code,
        body: body.map(str::to_owned),
        content_type: Some("application/json".to_owned()),
        retry_after: None,
        phase: Phase::AfterEffect,
    }
}
