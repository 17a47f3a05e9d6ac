//! API keys in exchange for tokens. `workspace` says whose a key is; it is asked once for a key that many
//! calls show at once, and again after ten seconds, so a key that is revoked is out by then.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chassis::auth::{ApiKeyText, Principal, Role, Signer};
use chassis::rpc::{ServiceChannel, Traced};
use domain::names::{ApiKeyName, LocationName};
use domain::{Clock, Timestamp};
use http::HeaderValue;
use proto::workspace::v1 as pb;
use proto::workspace::v1::api_key_exchange_service_client::ApiKeyExchangeServiceClient;
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Status;

use crate::config::{Config, SettingError};
use crate::refusal::Refusal;
use crate::wrong_tokens::WrongTokens;

/// What is known of a key holds for so long.
const MEMORY: chrono::Duration = chrono::Duration::seconds(10);
/// A token that the services get for a key. Whoever has the key never sees it.
const TOKEN_LIFETIME: chrono::Duration = chrono::Duration::minutes(1);
/// Keys that are remembered at most.
const KEYS_MAX: usize = 10_000;
/// Keys that nothing is known of and that are asked for at once.
const STRANGERS_MAX: usize = 64;
/// An exchange is given up after this long; so is waiting for that of another call with the same key.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Knows whose keys are.
pub(super) struct Keys {
    exchange: ApiKeyExchangeServiceClient<ServiceChannel>,
    signer: Signer,
    clock: Arc<dyn Clock>,
    wrong: WrongTokens,
    /// What came of genuine keys, by their SHA-256. No wrong one can push one out.
    known: Cache<[u8; 32], Exchanged>,
    strangers: Semaphore,
}

/// Whom a good key names, and what the services get in its place.
pub(super) struct Caller {
    pub principal: Principal,
    pub bearer: HeaderValue,
}

/// What came of a genuine key: one that is good, or was.
#[derive(Clone)]
struct Exchanged {
    outcome: Result<Arc<Caller>, Refusal>,
    asked_at: Timestamp,
    /// It is asked again then.
    until: Timestamp,
}

/// What `workspace` says of a key.
enum Answer {
    Genuine(Exchanged),
    /// There is no such key.
    Unknown,
    /// There is one with that id, and another secret.
    WrongSecret,
}

impl Exchanged {
    fn holds(&self, now: Timestamp) -> bool {
        (self.asked_at..self.until).contains(&now)
    }
}

impl Keys {
    pub(super) fn new(
        config: &Config,
        deps: &chassis::BasicDeps,
        signer: Signer,
        wrong: WrongTokens,
    ) -> Result<Self, SettingError> {
        let channel = ServiceChannel::new(config.channel("workspace", &deps.identity)?, Traced);
        Ok(Self {
            exchange: ApiKeyExchangeServiceClient::new(channel),
            signer,
            clock: deps.clock.clone(),
            wrong,
            known: Cache::new(KEYS_MAX),
            strangers: Semaphore::new(STRANGERS_MAX),
        })
    }

