//! The boards of relays, and their keys: lists, one a line.

use std::borrow::Cow;

use domain::{BoardKeys, BoardList};
use secrecy::ExposeSecret as _;

use super::{Disagreement, Values};

pub(super) const BOARDS: &str = "boards";
pub(super) const KEYS: &str = "keys";

/// Which boards there are, and where.
pub(super) fn boards(value: &str) -> Result<(), Cow<'static, str>> {
    value.parse::<BoardList>().map(drop).map_err(|error| error.to_string().into())
}

/// What they ask for.
pub(super) fn keys(value: &str) -> Result<(), Cow<'static, str>> {
    BoardKeys::read(value).map(drop).map_err(|error| error.to_string().into())
}

/// A key for a board that is not listed was meant for another one.
pub(super) fn keys_are_of_boards(values: &Values) -> Result<(), Disagreement> {
    let value = |name| values.get(name).map(|value| value.expose_secret());
    let (Some(boards), Some(keys)) = (value(BOARDS), value(KEYS)) else { return Ok(()) };
    let (Ok(boards), Ok(keys)) = (boards.parse::<BoardList>(), BoardKeys::read(keys)) else { return Ok(()) };
    match keys.boards().all(|board| boards.find(board).is_some()) {
        true => Ok(()),
        false => {
            Err(Disagreement { credential: KEYS, problem: "must be of boards that are listed in boards" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_boards_that_are_listed() {
        for (boards, keys, is_fine) in [
            (Some("front shelly 10.0.0.7"), Some("front a"), true),
            (Some("front shelly 10.0.0.7\nyard tasmota 10.0.0.8"), Some("front a"), true),
            (Some("front shelly 10.0.0.7"), Some("front a\nyard b"), false),
            (Some("front shelly 10.0.0.7"), None, true),
            (None, Some("front a"), true),
        ] {
            let pairs = [(BOARDS, boards), (KEYS, keys)];
            let values = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
            assert_eq!(keys_are_of_boards(&values.collect()).is_ok(), is_fine, "{boards:?} {keys:?}");
        }
    }
}
