//! Relay boards as a door provider. They know nobody, so who may open which relay stands in the ledger alone.

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::{BoardKind, BoardList, Clock, ListedBoard, RelayName, Window};
use door_adapter::{
    AccessRequest, Account, AccountInfo, Applied, ApplyError, Capabilities, DoorEvent, DoorProvider,
    DoorSecret, ErrorKind, Finding, Listed, Origin, Place, Problem, ProblemKind, ProviderError, Right,
    Target, TargetKind, UserApplied, UserRequest, UserState, UserWish,
};
use futures::future::join_all;
use futures::{Stream, stream};
use sealing::Keys;
use sqlx::PgConnection;

use crate::boards::{BOARDS, Boards, KEYS};
use crate::driver::{Description, Relay};
use crate::holds::Holds;
use crate::lasting::Lasting;
use crate::ledger::{Change, Ledger, RelayRight, Spot};
use crate::offline::{Pin, PinOwner};

/// Relay boards, for all accounts of a process.
pub struct RelayProvider {
    pub(crate) boards: Boards,
    pub(crate) ledger: Ledger,
    pub(crate) holds: Holds,
    pub(crate) clock: Arc<dyn Clock>,
    /// What PINs are sealed with.
    pub(crate) keys: Keys,
}

impl RelayProvider {
    /// Boards with a ledger in this service's schema. What is held open is so by `lasting`.
    pub fn new(
        boards: Boards,
        pool: WorkspacePool,
        clock: Arc<dyn Clock>,
        lasting: Lasting,
        keys: Keys,
    ) -> Self {
        let ledger = Ledger::new(pool);
        let holds = Holds { ledger: ledger.clone(), clock: clock.clone(), lasting };
        Self { boards, ledger, holds, clock, keys }
    }

    /// The boards of an account, with what each says of itself. All are asked at once.
    pub(crate) async fn look(
        &self,
        account: &Account,
    ) -> Result<Vec<(ListedBoard, Result<Description, ProviderError>)>, ProviderError> {
        let boards = Boards::list(account)?;
        let looks = boards.iter().map(|listed| async move {
            let described = match self.boards.open(account, listed) {
                Ok(board) => board.describe().await,
                Err(error) => Err(error),
            };
            (listed.clone(), described)
        });
        Ok(join_all(looks).await)
    }

    /// A person's PIN at an account's controllers; and sealed, if it was made just now.
    async fn pin(&self, owner: PinOwner) -> Result<(Pin, Option<Vec<u8>>), ApplyError> {
        if let Some(sealed) = self.ledger.pin(owner).await? {
            match Pin::open(&self.keys, owner, &sealed) {
                Ok(pin) => return Ok((pin, None)),
                Err(error) => tracing::error!(
                    person.id = %owner.person, %error, "a PIN can't be opened; another is made in its place"
                ),
            }
        }
        let made = tokio::task::spawn_blocking(move || Pin::make(owner)).await;
        let pin = made.map_err(|_| ProviderError::new(ErrorKind::Unreachable, "no PIN could be made"))?;
        let sealed = pin.seal(&self.keys, owner);
        Ok((pin, Some(sealed)))
    }

    async fn check_boards(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        let mut boards = self.look(account).await?;
        let refused = |error: &ProviderError| error.kind == ErrorKind::Unauthorized;
        let is_of_value = boards.iter().position(|(_, described)| described.as_ref().is_err_and(refused));
        // A board that can't be reached just now is no fault of the values, unless none can.
        let is_none = boards.iter().all(|(_, described)| described.is_err());
        if let Some(index) = is_of_value.or(is_none.then_some(0))
            && let Err(error) = boards.swap_remove(index).1
        {
            return Err(error);
        }
        let (mut there, mut missing, mut relays) = (Vec::new(), Vec::new(), Vec::new());
        for (listed, described) in &boards {
            match described {
                Ok(_) => there.push(listed.name.to_string()),
                Err(_) => missing.push(listed.name.to_string()),
            }
            relays.extend(relays_of(listed).map(|(_, name)| name));
        }
        let finding = |kind, names: Vec<String>| Finding { kind, count: names.len(), names };
        let mut findings = vec![finding("board", there), finding("relay", relays)];
        if !missing.is_empty() {
            findings.push(finding("board out of reach", missing));
        }
        let display_name = format!("{} relay boards", boards.len());
        Ok(AccountInfo { account_ref: String::new(), display_name, findings, certificate: None })
    }
}

/// The relays of a board, with what they are called.
pub(crate) fn relays_of(listed: &ListedBoard) -> impl Iterator<Item = (RelayName, String)> {
    (1..=listed.relays).filter_map(Relay::new).map(|relay| {
        let name =
            if listed.relays == 1 { listed.name.to_string() } else { format!("{} {relay}", listed.name) };
        (RelayName { board: listed.name.clone(), relay }, name)
    })
}

/// The relay of that reference, if its board is listed with it.
pub(crate) fn find<'a>(
    boards: &'a BoardList,
    door_ref: &str,
) -> Result<(&'a ListedBoard, RelayName), ProviderError> {
    let door: Option<RelayName> = door_ref.parse().ok();
    let found = door.and_then(|door| {
        let listed = boards.find(&door.board)?;
        (door.relay.get() <= listed.relays).then_some((listed, door))
    });
    found.ok_or_else(|| {
        let reason = format!("{door_ref:?} is no relay of a board that is listed: choose the door again");
        ProviderError::new(ErrorKind::NotFound, reason)
    })
}

