//! API keys: made by people, shown once, and judged when they are shown.

use chassis::auth::{ApiKeyText, Principal, Role};
use chassis::rpc::ServiceChannel;
use domain::names::{ApiKeyName, LocationName, WorkspaceName};
use domain::{ApiKeyId, WorkspaceId};
use proto::auth::v1::Role as ProtoRole;
use proto::workspace::v1 as pb;
use proto::workspace::v1::api_key_exchange_service_client::ApiKeyExchangeServiceClient;
use proto::workspace::v1::api_key_service_client::ApiKeyServiceClient;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use proto::workspace::v1::workspace_service_client::WorkspaceServiceClient;
use secrecy::ExposeSecret as _;
use sqlx::{AssertSqlSafe, Connection as _};
use testkit::{Bearer, audit_line};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::world::World;

type Keys = ApiKeyServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    /// As the workspace's admin.
    pub(crate) fn keys(&self) -> Keys {
        let channel = self.harness.channel_as(&self.address, Role::Admin, self.workspace);
        ApiKeyServiceClient::new(channel)
    }

    pub(crate) fn new_key(&self, role: ProtoRole) -> pb::CreateApiKeyRequest {
        let api_key =
            pb::ApiKey { display_name: "door screens".into(), role: role.into(), ..Default::default() };
        pb::CreateApiKeyRequest { parent: self.name.clone(), api_key: Some(api_key), ..Default::default() }
    }

    /// A key and its text.
    async fn key(&self, role: ProtoRole) -> (pb::ApiKey, String) {
        let made = self.keys().create_api_key(self.new_key(role)).await.unwrap().into_inner();
        (made.api_key.unwrap(), made.text)
    }

    /// What the gateway hears of a key.
    async fn exchange(&self, text: &str) -> (pb::ApiKeyVerdict, Option<pb::ApiKey>) {
        let key = ApiKeyText::read(text).unwrap();
        let request = pb::ExchangeApiKeyRequest { id: key.id().to_string(), sha256: key.hash().to_vec() };
        let channel: ServiceChannel = self.harness.channel(&self.address, "gateway");
        let answer = ApiKeyExchangeServiceClient::new(channel).exchange_api_key(request).await.unwrap();
        let answer = answer.into_inner();
        (answer.verdict(), answer.api_key)
    }

    async fn revoke_key(&self, name: &str) -> pb::ApiKey {
        let request = pb::RevokeApiKeyRequest { name: name.into(), ..Default::default() };
        self.keys().revoke_api_key(request).await.unwrap().into_inner().api_key.unwrap()
    }

    /// A machine with a key, as the gateway passes its calls on.
    fn machine(&self, key: &pb::ApiKey) -> InterceptedService<Channel, Bearer> {
        let ApiKeyName { workspace, id } = key.name.parse().unwrap();
        let locations = key.locations.iter().map(|name| name.parse::<LocationName>().unwrap().id);
        let principal = Principal::api_key(id, workspace, Role::of_contract(key.role()).unwrap())
            .at(locations)
            .only_for(key.methods.clone());
        self.harness.channel_with(&self.address, &principal)
    }

    async fn key_named(&self, name: &str) -> pb::ApiKey {
        let request = pb::GetApiKeyRequest { name: name.into() };
        self.keys().get_api_key(request).await.unwrap().into_inner().api_key.unwrap()
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn forbidden(reason: &str) -> (Code, String) {
    (Code::PermissionDenied, reason.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_shown_once_and_recognized_ever_after() {
    let world = World::new().await;
    let mut keys = world.keys();
    let request = pb::CreateApiKeyRequest { request_id: "once".into(), ..world.new_key(ProtoRole::Member) };
    let made = keys.create_api_key(request.clone()).await.unwrap().into_inner();
    let key = made.api_key.unwrap();
    assert!(made.text.starts_with(&format!("{}_", key.prefix)), "{} is no part of it", key.prefix);
    assert_eq!((key.display_name.as_str(), key.creator.as_str()), ("door screens", "someone"));
    assert_eq!(key.create_time, Some(chassis::input::timestamp(domain::Clock::now(&*world.harness.clock))));

    let again = keys.create_api_key(request).await.unwrap().into_inner();
    assert_eq!((again.api_key.as_ref(), again.text.as_str()), (Some(&key), ""));
    assert_eq!(world.key_named(&key.name).await, key);
    let (other, _) = world.key(ProtoRole::Admin).await;
    let list = |page_token: &str| pb::ListApiKeysRequest {
        parent: world.name.clone(),
        page_size: 1,
        page_token: page_token.into(),
    };
    let first = keys.list_api_keys(list("")).await.unwrap().into_inner();
    let second = keys.list_api_keys(list(&first.next_page_token)).await.unwrap().into_inner();
    assert_eq!((first.api_keys, second.api_keys), (vec![key], vec![other]));
    assert_eq!(second.next_page_token, "");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_good_until_it_is_revoked_or_expires() {
    let world = World::new().await;
    let (key, text) = world.key(ProtoRole::Member).await;
    let (verdict, exchanged) = world.exchange(&text).await;
    assert_eq!(verdict, pb::ApiKeyVerdict::Good);
    assert_eq!(exchanged.unwrap().name, key.name);

    // What is not the whole of it is nothing.
    let ApiKeyName { id, .. } = key.name.parse().unwrap();
    let guess = ApiKeyText::generate(id);
    assert_eq!(world.exchange(guess.text()).await, (pb::ApiKeyVerdict::WrongSecret, None));
    let made_up = ApiKeyText::generate(ApiKeyId::new());
    assert_eq!(world.exchange(made_up.text()).await, (pb::ApiKeyVerdict::Unknown, None));

    let revoked = world.revoke_key(&key.name).await;
    assert!(revoked.revoke_time.is_some());
    assert_eq!(world.exchange(&text).await, (pb::ApiKeyVerdict::Revoked, None));
    assert_eq!(world.exchange(guess.text()).await, (pb::ApiKeyVerdict::WrongSecret, None));
    world.harness.clock.advance(chrono::Duration::minutes(1));
    assert_eq!(world.revoke_key(&key.name).await, revoked, "it was revoked when it was");

    let mut request = world.new_key(ProtoRole::Guest);
    let end = domain::Clock::now(&*world.harness.clock) + chrono::Duration::hours(1);
    request.api_key.as_mut().unwrap().expire_time = Some(chassis::input::timestamp(end));
    let text = world.keys().create_api_key(request.clone()).await.unwrap().into_inner().text;
    assert_eq!(world.exchange(&text).await.0, pb::ApiKeyVerdict::Good);
    world.harness.clock.set(end);
    assert_eq!(world.exchange(&text).await, (pb::ApiKeyVerdict::Expired, None));
    let late = refusal(world.keys().create_api_key(request).await);
    assert_eq!(late, (Code::InvalidArgument, "INVALID_INPUT".into()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_is_written_down_once_a_minute() {
    let world = World::new().await;
    let (key, text) = world.key(ProtoRole::Member).await;
    let guess = ApiKeyText::generate(key.name.parse::<ApiKeyName>().unwrap().id);
    world.exchange(guess.text()).await;
    assert_eq!(world.key_named(&key.name).await.last_use_time, None, "a guess is no use");

    let mut seen = Vec::new();
    for _ in 0..5 {
        world.exchange(&text).await;
        seen.extend(world.key_named(&key.name).await.last_use_time.map(|time| time.seconds));
        world.harness.clock.advance(chrono::Duration::seconds(25));
    }
    // At 0, 25, 50, 75 and 100 seconds.
    let start = seen[0];
    let since: Vec<i64> = seen.iter().map(|time| time - start).collect();
    assert_eq!(since, [0, 0, 0, 75, 75]);

    world.revoke_key(&key.name).await;
    world.harness.clock.advance(chrono::Duration::hours(1));
    world.exchange(&text).await;
    assert_eq!(world.key_named(&key.name).await.last_use_time.unwrap().seconds - start, 75);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_key_shall_be_is_checked() {
    let world = World::new().await;
    let refused = async |change: &dyn Fn(&mut pb::ApiKey)| {
        let mut request = world.new_key(ProtoRole::Member);
        change(request.api_key.as_mut().unwrap());
        let status = world.keys().create_api_key(request).await.unwrap_err();
        let fields = status.get_details_bad_request().map(|details| details.field_violations);
        fields.unwrap_or_default().into_iter().map(|violation| violation.field).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(refused(&|key| key.display_name = " ".into()).await, "api_key.display_name");
    assert_eq!(refused(&|key| key.role = ProtoRole::Unspecified.into()).await, "api_key.role");
    assert_eq!(refused(&|key| key.role = ProtoRole::Owner.into()).await, "api_key.role");
    assert_eq!(refused(&|key| key.role = ProtoRole::Manager.into()).await, "api_key.locations");
    let here = world.location.clone();
    assert_eq!(refused(&|key| key.locations = vec![here.clone()]).await, "api_key.locations");
    for method in [
        "latchkey.workspace.v1.BookingService/Nothing",
        "latchkey.workspace.v1.SessionService/*",
        "latchkey.integrations.v1.CredentialService/ResolveCredential",
        "*",
        "",
    ] {
        assert_eq!(refused(&|key| key.methods = vec![method.into()]).await, "api_key.methods", "{method}");
    }
    let many = vec!["latchkey.workspace.v1.BookingService/*".to_owned(); 21];
    assert_eq!(refused(&|key| key.methods = many.clone()).await, "api_key.methods");
    let unknown = format!("{}/locations/{}", world.name, domain::LocationId::new());
    let mut request = world.new_key(ProtoRole::Manager);
    request.api_key.as_mut().unwrap().locations = vec![unknown];
    assert_eq!(
        refusal(world.keys().create_api_key(request).await),
        (Code::NotFound, "LOCATION_NOT_FOUND".into())
    );
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_reaches_what_its_role_and_methods_and_locations_allow() {
    let mut world = World::new().await;
    let here = world.location.clone();
    let there = world.create_location().await;
    let room_there = world.create_resource(&there).await;
    let booked_here = world.create(world.booking(9, 10)).await.unwrap().name;
    let booked_there = pb::Booking { resource: room_there, ..world.booking(9, 10) };
    let booked_there = world.create(booked_there).await.unwrap().name;
    let mut request = world.new_key(ProtoRole::Manager);
    let key = request.api_key.as_mut().unwrap();
    key.locations = vec![here];
    key.methods = vec![
        "latchkey.workspace.v1.BookingService/GetBooking".into(),
        "latchkey.workspace.v1.WorkspaceService/*".into(),
    ];
    let manager = world.keys().create_api_key(request).await.unwrap().into_inner().api_key.unwrap();
    let mut bookings = BookingServiceClient::new(world.machine(&manager));
    let get = |name: &str| pb::GetBookingRequest { name: name.into() };
    assert!(bookings.get_booking(get(&booked_here)).await.is_ok());
    let elsewhere = bookings.get_booking(get(&booked_there)).await;
    assert_eq!(refusal(elsewhere), (Code::NotFound, "BOOKING_NOT_FOUND".into()));
    let confirm = pb::ConfirmBookingRequest { name: booked_here.clone(), ..Default::default() };
    assert_eq!(refusal(bookings.confirm_booking(confirm).await), forbidden("METHOD_NOT_ALLOWED"));

    // A member's key reads what is for all members, and is nobody.
    let (member, _) = world.key(ProtoRole::Member).await;
    let list = pb::ListResourcesRequest { parent: world.name.clone(), ..Default::default() };
    let mut places = WorkspaceServiceClient::new(world.machine(&member));
    assert_eq!(places.list_resources(list).await.unwrap().into_inner().resources.len(), 2);
    let mut bookings = BookingServiceClient::new(world.machine(&member));
    let elsewhere = bookings.get_booking(get(&booked_here)).await;
    assert_eq!(refusal(elsewhere), (Code::NotFound, "BOOKING_NOT_FOUND".into()));
    let create = pb::CreateBookingRequest {
        parent: world.name.clone(),
        booking: Some(world.booking(15, 16)),
        ..Default::default()
    };
    let for_someone = bookings.create_booking(create).await;
    assert_eq!(refusal(for_someone), (Code::NotFound, "PERSON_NOT_FOUND".into()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_makes_no_keys_and_appoints_nobody() {
    let world = World::new().await;
    let (admin, _) = world.key(ProtoRole::Admin).await;
    let machine = world.machine(&admin);
    let mut keys = ApiKeyServiceClient::new(machine.clone());
    assert_eq!(
        refusal(keys.create_api_key(world.new_key(ProtoRole::Guest)).await),
        forbidden("NOT_FOR_API_KEYS")
    );
    let revoke = pb::RevokeApiKeyRequest { name: admin.name.clone(), ..Default::default() };
    assert_eq!(refusal(keys.revoke_api_key(revoke).await), forbidden("NOT_FOR_API_KEYS"));
    let mut people = PersonServiceClient::new(machine);
    let promote = pb::ChangeRoleRequest {
        name: world.person.clone(),
        role: ProtoRole::Admin.into(),
        ..Default::default()
    };
    assert_eq!(refusal(people.change_role(promote).await), forbidden("NOT_FOR_API_KEYS"));
    let transfer = pb::TransferOwnershipRequest { name: world.person.clone(), ..Default::default() };
    assert_eq!(refusal(people.transfer_ownership(transfer).await), forbidden("ROLE_TOO_LOW"));
    let add = |role: ProtoRole| pb::CreatePersonRequest {
        parent: world.name.clone(),
        person: Some(pb::Person {
            display_name: "New".into(),
            email: format!("{role:?}@example.org"),
            role: role.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(refusal(people.create_person(add(ProtoRole::Admin)).await), forbidden("ROLE_TOO_LOW"));
    assert!(people.create_person(add(ProtoRole::Member)).await.is_ok());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_for_the_admins_of_their_own_workspace() {
    let world = World::new().await;
    let (key, _) = world.key(ProtoRole::Member).await;
    let not_found = (Code::NotFound, "WORKSPACE_NOT_FOUND".to_owned());
    let as_role =
        |role, workspace| ApiKeyServiceClient::new(world.harness.channel_as(&world.address, role, workspace));
    let mut strangers = as_role(Role::Owner, WorkspaceId::new());
    let get = pb::GetApiKeyRequest { name: key.name.clone() };
    let list = pb::ListApiKeysRequest { parent: world.name.clone(), ..Default::default() };
    let revoke = pb::RevokeApiKeyRequest { name: key.name.clone(), ..Default::default() };
    assert_eq!(refusal(strangers.get_api_key(get.clone()).await), not_found);
    assert_eq!(refusal(strangers.list_api_keys(list.clone()).await), not_found);
    assert_eq!(refusal(strangers.revoke_api_key(revoke.clone()).await), not_found);
    assert_eq!(refusal(strangers.create_api_key(world.new_key(ProtoRole::Guest)).await), not_found);
    let mut managers = as_role(Role::Manager, world.workspace);
    assert_eq!(refusal(managers.get_api_key(get).await), forbidden("ROLE_TOO_LOW"));
    assert_eq!(refusal(managers.list_api_keys(list).await), forbidden("ROLE_TOO_LOW"));
    assert_eq!(refusal(managers.revoke_api_key(revoke).await), forbidden("ROLE_TOO_LOW"));
    let WorkspaceName(workspace) = world.name.parse().unwrap();
    let nowhere = pb::GetApiKeyRequest { name: ApiKeyName { workspace, id: ApiKeyId::new() }.to_string() };
    let missing = refusal(world.keys().get_api_key(nowhere).await);
    assert_eq!(missing, (Code::NotFound, "API_KEY_NOT_FOUND".into()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_stands_in_no_row() {
    let world = World::new().await;
    let request = pb::CreateApiKeyRequest { request_id: "secret".into(), ..world.new_key(ProtoRole::Admin) };
    let made = world.keys().create_api_key(request).await.unwrap().into_inner();
    world.exchange(&made.text).await;
    world.revoke_key(&made.api_key.as_ref().unwrap().name).await;
    let secret = made.text.rsplit('_').next().unwrap();
    let hash = ApiKeyText::read(&made.text).unwrap().hash();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();

    let mut owner = sqlx::PgConnection::connect(world.harness.database_url().expose_secret()).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'workspace'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let (mut with_secret, mut with_hash) = (Vec::new(), Vec::new());
    for table in tables {
        // Bytes are shown as digits: what stands in a stored answer is found as such, too.
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("select t::text from {table} t")))
            .fetch_all(&mut owner)
            .await
            .unwrap();
        let as_bytes: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let has = |needle: &str| rows.iter().any(|row| row.contains(needle));
        if has(secret) || has(&as_bytes) {
            with_secret.push(table.clone());
        }
        if has(&hash) {
            with_hash.push(table);
        }
    }
    assert_eq!(with_secret, [""; 0]);
    assert_eq!(with_hash, ["workspace.api_key"], "the search finds nothing at all");
    assert!(!format!("{made:?}").contains(secret), "a log would show it");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn making_and_revoking_a_key_is_in_the_audit_log() {
    let world = World::new().await;
    let mut request = world.new_key(ProtoRole::Manager);
    let location = world.location.clone();
    let key = request.api_key.as_mut().unwrap();
    key.locations = vec![location.clone()];
    key.methods = vec!["latchkey.workspace.v1.BookingService/*".into()];
    let end = domain::Clock::now(&*world.harness.clock) + chrono::Duration::hours(1);
    key.expire_time = Some(chassis::input::timestamp(end));
    request.request_id = "once".into();
    let made = world.keys().create_api_key(request.clone()).await.unwrap().into_inner();
    world.keys().create_api_key(request).await.unwrap();
    let name = made.api_key.unwrap().name;
    world.exchange(&made.text).await;
    for _ in 0..2 {
        world.revoke_key(&name).await;
    }
    world.logged().await;
    let entries = world.log().await;
    let told: Vec<String> =
        entries.iter().rev().filter(|entry| entry.subject == name).map(audit_line).collect();
    let expected = [
        format!(
            "CreateApiKey: display_name SET door screens; role SET manager; locations SET {location}; \
             methods SET latchkey.workspace.v1.BookingService/*; expire_time SET 2026-12-01T09:00:00Z; text SET"
        ),
        "RevokeApiKey: revoke_time SET 2026-12-01T08:00:00Z".into(),
    ];
    assert_eq!(told, expected);
    world.harness.finish().await;
}
