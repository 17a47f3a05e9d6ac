//! What can go wrong for a caller, by cause, and what they should make of it.

use std::fmt::Display;
use std::time::Duration;

use billing_core::CouponCode;
use billing_core::invoice::Refusal;
use billing_core::refund::RefundError;
use chassis::error::{Class, Classify, Violation, store_class};
use chassis::idempotency::IntentError;
use chassis::input::InvalidInput;
use domain::{
    CouponId, Currency, InvoiceId, MoneyError, PaymentId, PaymentMethodId, PersonId, RefundId, TeamId,
};
use events::outbox::OutboxError;
use tonic::Status;
use vendor_http::{ErrorKind, VendorError};

use crate::books::BooksError;
use crate::customers::Holder;
use crate::invoices::InvoiceError;
use crate::payments::AskError;
use crate::refunds;
use crate::vendor::{ChargingError, SavingError, SignatureError};

/// Every error that a caller sees. What is wrong with a connection is an answer, no error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The integrations service does not answer.
    #[error("the credentials can't be asked for")]
    Credentials(#[source] Status),
    /// There is no key.
    #[error("Stripe is not connected; connect it first")]
    StripeNotConnected,
    /// The key does not work.
    #[error("Stripe refuses the key that is saved; connect it again with a key that works")]
    KeyRefused,
    /// Stripe said no.
    #[error("Stripe refused: {0}")]
    StripeRefused(String),
    /// Stripe did not answer, or not as it should.
    #[error("Stripe did not answer")]
    StripeUnreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The workspace takes no debits.
    #[error("debits of bank accounts are turned off; an admin turns them on in the payment settings")]
    DebitsOff,
    /// Nobody would hear what becomes of a debit.
    #[error("debits need the signing secret of Stripe's webhook; save it with the key")]
    WebhookSecretMissing,
    /// Nothing reports there.
    #[error("no webhook of Stripe's reports there; save its signing secret with the key")]
    NoWebhook,
    /// Not Stripe's, changed on its way, or sent again by somebody else.
    #[error("the report is not taken for Stripe's: {0}")]
    WebhookUnverified(#[from] SignatureError),
    /// Somebody else makes calls about this customer.
    #[error("another request about the same customer is under way; try again")]
    CustomerBusy,
    /// Not there, or another workspace's, or another person's.
    #[error("payment method {0} not found")]
    MethodNotFound(PaymentMethodId),
    /// Only what is saved can be charged.
    #[error("payment method {0} is not saved, so it can't be charged")]
    MethodNotSaved(PaymentMethodId),
    /// Not there, or another workspace's, or another person's.
    #[error("payment {0} not found")]
    PaymentNotFound(PaymentId),
    /// Not there, or another workspace's, or another person's.
    #[error("refund {0} not found")]
    RefundNotFound(RefundId),
    /// It can't be given back.
    #[error(transparent)]
    Refund(refunds::AskError),
    /// There is nothing to confirm.
    #[error("payment {0} waits for nobody, so there is nothing to confirm")]
    PaymentNotContinuable(PaymentId),
    /// Money can't be booked.
    #[error("cannot book what happened to money")]
    Books(#[source] BooksError),
    /// Not there, or none of the caller's business.
    #[error("person {0} not found")]
    PersonNotFound(PersonId),
    /// Not there, or none of the caller's business.
    #[error("team {0} not found")]
    TeamNotFound(TeamId),
    /// Nobody has said how the workspace bills.
    #[error("nobody has said how this workspace bills; use SetBillingSettings")]
    NoBillingSettings,
    /// There are prices or invoices in another one.
    #[error("the workspace has prices or invoices in {0}, so its currency can't change")]
    CurrencyInUse(Currency),
    /// Another coupon has that code.
    #[error("the workspace has a coupon {0}")]
    CouponTaken(CouponCode),
    /// Not there, or another workspace's.
    #[error("coupon {0} not found")]
    CouponNotFound(CouponId),
    /// Someone else asked for it at the same moment.
    #[error("a payment for invoice {0} is under way; try again")]
    PaymentUnderWay(InvoiceId),
    /// It can't be done with an invoice.
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    /// The document can't be made.
    #[error("the document of the invoice can't be made")]
    Document(#[source] anyhow::Error),
    /// The request's key was used before, or can't be remembered.
    #[error(transparent)]
    Intent(#[from] IntentError),
    /// Input that only the whole request shows to be wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// An event can't be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Postgres refused.
    #[error("cannot reach what is stored")]
    Store(#[from] sqlx::Error),
}

impl Error {
    pub(crate) fn holder_not_found(holder: Holder) -> Self {
        match holder {
            Holder::Person(id) => Self::PersonNotFound(id),
            Holder::Team(id) => Self::TeamNotFound(id),
        }
    }
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        match error {
            AskError::UnderWay(id) => Self::PaymentUnderWay(id),
            AskError::Store(error) => Self::Store(error),
        }
    }
}

impl From<refunds::AskError> for Error {
    fn from(error: refunds::AskError) -> Self {
        match error {
            refunds::AskError::NotFound(id) => Self::PaymentNotFound(id),
            refunds::AskError::Books(error) => error.into(),
            refunds::AskError::Store(error) => Self::Store(error),
            error => Self::Refund(error),
        }
    }
}

impl From<BooksError> for Error {
    fn from(error: BooksError) -> Self {
        match error {
            BooksError::Store(error) => Self::Store(error),
            error => Self::Books(error),
        }
    }
}

impl From<MoneyError> for Error {
    fn from(error: MoneyError) -> Self {
        BooksError::from(error).into()
    }
}

impl From<VendorError> for Error {
    fn from(error: VendorError) -> Self {
        match error.kind {
            ErrorKind::Unauthorized => Self::KeyRefused,
            ErrorKind::Rejected | ErrorKind::NotFound | ErrorKind::Conflict => {
                Self::StripeRefused(error.message().unwrap_or("it gave no reason").to_owned())
            }
            _ => Self::StripeUnreachable(Box::new(error)),
        }
    }
}

impl From<SavingError> for Error {
    fn from(error: SavingError) -> Self {
        match error {
            SavingError::Vendor(error) => error.into(),
            SavingError::UnknownStatus(_) => Self::StripeUnreachable(Box::new(error)),
        }
    }
}

impl From<ChargingError> for Error {
    fn from(error: ChargingError) -> Self {
        match error {
            ChargingError::Vendor(error) => error.into(),
            ChargingError::Amount(_) => Self::StripeRefused(error.to_string()),
            ChargingError::UnknownStatus(_) => Self::StripeUnreachable(Box::new(error)),
        }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Credentials(_) | Self::StripeUnreachable(_) => Class::Unavailable,
            Self::StripeNotConnected
            | Self::KeyRefused
            | Self::StripeRefused(_)
            | Self::DebitsOff
            | Self::WebhookSecretMissing
            | Self::MethodNotSaved(_)
            | Self::PaymentNotContinuable(_) => Class::StateForbids,
            Self::NoBillingSettings | Self::CurrencyInUse(_) => Class::StateForbids,
            Self::PaymentUnderWay(_) => Class::LostRace,
            Self::Refund(error) => refund_class(error),
            Self::CouponTaken(_) => Class::Exists,
            Self::CouponNotFound(_) => Class::NotFound,
            Self::NoWebhook | Self::WebhookUnverified(_) => Class::Forbidden,
            Self::Invoice(error) => invoice_class(error),
            Self::Document(_) => Class::Internal,
            Self::CustomerBusy => Class::Exhausted(Duration::from_secs(1)),
            Self::MethodNotFound(_)
            | Self::PaymentNotFound(_)
            | Self::RefundNotFound(_)
            | Self::PersonNotFound(_)
            | Self::TeamNotFound(_) => Class::NotFound,
            Self::Intent(error) => error.class(),
            Self::Invalid(error) => error.class(),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
            Self::Outbox(OutboxError::TooLarge { .. }) | Self::Books(_) => Class::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "CREDENTIALS_UNAVAILABLE",
            Self::StripeNotConnected => "STRIPE_NOT_CONNECTED",
            Self::KeyRefused => "STRIPE_KEY_REFUSED",
            Self::StripeRefused(_) => "STRIPE_REFUSED",
            Self::StripeUnreachable(_) => "STRIPE_UNREACHABLE",
            Self::DebitsOff => "DEBITS_OFF",
            Self::WebhookSecretMissing => "WEBHOOK_SECRET_MISSING",
            Self::NoWebhook | Self::WebhookUnverified(_) => "WEBHOOK_UNVERIFIED",
            Self::NoBillingSettings => "NO_BILLING_SETTINGS",
            Self::CurrencyInUse(_) => "CURRENCY_IN_USE",
            Self::PaymentUnderWay(_) => "PAYMENT_UNDER_WAY",
            Self::CouponTaken(_) => "COUPON_TAKEN",
            Self::CouponNotFound(_) => "COUPON_NOT_FOUND",
            Self::Invoice(error) => invoice_reason(error),
            Self::Document(_) => "DOCUMENT",
            Self::CustomerBusy => "CUSTOMER_BUSY",
            Self::MethodNotFound(_) => "PAYMENT_METHOD_NOT_FOUND",
            Self::MethodNotSaved(_) => "PAYMENT_METHOD_NOT_SAVED",
            Self::PaymentNotFound(_) => "PAYMENT_NOT_FOUND",
            Self::PaymentNotContinuable(_) => "PAYMENT_NOT_CONTINUABLE",
            Self::RefundNotFound(_) => "REFUND_NOT_FOUND",
            Self::Refund(error) => refund_reason(error),
            Self::Books(_) => "BOOKS",
            Self::PersonNotFound(_) => "PERSON_NOT_FOUND",
            Self::TeamNotFound(_) => "TEAM_NOT_FOUND",
            Self::Intent(error) => error.reason(),
            Self::Invalid(error) => error.reason(),
            Self::Outbox(_) | Self::Store(_) => "STORE",
        }
    }
}

fn refund_class(error: &refunds::AskError) -> Class {
    match error {
        refunds::AskError::NotFound(_) => Class::NotFound,
        refunds::AskError::NotSucceeded(_)
        | refunds::AskError::CreditUsed { .. }
        | refunds::AskError::Refused { refusal: RefundError::Disputed, .. } => Class::StateForbids,
        refunds::AskError::Refused { refusal, .. } => {
            Class::Invalid(vec![violation("refund.amount", refusal)])
        }
        refunds::AskError::Amount(error) => Class::Invalid(vec![violation("refund.amount", error)]),
        refunds::AskError::Store(error) => store_class(error),
        refunds::AskError::Books(_) => Class::Internal,
    }
}

fn refund_reason(error: &refunds::AskError) -> &'static str {
    match error {
        refunds::AskError::NotFound(_) => "PAYMENT_NOT_FOUND",
        refunds::AskError::NotSucceeded(_) => "PAYMENT_NOT_SUCCEEDED",
        refunds::AskError::CreditUsed { .. } => "CREDIT_USED",
        refunds::AskError::Refused { refusal: RefundError::Disputed, .. } => "PAYMENT_DISPUTED",
        refunds::AskError::Refused { .. } | refunds::AskError::Amount(_) => "INVALID_INPUT",
        refunds::AskError::Store(_) => "STORE",
        refunds::AskError::Books(_) => "BOOKS",
    }
}

fn invoice_class(error: &InvoiceError) -> Class {
    match error {
        InvoiceError::NotFound(_) => Class::NotFound,
        InvoiceError::Refused { refusal, .. } => match refusal {
            Refusal::NotPositive | Refusal::Amount(_) | Refusal::MoreThanInvoiced(_) => {
                Class::Invalid(vec![violation("amount", refusal)])
            }
            _ => Class::StateForbids,
        },
        InvoiceError::Bill { line, error } => {
            let field = line.map_or("invoice.lines".to_owned(), |line| format!("invoice.lines[{line}]"));
            Class::Invalid(vec![violation(&field, error)])
        }
        InvoiceError::NoSettings => Class::StateForbids,
        InvoiceError::Amount(error) => Class::Invalid(vec![violation("amount", error)]),
        InvoiceError::Books(BooksError::Store(error)) | InvoiceError::Store(error) => store_class(error),
        InvoiceError::Outbox(OutboxError::Store(error)) => store_class(error),
        InvoiceError::Books(_) | InvoiceError::Outbox(OutboxError::TooLarge { .. }) => Class::Internal,
    }
}

fn invoice_reason(error: &InvoiceError) -> &'static str {
    match error {
        InvoiceError::NotFound(_) => "INVOICE_NOT_FOUND",
        InvoiceError::Refused { refusal, .. } => match refusal {
            Refusal::Draft => "INVOICE_IS_DRAFT",
            Refusal::Finalised => "INVOICE_FINALISED",
            Refusal::Void => "INVOICE_VOID",
            Refusal::Settled => "INVOICE_SETTLED",
            Refusal::NothingOwed => "NOTHING_OWED",
            Refusal::Uncollectible => "INVOICE_UNCOLLECTIBLE",
            Refusal::MoreThanInvoiced(_) | Refusal::NotPositive | Refusal::Amount(_) => "INVALID_INPUT",
        },
        InvoiceError::Bill { .. } | InvoiceError::Amount(_) => "INVALID_INPUT",
        InvoiceError::NoSettings => "NO_BILLING_SETTINGS",
        InvoiceError::Books(_) | InvoiceError::Outbox(_) | InvoiceError::Store(_) => "STORE",
    }
}

fn violation(field: &str, problem: impl Display) -> Violation {
    Violation { field: field.to_owned(), problem: problem.to_string() }
}

/// A value of a request that what is stored does not allow.
pub(crate) fn refusal(field: &str, problem: impl Display) -> Error {
    InvalidInput(vec![violation(field, problem)]).into()
}
