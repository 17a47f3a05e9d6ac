//! Rows of cards.

use std::collections::HashMap;

use chassis::paging::Page;
use domain::{CardId, IntegrationId, LocationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1::AccessReason;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::control::{Account, Failure};
use crate::model::{Card, CardErrand, CardPlace, CardState, Person};

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    id: Uuid,
    person_id: Uuid,
    last_digits: String,
    state: CardState,
    version: i64,
    given_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl Row {
    fn card(self) -> Card {
        Card {
            workspace: WorkspaceId::from_uuid(self.workspace_id),
            id: CardId::from_uuid(self.id),
            person: PersonId::from_uuid(self.person_id),
            last_digits: self.last_digits,
            state: self.state,
            version: self.version,
            given_at: self.given_at,
            ended_at: self.ended_at,
            places: Vec::new(),
        }
    }
}

/// Notes a new card, or one that is known at more accounts; what is there already stays.
pub(crate) async fn insert(conn: &mut PgConnection, card: &Card, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into card (workspace_id, id, person_id, last_digits, state, given_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (workspace_id, id) do update set version = card.version + 1",
    )
    .bind(card.workspace.uuid())
    .bind(card.id.uuid())
    .bind(card.person.uuid())
    .bind(&card.last_digits)
    .bind(card.state)
    .bind(card.given_at)
    .execute(&mut *conn)
    .await?;
    let accounts = || card.places.iter().map(|place| &place.account);
    sqlx::query(
        "insert into card_place (workspace_id, card_id, account_id, provider, served_by, card_ref, check_at)
         select $1, $2, p.*, $7 from unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[]) as p
         on conflict (workspace_id, card_id, account_id) do nothing",
    )
    .bind(card.workspace.uuid())
    .bind(card.id.uuid())
    .bind(accounts().map(|account| account.id.uuid()).collect::<Vec<_>>())
    .bind(accounts().map(|account| account.provider.as_str()).collect::<Vec<_>>())
    .bind(accounts().map(|account| account.served_by.map(LocationId::uuid)).collect::<Vec<_>>())
    .bind(card.places.iter().map(|place| place.card_ref.as_str()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Cards that are someone's at these accounts, or were and may still open doors there: by account and the provider's id.
pub(crate) async fn open_at(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    refs: &[(IntegrationId, &str)],
) -> Result<Vec<CardId>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select distinct p.card_id
         from unnest($2::uuid[], $3::text[]) as k (account_id, card_ref)
         join card_place p on p.workspace_id = $1 and p.account_id = k.account_id
           and p.card_ref = k.card_ref and p.is_open
         order by p.card_id",
    )
    .bind(workspace.uuid())
    .bind(refs.iter().map(|(account, _)| account.uuid()).collect::<Vec<_>>())
    .bind(refs.iter().map(|(_, card_ref)| *card_ref).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(CardId::from_uuid).collect())
}

/// A card, unless it was never there.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: CardId,
) -> Result<Option<Card>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as("select * from card where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *conn)
        .await?;
    Ok(with_places(conn, workspace, row.into_iter().map(Row::card).collect()).await?.pop())
}

/// Cards of a person, or of all.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: Option<PersonId>,
    shows_ended: bool,
    page: &Page,
) -> Result<Vec<Card>, sqlx::Error> {
    // Each by its own index.
    let rows: Vec<Row> = match person {
        Some(person) => {
            sqlx::query_as(
                "select * from card where workspace_id = $1 and person_id = $5 and id > $2
                   and ($3 or state = 'held') order by id limit $4",
            )
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(shows_ended)
            .bind(page.limit)
            .bind(person.uuid())
            .fetch_all(&mut *conn)
            .await?
        }
        None => {
            sqlx::query_as(
                "select * from card where workspace_id = $1 and id > $2
                   and ($3 or state = 'held') order by id limit $4",
            )
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(shows_ended)
            .bind(page.limit)
            .fetch_all(&mut *conn)
            .await?
        }
    };
    with_places(conn, workspace, rows.into_iter().map(Row::card).collect()).await
}

