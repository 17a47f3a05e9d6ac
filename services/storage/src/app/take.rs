//! Looks at what was sent and brings it to its place. Done twice it comes to the same: keys say where.

use bytes::Bytes;

use super::App;
use crate::check::{self, PICTURE_BYTES_MAX};
use crate::error::Error;
use crate::model::{File, FileType, HEAD_BYTES, Key, Nature, Refusal, Stored, detect};
use crate::objects::{Head, Objects, ObjectsError};
use crate::scanner::{Scanner, Verdict};

/// How a file came.
pub(super) enum Sent {
    /// It lies where browsers send it.
    Staged,
    /// With the request.
    Whole(Bytes),
}

/// A file that may be taken, or why not.
type Taken = Result<Stored, Refusal>;

impl App {
    /// Looks at what was sent, and puts it, or what was made of it, to its place.
    pub(super) async fn take(&self, file: &File, sent: Sent) -> Result<Taken, Error> {
        match sent {
            Sent::Whole(bytes) => self.take_whole(file, bytes).await,
            Sent::Staged => self.take_staged(file).await,
        }
    }

    async fn take_staged(&self, file: &File) -> Result<Taken, Error> {
        let (objects, key) = (self.objects()?, file.staging_key());
        let head = objects.head(&key).await?.ok_or(Error::UploadMissing(file.id))?;
        if head.bytes != file.size_bytes {
            return Ok(Err(Refusal::SizeMismatch));
        }
        let missing = |error| match error {
            ObjectsError::Missing => Error::UploadMissing(file.id),
            error => error.into(),
        };
        let start = objects.read_start(&key, &head, HEAD_BYTES).await.map_err(missing)?;
        if let Err(refusal) = check::agree(file.content_type, detect(&start)) {
            return Ok(Err(refusal));
        }
        if let Nature::Picture(_) = file.content_type.nature {
            if head.bytes > PICTURE_BYTES_MAX {
                return Ok(Err(Refusal::TooManyPixels));
            }
            // Before it is read: so many pictures are in memory at once.
            let _permit = self.pictures.acquire().await;
            let bytes = objects.read(&key, &head).await.map_err(missing)?;
            return self.take_picture(file, bytes).await;
        }
        if let Some(scanner) = &self.scanner
            && let Err(refusal) =
                scanned(scanner, file, objects.stream(&key, &head).await.map_err(missing)?).await?
        {
            return Ok(Err(refusal));
        }
        // Within the store, and only what was looked at: its sender may send something else meanwhile.
        copy(objects, file, &key, &head).await.map_err(missing)?;
        Ok(Ok(unchanged(file)))
    }

    async fn take_whole(&self, file: &File, bytes: Bytes) -> Result<Taken, Error> {
        let start = &bytes[..bytes.len().min(HEAD_BYTES)];
        if let Err(refusal) = check::agree(file.content_type, detect(start)) {
            return Ok(Err(refusal));
        }
        if let Nature::Picture(_) = file.content_type.nature {
            let _permit = self.pictures.acquire().await;
            return self.take_picture(file, bytes).await;
        }
        if let Some(scanner) = &self.scanner
            && let Err(refusal) = scanned(scanner, file, bytes.clone().into()).await?
        {
            return Ok(Err(refusal));
        }
        self.objects()?.put(&file.key(None), file.content_type.mime, bytes).await?;
        Ok(Ok(unchanged(file)))
    }

    /// What is kept of a picture is written anew, so nothing that a scanner could find is left of what was sent.
    async fn take_picture(&self, file: &File, bytes: Bytes) -> Result<Taken, Error> {
        let Nature::Picture(format) = file.content_type.nature else { return Ok(Err(Refusal::TypeMismatch)) };
        let remade = tokio::task::spawn_blocking(move || check::remake(&bytes, format)).await;
        let picture = match remade.map_err(Error::Worker)? {
            Ok(picture) => picture,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let content_type = FileType::of_picture(picture.format);
        let objects = self.objects()?;
        let mut used_bytes = length(&picture.bytes);
        let mut thumbnail_sides = Vec::new();
        let size_bytes = used_bytes;
        for (side, bytes) in picture.thumbnails {
            used_bytes += length(&bytes);
            thumbnail_sides.push(side.cast_signed());
            objects.put(&file.key(Some(side)), content_type.mime, bytes.into()).await?;
        }
        objects.put(&file.key(None), content_type.mime, picture.bytes.into()).await?;
        let size_pixels = Some((picture.width.cast_signed(), picture.height.cast_signed()));
        Ok(Ok(Stored { content_type, size_bytes, used_bytes, size_pixels, thumbnail_sides }))
    }
}

async fn copy(objects: &Objects, file: &File, from: &Key, head: &Head) -> Result<(), ObjectsError> {
    objects.copy(from, head, &file.key(None), file.content_type.mime).await
}

/// Has a file scanned. What was found stands in the log.
async fn scanned(
    scanner: &Scanner,
    file: &File,
    body: aws_sdk_s3::primitives::ByteStream,
) -> Result<Result<(), Refusal>, Error> {
    match scanner.scan(body).await? {
        Verdict::Clean => Ok(Ok(())),
        Verdict::Found(what) => {
            tracing::warn!(workspace.id = %file.workspace, file.id = %file.id, what, "a file has a virus");
            Ok(Err(Refusal::Virus))
        }
    }
}

fn unchanged(file: &File) -> Stored {
    Stored {
        content_type: file.content_type,
        size_bytes: file.size_bytes,
        used_bytes: file.size_bytes,
        size_pixels: None,
        thumbnail_sides: Vec::new(),
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}
