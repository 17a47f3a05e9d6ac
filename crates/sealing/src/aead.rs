//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): its nonce of 24 bytes is long enough to be drawn at
//! random for each text.

use chacha20poly1305::aead::{Aead as _, OsRng, Payload, rand_core::RngCore as _};
use chacha20poly1305::{AeadCore as _, KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// How long a key is.
pub const KEY_BYTES: usize = 32;

/// In front of each sealed text, so that another way of sealing can stand beside it one day.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Sealed with another key, for another place, or damaged. Which of them can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text does not open: it is another key's or another place's, or it is damaged")]
pub struct SealError;

/// A new key, from the operating system.
pub fn random_key() -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    OsRng.fill_bytes(key.as_mut_slice());
    key
}

/// Format, nonce, sealed text and tag: another text each time.
pub fn seal(key: &[u8; KEY_BYTES], label: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
    let text = XChaCha20Poly1305::new(key.into())
        .encrypt(&nonce, Payload { msg: plain, aad: label })
        .expect("only texts of many gigabytes are too long");
    [[FORMAT].as_slice(), &nonce, &text].concat()
}

/// Opens what was sealed with the same key and label.
pub fn open(key: &[u8; KEY_BYTES], label: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let Some((&FORMAT, rest)) = sealed.split_first() else { return Err(SealError) };
    let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(nonce.into(), Payload { msg: text, aad: label })
        .map(Zeroizing::new)
        .map_err(|_| SealError)
}
