//! Sends calls: waits for the account's turn, sends, judges, repeats.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::{Clock, Timestamp};
use http::{HeaderMap, StatusCode};
use rustls::crypto::CryptoProvider;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use crate::accounts::{AccountKey, Accounts, Refusal};
use crate::breaker::{Change, CircuitState, Outcome};
use crate::call::Body;
use crate::certificate::{self, Certificate, CertificateChanged, Trust};
use crate::error::Site;
use crate::outgoing::{Outgoing, Refused, Resolver};
use crate::retry::{self, Failure};
use crate::telemetry::{self, Instruments};
use crate::verdict::{ErrorAnswer, ReadError, Verdict};
use crate::{Answer, Call, Config, Effect, ErrorKind, Limit, VendorError, scrub};

/// Largest error answer that is read, in bytes. Of a longer one only the status counts.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Why there can be no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No TLS without one.
    #[error("no rustls crypto provider is installed: install one in main before building clients")]
    NoCryptoProvider,
    /// The HTTP client could not be built.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The crypto provider is of no use for TLS.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// The connections of a process to all vendors. Cheap to clone.
#[derive(Clone)]
pub struct VendorHttp {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    client: reqwest::Client,
    /// Where calls may lead; `None`: anywhere, as nobody but us says where.
    outgoing: Option<Arc<Outgoing>>,
    instruments: Instruments,
}

/// What is particular to one vendor.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Name in errors, spans and metrics, such as `kisi`.
    pub name: &'static str,
    /// Limit of each account; `None` is no limit.
    pub limit: Option<Limit>,
    /// Reads the vendor's error answers.
    pub read_error: ReadError,
}

/// Calls one vendor. Cheap to clone; clones share limits and circuits, so a process makes one.
#[derive(Clone)]
pub struct VendorClient {
    http: VendorHttp,
    profile: Profile,
    accounts: Arc<Accounts>,
}

impl VendorHttp {
    /// A client with the bounds of `config`. `clock` is read for dates in `Retry-After` only. Metrics
    /// go to the meter provider that is installed now.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        Self::build(config, clock, None)
    }

    /// The same for hosts that people type: connects only where `outgoing` lets it.
    pub fn guarded(config: Config, clock: Arc<dyn Clock>, outgoing: Outgoing) -> Result<Self, BuildError> {
        Self::build(config, clock, Some(Arc::new(outgoing)))
    }

    fn build(
        config: Config,
        clock: Arc<dyn Clock>,
        outgoing: Option<Arc<Outgoing>>,
    ) -> Result<Self, BuildError> {
        let client = connections(&config, outgoing.clone(), None)?;
        Ok(Self { config: Arc::new(config), clock, client, outgoing, instruments: Instruments::new() })
    }

    /// A client for one vendor, with limits and circuits of its own.
    pub fn vendor(&self, profile: Profile) -> VendorClient {
        let accounts = Arc::new(Accounts::new(profile.limit, &self.config));
        VendorClient { http: self.clone(), profile, accounts }
    }
}

