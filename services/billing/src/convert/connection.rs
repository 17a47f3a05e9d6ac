//! What came of a check, as the contract says it.

use proto::integrations::v1 as pb;
use proto::integrations::v1::ConnectionProblemKind as Kind;
use vendor_http::{ErrorKind, VendorError};

use crate::credentials::SECRET_KEY;
use crate::vendor::{Error, KeyCheck};

/// The key is taken.
pub(crate) fn found(check: KeyCheck) -> pb::CheckConnectionResponse {
    let account = pb::ProviderAccount {
        r#ref: check.account_ref,
        display_name: check.display_name,
        mode: check.mode.as_str().to_owned(),
        findings: Vec::new(),
    };
    pb::CheckConnectionResponse { account: Some(account), ..Default::default() }
}

/// There is no key.
pub(crate) fn missing() -> pb::CheckConnectionResponse {
    problem(SECRET_KEY, Kind::Missing, "Stripe's secret key is missing")
}

/// Why the key was not taken. In our own words: Stripe's repeat a part of the key.
pub(crate) fn failed(error: &Error) -> pb::CheckConnectionResponse {
    match error {
        Error::KeyUnusable => {
            problem(SECRET_KEY, Kind::Wrong, "this is no secret key of Stripe's: copy sk_… or rk_… again")
        }
        Error::Vendor(error) => refused(error),
    }
}

fn refused(error: &VendorError) -> pb::CheckConnectionResponse {
    match error.kind {
        ErrorKind::Unauthorized if error.code() == Some("api_key_expired") => {
            problem(SECRET_KEY, Kind::Wrong, "the key has expired: make a new one in Stripe's dashboard")
        }
        ErrorKind::Unauthorized => {
            problem(SECRET_KEY, Kind::Wrong, "Stripe refuses the key: it is wrong, or was rolled or deleted")
        }
        ErrorKind::RateLimited { .. } => {
            problem("", Kind::Unreachable, "Stripe takes no more calls for this account just now")
        }
        _ if error.is_timeout() => problem("", Kind::TimedOut, "Stripe did not answer in time"),
        ErrorKind::Unreachable
        | ErrorKind::CircuitOpen { .. }
        | ErrorKind::AddressRefused
        | ErrorKind::CertificateChanged => problem("", Kind::Unreachable, "Stripe can't be reached"),
        ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Rejected | ErrorKind::Malformed => {
            problem("", Kind::Unreachable, "Stripe did not answer as it should")
        }
    }
}

fn problem(credential: &str, kind: Kind, reason: &str) -> pb::CheckConnectionResponse {
    let problem = pb::ConnectionProblem {
        credential: credential.to_owned(),
        kind: kind.into(),
        reason: reason.to_owned(),
    };
    pb::CheckConnectionResponse { problems: vec![problem], ..Default::default() }
}
