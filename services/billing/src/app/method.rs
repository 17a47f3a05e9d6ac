//! Payment methods: begun, saved, chosen, removed.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{CustomerId, PaymentMethodId, WorkspaceId};
use events::outbox;
use proto::billing::v1 as pb;
use secrecy::SecretString;
use sqlx::PgConnection;

use super::App;
use crate::credentials::{Keys, Site};
use crate::customers::{self, Holder};
use crate::error::Error;
use crate::facts::{self, SOURCE};
use crate::model::settings::Settings;
use crate::model::{Method, MethodState};
use crate::sight::Sight;
use crate::store::{customer, method as store, settings};
use crate::vendor::{MethodKind, SetupSeen, StripeAccount, is_missing};
use crate::{audit, convert, sweep};

/// Methods of which one round tells at most that they expire.
const TOLD_PER_ROUND: i64 = 100;

/// A method that its holder goes on with in their browser.
pub(crate) struct Started {
    pub method: pb::PaymentMethod,
    pub publishable_key: String,
    pub client_secret: SecretString,
}

impl App {
    /// Begins to save a method, at the account by which money is asked for there.
    pub(crate) async fn start_method(
        &self,
        site: Site,
        holder: Holder,
        kind: MethodKind,
    ) -> Result<Started, Error> {
        let (keys, account) = self.account(site).await?;
        self.check_kind(&keys, kind).await?;
        let (workspace, now) = (site.workspace, self.clock.now());
        let mut tx = self.pool.begin(workspace).await?;
        let customer = customers::of(&mut tx, workspace, holder, now).await?;
        tx.commit().await?;
        let id = PaymentMethodId::new();
        let setup = self
            .in_turn(workspace, customer, async {
                let customer_ref = self.customer_ref(&account, keys.site, customer).await?;
                match account.create_setup(id, &customer_ref, kind).await {
                    // The key is another account's than when they became a customer there.
                    Err(error) if is_missing(&error) => {
                        let customer_ref = self.new_customer(&account, keys.site, customer).await?;
                        Ok(account.create_setup(id, &customer_ref, kind).await?)
                    }
                    made => Ok(made?),
                }
            })
            .await?;
        let method = Method::entering(id, keys.site, customer, kind, setup.setup_ref, now);
        let mut tx = self.pool.begin(workspace).await?;
        store::insert(&mut tx, &method).await?;
        tx.commit().await?;
        Ok(Started {
            method: convert::payment_method(&method, holder),
            publishable_key: keys.publishable,
            client_secret: setup.client_secret,
        })
    }

    /// Whether that kind is taken. What becomes of a debit is told by a webhook.
    async fn check_kind(&self, keys: &Keys, kind: MethodKind) -> Result<(), Error> {
        if kind == MethodKind::Card {
            return Ok(());
        }
        let workspace = keys.site.workspace;
        let mut tx = self.pool.begin(workspace).await?;
        match settings::find(&mut tx, workspace).await? {
            Settings { takes_debits: false } => Err(Error::DebitsOff),
            Settings { takes_debits: true } if keys.webhook_secrets.is_empty() => {
                Err(Error::WebhookSecretMissing)
            }
            Settings { takes_debits: true } => Ok(()),
        }
    }

    /// What a customer is at an account; made, if they are not known there.
    pub(crate) async fn customer_ref(
        &self,
        account: &StripeAccount,
        site: Site,
        customer: CustomerId,
    ) -> Result<String, Error> {
        let mut tx = self.pool.begin(site.workspace).await?;
        let known = customer::find_ref(&mut tx, site, customer).await?;
        drop(tx);
        match known {
            Some(known) => Ok(known),
            None => self.new_customer(account, site, customer).await,
        }
    }

    pub(crate) async fn new_customer(
        &self,
        account: &StripeAccount,
        site: Site,
        customer: CustomerId,
    ) -> Result<String, Error> {
        let customer_ref = account.create_customer(customer).await?;
        let mut tx = self.pool.begin(site.workspace).await?;
        customer::put_ref(&mut tx, site, customer, &customer_ref, self.clock.now()).await?;
        sweep::begin(&mut tx, site, self.clock.now()).await?;
        tx.commit().await?;
        Ok(customer_ref)
    }

    /// Asks Stripe how far a method is.
    pub(crate) async fn check_method(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PaymentMethodId,
    ) -> Result<pb::PaymentMethod, Error> {
        let (method, holder) = self.method_in_sight(workspace, sight, id).await?;
        let after = self.read_method(&method).await?;
        Ok(convert::payment_method(&after, holder))
    }

    /// Asks Stripe how a method is, and takes that down. How it is then.
    pub(crate) async fn read_method(&self, method: &Method) -> Result<Method, Error> {
        let workspace = method.site.workspace;
        let (_, account) = self.account(method.site).await?;
        // On the heap: it is a large one.
        let work = Box::pin(async {
            let method_ref = match &method.method_ref {
                Some(known) => known.clone(),
                None => match account.read_setup(&method.setup_ref).await? {
                    SetupSeen::Saved(method_ref) => method_ref,
                    seen => return self.set_up(method, &seen).await,
                },
            };
            let seen = account.read_method(&method_ref).await?;
            let mut tx = self.pool.begin(workspace).await?;
            let others = store::list_saved_for_update(&mut tx, method.site, method.customer).await?;
            let before = locked(&mut tx, method).await?;
            let is_first = !others.iter().any(|other| other.is_default);
            let after = before.saved(&seen, is_first, self.clock.now());
            store::update(&mut tx, &after).await?;
            tx.commit().await?;
            Ok(after)
        });
        self.in_turn(workspace, method.customer, work).await
    }

