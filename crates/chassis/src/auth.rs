//! Who calls: keys and tokens, and the principal that a token or a certificate names.

mod api_key;
mod keys;
mod principal;
mod token;

pub use api_key::{ApiKeyPrefix, ApiKeyText};
pub use keys::{KeyError, add_key, ensure_keys};
pub use principal::{AuthError, Principal, Reach, Role};
pub use token::{Signer, TOKEN_BYTES_MAX, Verifier, bearer, new_pair};
