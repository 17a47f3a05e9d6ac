//! Signed requests: whoever has one may send it to the store until it ends (Amazon S3 API Reference, "Authenticating
//! requests: using query parameters").

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use domain::{Clock as _, SystemClock, Timestamp};
use secrecy::SecretString;

use super::{Objects, ObjectsError};
use crate::config::SIGNED_SECONDS_MAX;
use crate::model::{Key, Place};

/// A request that is signed.
#[derive(Debug)]
pub(crate) struct Signed {
    pub method: String,
    pub url: SecretString,
    /// Headers that the sender sets.
    pub headers: Vec<(String, String)>,
    /// None: it does not end.
    pub ends_at: Option<Timestamp>,
}

/// Headers that browsers set by themselves, and let nobody else set.
const SET_BY_ITSELF: [&str; 2] = ["content-length", "host"];

impl Objects {
    /// Sends exactly so many bytes of that type there.
    pub(crate) async fn sign_put(
        &self,
        key: &Key,
        mime: &str,
        bytes: i64,
        seconds: u32,
    ) -> Result<Signed, ObjectsError> {
        let (config, ends_at) = span(SystemClock.now(), seconds)?;
        let put = self.public.put_object().bucket(&self.bucket).key(key.to_string());
        // Encryption is not signed: browsers would have to send its header. The bucket says it for them.
        let request = put.content_type(mime).content_length(bytes).presigned(config).await?;
        Ok(signed(&request, ends_at))
    }

    /// Fetches what lies there, as a file of that type, so named; or what is public, for as long as it is there.
    pub(crate) async fn sign_get(
        &self,
        key: &Key,
        mime: &str,
        disposition: &str,
        seconds: u32,
    ) -> Result<Signed, ObjectsError> {
        let (from, seconds) = match key.place {
            Place::Public if !self.public_base_url.is_empty() => {
                let url = format!("{}/{key}", self.public_base_url);
                let (method, headers) = ("GET".to_owned(), Vec::new());
                return Ok(Signed { method, url: url.into(), headers, ends_at: None });
            }
            // The same link all day, so that browsers find what they have kept.
            Place::Public => (beginning_of_day(SystemClock.now()), SIGNED_SECONDS_MAX),
            Place::Staging | Place::Stored => (SystemClock.now(), seconds),
        };
        let (config, ends_at) = span(from, seconds)?;
        let get = self.public.get_object().bucket(&self.bucket).key(key.to_string());
        let get = get.response_content_type(mime).response_content_disposition(disposition);
        Ok(signed(&get.presigned(config).await?, ends_at))
    }
}

fn span(from: Timestamp, seconds: u32) -> Result<(PresigningConfig, Timestamp), ObjectsError> {
    let life = Duration::from_secs(seconds.into());
    let config = PresigningConfig::builder().start_time(from.into()).expires_in(life).build();
    let config = config.map_err(|error| ObjectsError::Unreachable(error.into()))?;
    Ok((config, from + chrono::Duration::seconds(seconds.into())))
}

fn beginning_of_day(now: Timestamp) -> Timestamp {
    now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
}

fn signed(request: &PresignedRequest, ends_at: Timestamp) -> Signed {
    let headers = request
        .headers()
        .filter(|(name, _)| !SET_BY_ITSELF.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Signed {
        method: request.method().to_owned(),
        url: request.uri().into(),
        headers: headers.collect(),
        ends_at: Some(ends_at),
    }
}
