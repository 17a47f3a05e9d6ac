//! What stands before the guard: CORS, gRPC-web, who calls, sign-in, and the little that is plain HTTP.

mod cors;
mod proxies;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use chassis::rpc::Guarded;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::Layer as _;
use tower::util::MapRequestLayer;
use tower_http::cors::CorsLayer;

use crate::callers::Callers;
use crate::config::{CorsConfig, SettingError};
use crate::sign_in::{self, SignIn};

pub(crate) use proxies::TrustedProxies;
pub(crate) use webhooks::Webhooks;

/// The front of the gateway.
pub(crate) struct Edge {
    cors: CorsLayer,
    proxies: TrustedProxies,
    webhooks: Webhooks,
    sign_in: Arc<SignIn>,
    callers: Callers,
}

impl Edge {
    pub(crate) fn new(
        cors: &CorsConfig,
        proxies: TrustedProxies,
        webhooks: Webhooks,
        sign_in: Arc<SignIn>,
        callers: Callers,
    ) -> Result<Self, SettingError> {
        Ok(Self { cors: cors::layer(&cors.allowed_origins)?, proxies, webhooks, sign_in, callers })
    }

    /// Puts the front around the guarded methods. CORS comes first: a browser sends no token with its
    /// preflight, and shows no refusal to a page without the headers.
    pub(crate) fn around(self, methods: Guarded<Routes>) -> Routes {
        Router::new()
            .route("/healthz", get(async || "ok"))
            .route("/webhooks/sendgrid", post(webhooks::sendgrid).with_state(self.webhooks.clone()))
            .route("/webhooks/twilio", post(webhooks::twilio).with_state(self.webhooks.clone()))
            .route(
                "/webhooks/unifi/{workspace}/{integration}",
                post(webhooks::unifi).with_state(self.webhooks),
            )
            .merge(sign_in::routes(self.sign_in))
            .fallback_service(GrpcWebLayer::new().layer(self.callers.layer(methods)))
            .layer(MapRequestLayer::new(move |request| self.proxies.mark(request)))
            .layer(self.cors)
            .into()
    }
}