/// Connections that share nothing with others.
fn connections(
    config: &Config,
    outgoing: Option<Arc<Outgoing>>,
    trust: Option<Trust>,
) -> Result<reqwest::Client, BuildError> {
    let crypto = CryptoProvider::get_default().ok_or(BuildError::NoCryptoProvider)?;
    let mut builder = reqwest::Client::builder()
        .user_agent(&config.user_agent)
        .connect_timeout(config.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Proxies come from the environment otherwise, which nothing here reads.
        .no_proxy();
    if let Some(outgoing) = outgoing {
        builder = builder.dns_resolver(Resolver(outgoing));
    }
    if let Some(trust) = trust {
        let tls = certificate::tls(trust, crypto.clone()).map_err(BuildError::Tls)?;
        builder = builder.tls_backend_preconfigured(tls).tls_info(true);
    }
    builder.build().map_err(BuildError::Client)
}

impl VendorClient {
    /// The same client, with the same limits and circuits, by connections of its own that take a certificate
    /// as `trust` says, and no authority's word. To be kept for as long as that is so.
    pub fn trusting(&self, trust: Trust) -> Result<Self, BuildError> {
        let client = connections(&self.http.config, self.http.outgoing.clone(), Some(trust))?;
        Ok(Self { http: VendorHttp { client, ..self.http.clone() }, ..self.clone() })
    }

    /// Sends a call and reads its whole answer. An error status is an error.
    ///
    /// The call may be sent several times, as far as its safety and the retries allow. It is over within
    /// its call timeout. Dropping the future cancels it, with unknown effect.
    pub async fn send(&self, call: Call) -> Result<Answer, VendorError> {
        let result = self.attempts(&call).await;
        let outcome = result.as_ref().map_or_else(|error| error.kind.name(), |_| "ok");
        self.http.instruments.call(self.profile.name, &call, outcome);
        result
    }

    /// State of an account's circuit.
    pub fn circuit(&self, account: &AccountKey) -> CircuitState {
        self.accounts.circuit(account)
    }

    async fn attempts(&self, call: &Call) -> Result<Answer, VendorError> {
        let config = &self.http.config;
        if let Some(outgoing) = &self.http.outgoing {
            outgoing.admit_literal(&call.url).map_err(|refused| self.address_refused(call, refused))?;
        }
        let retry = call.retry.unwrap_or(config.retry);
        let deadline = Instant::now() + call.call_timeout.unwrap_or(config.call_timeout);
        let account = self.accounts.get(&call.account);
        let mut pauses = retry.pauses();
        let mut resends = 0;
        let mut last: Option<VendorError> = None;
        loop {
            let turn = match account.turn(deadline).await {
                Ok(turn) => turn,
                // An attempt that was sent and failed says more than that there was no time for another.
                Err(refusal) => return Err(last.unwrap_or_else(|| self.refused(call, refusal))),
            };
            let span = telemetry::attempt_span(self.profile.name, call, resends);
            let started = Instant::now();
            let attempt = self.attempt(call, deadline).instrument(span.clone()).await;
            self.http.instruments.attempt(self.profile.name, call, attempt.status, started.elapsed());
            telemetry::record(&span, attempt.status, attempt.result.as_ref().err());
            if let Some(change) = turn.report(attempt.outcome) {
                self.tell(change, &call.account);
            }
            let mut error = match attempt.result {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let failure =
                Failure { kind: error.kind, effect: error.effect, retry_after: error.retry_after() };
            if let (ErrorKind::RateLimited { .. }, Some(asked)) = (error.kind, error.retry_after()) {
                account.hold(asked.min(config.call_timeout));
            }
            // An earlier attempt may have done what this one was refused for.
            error.effect = last.map_or(error.effect, |last| last.effect.or(error.effect));
            let left = deadline.saturating_duration_since(Instant::now());
            let pause = pauses.next().filter(|_| !error.is_final());
            let wait = retry::plan(failure, call.safety, retry.retry_after_max, pause, left);
            let Some(wait) = wait else { return Err(error) };
            last = Some(error);
            resends += 1;
            sleep(wait).await;
        }
    }

    /// Sends once. Never takes longer than the attempt timeout, nor past the deadline.
    async fn attempt(&self, call: &Call, deadline: Instant) -> Attempt {
        let config = &self.http.config;
        let left = deadline.saturating_duration_since(Instant::now());
        let mut request = self
            .http
            .client
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone())
            .timeout(call.attempt_timeout.unwrap_or(config.attempt_timeout).min(left));
        match &call.body {
            Body::None => {}
            Body::Bytes(bytes) => request = request.body(bytes.clone()),
            Body::Unwritable => {
                let error = self.error(call, ErrorKind::Malformed, Effect::None);
                let error = error.with_message(Some("the body cannot be written as JSON".to_owned()));
                return Attempt { status: None, outcome: Outcome::Cancelled, result: Err(error) };
            }
        }
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return self.lost(call, None, error),
        };
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = tls.and_then(reqwest::tls::TlsInfo::peer_certificate).map(Certificate::of);
        if !status.is_success() {
            // Without a readable body the status still counts.
            let body = read_body(&mut response, ERROR_BYTES_MAX).await.unwrap_or_default();
            return self.judge(call, status, &headers, &body, certificate);
        }
        match read_body(&mut response, config.answer_bytes_max).await {
            Ok(body) => {
                let answer = Answer { status, headers, body, certificate, site: self.site(call) };
                Attempt { status: Some(status), outcome: Outcome::Alive, result: Ok(answer) }
            }
            Err(ReadFailure::Lost(error)) => self.lost(call, Some(status), error),
            Err(ReadFailure::TooLarge) => {
                let what = format!("the answer is larger than {} bytes", config.answer_bytes_max);
                let error = self
                    .error(call, ErrorKind::Malformed, Effect::Unknown)
                    .with_status(status)
                    .with_message(Some(what));
                Attempt { status: Some(status), outcome: Outcome::Alive, result: Err(error) }
            }
        }
    }

    /// No answer, or not all of it.
    fn lost(&self, call: &Call, status: Option<StatusCode>, error: reqwest::Error) -> Attempt {
        if let Some(error) = self.held_back(call, &error) {
            // Whoever is there says nothing about the vendor.
            return Attempt { status, outcome: Outcome::Cancelled, result: Err(error) };
        }
        // Connecting includes name lookup and TLS: nothing of the call has left before.
        let effect = if error.is_connect() || error.is_builder() { Effect::None } else { Effect::Unknown };
        let what = match (error.is_connect(), error.is_timeout()) {
            (true, true) => "no connection in time",
            (true, false) => "no connection",
            (false, true) => "no whole answer in time",
            (false, false) => "the connection broke",
        };
        let mut lost = self
            .error(call, ErrorKind::Unreachable, effect)
            .with_message(Some(what.to_owned()))
            .with_source(error.without_url());
        if let Some(status) = status {
            lost = lost.with_status(status);
        }
        Attempt { status, outcome: Outcome::Dead, result: Err(lost) }
    }

    /// The error of a call that was not sent because of where it would have gone.
    fn held_back(&self, call: &Call, error: &reqwest::Error) -> Option<VendorError> {
        if let Some(changed) = CertificateChanged::find(error) {
            let held_back = self.error(call, ErrorKind::CertificateChanged, Effect::None);
            let shown = changed.shown.clone();
            return Some(held_back.with_message(Some(changed.to_string())).with_certificate(Some(shown)));
        }
        let refused = certificate::causes(error).find_map(|cause| cause.downcast_ref::<Refused>());
        refused.map(|refused| self.address_refused(call, refused.clone()))
    }

    fn address_refused(&self, call: &Call, refused: Refused) -> VendorError {
        let error = self.error(call, ErrorKind::AddressRefused, Effect::None);
        error.with_message(Some(refused.to_string())).with_source(refused)
    }

    /// An answer with an error status.
    fn judge(
        &self,
        call: &Call,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        certificate: Option<Certificate>,
    ) -> Attempt {
        let now: Timestamp = self.http.clock.now();
        let mut verdict = Verdict::of_status(status, headers, now);
        (self.profile.read_error)(&ErrorAnswer { status, headers, body, now }, &mut verdict);
        let kind = match verdict.kind {
            ErrorKind::RateLimited { .. } => ErrorKind::RateLimited { retry_after: verdict.retry_after },
            kind => kind,
        };
        let error = self
            .error(call, kind, verdict.effect)
            .with_status(status)
            .with_code(verdict.code.as_deref().and_then(scrub::code))
            .with_message(verdict.message.as_deref().and_then(scrub::message))
            .with_retry_after(verdict.retry_after)
            .with_final(verdict.is_final)
            .with_certificate(certificate)
            .with_challenge(headers.get(http::header::WWW_AUTHENTICATE).cloned());
        let outcome = if verdict.is_outage { Outcome::Dead } else { Outcome::Alive };
        Attempt { status: Some(status), outcome, result: Err(error) }
    }

    fn refused(&self, call: &Call, refusal: Refusal) -> VendorError {
        match refusal {
            Refusal::CircuitOpen(retry_after) => {
                self.error(call, ErrorKind::CircuitOpen { retry_after }, Effect::None)
            }
            Refusal::NotInTime(late) => {
                let kind = ErrorKind::RateLimited { retry_after: late.wait };
                let what = "not sent: its turn would come too late".to_owned();
                self.error(call, kind, Effect::None).with_message(Some(what))
            }
        }
    }

    fn error(&self, call: &Call, kind: ErrorKind, effect: Effect) -> VendorError {
        VendorError::new(&self.site(call), kind, effect)
    }

    fn site(&self, call: &Call) -> Site {
        Site {
            vendor: self.profile.name,
            method: call.method.clone(),
            template: call.template,
            is_read: call.is_read,
        }
    }

    fn tell(&self, change: Change, account: &AccountKey) {
        let vendor = self.profile.name;
        match change {
            Change::Opened => {
                self.http.instruments.circuit_opened(vendor);
                tracing::warn!(
                    provider.name = vendor,
                    provider.account = account.as_str(),
                    cool_down_ms = duration_ms(self.http.config.breaker.cool_down),
                    "account does not answer, its calls are refused for now",
                );
            }
            Change::Closed => tracing::info!(
                provider.name = vendor,
                provider.account = account.as_str(),
                "account answers again",
            ),
        }
    }
}

/// What became of one attempt.
struct Attempt {
    status: Option<StatusCode>,
    outcome: Outcome,
    result: Result<Answer, VendorError>,
}

enum ReadFailure {
    TooLarge,
    Lost(reqwest::Error),
}

async fn read_body(response: &mut reqwest::Response, max: usize) -> Result<Bytes, ReadFailure> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(ReadFailure::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(ReadFailure::Lost)? {
        if body.len() + chunk.len() > max {
            return Err(ReadFailure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn duration_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for VendorHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorHttp").field("config", &self.config).finish_non_exhaustive()
    }
}

impl fmt::Debug for VendorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorClient").field("profile", &self.profile).finish_non_exhaustive()
    }
}
