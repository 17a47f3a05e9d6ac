//! A login for a person's phone: of Kisi's user that the person is.
//!
//! Nothing of it is kept. It opens what the person may open, for as long as they may, and goes with the user; Kisi has
//! 40 of a user's, and forgets the one that was not used for longest.

use door_adapter::{ApplyError, ErrorKind, MobileLogin, PhoneKey, ProviderError};

use crate::provider::failure;
use crate::store::KnownUser;
use crate::vendor::KisiAccount;

/// Makes one for the user that is known for the person.
pub(crate) async fn create(
    kisi: &KisiAccount,
    known: Option<KnownUser>,
    device_name: &str,
) -> Result<MobileLogin, ApplyError> {
    let unknown = || {
        let reason =
            "the person has no user at Kisi who is let in: there is nothing yet that a login would open";
        ProviderError::new(ErrorKind::Rejected, reason)
    };
    let known = known.filter(|user| !user.is_suspended).ok_or_else(unknown)?;
    // By the address that Kisi has, which may be another one than the person's.
    let user = kisi.find_user(known.id).await.map_err(failure)?.filter(|user| user.access_enabled);
    let email = user.and_then(|user| user.email).ok_or_else(unknown)?;
    let made = kisi.create_device_login(&email, device_name).await.map_err(failure)?;
    let phone = made
        .scram_credentials
        .map(|scram| PhoneKey { key: scram.phone_key, certificate: scram.online_certificate });
    Ok(MobileLogin { provider_ref: made.id.to_string(), secret: made.secret, phone })
}