    /// Whom a key names that came from there.
    pub(super) async fn exchange(&self, text: &str, from: IpAddr) -> Result<Arc<Caller>, Refusal> {
        let Some(key) = ApiKeyText::read(text) else {
            let _counts = self.wrong.begin(from)?;
            return Err(Refusal::KeyInvalid);
        };
        let (hash, now) = (key.hash(), self.clock.now());
        let known = self.known.entry_async(&hash, |_, known| {
            if known.holds(now) {
                EntryAction::Retain(known.outcome.clone())
            } else {
                EntryAction::ReplaceWithGuard
            }
        });
        match timeout(TIMEOUT, known).await.map_err(|_| Refusal::Unreachable)? {
            EntryResult::Retained(outcome) => outcome,
            EntryResult::Replaced(place, before) => match self.ask(&key, hash).await {
                Ok(Answer::Genuine(exchanged)) => {
                    let outcome = exchanged.outcome.clone();
                    let _ = place.insert(exchanged);
                    outcome
                }
                Ok(Answer::Unknown | Answer::WrongSecret) => Err(Refusal::KeyInvalid),
                Err(refusal) => {
                    // It is no stranger because nobody could be asked.
                    let _ = place.insert(before);
                    Err(refusal)
                }
            },
            EntryResult::Vacant(place) => {
                let tried = self.wrong.begin_key(from, key.id())?;
                let Ok(_turn) = self.strangers.try_acquire() else {
                    tried.forgive();
                    return Err(Refusal::Busy);
                };
                match self.ask(&key, hash).await {
                    Ok(Answer::Genuine(exchanged)) => {
                        tried.forgive();
                        let outcome = exchanged.outcome.clone();
                        let _ = place.insert(exchanged);
                        outcome
                    }
                    Ok(Answer::Unknown) => Err(Refusal::KeyInvalid),
                    Ok(Answer::WrongSecret) => {
                        tried.missed(key.id());
                        Err(Refusal::KeyInvalid)
                    }
                    Err(refusal) => {
                        tried.forgive();
                        Err(refusal)
                    }
                }
            }
            EntryResult::Removed(..) | EntryResult::Timeout => {
                unreachable!("nothing is removed here, and nobody waits for a limited time")
            }
        }
    }

    async fn ask(&self, key: &ApiKeyText, hash: [u8; 32]) -> Result<Answer, Refusal> {
        let asked_at = self.clock.now();
        let request = pb::ExchangeApiKeyRequest { id: key.id().to_string(), sha256: hash.to_vec() };
        let mut exchange = self.exchange.clone();
        let answer = timeout(TIMEOUT, exchange.exchange_api_key(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        let answer = answer.map_err(|status| {
            tracing::warn!(error = &status as &dyn Error, "nobody says whose API keys are");
            Refusal::Unreachable
        })?;
        let pb::ExchangeApiKeyResponse { verdict, api_key } = answer.into_inner();
        let genuine = |outcome, until| Ok(Answer::Genuine(Exchanged { outcome, asked_at, until }));
        let until = asked_at + MEMORY;
        match pb::ApiKeyVerdict::try_from(verdict).unwrap_or_default() {
            pb::ApiKeyVerdict::Good => {
                let (principal, end) = api_key.as_ref().and_then(principal).ok_or(Refusal::Unreachable)?;
                let token = self.signer.issue(&principal, TOKEN_LIFETIME);
                let mut bearer: HeaderValue =
                    format!("Bearer {token}").parse().expect("a token is printable ASCII");
                bearer.set_sensitive(true);
                let caller = Arc::new(Caller { principal, bearer });
                genuine(Ok(caller), end.map_or(until, |end| end.min(until)))
            }
            pb::ApiKeyVerdict::Revoked => genuine(Err(Refusal::KeyRevoked), until),
            pb::ApiKeyVerdict::Expired => genuine(Err(Refusal::KeyExpired), until),
            pb::ApiKeyVerdict::Unknown => Ok(Answer::Unknown),
            pb::ApiKeyVerdict::WrongSecret => Ok(Answer::WrongSecret),
            // A service that is newer says something else: not that the key is good.
            pb::ApiKeyVerdict::Unspecified => Err(Refusal::Unreachable),
        }
    }
}

/// Whom a key names, and until when.
fn principal(key: &pb::ApiKey) -> Option<(Principal, Option<Timestamp>)> {
    let ApiKeyName { workspace, id } = key.name.parse().ok()?;
    let locations = key.locations.iter().map(|name| name.parse::<LocationName>().ok().map(|name| name.id));
    let end = match &key.expire_time {
        Some(time) => Some(Timestamp::from_timestamp(time.seconds, time.nanos.try_into().ok()?)?),
        None => None,
    };
    let principal = Principal::api_key(id, workspace, Role::of_contract(key.role())?)
        .at(locations.collect::<Option<Vec<_>>>()?)
        .only_for(key.methods.clone());
    Some((principal, end))
}
