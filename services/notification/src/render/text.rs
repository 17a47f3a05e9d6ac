//! Lengths of texts.

/// At most `chars_max` characters, cut at the end of a word where one is near, with three dots.
pub(super) fn shorten(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(3)).collect();
    let whole_words = kept.rfind(' ').filter(|end| end * 3 >= kept.len() * 2).map(|end| &kept[..end]);
    format!("{}...", whole_words.unwrap_or(&kept).trim_end_matches([' ', ',', '.', '-']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_word() {
        assert_eq!(shorten("Meeting Room 4", 14), "Meeting Room 4");
        assert_eq!(shorten("The Big Meeting Room", 18), "The Big Meeting...");
        assert_eq!(shorten("Donaudampfschiffahrt", 10), "Donauda...");
    }

    proptest! {
        #[test]
        fn a_text_is_never_longer_than_asked(text in "\\PC{0,80}", chars_max in 4usize..60) {
            prop_assert!(shorten(&text, chars_max).chars().count() <= chars_max);
        }
    }
}
