//! Whether a JPEG is whole. Decoders fill what is missing with grey, so they don't tell.

use memchr::memmem;

/// End of image (ITU-T T.81, B.1.1.3).
const END: [u8; 2] = [0xff, 0xd9];
/// Start of scan.
const SCAN: u8 = 0xda;

/// Whether the picture's own end comes after its first scan. A marker can't stand within a scan, for there a byte `ff`
/// is followed by `00` or a restart; what comes before may hold a small picture with an end of its own.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some([0xff, marker]) = bytes.get(at..at + 2) {
        match marker {
            // Padding.
            0xff => at += 1,
            &SCAN => return memmem::find(&bytes[at..], &END).is_some(),
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
    false
}
