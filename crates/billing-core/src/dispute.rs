//! Disputes: the holder's bank takes money of a payment back, for a while or for good. Debits that are returned after
//! they had succeeded come as disputes, too, and are lost at once.
//!
//! What the books need is what lies between how they have a dispute and how it is. So it does not matter which of its
//! notices come, or in which order.

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// None, or only a question: no money was moved.
    Asked,
    /// The bank holds the money until it is decided.
    Open,
    /// The money is ours again, or was never taken.
    Won,
    /// The money is gone: what it had paid is owed again.
    Lost,
}

/// What is done with the disputed amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// It goes from what we have at the vendor to what is disputed.
    Withhold,
    /// It comes back from there.
    Release,
    /// It is gone, and taken back from what it had paid.
    TakeBack,
    /// It counts as disputed again, and pays what it had paid.
    GiveAgain,
}

impl Standing {
    /// By the vendor's status; `None`: nobody has heard of that, and a person should look (Stripe API reference, The
    /// Dispute object).
    pub fn of_status(status: &str) -> Option<Self> {
        Some(match status {
            "warning_needs_response" | "warning_under_review" | "warning_closed" => Self::Asked,
            "needs_response" | "under_review" => Self::Open,
            "won" | "prevented" => Self::Won,
            // Who appeals has lost, and may win yet.
            "lost" | "appeal_needs_response" | "appeal_under_review" => Self::Lost,
            _ => return None,
        })
    }

    /// What brings the books from here to there.
    pub fn moves_to(self, other: Self) -> &'static [Move] {
        use Move::{GiveAgain, Release, TakeBack, Withhold};
        match (self, other) {
            (Self::Asked | Self::Won, Self::Asked | Self::Won) => &[],
            (Self::Open, Self::Open) | (Self::Lost, Self::Lost) => &[],
            (Self::Asked | Self::Won, Self::Open) => &[Withhold],
            (Self::Asked | Self::Won, Self::Lost) => &[Withhold, TakeBack],
            (Self::Open, Self::Asked | Self::Won) => &[Release],
            (Self::Open, Self::Lost) => &[TakeBack],
            (Self::Lost, Self::Asked | Self::Won) => &[GiveAgain, Release],
            (Self::Lost, Self::Open) => &[GiveAgain],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Standing; 4] = [Standing::Asked, Standing::Open, Standing::Won, Standing::Lost];

    /// What is disputed, and what is gone.
    fn place(from: (i32, i32), moves: &[Move]) -> (i32, i32) {
        moves.iter().fold(from, |(disputed, gone), it| match it {
            Move::Withhold => (disputed + 1, gone),
            Move::Release => (disputed - 1, gone),
            Move::TakeBack => (disputed - 1, gone + 1),
            Move::GiveAgain => (disputed + 1, gone - 1),
        })
    }

    fn place_of(standing: Standing) -> (i32, i32) {
        match standing {
            Standing::Asked | Standing::Won => (0, 0),
            Standing::Open => (1, 0),
            Standing::Lost => (0, 1),
        }
    }

    #[test]
    fn however_a_dispute_changes_the_money_ends_where_it_is() {
        for from in ALL {
            for to in ALL {
                assert_eq!(place(place_of(from), from.moves_to(to)), place_of(to), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn each_status_is_a_standing_and_what_is_unknown_is_none() {
        for (status, standing) in [
            ("warning_needs_response", Some(Standing::Asked)),
            ("warning_under_review", Some(Standing::Asked)),
            ("warning_closed", Some(Standing::Asked)),
            ("needs_response", Some(Standing::Open)),
            ("under_review", Some(Standing::Open)),
            ("won", Some(Standing::Won)),
            ("prevented", Some(Standing::Won)),
            ("lost", Some(Standing::Lost)),
            ("appeal_needs_response", Some(Standing::Lost)),
            ("appeal_under_review", Some(Standing::Lost)),
            ("in_the_post", None),
            ("", None),
        ] {
            assert_eq!(Standing::of_status(status), standing, "{status}");
        }
    }
}
