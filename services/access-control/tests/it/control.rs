//! The adapter that a test plays when doors are operated on demand.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use access_control::Config;
use chassis::auth::{Principal, Role};
use domain::PersonId;
use domain::names::PersonName;
use proto::access::v1 as pb;
use proto::access::v1::door_control_service_server::{DoorControlService, DoorControlServiceServer};
use proto::access::v1::door_provider_service_server::{DoorProviderService, DoorProviderServiceServer};
use proto::access::v1::door_service_client::DoorServiceClient;
use proto::workspace::v1 as told;
use testkit::{Bearer, Harness};
use tokio::sync::RwLock;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::world::World;

/// What everybody's phone signs in with.
pub(crate) const SECRET: &str = "l0g1n-secret";

/// What lets everybody in.
pub(crate) const PIN: &str = "287401";

pub(crate) type Doors = DoorServiceClient<InterceptedService<Channel, Bearer>>;

/// Doors `door-1` to `door-4`, of which the first two are in the place `north`, and behind the group `group-1`.
#[derive(Default)]
pub(crate) struct Played {
    /// What was told to which spot, and by whose account.
    pub told: Mutex<Vec<(pb::DoorAction, String, String)>>,
    /// For how long doors were to open for a moment.
    pub pulses: Mutex<Vec<Option<pbjson_types::Duration>>>,
    /// What becomes of the next operations instead.
    pub failures: Mutex<Vec<pb::AccessFailure>>,
    /// Doors whose hardware can't be reached.
    pub offline: Mutex<Vec<&'static str>>,
    /// What is answered instead of doors.
    pub refusal: Mutex<Option<pb::AccessReason>>,
    /// How often doors were listed.
    pub listings: AtomicUsize,
    /// For whom logins were made, and for which phones.
    pub logins: Mutex<Vec<(String, String)>>,
    /// What was told of which card, and of whom.
    pub cards: Mutex<Vec<(pb::CardWish, String, String)>>,
    /// No link or PIN is there any more.
    pub has_no_secrets: AtomicBool,
    /// What became of operations.
    pub fate: Mutex<pb::OperationFate>,
    /// Whoever writes holds answers back.
    pub gate: RwLock<()>,
    /// The doors that are held open, and until when.
    pub held: Mutex<BTreeMap<String, Option<pbjson_types::Timestamp>>>,
}

impl Played {
    /// What was told so far, and to what.
    pub(crate) fn told(&self) -> Vec<(pb::DoorAction, String)> {
        let told = self.told.lock().unwrap();
        told.iter().map(|(action, spot, _)| (*action, spot.clone())).collect()
    }

    /// The next operation fails so.
    pub(crate) fn fail(&self, code: pb::AccessReason, outcome_unknown: bool) {
        let reason = "what the provider said".to_owned();
        let failure = pb::AccessFailure { reason, outcome_unknown, code: code.into(), ..Default::default() };
        self.failures.lock().unwrap().push(failure);
    }
}

/// The last one can't be held open.
fn door(name: &str, place: &str, is_held: bool) -> pb::ProviderDoor {
    let seconds = |seconds| Some(pbjson_types::Duration { seconds, nanos: 0 });
    pb::ProviderDoor {
        r#ref: name.into(),
        display_name: format!("The {name}"),
        place_ref: place.into(),
        abilities: Some(pb::DoorAbilities {
            pulse: Some(pb::PulseAbility { duration_min: seconds(1), duration_max: seconds(30) }),
            hold_max: if name == "door-4" { None } else { seconds(3_600) },
            can_lock: true,
            can_lock_down: true,
        }),
        state: Some(pb::DoorState { is_locked: Some(!is_held), ..Default::default() }),
    }
}

struct Adapter(Arc<Played>);

