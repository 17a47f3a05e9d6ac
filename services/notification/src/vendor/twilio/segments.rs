//! How many text messages a text becomes, and is paid for (Twilio docs, SMS character limit; 3GPP
//! TS 23.038 for the alphabet).

/// How a text is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Seven bits a character: the alphabet of the old phones.
    Gsm7,
    /// Two bytes a character. One curly quote is enough for a whole text to need it.
    Ucs2,
}

/// What a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// How it is carried.
    pub encoding: Encoding,
    /// How many messages it takes.
    pub count: usize,
    /// How much of them it fills: septets or UTF-16 units.
    pub units: usize,
}

/// Characters that take one septet. Letters and digits of ASCII are checked apart.
const GSM7_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Characters that take two septets.
const GSM7_EXTENSION: &str = "^{}\\[~]|€\u{c}";

impl Encoding {
    /// Units that one message holds: alone, and as one of several, where a header takes its share.
    const fn capacity(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }
}

/// Counts a text. A character of two units is not cut in two: it goes to the next segment whole.
pub fn segments(text: &str) -> Segments {
    let encoding = if text.chars().all(|c| septets(c).is_some()) { Encoding::Gsm7 } else { Encoding::Ucs2 };
    let size = |c: char| match encoding {
        Encoding::Gsm7 => septets(c).unwrap_or_default(),
        Encoding::Ucs2 => c.len_utf16(),
    };
    let units = text.chars().map(size).sum();
    let (alone, of_several) = encoding.capacity();
    let count = if units == 0 {
        0
    } else if units <= alone {
        1
    } else {
        let (mut count, mut room) = (1, of_several);
        for size in text.chars().map(size) {
            if size > room {
                count += 1;
                room = of_several;
            }
            room -= size;
        }
        count
    };
    Segments { encoding, count, units }
}

fn septets(c: char) -> Option<usize> {
    if c.is_ascii_alphanumeric() || GSM7_BASIC.contains(c) {
        Some(1)
    } else {
        GSM7_EXTENSION.contains(c).then_some(2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: &str) -> (Encoding, usize, usize) {
        let Segments { encoding, count, units } = segments(text);
        (encoding, count, units)
    }

    #[test]
    fn the_alphabet_is_whole() {
        let basic = GSM7_BASIC.chars().count() + 62;
        assert_eq!((basic, GSM7_EXTENSION.chars().count()), (127, 10));
    }

    #[test]
    fn plain_texts_hold_160_characters_or_153_each() {
        assert_eq!(count(""), (Encoding::Gsm7, 0, 0));
        assert_eq!(count(&"a".repeat(160)), (Encoding::Gsm7, 1, 160));
        assert_eq!(count(&"a".repeat(161)), (Encoding::Gsm7, 2, 161));
        assert_eq!(count(&"a".repeat(306)), (Encoding::Gsm7, 2, 306));
        assert_eq!(count(&"a".repeat(307)), (Encoding::Gsm7, 3, 307));
    }

    #[test]
    fn some_characters_count_twice_and_are_not_cut() {
        assert_eq!(count(&"€".repeat(80)), (Encoding::Gsm7, 1, 160));
        // 152 septets, then one of two: it does not fit into the 153.
        let text = format!("{}€{}", "a".repeat(152), "a".repeat(152));
        assert_eq!(count(&text), (Encoding::Gsm7, 3, 306));
    }

    #[test]
    fn one_other_character_makes_it_70_or_67_each() {
        assert_eq!(count(&"ü".repeat(160)), (Encoding::Gsm7, 1, 160));
        assert_eq!(count(&format!("’{}", "a".repeat(69))), (Encoding::Ucs2, 1, 70));
        assert_eq!(count(&format!("’{}", "a".repeat(70))), (Encoding::Ucs2, 2, 71));
        assert_eq!(count(&"😀".repeat(35)), (Encoding::Ucs2, 1, 70));
        assert_eq!(count(&"😀".repeat(36)), (Encoding::Ucs2, 2, 72));
    }

    proptest! {
        #[test]
        fn the_segments_hold_the_text_and_no_more_are_used_than_needed(text in "([a-z€]|\\PC){0,400}") {
            let Segments { encoding, count, units } = segments(&text);
            let (alone, each) = encoding.capacity();
            let room = if count == 1 { alone } else { count * each };
            prop_assert!(units <= room);
            // At most one unit is left free in each but the last.
            prop_assert!(count <= 1 || units > (count - 1) * (each - 1));
        }
    }
}
