//! The codes as sentences for people, and what staff can do.

use domain::Timestamp;
use proto::access::v1::AccessReason;

/// The sentence of a code; `time` is when that begins, ends or happens.
pub(super) fn of(reason: AccessReason, time: Option<Timestamp>) -> String {
    let when = time.map_or_else(|| "then".to_owned(), |time| time.format("%-d %B %Y, %H:%M UTC").to_string());
    let fixed = match reason {
        AccessReason::WindowOpen => return format!("The access window is open, until {when}."),
        AccessReason::WindowAhead => return format!("The next access window begins on {when}."),
        AccessReason::WindowOutsideHours if time.is_some() => {
            return format!("It is outside of their hours of the week; the next ones begin on {when}.");
        }
        AccessReason::WindowOver => return format!("The last access window ended on {when}."),
        AccessReason::GrantWaitsForHorizon => {
            return format!("It is too early to tell the provider; it is told on {when}.");
        }
        AccessReason::GrantWaitsForEarlier => {
            return format!(
                "The provider is told of one window at a time, and has an earlier one until {when}."
            );
        }
        AccessReason::ProviderHolds => {
            return format!("The provider has confirmed the access, until {when}.");
        }
        AccessReason::ProviderHoldsOtherTime => {
            return format!("The provider has confirmed a window that begins on {when}.");
        }
        AccessReason::NextBegins => return format!("Access begins on {when}."),
        AccessReason::NextEnds => return format!("Access ends on {when}."),
        AccessReason::NextTold => return format!("The provider is told on {when}."),
        AccessReason::NextAnswer => {
            return format!("The provider's answer is awaited; without one it is told again on {when}.");
        }
        AccessReason::NextRetry => return format!("The provider is told again on {when}."),

        AccessReason::Unspecified => "Nothing is said.",
        AccessReason::PersonActive => "The person may be let in.",
        AccessReason::PersonUnknown => "Nothing at any door was ever given to this person.",
        AccessReason::PersonNotActive => "The person is paused, or was removed: no door lets them in.",
        AccessReason::PersonMayOperate => "Their role lets them operate the door.",
        AccessReason::PersonRoleTooLow => "That takes a higher role than theirs.",
        AccessReason::EntitlementStands => "Something entitles them to enter.",
        AccessReason::EntitlementNone => "Nothing entitles them to enter there, now or later.",
        AccessReason::EntitlementOver => "What entitled them to enter is over.",
        AccessReason::WindowOutsideHours => {
            "It is outside of their hours of the week, and there are no more."
        }
        AccessReason::MappingLeads => "A door is mapped.",
        AccessReason::MappingNotNeeded => "The door was given to them directly.",
        AccessReason::MappingNone => "No door is mapped to it: map one.",
        AccessReason::IntegrationActive => "The provider's integration is followed.",
        AccessReason::IntegrationInactive => {
            "Nothing is told to the provider: its integration is disconnected, was not checked yet, or leads to \
             another account than before."
        }
        AccessReason::GrantSettled => "The provider has what it should.",
        AccessReason::GrantAtRest => "Nothing is wanted at the door.",
        AccessReason::GrantNone => "The ledger has nothing for the person and the door.",
        AccessReason::GrantDue => "The provider is about to be told.",
        AccessReason::GrantUnderWay => "The provider was told, and has not answered yet.",
        AccessReason::GrantFailing => "The provider does not have what it should.",
        AccessReason::GrantRests => "Nothing is told until the integration is followed again.",
        AccessReason::GrantNotRevokedYet => {
            "They should not be let in any more, but the provider has not taken it back yet."
        }
        AccessReason::ProviderHoldsNothing => "The provider has no access of ours for them.",
        AccessReason::ProviderUncertain => {
            "The provider gave no answer: it may have what it was told, or not."
        }
        AccessReason::ProviderUnreachable => "The provider can't be reached, or says \"later\".",
        AccessReason::ProviderRateLimited => "The provider was asked too much for now.",
        AccessReason::ProviderRefusesCredentials => {
            "The provider's credentials are missing, or it refuses them: connect it again."
        }
        AccessReason::ProviderLacksDoor => {
            "The door or group is not there any more at the provider: map another one."
        }
        AccessReason::ProviderRejects => "The provider says no to what was asked.",
        AccessReason::DoorObeyed => "The door did what was asked.",
        AccessReason::DoorLockedDown => "The door is locked for everybody until that is lifted.",
        AccessReason::DoorOffline => "The door's hardware does not answer.",
        AccessReason::DoorNotSetUp => "The door has no hardware that works.",
        AccessReason::DoorBusy => "The door is about to open already, or stands open by a schedule.",
        AccessReason::DoorRestricted => {
            "The provider does not let the door be opened from afar, or at this hour."
        }
        AccessReason::DoorCannot => "The door can't do what was asked.",
        AccessReason::CardUnknown => "The provider knows no such card: see whether its number is right.",
        AccessReason::CardTaken => {
            "Someone else has the card at the provider: take it away from them there first."
        }
        AccessReason::CardUnsupported => "The provider has no cards, or does not find them like that.",
        AccessReason::NextNothing => "Nothing happens by itself.",
        AccessReason::NextConnect => "Connect the integration, or confirm its account.",
        AccessReason::NextActivate => {
            "Once they are taken up again, they have what they are entitled to then."
        }
        AccessReason::NextMap => "Once a door is mapped, they have what they are entitled to.",
    };
    fixed.to_owned()
}

/// What staff can do about a code while there is time; empty if that is said already.
pub(super) fn advice(reason: AccessReason) -> &'static str {
    match reason {
        AccessReason::PersonNotActive => "Take them up again if they may come, or cancel the booking.",
        AccessReason::IntegrationInactive => "Connect it again, or confirm its account.",
        AccessReason::ProviderRefusesCredentials | AccessReason::ProviderLacksDoor => "",
        AccessReason::ProviderRejects => "See what it says and mend it, at the provider or of the person.",
        AccessReason::GrantNotRevokedYet => {
            "It is tried again; if it does not help, take it back at the provider."
        }
        AccessReason::DoorOffline => "See to its power and network, and be ready to let them in by hand.",
        AccessReason::EntitlementNone | AccessReason::EntitlementOver | AccessReason::WindowOver => {
            "Book again, or give them the door directly."
        }
        _ => "It is tried again by itself; be ready to let them in by hand.",
    }
}