#[tonic::async_trait]
impl DoorControlService for Adapter {
    async fn list_provider_doors(
        &self,
        _: Request<pb::ListProviderDoorsRequest>,
    ) -> Result<Response<pb::ListProviderDoorsResponse>, Status> {
        self.0.listings.fetch_add(1, Ordering::SeqCst);
        if let Some(code) = *self.0.refusal.lock().unwrap() {
            let reason = "what the provider said".to_owned();
            let failed = Some(pb::AccessFailure { reason, code: code.into(), ..Default::default() });
            return Ok(Response::new(pb::ListProviderDoorsResponse { doors: Vec::new(), failed }));
        }
        let held = self.0.held.lock().unwrap().clone();
        let door = |name, place| door(name, place, held.contains_key(name));
        let mut doors = vec![
            door("door-1", "north"),
            door("door-2", "north"),
            door("door-3", "south"),
            door("door-4", ""),
        ];
        for offline in self.0.offline.lock().unwrap().iter() {
            let door = doors.iter_mut().find(|door| door.r#ref == *offline).unwrap();
            door.state.as_mut().unwrap().is_online = Some(false);
        }
        Ok(Response::new(pb::ListProviderDoorsResponse { doors, failed: None }))
    }

    async fn list_group_doors(
        &self,
        request: Request<pb::ListGroupDoorsRequest>,
    ) -> Result<Response<pb::ListGroupDoorsResponse>, Status> {
        let groups = HashMap::from([("group-1", vec!["door-1", "door-2"]), ("group-3", vec!["door-3"])]);
        let doors = groups.get(request.into_inner().group_ref.as_str()).cloned().unwrap_or_default();
        let door_refs = doors.into_iter().map(str::to_owned).collect();
        Ok(Response::new(pb::ListGroupDoorsResponse { door_refs, failed: None }))
    }

    async fn read_provider_door(
        &self,
        _: Request<pb::ReadProviderDoorRequest>,
    ) -> Result<Response<pb::ReadProviderDoorResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn operate_provider_door(
        &self,
        request: Request<pb::OperateProviderDoorRequest>,
    ) -> Result<Response<pb::OperateProviderDoorResponse>, Status> {
        use pb::operate_provider_door_response::Outcome;
        use pb::provider_operation::Where;
        let message = request.into_inner();
        let operation = message.operation.unwrap();
        let (Some(Where::DoorRef(spot)) | Some(Where::PlaceRef(spot))) = operation.r#where.clone() else {
            return Err(Status::invalid_argument("where"));
        };
        let told = (operation.action(), spot.clone(), message.account.unwrap().integration);
        self.0.told.lock().unwrap().push(told);
        if operation.action() == pb::DoorAction::Pulse {
            self.0.pulses.lock().unwrap().push(operation.pulse_duration);
        }
        let _open = self.0.gate.read().await;
        let failure = {
            let mut failures = self.0.failures.lock().unwrap();
            if failures.is_empty() { None } else { Some(failures.remove(0)) }
        };
        if failure.as_ref().is_none_or(|failure| failure.outcome_unknown) {
            let mut held = self.0.held.lock().unwrap();
            match operation.action() {
                pb::DoorAction::HoldOpen => drop(held.insert(spot, operation.hold_until_time)),
                pb::DoorAction::Lock => drop(held.remove(&spot)),
                _ => {}
            }
        }
        let operated = pb::ProviderOperated { held_until_time: operation.hold_until_time };
        let outcome = failure.map_or(Outcome::Operated(operated), Outcome::Failed);
        Ok(Response::new(pb::OperateProviderDoorResponse { outcome: Some(outcome) }))
    }

