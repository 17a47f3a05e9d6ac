//! The store: S3, or what speaks like it (Amazon S3 API Reference).

mod client;
mod error;
mod probe;
mod sign;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;
use domain::Timestamp;

pub(crate) use error::ObjectsError;
pub(crate) use sign::Signed;

use crate::model::{Key, Place};

/// What browsers keep for good: what lies at a key never changes.
const KEPT_FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// A bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    /// As this service reaches the store.
    client: Client,
    /// As browsers do: for what is signed.
    public: Client,
    bucket: String,
    encryption: Option<ServerSideEncryption>,
    public_base_url: String,
    call_timeout: Duration,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub bytes: i64,
    /// Another one as soon as there is something else at its key.
    pub etag: String,
}

/// An object in a list.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub key: String,
    pub modified_at: Option<Timestamp>,
}

/// A part of a list, and how it goes on.
#[derive(Debug)]
pub(crate) struct Listing {
    pub objects: Vec<Listed>,
    pub next: Option<String>,
}

impl Objects {
    /// What lies at a key, if anything does.
    pub(crate) async fn head(&self, key: &Key) -> Result<Option<Head>, ObjectsError> {
        let answer = self.client.head_object().bucket(&self.bucket).key(key.to_string()).send().await;
        match answer {
            Ok(head) => Ok(Some(Head {
                bytes: head.content_length.unwrap_or_default(),
                etag: head.e_tag.unwrap_or_default(),
            })),
            Err(error) if error::status(&error) == Some(404) && error.code() != Some("NoSuchBucket") => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The first bytes of what `head` saw.
    pub(crate) async fn read_start(
        &self,
        key: &Key,
        head: &Head,
        bytes: usize,
    ) -> Result<Bytes, ObjectsError> {
        let last = i64::try_from(bytes).unwrap_or(i64::MAX).min(head.bytes) - 1;
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .if_match(&head.etag)
            .range(format!("bytes=0-{last}"))
            .send()
            .await?;
        self.collect(answer.body).await
    }

    /// All of what `head` saw. It is for the caller to know that it fits into memory.
    pub(crate) async fn read(&self, key: &Key, head: &Head) -> Result<Bytes, ObjectsError> {
        self.collect(self.stream(key, head).await?).await
    }

    /// What `head` saw, piece by piece.
    pub(crate) async fn stream(&self, key: &Key, head: &Head) -> Result<ByteStream, ObjectsError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key.to_string()).if_match(&head.etag);
        Ok(get.send().await?.body)
    }

    async fn collect(&self, body: ByteStream) -> Result<Bytes, ObjectsError> {
        let collected = tokio::time::timeout(self.call_timeout, body.collect()).await;
        let collected = collected.map_err(|_| ObjectsError::Unreachable("it stopped answering".into()))?;
        Ok(collected.map_err(|error| ObjectsError::Unreachable(error.into()))?.into_bytes())
    }

    /// Puts something there.
    pub(crate) async fn put(&self, key: &Key, mime: &str, bytes: Bytes) -> Result<(), ObjectsError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .content_type(mime)
            .set_cache_control(cache_control(key))
            .set_server_side_encryption(self.encryption.clone())
            .body(ByteStream::from(bytes))
            .send()
            .await?;
        Ok(())
    }

    /// Copies what `head` saw, within the store.
    pub(crate) async fn copy(
        &self,
        from: &Key,
        head: &Head,
        to: &Key,
        mime: &str,
    ) -> Result<(), ObjectsError> {
        self.client
            .copy_object()
            .bucket(&self.bucket)
            .copy_source(format!("{}/{from}", self.bucket))
            .copy_source_if_match(&head.etag)
            .key(to.to_string())
            .metadata_directive(aws_sdk_s3::types::MetadataDirective::Replace)
            .content_type(mime)
            .set_cache_control(cache_control(to))
            .set_server_side_encryption(self.encryption.clone())
            .send()
            .await?;
        Ok(())
    }

    /// Removes what lies there, if anything does.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), ObjectsError> {
        self.client.delete_object().bucket(&self.bucket).key(key).send().await?;
        Ok(())
    }

    /// A part of all that lies at a place, in order.
    pub(crate) async fn list(&self, place: Place, after: Option<String>) -> Result<Listing, ObjectsError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(place.prefix());
        let answer = list.set_continuation_token(after).send().await?;
        let objects = answer.contents.unwrap_or_default().into_iter().filter_map(|object| {
            let modified_at = object.last_modified.and_then(|at| Timestamp::from_timestamp(at.secs(), 0));
            Some(Listed { key: object.key?, modified_at })
        });
        Ok(Listing { objects: objects.collect(), next: answer.next_continuation_token })
    }
}

fn cache_control(key: &Key) -> Option<String> {
    (key.place == Place::Public).then(|| KEPT_FOR_GOOD.to_owned())
}
