//! People's cards: who has which, and that providers have it so. What should be told of a card is noted in the
//! transaction that decides it, and told until the provider has it, by whoever comes to it first.

use chassis::audit::Author;
use chassis::auth::Reach;
use chassis::paging::Page;
use chrono::Duration as Span;
use domain::names::CardName;
use domain::{CardId, LocationId, PersonId, WorkspaceId};
use events::outbox;
use futures::StreamExt as _;
use proto::access::v1 as pb;
use sqlx::PgConnection;

use super::App;
use super::explain::standing;
use super::operate::Caller;
use crate::control::{Account, Failure};
use crate::error::Error;
use crate::explain::Standing;
use crate::facts::SOURCE;
use crate::model::{Card, CardErrand, CardPlace, CardState};
use crate::store::{card as store, door, operation};
use crate::{audit, facts};

/// How long one errand has before another process may take it over: longer than adapters take.
const ERRAND: Span = Span::seconds(30);
/// Errands that one round takes. All are done at the same time: none waits for another while its time runs.
const BATCH: u8 = 16;

/// Which card is given.
pub(crate) type SoughtCard = pb::find_provider_card_request::Card;

/// What is asked for.
pub(crate) struct GivenCard {
    pub person: PersonId,
    pub sought: SoughtCard,
    /// Where it is to be known.
    pub providers: Vec<(String, LocationId)>,
}

impl App {
    /// Gives a card to a person at these providers of these locations. To give them what they have is to have it known at
    /// more providers, or nothing.
    pub(crate) async fn give_card(
        &self,
        workspace: WorkspaceId,
        GivenCard { person, sought, providers }: GivenCard,
        author: &Author,
    ) -> Result<Card, Error> {
        let accounts = self.accounts_for(workspace, person, &providers).await?;
        let mut places = Vec::new();
        let mut last_digits = String::new();
        // One after the other, so that a reader is waited for once.
        for account in accounts {
            let found = self.adapters.find_card(&account, sought.clone()).await.map_err(card_refused)?;
            last_digits = found.last_digits;
            let (reason, detail) = (pb::AccessReason::Unspecified, String::new());
            places.push(CardPlace { account, card_ref: found.r#ref, reason, detail, is_settled: false });
        }
        let now = self.clock.now();
        let mut card = Card {
            workspace,
            id: CardId::new(),
            person,
            last_digits,
            state: CardState::Held,
            version: 1,
            given_at: now,
            ended_at: None,
            places,
        };
        let mut tx = self.pool.begin(workspace).await?;
        operation::take_turn(&mut tx, &format!("workspaces/{workspace}/cards")).await?;
        if let Some(own) = own(&mut tx, &card).await? {
            (card.id, card.given_at) = (own.id, own.given_at);
            let is_known = |place: &CardPlace| own.places.iter().any(|it| it.account == place.account);
            if card.places.iter().all(is_known) {
                return Ok(own);
            }
        }
        store::insert(&mut tx, &card, now).await?;
        audit::card(author, &card, None, Some(CardState::Held), now).record(SOURCE, &mut tx).await?;
        let card = found(&mut tx, workspace, card.id).await?;
        outbox::append(&mut tx, &[facts::card_changed(&card, now)]).await?;
        tx.commit().await?;
        self.tell_card(card).await
    }

    /// The accounts by which these providers serve these locations, for a person who may be let in.
    async fn accounts_for(
        &self,
        workspace: WorkspaceId,
        person: PersonId,
        providers: &[(String, LocationId)],
    ) -> Result<Vec<Account>, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        match standing(&mut tx, workspace, person).await? {
            Standing::Active => {}
            Standing::NotActive => return Err(Error::PersonNotActive(person)),
            Standing::Unknown => return Err(Error::PersonNotFound(person)),
        }
        let serving = door::serving(&mut tx, workspace, providers).await?;
        let mut accounts: Vec<Account> = Vec::new();
        for (serving, (provider, _)) in serving.into_iter().zip(providers) {
            let serving = serving.filter(|serving| serving.is_followed);
            let account = serving.ok_or_else(|| Error::NotServed(provider.clone()))?.account;
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        Ok(accounts)
    }

    /// Cards of a person, or of all; for who is no admin, their own.
    pub(crate) async fn list_cards(
        &self,
        workspace: WorkspaceId,
        person: Option<PersonId>,
        shows_ended: bool,
        caller: &Caller,
        page: Page,
    ) -> Result<(Vec<Card>, String), Error> {
        let person = match (&caller.reach, caller.person) {
            (Reach::Workspace, _) => person,
            (Reach::Locations(_) | Reach::Own(_), Some(own)) if person.is_none_or(|person| person == own) => {
                Some(own)
            }
            (Reach::Locations(_) | Reach::Own(_), _) => return Ok((Vec::new(), String::new())),
        };
        let mut tx = self.pool.begin(workspace).await?;
        let mut cards = store::list(&mut tx, workspace, person, shows_ended, &page).await?;
        let next_page_token = page.finish(&mut cards, |card| card.id.uuid());
        Ok((cards, next_page_token))
    }

    /// Takes a card away, or notes that it is lost: for an admin anybody's, else one's own.
    pub(crate) async fn end_card(
        &self,
        CardName { workspace, id }: CardName,
        state: CardState,
        caller: &Caller,
        author: &Author,
    ) -> Result<Card, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        let before = store::find(&mut tx, workspace, id).await?;
        let may = |card: &Card| caller.reach == Reach::Workspace || caller.person == Some(card.person);
        let before = before.filter(may).ok_or(Error::CardNotFound(id))?;
        if store::end(&mut tx, workspace, id, state, now).await? {
            audit::card(author, &before, Some(before.state), Some(state), now)
                .record(SOURCE, &mut tx)
                .await?;
            let after = found(&mut tx, workspace, id).await?;
            outbox::append(&mut tx, &[facts::card_changed(&after, now)]).await?;
            tx.commit().await?;
        }
        self.tell_card(before).await
    }

    /// Takes the cards of people away who were removed, and has those of all looked at who changed.
    pub(super) async fn hear_card_holders(
        &self,
        conn: &mut PgConnection,
        people: &[(WorkspaceId, PersonId)],
    ) -> Result<(), Error> {
        let now = self.clock.now();
        store::make_people_due(conn, people, now).await?;
        for (workspace, id) in store::of_removed(conn, people).await? {
            store::end(conn, workspace, id, CardState::Taken, now).await?;
            let card = found(conn, workspace, id).await?;
            outbox::append(conn, &[facts::card_changed(&card, now)]).await?;
        }
        Ok(())
    }

    /// Tells providers of a card now, as far as nobody else is about to. Gives it as it is then.
    async fn tell_card(&self, card: Card) -> Result<Card, Error> {
        let Card { workspace, id, .. } = card;
        self.tell_cards(Some((workspace, id))).await?;
        let mut tx = self.pool.begin(workspace).await?;
        found(&mut tx, workspace, id).await
    }

    /// Tells providers what they are to be told of cards, one batch. Says how much that was.
    pub(crate) async fn tell_cards(&self, card: Option<(WorkspaceId, CardId)>) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let errands = store::take_due(&mut tx, card, now, now + ERRAND, BATCH.into()).await?;
        tx.commit().await?;
        let count = errands.len();
        let told = futures::stream::iter(errands).map(|errand| self.run_errand(errand));
        let told: Vec<Result<(), Error>> = told.buffer_unordered(BATCH.into()).collect().await;
        told.into_iter().collect::<Result<(), Error>>()?;
        Ok(count)
    }

