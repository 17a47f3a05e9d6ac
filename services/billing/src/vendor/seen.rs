//! What intents and refunds are, in our words.

use billing_core::decline::Decline;
use billing_core::payment::Seen;
use billing_core::refund;

use super::charging::{ChargingError, SeenIntent};
use super::wire::{PaymentError, PaymentIntent, Refund};

impl PaymentIntent {
    pub(super) fn seen(self) -> Result<SeenIntent, ChargingError> {
        let decline = self.last_payment_error.map(decline);
        let seen = match self.status.as_str() {
            "requires_payment_method" => match &decline {
                Some(decline) => Seen::Declined(decline.remedy()),
                None => Seen::Unconfirmed,
            },
            "requires_confirmation" => Seen::Unconfirmed,
            "requires_action" => Seen::AwaitsPerson,
            "processing" => Seen::Processing,
            "succeeded" => Seen::Succeeded,
            "canceled" => Seen::Cancelled,
            _ => return Err(ChargingError::UnknownStatus(self.status)),
        };
        let code = decline.map(|it| if it.decline_code.is_empty() { it.code } else { it.decline_code });
        Ok(SeenIntent { seen, decline_code: code.unwrap_or_default() })
    }
}

impl Refund {
    pub(super) fn seen(&self) -> Result<refund::Seen, ChargingError> {
        Ok(match self.status.as_str() {
            "pending" | "requires_action" => refund::Seen::Pending,
            "succeeded" => refund::Seen::Succeeded,
            "failed" | "canceled" => refund::Seen::Failed,
            _ => return Err(ChargingError::UnknownStatus(self.status.clone())),
        })
    }
}

fn decline(error: PaymentError) -> Decline {
    Decline {
        code: error.code.unwrap_or_default(),
        decline_code: error.decline_code.unwrap_or_default(),
        advice_code: error.advice_code.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use billing_core::decline::{Ask, Remedy};

    use super::*;

    fn intent(fields: &str) -> Result<Seen, String> {
        let json = format!(r#"{{"id":"pi_1","client_secret":"pi_1_secret_2",{fields}}}"#);
        let seen = serde_json::from_str::<PaymentIntent>(&json).unwrap().seen();
        seen.map(|it| it.seen).map_err(|error| error.to_string())
    }

    #[test]
    fn an_intent_is_what_its_status_and_its_last_error_say() {
        let declined = |error: &str| {
            intent(&format!(r#""status":"requires_payment_method","last_payment_error":{error}"#))
        };
        let plain = |status: &str| intent(&format!(r#""status":"{status}","last_payment_error":null"#));
        assert_eq!(plain("requires_payment_method"), Ok(Seen::Unconfirmed));
        assert_eq!(plain("requires_confirmation"), Ok(Seen::Unconfirmed));
        assert_eq!(plain("requires_action"), Ok(Seen::AwaitsPerson));
        assert_eq!(plain("processing"), Ok(Seen::Processing));
        assert_eq!(plain("succeeded"), Ok(Seen::Succeeded));
        assert_eq!(plain("canceled"), Ok(Seen::Cancelled));
        assert!(plain("requires_capture").unwrap_err().contains("requires_capture"));
        assert_eq!(
            declined(r#"{"code":"card_declined","decline_code":"lost_card"}"#),
            Ok(Seen::Declined(Remedy::Never))
        );
        assert_eq!(
            declined(r#"{"code":"expired_card","type":"card_error"}"#),
            Ok(Seen::Declined(Remedy::Person(Ask::CheckMethod)))
        );
        assert_eq!(declined("{}"), Ok(Seen::Declined(Remedy::Retry)));
    }

    #[test]
    fn a_refund_is_what_its_status_says() {
        let refund = |status: &str| {
            let refund: Refund = serde_json::from_str(&format!(
                r#"{{"id":"re_1","amount":5,"currency":"eur","status":"{status}"}}"#
            ))
            .unwrap();
            refund.seen().ok()
        };
        assert_eq!(
            (refund("pending"), refund("requires_action")),
            (Some(refund::Seen::Pending), Some(refund::Seen::Pending))
        );
        assert_eq!(refund("succeeded"), Some(refund::Seen::Succeeded));
        assert_eq!(
            (refund("failed"), refund("canceled")),
            (Some(refund::Seen::Failed), Some(refund::Seen::Failed))
        );
        assert_eq!(refund("lost"), None);
    }
}