    async fn set_up(&self, method: &Method, seen: &SetupSeen) -> Result<Method, Error> {
        let mut tx = self.pool.begin(method.site.workspace).await?;
        let after = locked(&mut tx, method).await?.set_up(seen, self.clock.now());
        store::update(&mut tx, &after).await?;
        tx.commit().await?;
        Ok(after)
    }

    pub(crate) async fn get_method(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PaymentMethodId,
    ) -> Result<pb::PaymentMethod, Error> {
        let (method, holder) = self.method_in_sight(workspace, sight, id).await?;
        Ok(convert::payment_method(&method, holder))
    }

    pub(crate) async fn list_methods(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
        page: Page,
    ) -> Result<pb::ListPaymentMethodsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let Some(customer) = customers::find_of(&mut tx, workspace, holder).await? else {
            return Ok(pb::ListPaymentMethodsResponse::default());
        };
        let mut rows = store::list(&mut tx, workspace, customer, &page).await?;
        let next_page_token = page.finish(&mut rows, |method| method.id.uuid());
        let payment_methods = rows.iter().map(|method| convert::payment_method(method, holder)).collect();
        Ok(pb::ListPaymentMethodsResponse { payment_methods, next_page_token })
    }

    /// From now on this one is charged, of those that its holder has at its account.
    pub(crate) async fn set_default_method(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PaymentMethodId,
        intent: Option<Intent>,
    ) -> Result<pb::SetDefaultPaymentMethodResponse, Error> {
        let (method, holder) = self.method_in_sight(workspace, sight, id).await?;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let saved = store::list_saved_for_update(change.conn(), method.site, method.customer).await?;
        let chosen = saved.iter().find(|it| it.id == id).ok_or(Error::MethodNotSaved(id))?;
        for former in saved.iter().filter(|it| it.is_default && it.id != id) {
            store::update(change.conn(), &former.with_default(false, now)).await?;
        }
        let after = chosen.with_default(true, now);
        store::update(change.conn(), &after).await?;
        let payment_method = Some(convert::payment_method(&after, holder));
        Ok(change.commit(pb::SetDefaultPaymentMethodResponse { payment_method }).await?)
    }

    /// Removes a method at Stripe first: what can't be charged there any more is shown as removed here.
    pub(crate) async fn remove_method(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PaymentMethodId,
    ) -> Result<pb::PaymentMethod, Error> {
        let (method, holder) = self.method_in_sight(workspace, sight, id).await?;
        if matches!(method.state, MethodState::Removed | MethodState::Cancelled) {
            return Ok(convert::payment_method(&method, holder));
        }
        let (_, account) = self.account(method.site).await?;
        let after = self
            .in_turn(workspace, method.customer, async {
                let saved = match &method.method_ref {
                    Some(known) => Some(known.clone()),
                    // Its holder may have gone on meanwhile.
                    None => match account.cancel_setup(&method.setup_ref).await? {
                        SetupSeen::Saved(method_ref) => Some(method_ref),
                        _ => None,
                    },
                };
                if let Some(method_ref) = &saved {
                    account.detach_method(method_ref).await?;
                }
                let mut tx = self.pool.begin(workspace).await?;
                let after = locked(&mut tx, &method).await?.removed(self.clock.now());
                store::update(&mut tx, &after).await?;
                tx.commit().await?;
                Ok(after)
            })
            .await?;
        Ok(convert::payment_method(&after, holder))
    }

    /// A method that the caller may know of, and whose it is.
    async fn method_in_sight(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PaymentMethodId,
    ) -> Result<(Method, Holder), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let absent = || Error::MethodNotFound(id);
        let method = store::find(&mut tx, workspace, id).await?.ok_or_else(absent)?;
        let holder = customers::holder(&mut tx, workspace, method.customer).await?.ok_or_else(absent)?;
        if sight.has(holder) { Ok((method, holder)) } else { Err(absent()) }
    }

    /// Tells of methods that they expire, one batch. How many.
    pub(crate) async fn tell_expiring(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let due = store::claim_expiring(&mut tx, now, TOLD_PER_ROUND).await?;
        for method in &due {
            let holder = customers::holder(&mut tx, method.site.workspace, method.customer).await?;
            if let Some(holder) = holder {
                outbox::append(&mut tx, &[facts::expiring(method, holder, now)]).await?;
            }
            store::update(&mut tx, &method.told()).await?;
        }
        tx.commit().await?;
        Ok(due.len())
    }

    pub(crate) async fn get_settings(&self, workspace: WorkspaceId) -> Result<pb::PaymentSettings, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        Ok(convert::settings(settings::find(&mut tx, workspace).await?))
    }

    pub(crate) async fn update_settings(
        &self,
        workspace: WorkspaceId,
        after: Settings,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::UpdatePaymentSettingsResponse, Error> {
        if after.takes_debits {
            let keys = self.credentials.keys(Site { workspace, location: None }).await?;
            if keys.is_none_or(|keys| keys.webhook_secrets.is_empty()) {
                return Err(Error::WebhookSecretMissing);
            }
        }
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let before = settings::find(change.conn(), workspace).await?;
        settings::put(change.conn(), workspace, after, now).await?;
        audit::settings_changed(author, workspace, before, after, now).record(SOURCE, change.conn()).await?;
        let payment_settings = Some(convert::settings(after));
        Ok(change.commit(pb::UpdatePaymentSettingsResponse { payment_settings }).await?)
    }
}

/// A method as it is by now, locked.
async fn locked(conn: &mut PgConnection, method: &Method) -> Result<Method, Error> {
    let found = store::find_for_update(conn, method.site.workspace, method.id).await?;
    found.ok_or(Error::MethodNotFound(method.id))
}
