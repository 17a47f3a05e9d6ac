//! The audit log: what is recorded, that it stays, and who reads it.

use std::time::Duration;

use chassis::auth::{Principal, Role};
use domain::names::{AuditEntryName, LocationName, PersonName, WorkspaceName};
use domain::{AuditEntryId, EventId, PersonId, Timestamp, WorkspaceId};
use futures::TryStreamExt as _;
use proto::audit::v1 as pb;
use proto::audit::v1::audit_service_client::AuditServiceClient;
use proto::auth::v1::Role as ProtoRole;
use proto::workspace::v1 as told;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use sqlx::PgPool;
use testkit::{Bearer, CALLER_ADDRESS, audit_line, eventually};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use workspace::DEFINITION;

use crate::world::World;

const LIMIT: Duration = Duration::from_secs(20);

type AuditClient = AuditServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    fn audit(&self) -> AuditClient {
        AuditServiceClient::new(self.harness.channel_as(&self.address, Role::Admin, self.workspace))
    }

    /// Waits until all that was recorded is in the log.
    pub(crate) async fn logged(&self) {
        self.harness.books().balance(0, LIMIT).await;
    }

    /// The log as its service gives it, newest first.
    pub(crate) async fn log(&self) -> Vec<pb::AuditEntry> {
        self.entries(pb::ListAuditEntriesRequest { page_size: 500, ..self.all() })
            .await
            .unwrap()
            .audit_entries
    }

    fn all(&self) -> pb::ListAuditEntriesRequest {
        pb::ListAuditEntriesRequest { parent: self.name.clone(), ..Default::default() }
    }

    async fn entries(
        &self,
        request: pb::ListAuditEntriesRequest,
    ) -> Result<pb::ListAuditEntriesResponse, Status> {
        Ok(self.audit().list_audit_entries(request).await?.into_inner())
    }

    async fn export(&self, request: pb::ExportAuditEntriesRequest) -> Result<Vec<pb::AuditEntry>, Status> {
        let answers = self.audit().export_audit_entries(request).await?.into_inner();
        answers.map_ok(|answer| answer.audit_entry.unwrap()).try_collect().await
    }

    async fn owner_of_tables(&self) -> PgPool {
        testkit::owner(self.harness.database_url(), DEFINITION.schema).await.unwrap()
    }

    /// An entry of this workspace, so many minutes after the test's start.
    fn entry(&self, minute: i64, actor: &str, subject: &str) -> pb::AuditEntry {
        let change = pb::FieldChange {
            field: "role".into(),
            kind: pb::FieldChangeKind::Set.into(),
            before: String::new(),
            after: "admin".into(),
        };
        pb::AuditEntry {
            name: AuditEntryName { workspace: self.workspace, id: AuditEntryId::new() }.to_string(),
            time: Some(chassis::input::timestamp(self.minute(minute))),
            actor: Some(pb::Actor { name: actor.into(), ..Default::default() }),
            action: "latchkey.test.v1.Test/Test".into(),
            subject: subject.into(),
            changes: vec![change],
        }
    }

    /// A time long before the first entry of the world itself.
    fn minute(&self, minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_700_000_000 + minute * 60, 0).unwrap()
    }

    /// Publishes what another service recorded, as a message of its own each time.
    async fn publish(&self, body: &pb::ChangeRecorded, event: EventId) {
        let bus = self.harness.bus().await;
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("ce-id", event.to_string().as_str());
        let subject = bus.root().subject(&format!("event.audit.change_recorded.{}", self.workspace));
        let payload = serde_json::to_vec(body).unwrap();
        let sent = bus.jetstream().publish_with_headers(subject, headers, payload.into()).await.unwrap();
        sent.await.unwrap();
    }

    async fn publish_entry(&self, entry: &pb::AuditEntry) {
        self.publish(&pb::ChangeRecorded { audit_entry: Some(entry.clone()) }, EventId::new()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_leaves_one_entry_with_who_what_and_from_where() {
    let mut world = World::new().await;
    let (name, person, location) = (world.name.clone(), world.person.clone(), world.location.clone());
    let mut operator = PersonServiceClient::new(world.harness.channel(&world.address, "latchkey"));
    let owner = told::Person {
        display_name: "Olga".into(),
        email: "olga@example.org".into(),
        role: ProtoRole::Owner.into(),
        ..Default::default()
    };
    let owner = told::CreatePersonRequest { parent: name.clone(), person: Some(owner), ..Default::default() };
    let owner = operator.create_person(owner).await.unwrap().into_inner().person.unwrap().name;
    let PersonName { id, workspace } = owner.parse().unwrap();
    let as_owner = Principal::person(id.to_string(), workspace, Role::Owner);
    let mut people = PersonServiceClient::new(world.harness.channel_with(&world.address, &as_owner));

    let update = |email: &str, phone: &str| told::UpdatePersonRequest {
        person: Some(told::Person {
            name: person.clone(),
            email: email.into(),
            phone: phone.into(),
            ..Default::default()
        }),
        update_mask: Some(pbjson_types::FieldMask { paths: vec!["email".into(), "phone".into()] }),
        request_id: String::new(),
    };
    // The second changes nothing.
    for _ in 0..2 {
        people.update_person(update("countess@example.org", "")).await.unwrap();
    }
    let manager = told::ChangeRoleRequest {
        name: person.clone(),
        role: ProtoRole::Manager.into(),
        locations: vec![location.clone()],
        request_id: "once".into(),
    };
    for _ in 0..2 {
        people.change_role(manager.clone()).await.unwrap();
    }
    people.change_role(told::ChangeRoleRequest { request_id: "again".into(), ..manager }).await.unwrap();
    for _ in 0..2 {
        let pause = told::PausePersonRequest { name: person.clone(), ..Default::default() };
        people.pause_person(pause).await.unwrap();
    }
    people
        .unpause_person(told::UnpausePersonRequest { name: person.clone(), ..Default::default() })
        .await
        .unwrap();
    let transfer = told::TransferOwnershipRequest { name: person.clone(), ..Default::default() };
    people.transfer_ownership(transfer).await.unwrap();
    people
        .remove_person(told::RemovePersonRequest { name: owner.clone(), ..Default::default() })
        .await
        .unwrap();
    let pause_owner = told::PausePersonRequest { name: person.clone(), ..Default::default() };
    assert!(people.pause_person(pause_owner).await.is_err(), "what is refused leaves nothing");
    world.create(world.booking(9, 10)).await.unwrap();
    world.logged().await;

    let mut entries = world.log().await;
    entries.reverse();
    let told: Vec<_> = entries.iter().map(|entry| (entry.subject.as_str(), audit_line(entry))).collect();
    let expected: [(&str, &str); 12] = [
        (&name, "CreateWorkspace: display_name SET Demo"),
        (&location, "CreateLocation: display_name SET Main; time_zone SET Europe/Vienna; country SET AT"),
        (&world.resource, &format!("CreateResource: location SET {location}; display_name SET Room 4")),
        (
            &person,
            "CreatePerson: role SET member; status SET active; display_name SET; email SET; phone SET; \
             country SET",
        ),
        (&owner, "CreatePerson: role SET owner; status SET active; display_name SET; email SET"),
        (&person, "UpdatePerson: email REPLACED; phone CLEARED"),
        (&person, &format!("ChangeRole: role REPLACED member -> manager; locations SET {location}")),
        (&person, "PausePerson: status REPLACED active -> paused"),
        (&person, "UnpausePerson: status REPLACED paused -> active"),
        (&owner, "TransferOwnership: role REPLACED owner -> admin"),
        (
            &person,
            &format!("TransferOwnership: role REPLACED manager -> owner; locations CLEARED {location}"),
        ),
        (&owner, "RemovePerson: status REPLACED active -> removed"),
    ];
    assert_eq!(told, expected.map(|(subject, line)| (subject, line.to_owned())));

    let by_operator = pb::Actor {
        kind: pb::ActorKind::Operator.into(),
        name: "latchkey".into(),
        role: ProtoRole::Unspecified.into(),
        address: "127.0.0.1".into(),
    };
    // A token that names no person is one of the command line.
    let by_hand = pb::Actor {
        kind: pb::ActorKind::Operator.into(),
        name: "someone".into(),
        role: ProtoRole::Admin.into(),
        address: CALLER_ADDRESS.into(),
    };
    let by_owner = pb::Actor {
        kind: pb::ActorKind::Person.into(),
        name: owner.clone(),
        role: ProtoRole::Owner.into(),
        address: CALLER_ADDRESS.into(),
    };
    let actors = [&by_operator, &by_hand, &by_hand, &by_hand, &by_operator].into_iter();
    let actors = actors.chain(std::iter::repeat_n(&by_owner, 7));
    for (entry, actor) in entries.iter().zip(actors) {
        assert_eq!(entry.actor.as_ref(), Some(actor), "{}", entry.action);
        assert_eq!(entry.name.parse::<AuditEntryName>().unwrap().workspace, workspace);
        let text = serde_json::to_string(entry).unwrap();
        for private in ["example.org", "43664", "Ada", "Olga"] {
            assert!(!text.contains(private), "{text}");
        }
    }
    assert_eq!(entries[5].action, "latchkey.workspace.v1.PersonService/UpdatePerson");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_whom_another_system_brings_is_recorded_as_what_was_heard() {
    let mut world = World::new().await;
    world.tell(&world.telling(1, "CONFIRMED")).await;
    world.tell(&world.telling(2, "CANCELLED")).await;
    world.until("cancelled", |booking| booking.state() == told::BookingState::Cancelled).await;
    world.logged().await;
    let newest = world.log().await.swap_remove(0);
    assert_eq!(newest.action, "latchkey.ingest.v1.BookingUpsert");
    let heard =
        "latchkey.ingest.v1.BookingUpsert: role SET guest; status SET active; display_name SET; email SET";
    assert_eq!(audit_line(&newest), heard);
    let actor = newest.actor.unwrap();
    assert_eq!((actor.kind(), actor.name.as_str()), (pb::ActorKind::Service, "workspace"));
    assert_eq!(world.log().await.len(), 5, "the second telling adds nobody");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_come_twice_and_in_any_order_are_in_the_log_once_and_by_their_time() {
    let world = World::new().await;
    let entries: Vec<_> = (0..5).map(|minute| world.entry(minute, "a", "s")).collect();
    for entry in entries.iter().rev().chain(&entries) {
        world.publish_entry(entry).await;
    }
    // The same message again, too.
    let body = pb::ChangeRecorded { audit_entry: Some(entries[0].clone()) };
    let event = EventId::new();
    world.publish(&body, event).await;
    world.publish(&body, event).await;
    world.logged().await;
    let request = pb::ListAuditEntriesRequest { actor: "a".into(), ..world.all() };
    let listed = world.entries(request).await.unwrap().audit_entries;
    assert!(listed.iter().eq(entries.iter().rev()), "{listed:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_entry_of_its_workspace_waits_among_the_dead_letters() {
    let world = World::new().await;
    let good = world.entry(0, "a", "s");
    let name = AuditEntryName { workspace: WorkspaceId::new(), id: AuditEntryId::new() }.to_string();
    let foreign = pb::AuditEntry { name, ..good.clone() };
    let timeless = pb::AuditEntry { time: None, ..world.entry(0, "a", "s") };
    for entry in [&foreign, &timeless, &good] {
        world.publish_entry(entry).await;
    }
    world.publish(&pb::ChangeRecorded::default(), EventId::new()).await;
    let bus = world.harness.bus().await;
    let letters = eventually("three dead letters", LIMIT, async || {
        let letters = events::dead_letter::list(&bus, 1, 10).await.map_err(|e| e.to_string())?;
        if letters.len() == 3 { Ok(letters) } else { Err(format!("{letters:?}")) }
    })
    .await;
    let mut reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            "auditEntry must be set",
            "auditEntry.name must be of the subject's workspace",
            "auditEntry.time must be set"
        ]
    );
    eventually("the good one is logged", LIMIT, async || {
        let request = pb::ListAuditEntriesRequest { actor: "a".into(), ..world.all() };
        let listed = world.entries(request).await.unwrap().audit_entries;
        if listed == [good.clone()] { Ok(()) } else { Err(format!("{listed:?}")) }
    })
    .await;
    world.harness.finish_with_dead_letters(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_go_by_page_time_actor_and_subject() {
    let world = World::new().await;
    let mut entries = Vec::new();
    for minute in 0..6 {
        // Two of the same time.
        entries.push(world.entry(
            minute / 2,
            ["a", "b"][minute as usize % 2],
            ["s", "t", "u"][minute as usize / 2],
        ));
    }
    for entry in &entries {
        world.publish_entry(entry).await;
    }
    world.logged().await;
    let time = |minute| Some(chassis::input::timestamp(world.minute(minute)));
    let old = pb::ListAuditEntriesRequest { end_time: time(60), ..world.all() };

    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListAuditEntriesRequest { page_size: 4, page_token: token, ..old.clone() };
        let page = world.entries(request).await.unwrap();
        seen.extend(page.audit_entries);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        let other = pb::ListAuditEntriesRequest { page_token: token.clone(), ..world.all() };
        assert_eq!(world.entries(other).await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert!(seen.iter().eq(entries.iter().rev()), "{seen:?}");

    let cases: [(pb::ListAuditEntriesRequest, &[usize]); 6] = [
        (pb::ListAuditEntriesRequest { start_time: time(1), end_time: time(2), ..world.all() }, &[3, 2]),
        (pb::ListAuditEntriesRequest { start_time: time(2), ..old.clone() }, &[5, 4]),
        (pb::ListAuditEntriesRequest { actor: "a".into(), ..old.clone() }, &[4, 2, 0]),
        (pb::ListAuditEntriesRequest { subject: "t".into(), ..old.clone() }, &[3, 2]),
        (pb::ListAuditEntriesRequest { actor: "b".into(), subject: "t".into(), ..old.clone() }, &[3]),
        (pb::ListAuditEntriesRequest { actor: "a%".into(), ..old }, &[]),
    ];
    for (request, expected) in cases {
        let listed = world.entries(request.clone()).await.unwrap().audit_entries;
        assert!(listed.iter().eq(expected.iter().map(|&at| &entries[at])), "{request:?}: {listed:?}");
    }
    let backwards = pb::ListAuditEntriesRequest { start_time: time(2), end_time: time(2), ..world.all() };
    assert_eq!(world.entries(backwards).await.unwrap_err().message(), "end_time must be after start_time");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_its_own_workspaces_admins() {
    let world = World::new().await;
    world.logged().await;
    let here = LocationName { workspace: world.workspace, id: domain::LocationId::new() };
    let is = |role, workspace| Principal::person(PersonId::new().to_string(), workspace, role).at([here.id]);
    for (principal, expected) in [
        (is(Role::Owner, WorkspaceId::new()), Code::NotFound),
        (is(Role::Admin, WorkspaceId::new()), Code::NotFound),
        (is(Role::Manager, world.workspace), Code::PermissionDenied),
        (is(Role::Member, world.workspace), Code::PermissionDenied),
        (is(Role::Guest, world.workspace), Code::PermissionDenied),
    ] {
        let channel = world.harness.channel_with(&world.address, &principal);
        let mut client = AuditServiceClient::new(channel);
        let listed = client.list_audit_entries(world.all()).await.map(drop);
        assert_eq!(listed.unwrap_err().code(), expected, "{principal:?}");
        let export = pb::ExportAuditEntriesRequest { parent: world.name.clone(), ..Default::default() };
        let exported = client.export_audit_entries(export).await.map(drop);
        assert_eq!(exported.unwrap_err().code(), expected, "{principal:?}");
    }
    // An empty workspace's log is empty.
    let elsewhere = WorkspaceId::new();
    let mut there = AuditServiceClient::new(world.harness.channel_as(&world.address, Role::Admin, elsewhere));
    let parent = WorkspaceName(elsewhere).to_string();
    let listed = there.list_audit_entries(pb::ListAuditEntriesRequest { parent, ..Default::default() }).await;
    assert_eq!(listed.unwrap().into_inner().audit_entries, []);
    assert_eq!(world.log().await.len(), 4);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_changes_or_removes_an_entry() {
    let mut world = World::new().await;
    let deps = world.harness.deps(&DEFINITION).await;
    let owner = world.owner_of_tables().await;
    world.logged().await;
    let before = world.log().await;
    for statement in [
        "update audit_entry set subject = 'another'",
        "update audit_entry set entry = entry where workspace_id is not null",
        "delete from audit_entry",
        "truncate audit_entry",
    ] {
        let mut service = deps.pool.begin(world.workspace).await.unwrap();
        let mut platform = deps.platform.begin().await.unwrap();
        let mut owner = owner.begin().await.unwrap();
        for (role, conn) in [("service", &mut service), ("platform", &mut platform), ("owner", &mut owner)] {
            let error = sqlx::query(statement).execute(&mut **conn).await.expect_err(role);
            let code = error.as_database_error().unwrap().code().unwrap_or_default();
            assert_eq!(code, "42501", "{statement} as {role}: {error}");
        }
    }
    assert_eq!(world.log().await, before);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_gives_all_of_it_oldest_first_and_holds_no_transaction_meanwhile() {
    let world = World::new().await;
    world.logged().await;
    let owner = world.owner_of_tables().await;
    let template = world.entry(0, "a", "s");
    // Three of each second; large, so that a connection does not hold all of them at once.
    sqlx::query(
        "insert into audit_entry (workspace_id, id, happened_at, actor, subject, entry)
         select $1, gen_random_uuid(), to_timestamp(1700000000 + n / 3), 'a', 's',
           $2 || jsonb_build_object('subject', n::text, 'action', repeat('x', 4000))
         from generate_series(0, 3499) as n",
    )
    .bind(world.workspace.uuid())
    .bind(sqlx::types::Json(&template))
    .execute(&owner)
    .await
    .unwrap();

    let all = pb::ExportAuditEntriesRequest { parent: world.name.clone(), ..Default::default() };
    let mut slow = world.audit().export_audit_entries(all.clone()).await.unwrap().into_inner();
    assert!(slow.try_next().await.unwrap().is_some());
    eventually("nobody holds a transaction", LIMIT, async || {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(&owner)
        .await
        .unwrap();
        if open == 0 { Ok(()) } else { Err(open) }
    })
    .await;
    let rest: Vec<_> = slow.try_collect().await.unwrap();
    // Those of the world itself are the newest.
    assert_eq!(rest.len(), 3_499 + 4);

    let exported = world.export(all.clone()).await.unwrap();
    let mut numbers: Vec<usize> =
        exported[..3_500].iter().map(|entry| entry.subject.parse().unwrap()).collect();
    assert!(numbers.is_sorted_by_key(|number| number / 3), "by time");
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..3_500), "each once");
    let times = |start, end| pb::ExportAuditEntriesRequest {
        start_time: Some(chassis::input::timestamp(world.minute(start))),
        end_time: Some(chassis::input::timestamp(world.minute(end))),
        ..all.clone()
    };
    let part = world.export(times(1, 11)).await.unwrap();
    let mut numbers: Vec<usize> = part.iter().map(|entry| entry.subject.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(180..1_980), "half-open");
    assert_eq!(world.export(times(11, 1)).await.unwrap_err().code(), Code::InvalidArgument);
    world.harness.finish().await;
}
