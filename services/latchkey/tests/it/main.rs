//! What the command line does, on files as other programs write them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod import;
