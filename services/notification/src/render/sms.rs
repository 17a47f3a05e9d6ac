//! A text message in words: short, and in the GSM alphabet where its names allow it, for one foreign
//! character more than halves what fits (Twilio Messages resource, `Body`: 160 or 70 characters).

use super::text::shorten;
use crate::model::{Content, Problem};

/// Characters of each name. With these, a text in the GSM alphabet mostly fits one segment.
const RESOURCE_CHARS_MAX: usize = 32;
const LOCATION_CHARS_MAX: usize = 24;
const WORKSPACE_CHARS_MAX: usize = 24;

/// Characters of what is wrong: with these the text of an alert fits two segments.
const PERSON_CHARS_MAX: usize = 24;
const SENTENCE_CHARS_MAX: usize = 130;

/// The names that stand in a text message.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) resource: String,
    pub(super) location: String,
    pub(super) workspace: String,
}

impl Names {
    pub(super) fn of(content: &Content) -> Self {
        let name = |text: &str, chars_max| shorten(&plain(text), chars_max);
        Self {
            resource: name(&content.resource_name, RESOURCE_CHARS_MAX),
            location: name(&content.location_name, LOCATION_CHARS_MAX),
            workspace: name(&content.workspace_name, WORKSPACE_CHARS_MAX),
        }
    }
}

/// What is wrong, in short.
pub(super) fn problem(problem: &Problem) -> Problem {
    Problem {
        person: shorten(&plain(&problem.person), PERSON_CHARS_MAX),
        sentence: shorten(&plain(&problem.sentence), SENTENCE_CHARS_MAX),
        door: String::new(),
        detail: String::new(),
    }
}

/// Typographic characters by what they stand for. Letters stay as they are: a name is a name.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{2018}'..='\u{201b}' | '`' | '´' => plain.push('\''),
            '\u{201c}'..='\u{201f}' | '«' | '»' => plain.push('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push('-'),
            '…' => plain.push_str("..."),
            '•' | '·' => plain.push('-'),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typographic_characters_become_plain_ones_and_letters_stay() {
        assert_eq!(plain("“Café” – it’s Ж…"), "\"Café\" - it's Ж...");
    }
}
