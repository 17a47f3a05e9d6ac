//! Seals secrets at rest: what stands in a database is of no use without a key that is never there.
//!
//! A secret is sealed with a label that says what it is and whose, so that a row that is copied elsewhere does not open
//! there. Knows neither databases nor what secrets mean.

mod aead;
mod hex;
mod key;
mod keys;

pub use aead::{KEY_BYTES, SealError, open, random_key, seal};
pub use key::{Key, KeyError, ensure_key_file};
pub use keys::{Keys, SealingConfig};
