//! Doors that are held open, by leases that are renewed as long as the hold stands in the ledger. If this process dies,
//! or can't read the ledger any more, the board opens the contact when the lease is over.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, OperationId, Timestamp};
use door_adapter::{AccessReason, ErrorKind, LedgerError, ProviderError};

use crate::boards::Board;
use crate::driver::{LEASE, Lease, Relay};
use crate::lasting::Lasting;
use crate::ledger::{Ledger, Spot};

/// No lease is shorter, also when the hold is nearly over.
const LEASE_LAST: Duration = Duration::from_secs(1);

/// Holds doors open.
#[derive(Clone)]
pub(crate) struct Holds {
    pub ledger: Ledger,
    pub clock: Arc<dyn Clock>,
    pub lasting: Lasting,
}

/// A door to hold open.
pub(crate) struct Hold {
    pub id: OperationId,
    pub board: Board,
    pub relay: Relay,
    pub spot: Spot,
    pub until: Timestamp,
}

impl Holds {
    /// Holds a door open, in place of whatever held it before.
    pub(crate) async fn begin(&self, hold: Hold) -> Result<(), ProviderError> {
        if self.left(&hold).is_zero() {
            return Err(ProviderError::new(ErrorKind::Rejected, "the time until which to hold it is over"));
        }
        let noted = self.ledger.begin_hold(&hold.spot, hold.id.uuid(), hold.until).await;
        if !noted.map_err(no_ledger)? {
            return Err(locked_down());
        }
        match hold.board.hold(hold.relay, self.lease(&hold, Some(self.left(&hold)))).await {
            Ok(lease) => {
                let holds = self.clone();
                self.lasting.begin(async move { holds.renew(hold, lease).await });
                Ok(())
            }
            Err(error) => {
                self.end(&hold).await;
                Err(error)
            }
        }
    }

    async fn renew(self, hold: Hold, mut lease: Duration) {
        while !self.left(&hold).is_zero() {
            if self.lasting.wait((lease / 3).min(self.left(&hold))).await {
                return;
            }
            match self.ledger.hold_of(&hold.spot).await {
                Ok(standing) if standing == Some(hold.id.uuid()) => {}
                // Whoever ended it has told the board.
                Ok(_) => return,
                Err(LedgerError(error)) => {
                    tracing::warn!(door = %hold.spot.door, %error, "a hold is not renewed without the ledger");
                    continue;
                }
            }
            if self.left(&hold).is_zero() {
                break;
            }
            match hold.board.hold(hold.relay, self.lease(&hold, None)).await {
                Ok(renewed) => lease = renewed,
                Err(error) => tracing::warn!(door = %hold.spot.door, %error, "a hold is not renewed"),
            }
            // If it was ended meanwhile, this closed the contact again.
            if matches!(self.ledger.hold_of(&hold.spot).await, Ok(None)) {
                release(&hold).await;
                return;
            }
        }
        if self.end(&hold).await {
            release(&hold).await;
        }
    }

    /// Ends the hold if it stands. Whether it did, or nobody knows.
    async fn end(&self, hold: &Hold) -> bool {
        self.ledger.end_hold(&hold.spot, Some(hold.id.uuid())).await.unwrap_or_else(|LedgerError(error)| {
            tracing::warn!(door = %hold.spot.door, %error, "the end of a hold is not noted");
            true
        })
    }

    fn left(&self, hold: &Hold) -> Duration {
        (hold.until - self.clock.now()).to_std().unwrap_or_default()
    }

    fn lease(&self, hold: &Hold, lasts: Option<Duration>) -> Lease {
        Lease { hold: hold.id.uuid(), length: self.left(hold).clamp(LEASE_LAST, LEASE), lasts }
    }
}

async fn release(hold: &Hold) {
    if let Err(error) = hold.board.release(hold.relay).await {
        tracing::warn!(door = %hold.spot.door, %error, "a door is not locked at the end of its hold, but by its lease");
    }
}

/// The ledger is not at hand, so that nothing was done.
pub(crate) fn no_ledger(LedgerError(error): LedgerError) -> ProviderError {
    tracing::warn!(%error, "what is noted of doors can't be read or written");
    ProviderError::new(ErrorKind::Unreachable, "Latchkey can't read what is noted of the door; try again")
}

/// The door opens for nobody.
pub(crate) fn locked_down() -> ProviderError {
    let reason = "the door is locked down until that is lifted";
    ProviderError::new(ErrorKind::Rejected, reason).with_code(AccessReason::DoorLockedDown)
}
