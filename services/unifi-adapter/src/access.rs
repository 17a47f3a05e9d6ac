//! Makes one grant's visitor be as asked.

use domain::Window;
use domain::names::IntegrationName;
use door_adapter::{AccessRequest, ApplyError, ErrorKind, ProviderError, Target};
use secrecy::SecretString;

use crate::store::{Change, Ledger, Row};
use crate::vendor::wire::{NewVisitor, Visitor};
use crate::vendor::{Console, Pages};
use crate::visit::{self, grant_of, is_met};

/// PINs that are tried: someone may get one between its making and its giving.
const PINS_MAX: usize = 5;

/// Access that is as asked.
pub(crate) struct Granted {
    /// What it is called.
    pub provider_ref: String,
    /// The PIN, if it is to be told.
    pub pin: Option<SecretString>,
}

/// One request under way.
pub(crate) struct Access<'a> {
    pub ledger: &'a Ledger,
    pub console: &'a Console,
    pub account: IntegrationName,
    pub request: &'a AccessRequest,
    pub changes: &'a mut Vec<Change>,
    /// Whether the console was changed already.
    pub has_changed: bool,
}

impl Access<'_> {
    /// Gives the visitor that has the window: the one that there was, changed, or a new one. It has a PIN that we know.
    pub(crate) async fn grant(&mut self, known: Option<&Row>, window: Window) -> Result<Granted, ApplyError> {
        let wanted = visit::wanted(self.request, window);
        let mut there = self.find(known).await?;
        // One that someone called off does not come back.
        let kept = there.iter().position(|visitor| !visitor.is_cancelled()).map(|index| there.remove(index));
        for visitor in &there {
            self.remove(visitor).await?;
        }
        let Some(visitor) = kept else {
            let made = self.create(known, &wanted, window).await?;
            return self.with_pin(made, window).await;
        };
        let has_pin = visitor.pin_code.is_some() && known.is_some_and(|row| row.has_pin);
        // Before the console has it: a window that is longer must not be over in the ledger.
        self.ledger.note(&self.change(window, Some(visitor.id.clone()), has_pin)).await?;
        if !is_met(&wanted, &visitor, &self.request.target) {
            match self.console.update_visitor(&visitor.id, &wanted).await {
                Ok(()) => self.has_changed = true,
                // The visitor was there just now.
                Err(error) if error.kind == ErrorKind::NotFound => {
                    return Err(target_unknown(&self.request.target, error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if has_pin {
            return Ok(Granted { provider_ref: visitor.id, pin: None });
        }
        self.with_pin(visitor.id, window).await
    }

    /// Gives the visitor a new PIN in place of any other, which nobody may have been told of.
    async fn with_pin(&mut self, visitor: String, window: Window) -> Result<Granted, ApplyError> {
        let pin = with_free_pin(self.console, PinHolder::Visitor(&visitor)).await?;
        self.has_changed = true;
        self.changes.push(self.change(window, Some(visitor.clone()), true));
        Ok(Granted { provider_ref: visitor, pin: Some(pin) })
    }

    /// Takes away what the grant has.
    pub(crate) async fn revoke(&mut self, known: &Row) -> Result<(), ApplyError> {
        for visitor in self.find(Some(known)).await? {
            self.remove(&visitor).await?;
        }
        self.changes.push(Change::gone(self.account, self.request.grant));
        Ok(())
    }

    async fn create(
        &mut self,
        known: Option<&Row>,
        wanted: &NewVisitor,
        window: Window,
    ) -> Result<String, ApplyError> {
        self.ledger.note(&self.change(window, None, false)).await?;
        match self.console.create_visitor(wanted).await {
            Ok(made) => {
                self.has_changed = true;
                self.changes.push(self.change(window, Some(made.id.clone()), false));
                Ok(made.id)
            }
            Err(error) => {
                // What an earlier try may have brought about is looked for again, should it come late.
                let was_tried = known.is_some_and(|row| row.visitor.is_none());
                if !error.outcome_unknown && !was_tried {
                    self.changes.push(Change::gone(self.account, self.request.grant));
                }
                if error.kind == ErrorKind::NotFound {
                    return Err(target_unknown(&self.request.target, error));
                }
                Err(error.into())
            }
        }
    }

    /// The visitors that stand for the grant: one, as a rule, or those that earlier tries brought about.
    async fn find(&self, known: Option<&Row>) -> Result<Vec<Visitor>, ApplyError> {
        match known {
            None => Ok(Vec::new()),
            Some(Row { visitor: Some(id), .. }) => {
                Ok(self.console.find_visitor(id).await?.into_iter().collect())
            }
            Some(Row { visitor: None, .. }) => {
                let (mut found, mut listed) = (Vec::new(), Pages::<Visitor>::default());
                while let Some(visitors) = listed.read_on(self.console).await? {
                    let is_it = |visitor: &Visitor| grant_of(&visitor.remarks) == Some(self.request.grant);
                    found.extend(visitors.into_iter().filter(is_it));
                }
                Ok(found)
            }
        }
    }

    async fn remove(&mut self, visitor: &Visitor) -> Result<(), ApplyError> {
        let removed = remove(self.console, visitor).await;
        // Something of it may have been done.
        self.has_changed = true;
        Ok(removed?)
    }

    fn change(&self, window: Window, visitor: Option<String>, has_pin: bool) -> Change {
        Change::is(self.account, self.request, window.end(), visitor, has_pin)
    }
}

/// The console does not have what a grant is for.
pub(crate) fn target_unknown(target: &Target, error: ProviderError) -> ApplyError {
    let reason = format!("the console has no door or group {}: choose the door again", target.provider_ref);
    error.meaning(ErrorKind::NotFound, reason).into()
}

/// Whose PIN it is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PinHolder<'a> {
    Visitor(&'a str),
    User(&'a str),
}

/// Gives a new PIN that nobody has, in place of any other that they have.
pub(crate) async fn with_free_pin(
    console: &Console,
    holder: PinHolder<'_>,
) -> Result<SecretString, ProviderError> {
    let mut tries = 0;
    loop {
        let pin = console.generate_pin().await?;
        tries += 1;
        let given = match holder {
            PinHolder::Visitor(id) => console.set_pin(id, &pin).await,
            PinHolder::User(id) => console.set_user_pin(id, &pin).await,
        };
        match given {
            Ok(()) => return Ok(pin),
            // Someone else has got it since.
            Err(error) if error.kind == ErrorKind::Conflict && tries < PINS_MAX => {}
            Err(error) => return Err(error),
        }
    }
}

/// Takes a visitor away: the PIN first, which a visitor that is only called off would keep, then the record; and looks
/// whether it is gone.
pub(crate) async fn remove(console: &Console, visitor: &Visitor) -> Result<(), ProviderError> {
    if visitor.pin_code.is_some() {
        console.remove_pin(&visitor.id).await?;
    }
    console.delete_visitor(&visitor.id).await?;
    match console.find_visitor(&visitor.id).await? {
        Some(left) if !left.is_cancelled() => {
            let reason = "the console still has the visitor after deleting it: delete it there";
            Err(ProviderError::new(ErrorKind::Rejected, reason))
        }
        _ => Ok(()),
    }
}
