//! How many SMS a text becomes.
//!
//! Shared knowledge of GSM 03.38 and Twilio's limits (Twilio Messages resource, `Body`: 160 GSM-7 or 70
//! UCS-2 characters in one segment): a text of several segments gives up seven bytes of each for the join
//! header, so 153 or 67 remain.

/// How a text travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Seven bits a character; all characters are in the GSM alphabet or its extension table.
    Gsm7,
    /// Sixteen bits a unit; at least one character is outside the GSM alphabet.
    Ucs2,
}

/// The length of a text on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// How the text travels.
    pub encoding: Encoding,
    /// Septets (GSM-7) or UTF-16 units (UCS-2), without the join headers.
    pub units: usize,
    /// How many messages the carrier counts; at least 1.
    pub segments: usize,
}

/// The basic GSM 03.38 alphabet without the escape character.
const BASIC: &str = concat!(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
);

/// The extension table: each of these takes two septets, escape and character.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Measures a text.
pub fn measure(text: &str) -> Length {
    let septets: Option<Vec<usize>> = text.chars().map(septets_of).collect();
    match septets {
        Some(sizes) => measured(Encoding::Gsm7, sizes, 160, 153),
        None => measured(Encoding::Ucs2, text.chars().map(char::len_utf16).collect(), 70, 67),
    }
}

fn septets_of(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// A character that takes two units is never cut, so a segment may stay one unit short.
fn measured(encoding: Encoding, sizes: Vec<usize>, alone: usize, joined: usize) -> Length {
    let units = sizes.iter().sum();
    if units <= alone {
        return Length { encoding, units, segments: 1 };
    }
    let (mut segments, mut filled) = (1, 0);
    for size in sizes {
        if filled + size > joined {
            segments += 1;
            filled = 0;
        }
        filled += size;
    }
    Length { encoding, units, segments }
}

/// Replaces the look-alikes that turn 160 characters into 70, as `SmartEncoded` does.
///
/// Covers quotes, dashes, spaces and dots that word processors put in; other text stays as it is.
pub fn smart_encode(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{2033}' | '«' | '»' => plain.push('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push('-'),
            '\u{a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => plain.push(' '),
            '\u{200b}' | '\u{2060}' | '\u{feff}' => {}
            '…' => plain.push_str("..."),
            '•' | '·' => plain.push('-'),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segments(text: &str) -> (Encoding, usize, usize) {
        let length = measure(text);
        (length.encoding, length.units, length.segments)
    }

    #[test]
    fn the_basic_alphabet_has_its_127_characters() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
        let mut seen: Vec<char> = BASIC.chars().chain(EXTENSION.chars()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 137);
    }

    #[test]
    fn gsm_texts_fit_160_alone_and_153_when_split() {
        assert_eq!(segments(""), (Encoding::Gsm7, 0, 1));
        assert_eq!(segments(&"a".repeat(160)), (Encoding::Gsm7, 160, 1));
        assert_eq!(segments(&"a".repeat(161)), (Encoding::Gsm7, 161, 2));
        assert_eq!(segments(&"ä".repeat(306)), (Encoding::Gsm7, 306, 2));
        assert_eq!(segments(&"a".repeat(307)), (Encoding::Gsm7, 307, 3));
    }

    #[test]
    fn extension_characters_count_twice_and_are_not_cut() {
        assert_eq!(segments(&"€".repeat(80)), (Encoding::Gsm7, 160, 1));
        assert_eq!(segments(&"€".repeat(81)), (Encoding::Gsm7, 162, 2));
        // 76 pairs fill 152 of 153 septets; the pair that would be cut opens the next segment.
        assert_eq!(segments(&"[".repeat(152)), (Encoding::Gsm7, 304, 2));
        assert_eq!(segments(&"[".repeat(153)), (Encoding::Gsm7, 306, 3));
        assert_eq!(segments(&format!("{}€{}", "a".repeat(152), "b".repeat(152))), (Encoding::Gsm7, 306, 3));
    }

    #[test]
    fn one_foreign_character_makes_the_whole_text_ucs2() {
        assert_eq!(segments(&format!("’{}", "a".repeat(69))), (Encoding::Ucs2, 70, 1));
        assert_eq!(segments(&format!("’{}", "a".repeat(70))), (Encoding::Ucs2, 71, 2));
        assert_eq!(segments(&"ж".repeat(134)), (Encoding::Ucs2, 134, 2));
        assert_eq!(segments(&"ж".repeat(135)), (Encoding::Ucs2, 135, 3));
        // A cedilla in lower case is not in the alphabet, the capital is.
        assert_eq!(measure("Ç").encoding, Encoding::Gsm7);
        assert_eq!(measure("ç").encoding, Encoding::Ucs2);
    }

    #[test]
    fn an_emoji_is_two_units_and_is_not_cut() {
        assert_eq!(segments(&"🚪".repeat(35)), (Encoding::Ucs2, 70, 1));
        // 33 emoji fill 66 of 67 units.
        assert_eq!(segments(&"🚪".repeat(66)), (Encoding::Ucs2, 132, 2));
        assert_eq!(segments(&"🚪".repeat(67)), (Encoding::Ucs2, 134, 3));
    }

    #[test]
    fn smart_encoding_brings_a_curly_text_back_to_one_segment() {
        let curly = format!("“Room 4” – it’s open… {}", "a".repeat(100));
        assert_eq!(measure(&curly).segments, 2);
        let plain = smart_encode(&curly);
        assert!(plain.starts_with("\"Room 4\" - it's open... "));
        assert_eq!(segments(&plain), (Encoding::Gsm7, 124, 1));
        assert_eq!(smart_encode("Grüße an Ж"), "Grüße an Ж");
    }

    proptest! {
        #[test]
        fn segments_hold_all_units_and_waste_at_most_one_each(text in "\\PC{0,400}") {
            let Length { encoding, units, segments } = measure(&text);
            let (alone, joined) = if encoding == Encoding::Gsm7 { (160, 153) } else { (70, 67) };
            if units <= alone {
                prop_assert_eq!(segments, 1);
            } else {
                prop_assert!(segments * joined >= units);
                prop_assert!((segments - 1) * (joined - 1) < units);
            }
        }
    }
}
