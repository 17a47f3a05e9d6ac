//! What is looked at before a file is taken. Pure: bytes in, a verdict out.

mod jpeg;
mod picture;

use crate::model::{Detected, FileType, Refusal};

pub(crate) use picture::{SIDES, remake};

/// Bytes of a picture that are read at once, at most.
pub(crate) const PICTURE_BYTES_MAX: i64 = 50_000_000;

/// What pictures may be like.
pub(crate) mod limits {
    /// Pixels of a side.
    pub(crate) const SIDE_MAX: u32 = 16_384;
    /// Pixels in all: what today's cameras make.
    pub(crate) const PIXELS_MAX: u64 = 50_000_000;
    /// Bytes that decoding may take beside the picture itself.
    pub(crate) const ALLOC_MAX: u64 = 256 * 1024 * 1024;
}

/// Whether a file that was said to be of a type is one, by its first bytes.
pub(crate) fn agree(said: &FileType, found: Detected) -> Result<(), Refusal> {
    match found {
        found if said.is(found) => Ok(()),
        Detected::Program => Err(Refusal::Program),
        Detected::Markup => Err(Refusal::Markup),
        Detected::Type(_) | Detected::Text => Err(Refusal::TypeMismatch),
        Detected::Unknown => Err(Refusal::TypeUnknown),
    }
}