/// What a right is called.
fn right_ref(door: &RelayName, person: domain::PersonId) -> String {
    format!("{door}/{person}")
}

impl DoorProvider for RelayProvider {
    const NAME: &'static str = "relay";
    const DISPLAY_NAME: &'static str = "the relay boards";

    type Change = Change;

    fn capabilities(&self) -> Capabilities {
        Capabilities { has_groups: false, has_locks: true, has_users: false, has_log: true }
    }

    async fn check(&self, account: &Account) -> Result<AccountInfo, Problem> {
        self.check_boards(account).await.map_err(|error| {
            let problem = Problem::of(&error, KEYS);
            // It is the list that says where boards are, and what they show.
            let credential = match problem.kind {
                ProblemKind::AddressRefused | ProblemKind::CertificateChanged => Some(BOARDS),
                _ => problem.credential,
            };
            Problem { credential, ..problem }
        })
    }

    async fn list_places(&self, _account: &Account) -> Result<Vec<Place>, ProviderError> {
        Ok(Vec::new())
    }

    async fn list_targets(&self, account: &Account) -> Result<Vec<Listed>, ProviderError> {
        let mut all = Vec::new();
        for (listed, described) in self.look(account).await? {
            for (door, display_name) in relays_of(&listed) {
                let state = described.as_ref().map(|it| it.relays.get(usize::from(door.relay.get() - 1)));
                let warning = match state {
                    Ok(Some(state)) => state.timing.as_ref().err().map(ToString::to_string),
                    Ok(None) => Some(format!("its board has no relay {}", door.relay)),
                    Err(error) => Some(error.to_string()),
                };
                let kind = TargetKind::Lock;
                let target = Target { kind, provider_ref: door.to_string(), display_name };
                all.push(Listed { target, warnings: warning.into_iter().collect() });
            }
        }
        Ok(Listed::in_order(all))
    }

    async fn apply(
        &self,
        account: &Account,
        request: &AccessRequest,
        changes: &mut Vec<Change>,
    ) -> Result<Applied, ApplyError> {
        let now = self.clock.now();
        let person = request.person.id;
        let window = request.window.filter(|window| window.end() > now);
        let found = Boards::list(account).and_then(|boards| {
            let (listed, door) = find(&boards, &request.target.provider_ref)?;
            Ok((door, matches!(listed.kind, BoardKind::Controller { .. })))
        });
        let (door, takes_pins) = match (found, window) {
            (Ok(found), _) => found,
            (Err(error), Some(_)) => return Err(error.into()),
            // What is not there any more opens for nobody.
            (Err(_), None) => match request.target.provider_ref.parse() {
                Ok(door) => (door, false),
                Err(_) => {
                    return Ok(Applied { window: None, provider_ref: None, secret: None, was_asked: false });
                }
            },
        };
        let provider_ref = window.map(|_| right_ref(&door, person));
        let (secret, pin) = if takes_pins && window.is_some() {
            let (pin, sealed) = self.pin(PinOwner { account: account.integration, person }).await?;
            (Some(DoorSecret::Pin(pin.digits().clone())), sealed)
        } else {
            (None, None)
        };
        let spot = Spot { account: account.integration, door };
        changes.push(Change { spot, person, window, pin });
        Ok(Applied { window, provider_ref, secret, was_asked: false })
    }

    async fn set_user(&self, account: &Account, request: &UserRequest) -> Result<UserApplied, ApplyError> {
        let state = match request.wish {
            UserWish::InUse => UserState::InUse,
            UserWish::Suspended | UserWish::Deleted => {
                match self.ledger.has_rights(account.integration, request.person.id).await? {
                    true => UserState::Kept("has access at a relay".to_owned()),
                    // Boards know nobody.
                    false => UserState::Absent,
                }
            }
        };
        Ok(UserApplied { state, was_asked: false })
    }

    fn survey<'a>(
        &'a self,
        account: &'a Account,
        targets: &'a [Target],
    ) -> impl Stream<Item = Result<Vec<Right>, ApplyError>> + Send + 'a {
        stream::once(async move {
            let boards = Boards::list(account)?;
            let rights = self.ledger.rights(account.integration).await?;
            let right = |right: RelayRight| {
                let door = right.door.to_string();
                // Of boards that are not listed any more nobody has anything.
                find(&boards, &door).ok()?;
                let target = targets.iter().find(|target| target.provider_ref == door)?.clone();
                Some(Right {
                    provider_ref: right_ref(&right.door, right.person),
                    target,
                    holder: right.person.to_string(),
                    period: right.window.into(),
                    origin: Origin::Ledger,
                })
            };
            Ok(rights.into_iter().filter_map(right).collect())
        })
    }

    async fn tend(&self, account: &Account) -> Result<(), ApplyError> {
        self.tell_controllers(account).await
    }

    fn read_log<'a>(
        &'a self,
        account: &'a Account,
        _window: Window,
    ) -> impl Stream<Item = Result<Vec<DoorEvent>, ApplyError>> + Send + 'a {
        self.read_controllers(account)
    }

    /// There are no rights but the ledger's.
    async fn remove(&self, _account: &Account, _right: &Right) -> Result<(), ApplyError> {
        Ok(())
    }

    async fn record(&self, conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
        Ledger::record(conn, changes).await
    }
}
