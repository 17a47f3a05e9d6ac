//! Whether the settings lead to a bucket that can be used: tried, and said in words of the settings.

use bytes::Bytes;
use domain::WorkspaceId;

use super::{Objects, ObjectsError};
use crate::model::{Key, Kind, ObjectName, Place};

/// What is put, read and removed again.
const PROBE: Bytes = Bytes::from_static(b"Latchkey looks whether it can store files here.\n");

/// What is wrong with the store as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub(crate) struct StoreProblem {
    /// What, and what to do about it.
    pub problem: String,
    #[source]
    source: Option<ObjectsError>,
}

impl Objects {
    /// Lists, puts, reads, copies, looks and removes, as the service does; stops at what fails first.
    pub(crate) async fn probe(&self) -> Result<(), StoreProblem> {
        let key = |place| Key {
            place,
            workspace: WorkspaceId::new(),
            kind: Kind::Document,
            name: ObjectName::generate(),
            side: None,
        };
        let (there, copy) = (key(Place::Staging), key(Place::Staging));
        let failed = |right| move |error| self.problem(right, error);
        self.list(Place::Staging, None).await.map_err(failed("s3:ListBucket"))?;
        self.put(&there, "text/plain", PROBE).await.map_err(failed("s3:PutObject"))?;
        let head = self.head(&there).await.map_err(failed("s3:GetObject"))?;
        let head = head.ok_or_else(|| lost("what was put is not there"))?;
        let read = self.read(&there, &head).await.map_err(failed("s3:GetObject"))?;
        if read != PROBE {
            return Err(lost(
                "what was put reads otherwise; a store that knows no checksums takes s3.checksums = false",
            ));
        }
        self.copy(&there, &head, &copy, "text/plain").await.map_err(failed("s3:PutObject"))?;
        for key in [there, copy] {
            self.delete(&key.to_string()).await.map_err(failed("s3:DeleteObject"))?;
        }
        Ok(())
    }

    fn problem(&self, right: &str, error: ObjectsError) -> StoreProblem {
        let bucket = &self.bucket;
        let problem = match &error {
            ObjectsError::Refused { code, .. } => match code.as_str() {
                "NoSuchBucket" => format!("there is no bucket {bucket:?}: make it, or set s3.bucket"),
                "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException"
                | "status 301" => {
                    format!("the bucket {bucket:?} is in another region than s3.region says")
                }
                "InvalidAccessKeyId" => "the store does not know s3.access_key_id".to_owned(),
                "SignatureDoesNotMatch" => "s3.secret_access_key does not belong to s3.access_key_id".to_owned(),
                "ExpiredToken" => "the credentials have expired".to_owned(),
                "RequestTimeTooSkewed" => "this machine's clock is wrong by more than 15 minutes".to_owned(),
                "AccessDenied" | "status 403" => {
                    format!("the access key may not use the bucket {bucket:?}: it needs {right}")
                }
                "NotImplemented" | "InvalidArgument" => {
                    "the store does not take what is sent: try s3.checksums = false, or an empty s3.encryption".to_owned()
                }
                code => format!("the store refuses with {code} ({right})"),
            },
            ObjectsError::Unreachable(_) => {
                "the store does not answer: is s3.endpoint right, and can it be reached from here?".to_owned()
            }
            ObjectsError::Changed | ObjectsError::Missing => "the store loses what is put".to_owned(),
        };
        StoreProblem { problem, source: Some(error) }
    }
}

fn lost(problem: &str) -> StoreProblem {
    StoreProblem { problem: problem.to_owned(), source: None }
}

#[cfg(test)]
mod tests;
