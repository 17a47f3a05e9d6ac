//! The service beside the sandbox's S3 twin, which checks real signatures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod hostile;
mod isolation;
mod links;
mod plans;
mod scanning;
mod store;
mod sweeping;
mod uploading;
mod world;
