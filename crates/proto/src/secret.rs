//! Messages with secrets, or with what is in files, show their names only.

use std::fmt;

use crate::access::v1::{DoorSecret, MobileLogin, RevealDoorSecretResponse};
use crate::billing::v1::{ContinuePaymentResponse, ReceiveStripeEventRequest, StartPaymentMethodResponse};
use crate::integrations::v1::{ConnectIntegrationRequest, ResolveCredentialResponse};
use crate::storage::v1::{CreateDownloadLinkResponse, PutFileRequest, SignedRequest};
use crate::workspace::v1::CreateApiKeyResponse;

impl fmt::Debug for ConnectIntegrationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectIntegrationRequest")
            .field("parent", &self.parent)
            .field("provider", &self.provider)
            .field("location", &self.location)
            .field("credentials", &self.credentials.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ResolveCredentialResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolveCredentialResponse")
            .field("integration", &self.integration)
            .field("values", &self.values.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CreateApiKeyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateApiKeyResponse").field("api_key", &self.api_key).finish_non_exhaustive()
    }
}

impl fmt::Debug for CreateDownloadLinkResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateDownloadLinkResponse")
            .field("expire_time", &self.expire_time)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PutFileRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutFileRequest")
            .field("parent", &self.parent)
            .field("file", &self.file)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("method", &self.method)
            .field("expire_time", &self.expire_time)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StartPaymentMethodResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartPaymentMethodResponse")
            .field("payment_method", &self.payment_method)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ContinuePaymentResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinuePaymentResponse").finish_non_exhaustive()
    }
}

/// What Stripe reports shows objects whole, with what their holders confirm them by.
impl fmt::Debug for ReceiveStripeEventRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveStripeEventRequest")
            .field("workspace", &self.workspace)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DoorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoorSecret").field("door", &self.door).finish_non_exhaustive()
    }
}

impl fmt::Debug for MobileLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MobileLogin").field("ref", &self.r#ref).finish_non_exhaustive()
    }
}

impl fmt::Debug for RevealDoorSecretResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevealDoorSecretResponse").finish_non_exhaustive()
    }
}
