//! Passes: what there are, who has which, on which days they are used.

use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::{DateTime, Duration, Utc};
use domain::names::{LocationName, PassName, PassProductName, PersonName};
use domain::{LocationId, PassId, PassProductId, PersonId, WorkspaceId};
use pbjson_types::FieldMask;
use proto::workspace::v1 as pb;
use proto::workspace::v1::pass_service_client::PassServiceClient;
use testkit::{Bearer, audit_line};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use workspace::DEFINITION;

use crate::world::World;

type Client = PassServiceClient<InterceptedService<Channel, Bearer>>;

fn days(uses: i32, validity_days: i32) -> pb::PassTerms {
    pb::PassTerms { kind: pb::PassKind::Day.into(), uses, validity_days, weekly_hours: None }
}

fn time(validity_days: i32) -> pb::PassTerms {
    pb::PassTerms { kind: pb::PassKind::Time.into(), uses: 0, validity_days, weekly_hours: None }
}

fn at(text: &str) -> Option<pbjson_types::Timestamp> {
    Some(timestamp(format!("2026-12-{text}:00Z").parse::<DateTime<Utc>>().unwrap()))
}

impl World {
    fn passes(&self) -> Client {
        PassServiceClient::new(self.harness.channel_as(&self.address, Role::Admin, self.workspace))
    }

    fn passes_as(&self, principal: &Principal) -> Client {
        PassServiceClient::new(self.harness.channel_with(&self.address, principal))
    }

    /// As the member of that name.
    fn passes_of(&self, person: &str) -> Client {
        let PersonName { workspace, id } = person.parse().unwrap();
        self.passes_as(&Principal::person(id.to_string(), workspace, Role::Member))
    }

    fn product(&self, terms: pb::PassTerms) -> pb::PassProduct {
        pb::PassProduct {
            location: self.location.clone(),
            display_name: "Ten days".into(),
            terms: Some(terms),
            ..Default::default()
        }
    }

    async fn offer(&self, product: pb::PassProduct) -> Result<pb::PassProduct, Status> {
        let request = pb::CreatePassProductRequest {
            parent: self.name.clone(),
            pass_product: Some(product),
            request_id: String::new(),
        };
        Ok(self.passes().create_pass_product(request).await?.into_inner().pass_product.unwrap())
    }

    async fn amend(&self, product: pb::PassProduct, paths: &[&str]) -> Result<pb::PassProduct, Status> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let request = pb::UpdatePassProductRequest {
            pass_product: Some(product),
            update_mask: Some(FieldMask { paths }),
            request_id: String::new(),
        };
        Ok(self.passes().update_pass_product(request).await?.into_inner().pass_product.unwrap())
    }

    fn order(&self, product: &pb::PassProduct) -> pb::IssuePassRequest {
        pb::IssuePassRequest {
            parent: self.name.clone(),
            product: product.name.clone(),
            person: self.person.clone(),
            ..Default::default()
        }
    }

    async fn issue(&self, order: pb::IssuePassRequest) -> Result<pb::Pass, Status> {
        Ok(self.passes().issue_pass(order).await?.into_inner().pass.unwrap())
    }

    /// A pass with these terms for the world's person.
    async fn pass(&self, terms: pb::PassTerms) -> pb::Pass {
        let product = self.offer(self.product(terms)).await.unwrap();
        self.issue(self.order(&product)).await.unwrap()
    }

    /// Any product, and a pass of it.
    pub(crate) async fn have_pass(&self) {
        self.pass(time(1)).await;
    }

    async fn cancel_pass(&self, pass: &pb::Pass) -> Result<pb::Pass, Status> {
        let request = pb::CancelPassRequest {
            name: pass.name.clone(),
            reason: " refund ".into(),
            ..Default::default()
        };
        Ok(self.passes().cancel_pass(request).await?.into_inner().pass.unwrap())
    }
}

async fn use_for(client: &mut Client, pass: &pb::Pass, date: &str) -> Result<pb::Pass, Status> {
    let request = pb::UsePassRequest { name: pass.name.clone(), date: date.into(), ..Default::default() };
    Ok(client.use_pass(request).await?.into_inner().pass.unwrap())
}