    async fn create_provider_login(
        &self,
        request: Request<pb::CreateProviderLoginRequest>,
    ) -> Result<Response<pb::CreateProviderLoginResponse>, Status> {
        use pb::create_provider_login_response::Outcome;
        let message = request.into_inner();
        self.0.logins.lock().unwrap().push((message.person, message.device_name));
        let failure = self.0.failures.lock().unwrap().pop();
        let login = pb::MobileLogin { r#ref: "77".into(), secret: SECRET.into(), ..Default::default() };
        let outcome = failure.map_or(Outcome::MobileLogin(login), Outcome::Failed);
        Ok(Response::new(pb::CreateProviderLoginResponse { outcome: Some(outcome) }))
    }

    /// Whatever number is looked for, there is a card of it.
    async fn find_provider_card(
        &self,
        request: Request<pb::FindProviderCardRequest>,
    ) -> Result<Response<pb::FindProviderCardResponse>, Status> {
        use pb::find_provider_card_request::Card;
        use pb::find_provider_card_response::Outcome;
        let number = match request.into_inner().card.unwrap() {
            Card::Number(number) => number,
            Card::ReaderRef(reader) => format!("shown-to-{reader}"),
        };
        let failure = self.0.failures.lock().unwrap().pop();
        let last_digits = number[number.len() - 4..].to_owned();
        let card = pb::ProviderCard { r#ref: format!("card-{last_digits}"), last_digits };
        let outcome = failure.map_or(Outcome::Card(card), Outcome::Failed);
        Ok(Response::new(pb::FindProviderCardResponse { outcome: Some(outcome) }))
    }

    async fn set_provider_card(
        &self,
        request: Request<pb::SetProviderCardRequest>,
    ) -> Result<Response<pb::SetProviderCardResponse>, Status> {
        let message = request.into_inner();
        let (wish, person) = (message.wish(), message.person.unwrap().name);
        self.0.cards.lock().unwrap().push((wish, message.card_ref, person));
        let _open = self.0.gate.read().await;
        let failed = self.0.failures.lock().unwrap().pop();
        Ok(Response::new(pb::SetProviderCardResponse { failed }))
    }

    async fn find_provider_operation(
        &self,
        _: Request<pb::FindProviderOperationRequest>,
    ) -> Result<Response<pb::FindProviderOperationResponse>, Status> {
        let fate = (*self.0.fate.lock().unwrap()).into();
        Ok(Response::new(pb::FindProviderOperationResponse { fate, failed: None }))
    }
}

#[tonic::async_trait]
impl DoorProviderService for Adapter {
    /// There is a PIN for whatever it is asked for.
    async fn reveal_door_secret(
        &self,
        _: Request<pb::RevealDoorSecretRequest>,
    ) -> Result<Response<pb::RevealDoorSecretResponse>, Status> {
        let has_none = self.0.has_no_secrets.load(Ordering::SeqCst);
        let secret = (!has_none).then(|| pb::reveal_door_secret_response::Secret::Pin(PIN.into()));
        let secret = secret.ok_or_else(|| Status::not_found("withdrawn"))?;
        Ok(Response::new(pb::RevealDoorSecretResponse { secret: Some(secret) }))
    }

    async fn list_door_targets(
        &self,
        _: Request<pb::ListDoorTargetsRequest>,
    ) -> Result<Response<pb::ListDoorTargetsResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn list_places(
        &self,
        _: Request<pb::ListPlacesRequest>,
    ) -> Result<Response<pb::ListPlacesResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}

impl World {
    /// One whose provider's doors can be operated.
    pub(crate) async fn with_doors() -> (Self, Arc<Played>) {
        let mut harness = Harness::new().await;
        let played = Arc::new(Played::default());
        let service = chassis::Service::new("kisi-adapter", &harness.basic_deps("kisi-adapter").await)
            .grpc(DoorProviderServiceServer::new(Adapter(played.clone())))
            .grpc(DoorControlServiceServer::new(Adapter(played.clone())));
        let address = harness.run(service);
        let config = Config { adapters: BTreeMap::from([("kisi".to_owned(), address)]), ..Config::default() };
        (Self::of(harness, config).await, played)
    }

    /// What the person asks by.
    pub(crate) fn doors_as(&self, principal: &Principal) -> Doors {
        DoorServiceClient::new(self.harness.channel_with(&self.address, principal))
    }

    /// The person, in this role.
    pub(crate) fn principal(&self, person: &told::Person, role: Role) -> Principal {
        let PersonName { id, .. } = person.name.parse().unwrap();
        Principal::person(id.to_string(), self.workspace, role)
    }

    /// An admin whom nobody told of.
    pub(crate) fn admin(&self) -> Doors {
        self.doors_as(&Principal::person(PersonId::new().to_string(), self.workspace, Role::Admin))
    }

    pub(crate) fn door(&self, door: &str) -> pb::DoorAddress {
        pb::DoorAddress {
            location: self.location.clone(),
            provider: "kisi".into(),
            target: Some(pb::DoorTarget {
                kind: pb::DoorTargetKind::Lock.into(),
                r#ref: door.into(),
                display_name: String::new(),
            }),
        }
    }

    pub(crate) fn open(&self, door: &str) -> pb::OpenDoorRequest {
        let (parent, door) = (self.name.clone(), Some(self.door(door)));
        pb::OpenDoorRequest { parent, door, ..Default::default() }
    }

    /// All doors, as an admin sees them.
    pub(crate) async fn doors(&self) -> Vec<pb::Door> {
        self.seen_by(&mut self.admin()).await
    }

    pub(crate) async fn seen_by(&self, doors: &mut Doors) -> Vec<pb::Door> {
        let request = pb::ListDoorsRequest { parent: self.name.clone(), location: String::new() };
        doors.list_doors(request).await.unwrap().into_inner().doors
    }

    pub(crate) async fn lock_down(&self, location: &str) -> pb::Lockdown {
        let request = pb::LockDownDoorsRequest { parent: self.name.clone(), location: location.into() };
        self.admin().lock_down_doors(request).await.unwrap().into_inner().lockdown.unwrap()
    }

    pub(crate) async fn lift(&self, lockdown: &pb::Lockdown) -> pb::Lockdown {
        let request = pb::LiftLockdownRequest { name: lockdown.name.clone() };
        self.admin().lift_lockdown(request).await.unwrap().into_inner().lockdown.unwrap()
    }
}

/// What came of opening a door.
pub(crate) async fn opened(
    doors: &mut Doors,
    request: pb::OpenDoorRequest,
) -> (pb::DoorOperationState, pb::AccessReason) {
    let operation = doors.open_door(request).await.unwrap().into_inner().operation.unwrap();
    (operation.state(), operation.reason())
}