async fn with_places(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    mut cards: Vec<Card>,
) -> Result<Vec<Card>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct PlaceRow {
        card_id: Uuid,
        account_id: Uuid,
        provider: String,
        served_by: Option<Uuid>,
        card_ref: String,
        reason: String,
        detail: String,
        check_at: Option<Timestamp>,
    }
    if cards.is_empty() {
        return Ok(cards);
    }
    let rows: Vec<PlaceRow> = sqlx::query_as(
        "select card_id, account_id, provider, served_by, card_ref, reason, detail, check_at from card_place
         where workspace_id = $1 and card_id = any($2) order by card_id, provider, account_id",
    )
    .bind(workspace.uuid())
    .bind(cards.iter().map(|card| card.id.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let mut places: HashMap<Uuid, Vec<CardPlace>> = HashMap::new();
    for row in rows {
        places.entry(row.card_id).or_default().push(CardPlace {
            account: Account {
                workspace,
                provider: row.provider,
                id: IntegrationId::from_uuid(row.account_id),
                served_by: row.served_by.map(LocationId::from_uuid),
            },
            card_ref: row.card_ref,
            reason: AccessReason::from_str_name(&row.reason).unwrap_or_default(),
            detail: row.detail,
            is_settled: row.check_at.is_none(),
        });
    }
    for card in &mut cards {
        card.places = places.remove(&card.id.uuid()).unwrap_or_default();
    }
    Ok(cards)
}

/// A card is nobody's any more. `false`: it is so already.
pub(crate) async fn end(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: CardId,
    state: CardState,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let ended = sqlx::query(
        "update card set state = $3, ended_at = $4, version = version + 1
         where workspace_id = $1 and id = $2 and state = 'held'",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(state)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "update card_place set check_at = $3, failures = 0, revision = revision + 1
         where workspace_id = $1 and card_id = $2",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(true)
}

/// The cards that these people have are looked at.
pub(crate) async fn make_people_due(
    conn: &mut PgConnection,
    people: &[(WorkspaceId, PersonId)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update card_place p set check_at = $3, failures = 0, revision = p.revision + 1
         from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, person_id)
         join card c on c.workspace_id = k.workspace_id and c.person_id = k.person_id and c.state = 'held'
         where p.workspace_id = c.workspace_id and p.card_id = c.id",
    )
    .bind(people.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|(_, person)| person.uuid()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The cards that removed people still have.
pub(crate) async fn of_removed(
    conn: &mut PgConnection,
    people: &[(WorkspaceId, PersonId)],
) -> Result<Vec<(WorkspaceId, CardId)>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select c.workspace_id, c.id
         from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, person_id)
         join person o on o.workspace_id = k.workspace_id and o.id = k.person_id and o.is_removed
         join card c on c.workspace_id = o.workspace_id and c.person_id = o.id and c.state = 'held'",
    )
    .bind(people.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|(_, person)| person.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(workspace, id)| (WorkspaceId::from_uuid(workspace), CardId::from_uuid(id)))
        .collect())
}