async fn cancel_use(client: &mut Client, pass: &pb::Pass, date: &str) -> Result<pb::Pass, Status> {
    let (name, date) = (pass.name.clone(), date.into());
    let request = pb::CancelPassUseRequest { name, date, ..Default::default() };
    Ok(client.cancel_pass_use(request).await?.into_inner().pass.unwrap())
}

async fn get(client: &mut Client, pass: &pb::Pass) -> Result<pb::Pass, Status> {
    let request = pb::GetPassRequest { name: pass.name.clone() };
    Ok(client.get_pass(request).await?.into_inner().pass.unwrap())
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn forbidden_by_state(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

fn not_found(reason: &str) -> (Code, String) {
    (Code::NotFound, reason.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_keeps_the_terms_of_its_sale_whatever_becomes_of_its_product() {
    let world = World::new().await;
    let product = world.offer(world.product(days(10, 30))).await.unwrap();
    let sold = world.issue(world.order(&product)).await.unwrap();
    let cheaper = pb::PassProduct { terms: Some(days(1, 7)), ..product.clone() };
    let amended = world.amend(cheaper.clone(), &["terms"]).await.unwrap();
    assert_eq!((amended.terms, amended.version), (Some(days(1, 7)), 2));
    assert_eq!(world.amend(cheaper, &["terms"]).await.unwrap().version, 2, "the same again is no change");
    let disable = pb::DisablePassProductRequest { name: product.name.clone(), ..Default::default() };
    for _ in 0..2 {
        let disabled = world.passes().disable_pass_product(disable.clone()).await.unwrap().into_inner();
        assert_eq!(disabled.pass_product.map(|product| (product.disabled, product.version)), Some((true, 3)));
    }
    let refused = world.issue(world.order(&product)).await;
    assert_eq!(reason(refused), forbidden_by_state("PASS_PRODUCT_DISABLED"));
    let got = get(&mut world.passes(), &sold).await.unwrap();
    assert_eq!((&got, got.terms.clone()), (&sold, Some(days(10, 30))));
    assert_eq!(use_for(&mut world.passes(), &sold, "").await.unwrap().uses_left, 9, "it goes on");

    let enable = pb::EnablePassProductRequest { name: product.name.clone(), ..Default::default() };
    world.passes().enable_pass_product(enable).await.unwrap();
    let next = world.issue(world.order(&product)).await.unwrap();
    assert_eq!(next.terms, Some(days(1, 7)));
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> =
        entries.iter().filter(|entry| entry.subject == product.name).map(audit_line).collect();
    let [made, amended, off, on] = own.as_slice() else { panic!("four entries, not {own:#?}") };
    assert!(made.contains("terms.uses SET 10") && made.contains("terms.validity_days SET 30"), "{made}");
    assert!(amended.contains("terms.uses REPLACED") && !amended.contains("display_name"), "{amended}");
    assert!(
        off.contains("DisablePassProduct: disabled") && on.contains("EnablePassProduct: disabled"),
        "{off} {on}"
    );
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_pass_is_used_for_local_days_until_none_is_left_and_each_is_told() {
    let world = World::new().await;
    let pass = world.pass(days(2, 7)).await;
    assert_eq!((pass.start_time, pass.end_time), (at("01T08:00"), at("07T23:00")));
    assert_eq!((pass.state(), pass.uses_left, pass.version), (pb::PassState::Valid, 2, 1));
    let mut own = world.passes_of(&world.person);
    use_for(&mut own, &pass, "2026-12-03").await.unwrap();
    let again = use_for(&mut own, &pass, "2026-12-03").await.unwrap();
    assert_eq!((again.uses_left, again.version), (1, 2), "as often as they like on one day");
    let used_up = use_for(&mut own, &pass, "").await.unwrap();
    let day = |date: &str, start_time, end_time| pb::PassDay { date: date.into(), start_time, end_time };
    let expected = [
        day("2026-12-01", at("01T08:00"), at("01T23:00")),
        day("2026-12-03", at("02T23:00"), at("03T23:00")),
    ];
    assert_eq!(used_up.days, expected);
    assert_eq!((used_up.state(), used_up.uses_left), (pb::PassState::UsedUp, 0));
    let refused = use_for(&mut own, &pass, "2026-12-02").await;
    assert_eq!(reason(refused), forbidden_by_state("PASS_STATE_FORBIDS"));

    let told = world.told_of_passes(4).await;
    let facts: Vec<(&str, Vec<&str>)> = told
        .iter()
        .map(|(fact, pass)| (fact.as_str(), pass.days.iter().map(|day| day.date.as_str()).collect()))
        .collect();
    let both = vec!["2026-12-01", "2026-12-03"];
    assert_eq!(facts, [("pass_issued", vec![]), ("pass_used", vec!["2026-12-03"]), ("pass_used", both)]);
    assert_eq!(told[2].1, used_up, "complete");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_day_is_given_back_by_its_holder_until_it_begins_and_is_told() {
    let mut world = World::new().await;
    let pass = world.pass(days(1, 7)).await;
    let mut own = world.passes_of(&world.person);
    use_for(&mut own, &pass, "2026-12-03").await.unwrap();
    let free = cancel_use(&mut own, &pass, "2026-12-03").await.unwrap();
    assert_eq!((free.state(), free.uses_left, free.version), (pb::PassState::Valid, 1, 3));
    assert_eq!(free.days, []);
    assert_eq!(cancel_use(&mut own, &pass, "2026-12-03").await.unwrap(), free, "twice is once");
    use_for(&mut own, &pass, "2026-12-02").await.unwrap();
    // At its location it is the second by then.
    world.harness.clock.advance(Duration::hours(15));
    let refused = cancel_use(&mut own, &pass, "2026-12-02").await;
    assert_eq!(reason(refused), forbidden_by_state("PASS_DAY_BEGUN"));
    assert_eq!(violations(cancel_use(&mut own, &pass, "").await), ["date"]);
    let other = world.create_person("eve@example.org").await;
    let of_another = cancel_use(&mut world.passes_of(&other), &pass, "2026-12-02").await;
    assert_eq!(reason(of_another), not_found("PASS_NOT_FOUND"));
    let by_time = world.pass(time(7)).await;
    let refused = cancel_use(&mut own, &by_time, "2026-12-03").await;
    assert_eq!(reason(refused), forbidden_by_state("PASS_NOT_BY_DAY"));
    let told = world.told_of_passes(7).await;
    assert!(told.contains(&("pass_use_cancelled".to_owned(), free)), "{told:#?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn today_is_what_clocks_at_the_location_show() {
    let mut world = World::new().await;
    // Here 1 December is 22:00 of its own day there, and at 10:00 the next one begins.
    let request = pb::CreateLocationRequest {
        parent: world.name.clone(),
        location: Some(pb::Location {
            display_name: "Christmas".into(),
            time_zone: "Pacific/Kiritimati".into(),
            country: "KI".into(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let location = world.places.create_location(request).await.unwrap().into_inner().location.unwrap();
    world.location = location.name;
    let pass = world.pass(days(3, 2)).await;
    assert_eq!(pass.end_time, at("02T10:00"), "the end of its second day");
    let today = use_for(&mut world.passes(), &pass, "").await.unwrap();
    assert_eq!(today.days[0].date, "2026-12-01");
    assert_eq!(today.days[0].end_time, at("01T10:00"));
    world.harness.clock.advance(Duration::hours(2));
    let tomorrow = use_for(&mut world.passes(), &pass, "").await.unwrap();
    assert_eq!(tomorrow.days[1].date, "2026-12-02");
    world.harness.clock.advance(Duration::hours(24));
    let over = use_for(&mut world.passes(), &pass, "").await;
    assert_eq!(reason(over), forbidden_by_state("PASS_STATE_FORBIDS"));
    assert_eq!(get(&mut world.passes(), &pass).await.unwrap().state(), pb::PassState::Expired);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_is_told_recorded_and_used_no_more() {
    let world = World::new().await;
    let pass = world.pass(days(2, 7)).await;
    world.harness.clock.advance(Duration::hours(1));
    let cancelled = world.cancel_pass(&pass).await.unwrap();
    let expected = pb::Pass {
        state: pb::PassState::Cancelled.into(),
        cancel_time: at("01T09:00"),
        cancel_reason: "refund".into(),
        version: 2,
        update_time: at("01T09:00"),
        ..pass.clone()
    };
    assert_eq!(cancelled, expected);
    world.harness.clock.advance(Duration::hours(1));
    assert_eq!(world.cancel_pass(&pass).await.unwrap(), cancelled, "a second time changes nothing");
    let refused = use_for(&mut world.passes(), &pass, "").await;
    assert_eq!(reason(refused), forbidden_by_state("PASS_STATE_FORBIDS"));
    let told = world.told_of_passes(3).await;
    assert_eq!(told[1], ("pass_cancelled".to_owned(), cancelled));
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> =
        entries.iter().filter(|entry| entry.subject == pass.name).map(audit_line).collect();
    let [issued, cancelled] = own.as_slice() else { panic!("two entries, not {own:#?}") };
    assert!(issued.contains(&world.person) && issued.contains(&pass.product), "{issued}");
    assert!(cancelled.contains("cancel_time SET 2026-12-01T09:00:00Z"), "{cancelled}");
    assert!(!cancelled.contains("refund"), "{cancelled}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_field_and_leaves_nothing_behind() {
    let world = World::new().await;
    let other = WorkspaceId::new();
    let foreign = LocationName { workspace: other, id: LocationId::new() }.to_string();
    let with = |terms: pb::PassTerms| world.product(terms);
    let unsaid = pb::PassTerms { kind: 0, ..time(7) };
    let hours = |start_minute, end_minute| pb::PassTerms {
        weekly_hours: Some(pb::WeeklyHours {
            intervals: vec![pb::WeeklyInterval {
                day: pb::DayOfWeek::Monday.into(),
                start_minute,
                end_minute,
            }],
        }),
        ..time(7)
    };
    let never = pb::PassTerms { weekly_hours: Some(pb::WeeklyHours::default()), ..time(7) };
    for (product, field) in [
        (pb::PassProduct { location: foreign, ..with(time(7)) }, "pass_product.location"),
        (pb::PassProduct { display_name: " ".into(), ..with(time(7)) }, "pass_product.display_name"),
        (pb::PassProduct { terms: None, ..with(time(7)) }, "pass_product.terms"),
        (with(unsaid), "pass_product.terms.kind"),
        (with(days(0, 7)), "pass_product.terms.uses"),
        (with(days(-1, 7)), "pass_product.terms.uses"),
        (with(days(367, 7)), "pass_product.terms.uses"),
        (with(pb::PassTerms { uses: 3, ..time(7) }), "pass_product.terms.uses"),
        (with(time(0)), "pass_product.terms.validity_days"),
        (with(time(3_661)), "pass_product.terms.validity_days"),
        (with(never), "pass_product.terms.weekly_hours"),
        (with(hours(540, 540)), "pass_product.terms.weekly_hours"),
        (with(hours(1_500, 60)), "pass_product.terms.weekly_hours"),
    ] {
        assert_eq!(violations(world.offer(product).await), [field]);
    }
    let nowhere = LocationName { workspace: world.workspace, id: LocationId::new() }.to_string();
    let refused = world.offer(pb::PassProduct { location: nowhere, ..with(time(7)) }).await;
    assert_eq!(reason(refused), not_found("LOCATION_NOT_FOUND"));

    let product = world.offer(with(days(1, 7))).await.unwrap();
    let broken = pb::PassProduct { terms: Some(days(0, 7)), ..product.clone() };
    assert_eq!(violations(world.amend(broken, &["terms"]).await), ["pass_product.terms.uses"]);
    assert_eq!(violations(world.amend(product.clone(), &["location"]).await), ["update_mask"]);
    let foreign_product = PassProductName { workspace: other, id: PassProductId::new() }.to_string();
    let foreign_person = PersonName { workspace: other, id: PersonId::new() }.to_string();
    let order = world.order(&product);
    for (order, field) in [
        (pb::IssuePassRequest { product: foreign_product, ..order.clone() }, "product"),
        (pb::IssuePassRequest { person: foreign_person, ..order.clone() }, "person"),
        (pb::IssuePassRequest { start_date: "tomorrow".into(), ..order.clone() }, "start_date"),
        (pb::IssuePassRequest { start_date: "2180-01-01".into(), ..order.clone() }, "start_date"),
    ] {
        assert_eq!(violations(world.issue(order).await), [field]);
    }
    let past = pb::IssuePassRequest { start_date: "2026-11-24".into(), ..order.clone() };
    assert_eq!(reason(world.issue(past).await), forbidden_by_state("PASS_OVER"));
    let nothing = PassProductName { workspace: world.workspace, id: PassProductId::new() }.to_string();
    let unknown = pb::IssuePassRequest { product: nothing, ..order.clone() };
    assert_eq!(reason(world.issue(unknown).await), not_found("PASS_PRODUCT_NOT_FOUND"));
    let nobody = PersonName { workspace: world.workspace, id: PersonId::new() }.to_string();
    let unknown = pb::IssuePassRequest { person: nobody, ..order };
    assert_eq!(reason(world.issue(unknown).await), not_found("PERSON_NOT_FOUND"));
    let listed = pb::ListPassesRequest { parent: world.name.clone(), ..Default::default() };
    assert!(world.passes().list_passes(listed).await.unwrap().into_inner().passes.is_empty());
    world.harness.finish().await;
}

fn violations<T: std::fmt::Debug>(outcome: Result<T, Status>) -> Vec<String> {
    let refused = outcome.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let details = refused.get_details_bad_request().unwrap();
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_a_pass_gives_nothing_on_are_not_spent() {
    let world = World::new().await;
    let tuesdays =
        pb::WeeklyInterval { day: pb::DayOfWeek::Tuesday.into(), start_minute: 8 * 60, end_minute: 12 * 60 };
    let hours = pb::WeeklyHours { intervals: vec![tuesdays] };
    // 1 December is a Tuesday.
    let mornings = world.pass(pb::PassTerms { weekly_hours: Some(hours.clone()), ..days(5, 7) }).await;
    assert_eq!(mornings.terms.clone().unwrap().weekly_hours, Some(hours));
    let timed = world.pass(time(7)).await;
    let mut client = world.passes();
    for (pass, date, expected) in [
        (&timed, "", "PASS_NOT_BY_DAY"),
        (&mornings, "2026-11-30", "PASS_NOT_VALID_THEN"),
        (&mornings, "2026-12-08", "PASS_NOT_VALID_THEN"),
        (&mornings, "2026-12-02", "PASS_DAY_CLOSED"),
    ] {
        assert_eq!(reason(use_for(&mut client, pass, date).await), forbidden_by_state(expected), "{date}");
    }
    assert_eq!(violations(use_for(&mut client, &mornings, "2026-12-1").await), ["date"]);
    assert!(use_for(&mut client, &mornings, "").await.is_ok());
    world.harness.clock.advance(Duration::days(1));
    let yesterday = world.pass(days(1, 7)).await;
    world.harness.clock.advance(Duration::days(1));
    let refused = use_for(&mut client, &yesterday, "2026-12-02").await;
    assert_eq!(reason(refused), forbidden_by_state("PASS_DAY_OVER"));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_removed_gets_no_pass_and_who_is_paused_spends_none() {
    let mut world = World::new().await;
    let (paused, removed) =
        (world.create_person("paul@example.org").await, world.create_person("rita@example.org").await);
    let pause = pb::PausePersonRequest { name: paused.clone(), ..Default::default() };
    world.people.pause_person(pause).await.unwrap();
    let remove = pb::RemovePersonRequest { name: removed.clone(), ..Default::default() };
    world.people.remove_person(remove).await.unwrap();
    let product = world.offer(world.product(days(1, 7))).await.unwrap();
    let order = |person: &str| pb::IssuePassRequest { person: person.into(), ..world.order(&product) };
    assert_eq!(reason(world.issue(order(&removed)).await), forbidden_by_state("PERSON_REMOVED"));
    let pass = world.issue(order(&paused)).await.unwrap();
    let mut client = world.passes();
    let refused = use_for(&mut client, &pass, "").await;
    assert_eq!(reason(refused), forbidden_by_state("PERSON_NOT_ACTIVE"));
    let unpause = pb::UnpausePersonRequest { name: paused, ..Default::default() };
    world.people.unpause_person(unpause).await.unwrap();
    assert!(use_for(&mut client, &pass, "").await.is_ok());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_and_use_their_own_and_managers_those_of_their_locations() {
    let mut world = World::new().await;
    let eve = world.create_person("eve@example.org").await;
    let elsewhere = world.create_location().await;
    let product = world.offer(world.product(days(2, 7))).await.unwrap();
    let own = world.issue(world.order(&product)).await.unwrap();
    let eves =
        world.issue(pb::IssuePassRequest { person: eve.clone(), ..world.order(&product) }).await.unwrap();
    let manager_at = |location: &str| {
        let LocationName { workspace, id } = location.parse().unwrap();
        world.passes_as(&Principal::person("someone", workspace, Role::Manager).at([id]))
    };
    let holder_there = {
        let PersonName { workspace, id } = world.person.parse().unwrap();
        let LocationName { id: location, .. } = elsewhere.parse().unwrap();
        world.passes_as(&Principal::person(id.to_string(), workspace, Role::Manager).at([location]))
    };
    let list = pb::ListPassesRequest { parent: world.name.clone(), ..Default::default() };
    let (member, here, there) =
        (world.passes_of(&world.person), manager_at(&world.location), manager_at(&elsewhere));
    for (mut client, seen) in [
        (member, vec![&own]),
        (here, vec![&own, &eves]),
        (there, vec![]),
        (holder_there, vec![&own]),
        (world.passes(), vec![&own, &eves]),
    ] {
        let listed = client.list_passes(list.clone()).await.unwrap().into_inner().passes;
        assert_eq!(
            listed.iter().map(|pass| &pass.name).collect::<Vec<_>>(),
            seen.iter().map(|it| &it.name).collect::<Vec<_>>()
        );
        for pass in [&own, &eves] {
            if seen.contains(&pass) {
                assert!(get(&mut client, pass).await.is_ok() && use_for(&mut client, pass, "").await.is_ok());
            } else {
                assert_eq!(reason(get(&mut client, pass).await), not_found("PASS_NOT_FOUND"));
                assert_eq!(reason(use_for(&mut client, pass, "").await), not_found("PASS_NOT_FOUND"));
            }
        }
    }
    let mut member = world.passes_of(&world.person);
    let of_eve = pb::ListPassesRequest { person: eve, ..list.clone() };
    assert!(member.list_passes(of_eve.clone()).await.unwrap().into_inner().passes.is_empty());
    assert_eq!(world.passes().list_passes(of_eve).await.unwrap().into_inner().passes.len(), 1);
    let of_nothing = PassProductName { workspace: world.workspace, id: PassProductId::new() }.to_string();
    let of_nothing = pb::ListPassesRequest { product: of_nothing, ..list };
    assert!(world.passes().list_passes(of_nothing).await.unwrap().into_inner().passes.is_empty());
    // What there is to buy is no secret; the rest is for admins.
    let request = pb::GetPassProductRequest { name: product.name.clone() };
    assert!(member.get_pass_product(request).await.is_ok());
    let too_low = (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned());
    assert_eq!(reason(member.issue_pass(world.order(&product)).await), too_low);
    let cancel = pb::CancelPassRequest { name: own.name.clone(), ..Default::default() };
    assert_eq!(reason(manager_at(&world.location).cancel_pass(cancel).await), too_low);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_is_one_and_the_last_use_is_spent_once() {
    let world = World::new().await;
    let product = world.offer(world.product(days(1, 7))).await.unwrap();
    let order = pb::IssuePassRequest { request_id: "once".into(), ..world.order(&product) };
    let pass = world.issue(order.clone()).await.unwrap();
    assert_eq!(world.issue(order.clone()).await.unwrap(), pass);
    let other = pb::IssuePassRequest { start_date: "2026-12-02".into(), ..order };
    assert_eq!(reason(world.issue(other).await), forbidden_by_state("REQUEST_ID_REUSED"));

    let (mut one, mut another) = (world.passes(), world.passes());
    let outcomes =
        tokio::join!(use_for(&mut one, &pass, "2026-12-02"), use_for(&mut another, &pass, "2026-12-03"));
    let used = [&outcomes.0, &outcomes.1].into_iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(used, 1, "{outcomes:?}");
    assert_eq!(get(&mut one, &pass).await.unwrap().days.len(), 1);
    let nothing = PassName { workspace: world.workspace, id: PassId::new() }.to_string();
    let nothing = pb::Pass { name: nothing, ..pass };
    assert_eq!(reason(world.cancel_pass(&nothing).await), not_found("PASS_NOT_FOUND"));
    world.harness.finish().await;
}
