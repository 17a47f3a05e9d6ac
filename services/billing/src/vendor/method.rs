//! Cards and bank accounts that are saved at Stripe: whose they are, how they got there, what is shown of them.
//!
//! Numbers are entered in the person's browser and go to Stripe alone. What Stripe shows of a method is its kind, its
//! last four digits and when a card expires.

use domain::{CustomerId, PaymentMethodId};
use secrecy::SecretString;
use vendor_http::{ErrorKind, VendorError};

use super::client::{StripeAccount, keyed};
use super::wire::{Customer, PaymentMethod, SetupIntent};

chassis::text_enum! {
    /// How a person pays, by Stripe's names.
    pub enum MethodKind {
        /// By card.
        Card = "card",
        /// By a debit of a US bank account.
        UsBankAccount = "us_bank_account",
    }
}

/// A method, as Stripe shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMethod {
    /// Stripe's id of it.
    pub method_ref: String,
    /// Whose it is. None: it was taken away from them, and can't be used any more.
    pub customer_ref: Option<String>,
    /// What it is. None: a kind that this client was not written for.
    pub kind: Option<MethodKind>,
    /// The network of a card, the name of a bank.
    pub brand: String,
    /// The last four digits of its number.
    pub last4: String,
    /// The last month in which a card is good: year and month.
    pub expires: Option<(i32, u32)>,
    /// Why the bank takes no debits of it any more. Empty: it does.
    pub blocked_reason: String,
}

/// How far someone is with saving a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupSeen {
    /// They have entered nothing yet, or what was refused.
    Open,
    /// They have to show that it is theirs, in their browser.
    AwaitsPerson,
    /// Two small deposits are on their way, whose amounts they will be asked for.
    AwaitsDeposits {
        /// Stripe's page that asks. Empty: none, the operator's own page does.
        page: String,
    },
    /// Stripe is at it.
    Processing,
    /// The method is saved: Stripe's id of it.
    Saved(String),
    /// It is over without one.
    Cancelled,
}

/// The beginning of saving a method.
#[derive(Debug)]
pub struct CreatedSetup {
    /// Stripe's id of it.
    pub setup_ref: String,
    /// With this, and only in the person's browser, they go on.
    pub client_secret: SecretString,
}

/// Stripe has words that this client was not written for.
#[derive(Debug, thiserror::Error)]
pub enum SavingError {
    /// Stripe refused or did not answer.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// A status that is not known here.
    #[error("Stripe calls it {0:?}, which is not known here")]
    UnknownStatus(String),
}

impl StripeAccount {
    /// Makes the customer that one of ours is at this account.
    pub async fn create_customer(&self, customer: CustomerId) -> Result<String, VendorError> {
        let customer = customer.to_string();
        let call = self.post("/v1/customers", &["customers"], &[("metadata[latchkey_customer]", &customer)]);
        let made: Customer = self.send(keyed(call, &format!("customer-{customer}"))).await?.json()?;
        Ok(made.id)
    }

    /// Begins to save a method, to be charged when its holder is not there. They go on in their browser.
    pub async fn create_setup(
        &self,
        method: PaymentMethodId,
        customer_ref: &str,
        kind: MethodKind,
    ) -> Result<CreatedSetup, VendorError> {
        let method = method.to_string();
        let fields = [
            ("customer", customer_ref),
            ("payment_method_types[0]", kind.as_str()),
            ("usage", "off_session"),
            ("metadata[latchkey_payment_method]", &method),
        ];
        let call = self.post("/v1/setup_intents", &["setup_intents"], &fields);
        let made: SetupIntent = self.send(keyed(call, &format!("setup-{method}"))).await?.json()?;
        Ok(CreatedSetup { setup_ref: made.id, client_secret: made.client_secret })
    }

    /// How far they are.
    pub async fn read_setup(&self, setup_ref: &str) -> Result<SetupSeen, SavingError> {
        let call = self.get("/v1/setup_intents/{id}", &["setup_intents", setup_ref], &[]);
        self.send(call).await?.json::<SetupIntent>()?.seen()
    }