    async fn run_errand(&self, errand: CardErrand) -> Result<(), Error> {
        if errand.until <= self.clock.now() {
            // By now it may be somebody else's, who knows better how the card is.
            return Ok(());
        }
        let told = match errand.told == Some(errand.wish()) {
            true => Ok(()),
            false => self.adapters.set_card(&errand).await,
        };
        let mut tx = self.platform.begin().await?;
        let is_ours = match told {
            Ok(()) => store::note_told(&mut tx, &errand).await?,
            Err(failure) => {
                tracing::warn!(reason = ?failure.reason, detail = failure.detail, "a card is not as it should be");
                let check_at = self.clock.now() + errand.again();
                store::note_failed(&mut tx, &errand, &failure, check_at).await?
            }
        };
        if !is_ours {
            // Somebody else was told meanwhile; what the provider heard last nobody knows.
            store::doubt(&mut tx, &errand, self.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The same card, if the person has it already. An error if somebody else has it, or had it until now.
async fn own(conn: &mut PgConnection, card: &Card) -> Result<Option<Card>, Error> {
    let refs: Vec<_> = card.places.iter().map(|place| (place.account.id, place.card_ref.as_str())).collect();
    let mut own = None;
    for id in store::open_at(conn, card.workspace, &refs).await? {
        let there = found(conn, card.workspace, id).await?;
        match there.state {
            CardState::Held if there.person == card.person => own = own.or(Some(there)),
            CardState::Held => return Err(Error::CardHeld(there.person)),
            CardState::Taken | CardState::Lost => return Err(Error::CardBeingTaken),
        }
    }
    Ok(own)
}

async fn found(conn: &mut PgConnection, workspace: WorkspaceId, id: CardId) -> Result<Card, Error> {
    store::find(conn, workspace, id).await?.ok_or(Error::CardNotFound(id))
}

fn card_refused(failure: Failure) -> Error {
    // What the provider said is for staff, who asked.
    tracing::warn!(reason = ?failure.reason, detail = failure.detail, "no card was found");
    Error::Card(failure.reason)
}