/// Whose cards went with their users, which were deleted: they are told again once there is access there.
pub(crate) async fn forget_told(
    conn: &mut PgConnection,
    users: &[(WorkspaceId, PersonId, &str, Option<LocationId>)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update card_place p set told = null
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) as k (workspace_id, person_id, provider, served_by)
         join card c on c.workspace_id = k.workspace_id and c.person_id = k.person_id and c.state = 'held'
         where p.workspace_id = c.workspace_id and p.card_id = c.id and p.provider = k.provider
           and p.served_by is not distinct from k.served_by",
    )
    .bind(users.iter().map(|(workspace, ..)| workspace.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|(_, person, ..)| person.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|(_, _, provider, _)| *provider).collect::<Vec<_>>())
    .bind(users.iter().map(|(.., served_by)| served_by.map(LocationId::uuid)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// People have access again: the cards that went with their users are told again.
pub(crate) async fn restore(
    conn: &mut PgConnection,
    people: &[(WorkspaceId, PersonId)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update card_place p set check_at = $3, failures = 0, revision = p.revision + 1
         from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, person_id)
         join card c on c.workspace_id = k.workspace_id and c.person_id = k.person_id and c.state = 'held'
         where p.workspace_id = c.workspace_id and p.card_id = c.id and p.told is null and p.check_at is null",
    )
    .bind(people.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|(_, person)| person.uuid()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct ErrandRow {
    workspace_id: Uuid,
    card_id: Uuid,
    account_id: Uuid,
    provider: String,
    served_by: Option<Uuid>,
    card_ref: String,
    told: Option<CardState>,
    failures: i32,
    revision: i64,
    busy_until: Timestamp,
    state: CardState,
    person_id: Uuid,
    display_name: String,
    email: String,
    is_active: bool,
}

/// Takes some of what providers are to be told, until `until`: of one card, or of any, across workspaces. What somebody
/// else is about to tell is left to them.
pub(crate) async fn take_due(
    conn: &mut PgConnection,
    card: Option<(WorkspaceId, CardId)>,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<CardErrand>, sqlx::Error> {
    let of = match card {
        Some(_) => "workspace_id = $4 and card_id = $5 and check_at <= $1",
        None => "check_at <= $1 and $4::uuid is null and $5::uuid is null",
    };
    let sql = format!(
        "update card_place p set busy_until = $2
         from (select workspace_id, card_id, account_id from card_place
               where {of} and (busy_until is null or busy_until <= $1)
               order by check_at limit $3 for update skip locked) as due
         join card c on c.workspace_id = due.workspace_id and c.id = due.card_id
         left join person o on o.workspace_id = c.workspace_id and o.id = c.person_id
         where p.workspace_id = due.workspace_id and p.card_id = due.card_id and p.account_id = due.account_id
         returning p.workspace_id, p.card_id, p.account_id, p.provider, p.served_by, p.card_ref, p.told,
           p.failures, p.revision, p.busy_until, c.state, c.person_id, coalesce(o.display_name, '') as display_name,
           coalesce(o.email, '') as email, coalesce(o.is_active, false) as is_active"
    );
    let rows: Vec<ErrandRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(now)
        .bind(until)
        .bind(limit)
        .bind(card.map(|(workspace, _)| workspace.uuid()))
        .bind(card.map(|(_, card)| card.uuid()))
        .fetch_all(conn)
        .await?;
    let errand = |row: ErrandRow| {
        let workspace = WorkspaceId::from_uuid(row.workspace_id);
        CardErrand {
            card: CardId::from_uuid(row.card_id),
            account: Account {
                workspace,
                provider: row.provider,
                id: IntegrationId::from_uuid(row.account_id),
                served_by: row.served_by.map(LocationId::from_uuid),
            },
            card_ref: row.card_ref,
            person: Person {
                workspace,
                id: PersonId::from_uuid(row.person_id),
                version: 0,
                display_name: row.display_name,
                email: row.email,
                is_active: row.is_active,
                is_removed: false,
                is_guest: false,
                contact_version: 0,
            },
            state: row.state,
            told: row.told,
            failures: row.failures,
            revision: row.revision,
            until: row.busy_until,
        }
    };
    Ok(rows.into_iter().map(errand).collect())
}

/// The provider has it so. What should be told by now is told next. `false`: the errand is somebody else's by now.
pub(crate) async fn note_told(conn: &mut PgConnection, errand: &CardErrand) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "update card_place set told = $4, reason = '', detail = '', failures = 0, busy_until = null,
           check_at = case when revision = $5 then null else check_at end,
           is_open = is_open and not (revision = $5 and $6)
         where workspace_id = $1 and card_id = $2 and account_id = $3 and busy_until = $7",
    )
    .bind(errand.account.workspace.uuid())
    .bind(errand.card.uuid())
    .bind(errand.account.id.uuid())
    .bind(errand.wish())
    .bind(errand.revision)
    // Of someone who is paused it stays theirs.
    .bind(errand.state != CardState::Held)
    .bind(errand.until)
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// It does not, or nobody knows: it is told again at `check_at`. `false`: as above.
pub(crate) async fn note_failed(
    conn: &mut PgConnection,
    errand: &CardErrand,
    failure: &Failure,
    check_at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "update card_place set reason = $4, detail = $5, failures = failures + 1, busy_until = null,
           check_at = case when revision = $6 then $7 else check_at end
         where workspace_id = $1 and card_id = $2 and account_id = $3 and busy_until = $8",
    )
    .bind(errand.account.workspace.uuid())
    .bind(errand.card.uuid())
    .bind(errand.account.id.uuid())
    .bind(failure.reason.as_str_name())
    .bind(&failure.detail)
    .bind(errand.revision)
    .bind(check_at)
    .bind(errand.until)
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Nobody knows what the provider was told last: it is told once more, after whatever is under way.
pub(crate) async fn doubt(
    conn: &mut PgConnection,
    errand: &CardErrand,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update card_place set told = null, check_at = $4, busy_until = null
         where workspace_id = $1 and card_id = $2 and account_id = $3",
    )
    .bind(errand.account.workspace.uuid())
    .bind(errand.card.uuid())
    .bind(errand.account.id.uuid())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
