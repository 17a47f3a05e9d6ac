//! Stand-ins for the vendors that Latchkey talks to: each twin speaks its vendor's real wire format,
//! keeps its state, and can be told to fail.
//!
//! One HTTP server on one port, and a port of its own for each relay board, for the UniFi console and for S3. Each vendor but
//! the boards and S3 has a prefix (`/kisi/…`, `/sendgrid/v3/…`, `/twilio/2010-04-01/…`, `/stripe/v1/…`, `/openid/…`); below it the paths are exactly the vendor's, so `http://host:port/kisi` is
//! what a client takes as the vendor's base URL. `/_control/…` is the sandbox's own API: clock, faults,
//! request log, reset, and what each twin adds.
//!
//! Owns: make-believe state, in memory, saved to one file if configured; what is at S3, in a folder. Deliberately absent: TLS (but for the UniFi
//! console), access control on the control API, and anything that a vendor does not do. Never expose it.

pub mod boards;
mod clock;
mod config;
mod control;
mod credentials;
mod deliveries;
mod faults;
mod guard;
pub mod kisi;
pub mod openid;
mod page;
mod requests;
pub mod s3;
pub mod sendgrid;
mod server;
mod state;
pub mod stripe;
pub mod twilio;
mod twin;
pub mod unifi;

use std::sync::Arc;

use domain::Clock;

pub use boards::Boards;
pub use clock::SandboxClock;
pub use config::{CONFIG_DEFAULTS, Config, DeliveriesConfig, ProcessConfig};
pub use deliveries::{Deliveries, Delivery, DeliveryCounts, Outcome};
pub use faults::{Action, ActiveFault, Fault, FaultError, Faults, Phase};
pub use kisi::Kisi;
pub use openid::OpenId;
pub use requests::{LoggedRequest, Requests};
pub use s3::S3;
pub use sendgrid::SendGrid;
pub use server::ServeError;
pub use state::StateError;
pub use stripe::Stripe;
pub use twilio::Twilio;
pub use twin::{Twin, TwinParts, Vendor};
pub use unifi::Unifi;

/// All twins and what they share. Cheap to clone; every clone is the same sandbox.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    clock: Arc<SandboxClock>,
    faults: Arc<Faults>,
    requests: Arc<Requests>,
    guard: guard::Guard,
    deliveries: Deliveries,
    delivery_queue: deliveries::Queue,
    kisi: Arc<Kisi>,
    sendgrid: Arc<SendGrid>,
    twilio: Arc<Twilio>,
    stripe: Arc<Stripe>,
    openid: Arc<OpenId>,
    boards: Arc<Boards>,
    unifi: Arc<Unifi>,
    s3: Arc<S3>,
}

impl Sandbox {
    /// A sandbox with the state that `config` seeds. The clock is the given one plus an offset that the
    /// control API sets. [`Sandbox::serve`] replaces the state by that of the state file, if there is one.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let clock = Arc::new(SandboxClock::new(clock));
        let (deliveries, delivery_queue) = Deliveries::new(config.deliveries.clone());
        let parts = TwinParts { clock: clock.clone(), deliveries: deliveries.clone() };
        let faults = Arc::new(Faults::default());
        let requests = Arc::new(Requests::new(config.request_log_capacity));
        let guard = guard::Guard::new(clock.clone(), faults.clone(), requests.clone());
        let boards = Arc::new(Boards::new(config.boards.clone(), &parts, guard.clone()));
        let unifi = Arc::new(Unifi::new(config.unifi.clone(), parts.clone(), guard.clone()));
        // Without a folder there is no sandbox: it is made before anything is served.
        let s3 = S3::new(config.s3.clone(), guard.clone()).expect("a folder for the S3 twin");
        let s3 = Arc::new(s3);
        let kisi = Arc::new(Kisi::new(config.kisi.clone(), parts.clone()));
        let sendgrid = Arc::new(SendGrid::new(config.sendgrid.clone(), parts.clone()));
        let twilio = Arc::new(Twilio::new(config.twilio.clone(), parts.clone()));
        let stripe = Arc::new(Stripe::new(config.stripe.clone(), parts.clone()));
        let openid = Arc::new(OpenId::new(config.openid.clone(), parts));
        Self {
            inner: Arc::new(Inner {
                faults,
                requests,
                guard,
                clock,
                deliveries,
                delivery_queue,
                kisi,
                sendgrid,
                twilio,
                stripe,
                openid,
                boards,
                unifi,
                s3,
                config,
            }),
        }
    }

    /// The twins behind one interface: for routing, saving, resetting.
    fn twins(&self) -> Vec<Arc<dyn Twin>> {
        vec![
            self.inner.kisi.clone(),
            self.inner.sendgrid.clone(),
            self.inner.twilio.clone(),
            self.inner.stripe.clone(),
            self.inner.openid.clone(),
            self.inner.boards.clone(),
            self.inner.unifi.clone(),
            self.inner.s3.clone(),
        ]
    }

    /// The Kisi twin.
    pub fn kisi(&self) -> &Arc<Kisi> {
        &self.inner.kisi
    }

    /// The SendGrid twin.
    pub fn sendgrid(&self) -> &Arc<SendGrid> {
        &self.inner.sendgrid
    }

    /// The Twilio twin.
    pub fn twilio(&self) -> &Arc<Twilio> {
        &self.inner.twilio
    }

    /// The Stripe twin.
    pub fn stripe(&self) -> &Arc<Stripe> {
        &self.inner.stripe
    }

    /// The OpenID provider.
    pub fn openid(&self) -> &Arc<OpenId> {
        &self.inner.openid
    }

    /// The relay boards.
    pub fn boards(&self) -> &Arc<Boards> {
        &self.inner.boards
    }

    /// The UniFi Access twin.
    pub fn unifi(&self) -> &Arc<Unifi> {
        &self.inner.unifi
    }

    /// The S3 twin.
    pub fn s3(&self) -> &Arc<S3> {
        &self.inner.s3
    }

    /// The clock that all twins read.
    pub fn clock(&self) -> &Arc<SandboxClock> {
        &self.inner.clock
    }

    /// The rules by which vendors fail.
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// What was asked of the twins.
    pub fn requests(&self) -> &Requests {
        &self.inner.requests
    }

    /// What the twins send out: webhooks and callbacks.
    pub fn deliveries(&self) -> &Deliveries {
        &self.inner.deliveries
    }

    /// Back to the state that the configuration seeds: no faults, an empty log, no clock offset.
    pub fn reset(&self) {
        self.inner.faults.clear();
        self.inner.requests.clear();
        self.inner.clock.set_offset(chrono::Duration::zero());
        for twin in self.twins() {
            twin.reset();
        }
    }
}
