//! What failed for good, kept with its reason until a person replays it.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{ErrorCode, stream};
use domain::Timestamp;
use futures::StreamExt;

use crate::Bus;
use crate::envelope::MESSAGE_ID;
use crate::subject::StreamKind;

const REASON: &str = "latchkey-dead-reason";
const CONSUMER: &str = "latchkey-dead-consumer";
const SUBJECT: &str = "latchkey-dead-subject";
const DELIVERIES: &str = "latchkey-dead-deliveries";

/// A message that failed for good.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its number among the dead letters.
    pub number: u64,
    /// When it came here.
    pub time: Timestamp,
    /// Who could not take it.
    pub consumer: String,
    /// Why not.
    pub reason: String,
    /// Where it was published.
    pub subject: String,
    /// How often it was delivered.
    pub deliveries: i64,
    /// Its headers as they were.
    pub headers: Vec<(String, String)>,
    /// Its body as it was.
    pub payload: Vec<u8>,
}

/// Why dead letters can't be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The stream is not to be had.
    #[error(transparent)]
    Bus(#[from] crate::bus::BusError),
    /// NATS refused.
    #[error("cannot reach the dead letters")]
    Nats(#[source] async_nats::Error),
    /// No such number.
    #[error("there is no dead letter {0}")]
    NotFound(u64),
}

fn nats(error: impl Into<async_nats::Error>) -> DeadLetterError {
    DeadLetterError::Nats(error.into())
}

/// Puts a message among the dead letters. Twice makes one, for the same consumer and message; one that was
/// replayed and failed again is another message.
pub(crate) async fn bury(
    bus: &Bus,
    consumer: &str,
    reason: &str,
    message: &async_nats::jetstream::Message,
) -> Result<(), DeadLetterError> {
    let mut headers = message.headers.clone().unwrap_or_default();
    let info = message.info().map_err(DeadLetterError::Nats)?;
    // NATS headers are one line each.
    let reason: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1_000).collect();
    headers.insert(REASON, reason.as_str());
    headers.insert(CONSUMER, consumer);
    headers.insert(SUBJECT, message.subject.as_str());
    headers.insert(DELIVERIES, info.delivered.to_string().as_str());
    // The time too: a stream that was made anew counts from 1 again.
    let key = format!("{}.{}", info.stream_sequence, info.published.timestamp_micros());
    headers.insert(MESSAGE_ID, format!("dead.{consumer}.{key}").as_str());
    let last_token = message.subject.rsplit('.').next().unwrap_or("unknown");
    let subject = bus.root().subject(&format!("dead.{consumer}.{last_token}"));
    bus.jetstream()
        .publish_with_headers(subject, headers, message.payload.clone())
        .await
        .map_err(nats)?
        .await
        .map_err(nats)?;
    Ok(())
}

/// Dead letters from number `from` on, oldest first, at most `limit`.
pub async fn list(bus: &Bus, from: u64, limit: usize) -> Result<Vec<DeadLetter>, DeadLetterError> {
    let stream = bus.stream(StreamKind::Dead).await?;
    let consumer = stream
        .create_consumer(pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from.max(1) },
            ack_policy: AckPolicy::None,
            inactive_threshold: Duration::from_secs(30),
            ..Default::default()
        })
        .await
        .map_err(nats)?;
    if consumer.cached_info().num_pending == 0 {
        // A fetch would wait for more.
        return Ok(Vec::new());
    }
    let mut batch = consumer
        .fetch()
        .max_messages(limit)
        .expires(Duration::from_secs(5))
        .messages()
        .await
        .map_err(nats)?;
    let mut letters = Vec::new();
    while let Some(message) = batch.next().await {
        let message = message.map_err(DeadLetterError::Nats)?;
        let info = message.info().map_err(DeadLetterError::Nats)?;
        letters.push(letter(
            info.stream_sequence,
            info.published,
            message.headers.as_ref(),
            &message.payload,
        ));
    }
    Ok(letters)
}

/// The dead letter of that number.
pub async fn get(bus: &Bus, number: u64) -> Result<DeadLetter, DeadLetterError> {
    if number == 0 {
        // NATS counts from 1, and takes 0 for a mistake.
        return Err(DeadLetterError::NotFound(number));
    }
    let stream = bus.stream(StreamKind::Dead).await?;
    let message = stream.get_raw_message(number).await.map_err(|error| match error.kind() {
        stream::LastRawMessageErrorKind::NoMessageFound => DeadLetterError::NotFound(number),
        stream::LastRawMessageErrorKind::JetStream(e) if e.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
            DeadLetterError::NotFound(number)
        }
        _ => nats(error),
    })?;
    Ok(letter(number, message.time, Some(&message.headers), &message.payload))
}

/// Publishes the message again where it came from, then removes it from here. Consumers that have
/// applied it already ignore it.
pub async fn replay(bus: &Bus, number: u64) -> Result<DeadLetter, DeadLetterError> {
    let letter = get(bus, number).await?;
    let mut headers = HeaderMap::new();
    // Without its message id: JetStream would take it for a duplicate. The event's id stays.
    for (name, value) in letter.headers.iter().filter(|(name, _)| name != MESSAGE_ID) {
        headers.insert(name.as_str(), value.as_str());
    }
    bus.jetstream()
        .publish_with_headers(letter.subject.clone(), headers, letter.payload.clone().into())
        .await
        .map_err(nats)?
        .await
        .map_err(nats)?;
    bus.stream(StreamKind::Dead).await?.delete_message(number).await.map_err(nats)?;
    Ok(letter)
}

fn letter(number: u64, time: Timestamp, headers: Option<&HeaderMap>, payload: &[u8]) -> DeadLetter {
    let mut letter = DeadLetter {
        number,
        time,
        consumer: String::new(),
        reason: String::new(),
        subject: String::new(),
        deliveries: 0,
        headers: Vec::new(),
        payload: payload.to_vec(),
    };
    for (name, values) in headers.into_iter().flat_map(HeaderMap::iter) {
        let value = values.first().map(|value| value.as_str().to_owned()).unwrap_or_default();
        match AsRef::<str>::as_ref(name) {
            REASON => letter.reason = value,
            CONSUMER => letter.consumer = value,
            SUBJECT => letter.subject = value,
            DELIVERIES => letter.deliveries = value.parse().unwrap_or_default(),
            name => letter.headers.push((name.to_owned(), value)),
        }
    }
    letter
}
