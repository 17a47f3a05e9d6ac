//! Cards and bank accounts that behave in a known way (Stripe documentation, Testing; ACH Direct Debit, Set up
//! payment). Anything else that looks like a number succeeds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What becomes of payments with a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Behaviour {
    Succeeds,
    /// Also when it is saved.
    Declined(Decline),
    /// Is saved; each charge is declined.
    DeclinedWhenCharged,
    /// Each payment, whatever was set up before.
    AuthenticatesAlways,
    /// Until it has been set up.
    AuthenticatesOnce,
    /// Paid, then disputed.
    Disputed(DisputeKind),
    /// Paid, then the issuer warns.
    FraudWarning,
    RefundPends,
    RefundFails,
    BankFails(BankFailure),
    BankStaysProcessing,
    BankFailsMicrodeposits,
}

/// Why a bank says no to a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decline {
    Generic,
    InsufficientFunds,
    LostCard,
    StolenCard,
    ExpiredCard,
    IncorrectCvc,
    ProcessingError,
    AuthenticationRequired,
}

impl Decline {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Generic | Self::InsufficientFunds | Self::LostCard | Self::StolenCard => "card_declined",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::ProcessingError => "processing_error",
            Self::AuthenticationRequired => "authentication_required",
        }
    }

    fn decline_code(self) -> Option<&'static str> {
        match self {
            Self::Generic => Some("generic_decline"),
            Self::InsufficientFunds => Some("insufficient_funds"),
            Self::LostCard => Some("lost_card"),
            Self::StolenCard => Some("stolen_card"),
            Self::AuthenticationRequired => Some("authentication_required"),
            Self::ExpiredCard | Self::IncorrectCvc | Self::ProcessingError => None,
        }
    }

    fn advice(self) -> Option<&'static str> {
        match self {
            Self::Generic | Self::InsufficientFunds | Self::ProcessingError => Some("try_again_later"),
            Self::LostCard | Self::StolenCard => Some("do_not_try_again"),
            Self::ExpiredCard | Self::IncorrectCvc => Some("confirm_card_data"),
            Self::AuthenticationRequired => None,
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "Your card has insufficient funds.",
            Self::ExpiredCard => "Your card has expired.",
            Self::IncorrectCvc => "Your card's security code is incorrect.",
            Self::ProcessingError => {
                "An error occurred while processing your card. Try again in a little bit."
            }
            Self::AuthenticationRequired => {
                "Your card was declined. This transaction requires authentication."
            }
            Self::Generic | Self::LostCard | Self::StolenCard => "Your card was declined.",
        }
    }

    /// As an intent keeps it, with the payment method.
    pub(super) fn error(self, payment_method: Value) -> Value {
        let mut error = json!({
            "type": "card_error",
            "code": self.code(),
            "message": self.message(),
            "payment_method": payment_method,
        });
        self.describe(&mut error);
        error
    }

    /// Adds what a bank says beside the code.
    pub(super) fn describe(self, error: &mut Value) {
        if let Some(decline_code) = self.decline_code() {
            error["decline_code"] = json!(decline_code);
        }
        if let Some(advice) = self.advice() {
            error["advice_code"] = json!(advice);
        }
    }
}

/// Why a debit comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BankFailure {
    AccountClosed,
    NoAccount,
    InsufficientFunds,
    DebitNotAuthorized,
    InvalidCurrency,
    WeeklyLimitExceeded,
}

impl BankFailure {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::AccountClosed => "account_closed",
            Self::NoAccount => "no_account",
            Self::InsufficientFunds => "insufficient_funds",
            Self::DebitNotAuthorized => "debit_not_authorized",
            Self::InvalidCurrency => "invalid_currency",
            Self::WeeklyLimitExceeded => "charge_exceeds_weekly_limit",
        }
    }
}

/// What is disputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeKind {
    Fraudulent,
    ProductNotReceived,
    /// A question before a dispute.
    Inquiry,
    /// A debit that comes back after it was paid.
    Debit,
}

impl DisputeKind {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Fraudulent => "fraudulent",
            Self::ProductNotReceived | Self::Inquiry => "product_not_received",
            Self::Debit => "insufficient_funds",
        }
    }
}

/// A card by its test id.
pub(super) struct TestCard {
    /// Behind `pm_card_`.
    pub id: &'static str,
    pub number: &'static str,
    pub brand: &'static str,
    pub behaviour: Behaviour,
}

const fn card(id: &'static str, number: &'static str, behaviour: Behaviour) -> TestCard {
    TestCard { id, number, brand: "visa", behaviour }
}

