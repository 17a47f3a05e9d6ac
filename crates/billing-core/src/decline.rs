//! What a declined charge means: try again, ask the person, or never again with this method.
//!
//! Vendor: the codes are Stripe's (Stripe API reference, Errors; Declines; Smart Retries' list of codes after which a
//! card is not tried again; the return codes of US bank debits). Codes are an open set: what is unknown is tried again,
//! for the schedule comes to an end by itself.

use serde::{Deserialize, Serialize};

/// A declined charge, by the vendor's codes; each may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decline {
    /// Such as `card_declined`, or for debits `account_closed`.
    pub code: String,
    /// What the bank said, such as `insufficient_funds`.
    pub decline_code: String,
    /// What the vendor advises, such as `do_not_try_again`. It goes before the codes.
    pub advice_code: String,
}

/// What is to be done about a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// The same again, later.
    Retry,
    /// Nobody but the person can do something.
    Person(Ask),
    /// The bank wants to hear nothing of this method any more: only another one will do.
    Never,
}

/// What a person is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// To confirm the payment, as their bank wants it.
    Authenticate,
    /// To look at what they typed, or to give another method.
    CheckMethod,
    /// To give another method.
    OtherMethod,
}

impl Decline {
    /// What is to be done.
    pub fn remedy(&self) -> Remedy {
        match self.advice_code.as_str() {
            "do_not_try_again" => return Remedy::Never,
            "confirm_card_data" => return Remedy::Person(Ask::CheckMethod),
            "try_again_later" => return Remedy::Retry,
            _ => {}
        }
        let said = remedy_of(&self.decline_code).or_else(|| remedy_of(&self.code));
        said.unwrap_or(Remedy::Retry)
    }
}

fn remedy_of(code: &str) -> Option<Remedy> {
    Some(match code {
        "authentication_required"
        | "authentication_not_handled"
        | "payment_intent_authentication_failure"
        | "offline_pin_required"
        | "online_or_offline_pin_required" => Remedy::Person(Ask::Authenticate),

        "expired_card"
        | "incorrect_address"
        | "incorrect_cvc"
        | "incorrect_number"
        | "incorrect_zip"
        | "invalid_account"
        | "invalid_cvc"
        | "invalid_expiry_month"
        | "invalid_expiry_year"
        | "invalid_number"
        | "bank_account_unverified"
        | "payment_intent_mandate_invalid" => Remedy::Person(Ask::CheckMethod),

        "card_not_supported"
        | "currency_not_supported"
        | "call_issuer"
        | "restricted_card"
        | "security_violation"
        | "service_not_allowed"
        | "testmode_decline"
        | "debit_not_authorized"
        | "payment_method_not_available"
        | "payment_method_unexpected_state" => Remedy::Person(Ask::OtherMethod),

        "fraudulent"
        | "highest_risk_level"
        | "lost_card"
        | "merchant_blacklist"
        | "pickup_card"
        | "revocation_of_all_authorizations"
        | "revocation_of_authorization"
        | "stolen_card"
        | "stop_payment_order"
        | "transaction_not_allowed"
        | "account_closed"
        | "bank_account_closed"
        | "bank_account_restricted"
        | "bank_account_unusable"
        | "no_account"
        | "tokenized_account_number_deactivated" => Remedy::Never,

        "approve_with_id"
        | "bank_cannot_process"
        | "card_velocity_exceeded"
        | "do_not_honor"
        | "generic_decline"
        | "insufficient_funds"
        | "issuer_not_available"
        | "no_action_taken"
        | "not_permitted"
        | "processing_error"
        | "reenter_transaction"
        | "try_again_later"
        | "withdrawal_count_limit_exceeded" => Remedy::Retry,

        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(code: &str, decline_code: &str, advice_code: &str) -> Remedy {
        let [code, decline_code, advice_code] = [code, decline_code, advice_code].map(str::to_owned);
        Decline { code, decline_code, advice_code }.remedy()
    }

    #[test]
    fn what_the_bank_said_decides_and_the_vendors_advice_goes_before() {
        use Remedy::{Never, Person, Retry};
        for (code, decline_code, advice_code, wanted) in [
            ("card_declined", "insufficient_funds", "", Retry),
            ("card_declined", "generic_decline", "", Retry),
            ("card_declined", "generic_decline", "do_not_try_again", Never),
            ("card_declined", "lost_card", "", Never),
            ("card_declined", "lost_card", "try_again_later", Retry),
            ("card_declined", "do_not_honor", "confirm_card_data", Person(Ask::CheckMethod)),
            ("expired_card", "", "", Person(Ask::CheckMethod)),
            ("expired_card", "expired_card", "", Person(Ask::CheckMethod)),
            ("incorrect_cvc", "incorrect_cvc", "", Person(Ask::CheckMethod)),
            ("authentication_required", "authentication_required", "", Person(Ask::Authenticate)),
            ("processing_error", "", "", Retry),
            ("card_declined", "card_not_supported", "", Person(Ask::OtherMethod)),
            // Debits.
            ("account_closed", "", "", Never),
            ("insufficient_funds", "", "", Retry),
            ("debit_not_authorized", "", "", Person(Ask::OtherMethod)),
            // What nobody has heard of yet.
            ("card_declined", "moon_in_the_wrong_phase", "", Retry),
            ("expired_card", "moon_in_the_wrong_phase", "", Person(Ask::CheckMethod)),
            ("", "", "", Retry),
            ("", "", "ask_the_moon", Retry),
        ] {
            assert_eq!(
                remedy(code, decline_code, advice_code),
                wanted,
                "{code} {decline_code} {advice_code}"
            );
        }
    }
}
