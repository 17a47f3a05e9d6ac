//! Under which address the provider is reached: what it calls itself.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;

use super::OpenId;
use super::token::Refusal;
use crate::Vendor;

/// The issuer, as a URL without a slash in the end.
pub(super) struct Issuer(pub(super) String);

impl FromRequestParts<Arc<OpenId>> for Issuer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, openid: &Arc<OpenId>) -> Result<Self, Refusal> {
        if let Some(configured) = &openid.config.issuer {
            return Ok(Self(configured.clone()));
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.ok_or(Refusal::InvalidRequest("the header 'host' is missing"))?;
        Ok(Self(format!("http://{host}/{}", Vendor::OpenId.name())))
    }
}