pub(super) const CARDS: [TestCard; 21] = [
    card("visa", "4242424242424242", Behaviour::Succeeds),
    TestCard { brand: "mastercard", ..card("mastercard", "5555555555554444", Behaviour::Succeeds) },
    card("chargeDeclined", "4000000000000002", Behaviour::Declined(Decline::Generic)),
    card(
        "chargeDeclinedInsufficientFunds",
        "4000000000009995",
        Behaviour::Declined(Decline::InsufficientFunds),
    ),
    card("chargeDeclinedLostCard", "4000000000009987", Behaviour::Declined(Decline::LostCard)),
    card("chargeDeclinedStolenCard", "4000000000009979", Behaviour::Declined(Decline::StolenCard)),
    card("chargeDeclinedExpiredCard", "4000000000000069", Behaviour::Declined(Decline::ExpiredCard)),
    card("chargeDeclinedIncorrectCvc", "4000000000000127", Behaviour::Declined(Decline::IncorrectCvc)),
    card("chargeDeclinedProcessingError", "4000000000000119", Behaviour::Declined(Decline::ProcessingError)),
    card("chargeCustomerFail", "4000000000000341", Behaviour::DeclinedWhenCharged),
    card("authenticationRequired", "4000002760003184", Behaviour::AuthenticatesAlways),
    card("authenticationRequiredOnSetup", "4000002500003155", Behaviour::AuthenticatesOnce),
    card("authenticationRequiredSetupForOffSession", "4000003800000446", Behaviour::Succeeds),
    card("createDispute", "4000000000000259", Behaviour::Disputed(DisputeKind::Fraudulent)),
    card(
        "createDisputeProductNotReceived",
        "4000000000002685",
        Behaviour::Disputed(DisputeKind::ProductNotReceived),
    ),
    card("createDisputeInquiry", "4000000000001976", Behaviour::Disputed(DisputeKind::Inquiry)),
    card("createIssuerFraudRecord", "4000000000005423", Behaviour::FraudWarning),
    card("pendingRefund", "4000000000007726", Behaviour::RefundPends),
    card("refundFail", "4000000000005126", Behaviour::RefundFails),
    card("us", "4000008400001629", Behaviour::Succeeds),
    card("debit", "4000056655665556", Behaviour::Succeeds),
];

/// The routing number of all test accounts.
pub(super) const ROUTING_NUMBER: &str = "110000000";

/// A bank account by its test id, behind `pm_usBankAccount_`, and its number.
pub(super) const BANK_ACCOUNTS: [(&str, &str, Behaviour); 10] = [
    ("success", "000123456789", Behaviour::Succeeds),
    ("accountClosed", "000111111113", Behaviour::BankFails(BankFailure::AccountClosed)),
    ("noAccount", "000111111116", Behaviour::BankFails(BankFailure::NoAccount)),
    ("insufficientFunds", "000222222227", Behaviour::BankFails(BankFailure::InsufficientFunds)),
    ("debitNotAuthorized", "000333333335", Behaviour::BankFails(BankFailure::DebitNotAuthorized)),
    ("invalidCurrency", "000444444440", Behaviour::BankFails(BankFailure::InvalidCurrency)),
    ("failMicrodeposits", "000666666661", Behaviour::BankFailsMicrodeposits),
    ("dispute", "000555555559", Behaviour::Disputed(DisputeKind::Debit)),
    ("processing", "000000000009", Behaviour::BankStaysProcessing),
    ("weeklyLimitExceeded", "000777777771", Behaviour::BankFails(BankFailure::WeeklyLimitExceeded)),
];

/// The card of a test id: declining ones are also known with `visa_` in front.
pub(super) fn card_by_id(id: &str) -> Option<&'static TestCard> {
    let name = id.strip_prefix("pm_card_")?;
    let short = name.strip_prefix("visa_").unwrap_or(name);
    CARDS.iter().find(|card| card.id == short)
}

/// How a card with that number behaves, and its brand.
pub(super) fn card_by_number(number: &str) -> (Behaviour, &'static str) {
    match CARDS.iter().find(|card| card.number == number) {
        Some(card) => (card.behaviour, card.brand),
        None => (Behaviour::Succeeds, "visa"),
    }
}

/// What an entered answer to two small deposits means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Microdeposits {
    Right,
    Wrong,
    TooOften,
    TimedOut,
}

/// By the amounts, or by the code of the statement.
pub(super) fn microdeposits(amounts: &[i64], code: Option<&str>) -> Microdeposits {
    match (amounts, code) {
        ([32, 45] | [45, 32], None) | (_, Some("SM11AA")) => Microdeposits::Right,
        ([10, 11], None) | (_, Some("SM33CC")) => Microdeposits::TooOften,
        ([40, 41], None) | (_, Some("SM44DD")) => Microdeposits::TimedOut,
        _ => Microdeposits::Wrong,
    }
}