    /// Cancels the saving of a method, if that is possible still. How far it is then.
    pub async fn cancel_setup(&self, setup_ref: &str) -> Result<SetupSeen, SavingError> {
        let path = ["setup_intents", setup_ref, "cancel"];
        // Twice is the same as once: the second time it is refused, and read.
        let call = self.post("/v1/setup_intents/{id}/cancel", &path, &[]).idempotent();
        match self.send(call).await {
            Ok(answer) => answer.json::<SetupIntent>()?.seen(),
            Err(error) if error.code() == Some("setup_intent_unexpected_state") => {
                self.read_setup(setup_ref).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A method as it is.
    pub async fn read_method(&self, method_ref: &str) -> Result<SavedMethod, VendorError> {
        let call = self.get("/v1/payment_methods/{id}", &["payment_methods", method_ref], &[]);
        Ok(self.send(call).await?.json::<PaymentMethod>()?.into())
    }

    /// Takes a method away from its customer, for good.
    pub async fn detach_method(&self, method_ref: &str) -> Result<(), VendorError> {
        let path = ["payment_methods", method_ref, "detach"];
        // Twice is the same as once: the second time it is refused, and read.
        let call = self.post("/v1/payment_methods/{id}/detach", &path, &[]).idempotent();
        match self.send(call).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::Rejected => {
                let is_gone = self.read_method(method_ref).await?.customer_ref.is_none();
                if is_gone { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }
}

impl SetupIntent {
    fn seen(self) -> Result<SetupSeen, SavingError> {
        let deposits = self.next_action.and_then(|action| action.verify_with_microdeposits);
        Ok(match (self.status.as_str(), self.payment_method, deposits) {
            ("requires_payment_method" | "requires_confirmation", ..) => SetupSeen::Open,
            ("requires_action", _, Some(deposits)) => {
                SetupSeen::AwaitsDeposits { page: deposits.hosted_verification_url.unwrap_or_default() }
            }
            ("requires_action", ..) => SetupSeen::AwaitsPerson,
            ("processing", ..) => SetupSeen::Processing,
            ("succeeded", Some(method), _) => SetupSeen::Saved(method),
            ("canceled", ..) => SetupSeen::Cancelled,
            _ => return Err(SavingError::UnknownStatus(self.status)),
        })
    }
}

impl From<PaymentMethod> for SavedMethod {
    fn from(told: PaymentMethod) -> Self {
        let kind = match told.kind.as_str() {
            "card" => Some(MethodKind::Card),
            "us_bank_account" => Some(MethodKind::UsBankAccount),
            _ => None,
        };
        let (card, bank) = (told.card.unwrap_or_default(), told.us_bank_account.unwrap_or_default());
        let blocked = bank.status_details.and_then(|details| details.blocked);
        Self {
            method_ref: told.id,
            customer_ref: told.customer,
            kind,
            brand: card.brand.or(bank.bank_name).unwrap_or_default(),
            last4: card.last4.or(bank.last4).unwrap_or_default(),
            expires: card.exp_year.zip(card.exp_month),
            blocked_reason: blocked.and_then(|blocked| blocked.reason).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(fields: &str) -> Result<SetupSeen, String> {
        let json = format!(r#"{{"id":"seti_1","client_secret":"seti_1_secret_2",{fields}}}"#);
        serde_json::from_str::<SetupIntent>(&json).unwrap().seen().map_err(|error| error.to_string())
    }

    #[test]
    fn a_setup_is_what_its_status_says() {
        let with = |status: &str, rest: &str| setup(&format!(r#""status":"{status}",{rest}"#));
        let nothing = r#""payment_method":null,"next_action":null"#;
        assert_eq!(with("requires_payment_method", nothing), Ok(SetupSeen::Open));
        assert_eq!(with("requires_action", nothing), Ok(SetupSeen::AwaitsPerson));
        let deposits = r#""next_action":{"type":"verify_with_microdeposits","verify_with_microdeposits":
            {"hosted_verification_url":"https://payments.stripe.com/x"}}"#;
        let page = "https://payments.stripe.com/x".to_owned();
        assert_eq!(with("requires_action", deposits), Ok(SetupSeen::AwaitsDeposits { page }));
        assert_eq!(with("succeeded", r#""payment_method":"pm_1""#), Ok(SetupSeen::Saved("pm_1".to_owned())));
        assert_eq!(with("canceled", nothing), Ok(SetupSeen::Cancelled));
        assert!(with("frozen", nothing).unwrap_err().contains("frozen"));
    }

    #[test]
    fn what_stripe_adds_to_methods_is_passed_over() {
        let method = |json: &str| SavedMethod::from(serde_json::from_str::<PaymentMethod>(json).unwrap());
        let card = method(
            r#"{"id":"pm_1","type":"card","customer":"cus_1","card":{"brand":"visa","last4":"4242",
                "exp_month":2,"exp_year":2027,"wallet":null}}"#,
        );
        assert_eq!((card.kind, card.expires), (Some(MethodKind::Card), Some((2027, 2))));
        assert_eq!((card.brand.as_str(), card.last4.as_str()), ("visa", "4242"));
        let bank = method(
            r#"{"id":"pm_2","type":"us_bank_account","customer":null,"us_bank_account":{"bank_name":"A BANK",
                "last4":"6789","status_details":{"blocked":{"network_code":"R02","reason":"bank_account_closed"}}}}"#,
        );
        assert_eq!((bank.brand.as_str(), bank.blocked_reason.as_str()), ("A BANK", "bank_account_closed"));
        assert_eq!(method(r#"{"id":"pm_3","type":"pigeon","customer":null}"#).kind, None);
    }
}
