//! Makes a vendor's words fit for logs: vendors repeat the address or number that they refuse.

/// Longest message that is kept, in characters.
const MESSAGE_MAX: usize = 200;
/// Longest code that is kept, in characters.
const CODE_MAX: usize = 100;
/// A word longer than this is no word: a token, a path, a piece of a body.
const WORD_MAX: usize = 40;
/// So many digits in a row (spaces and separators aside) may be someone's number.
const DIGITS_MAX: usize = 5;

/// The message on one line, shortened, with addresses, numbers and long tokens replaced.
pub(crate) fn message(text: &str) -> Option<String> {
    let mut out = String::new();
    // A body of megabytes is not walked for two hundred characters of it.
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).take(60) {
        if !out.is_empty() {
            out.push(' ');
        }
        if word.contains('@') || word.contains("%40") {
            out.push_str("[address]");
        } else if word.chars().nth(WORD_MAX).is_some() {
            out.push_str("[…]");
        } else {
            out.push_str(word);
        }
    }
    let out = numbers(&out);
    let out = match out.char_indices().nth(MESSAGE_MAX - 1) {
        Some((end, _)) if out.chars().nth(MESSAGE_MAX).is_some() => format!("{}…", &out[..end]),
        _ => out,
    };
    (!out.is_empty()).then_some(out)
}

/// The code, if it looks like one: visible ASCII, short, no address, no phone number.
pub(crate) fn code(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty()
        && text.len() <= CODE_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@' && byte != b'+');
    fits.then(|| text.to_owned())
}

/// Replaces runs of digits and separators that hold more than [`DIGITS_MAX`] digits.
fn numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_numeric() || c == '+') {
        out.push_str(&rest[..start]);
        let run = &rest[start..];
        let in_run = |c: char| c.is_numeric() || " +-.()/".contains(c);
        let end = run.find(|c: char| !in_run(c)).unwrap_or(run.len());
        // The separators after the last digit belong to the sentence.
        let end = run[..end]
            .rfind(char::is_numeric)
            .map_or(end, |last| last + run[last..].chars().next().map_or(0, char::len_utf8));
        if run[..end].chars().filter(|c| c.is_numeric()).count() > DIGITS_MAX {
            out.push_str("[number]");
        } else {
            out.push_str(&run[..end]);
        }
        rest = &run[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_numbers_are_replaced() {
        assert_eq!(
            message("The 'To' number +43 664 123-4567 is not valid.").unwrap(),
            "The 'To' number [number] is not valid."
        );
        assert_eq!(message("no user\nada@example.org here").unwrap(), "no user [address] here");
        assert_eq!(message("key SG.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb").unwrap(), "key […]");
        assert_eq!(message("at most 1600 characters").unwrap(), "at most 1600 characters");
        assert_eq!(message(" \n"), None);
    }

    #[test]
    fn long_messages_are_cut() {
        let cut = message(&"word ".repeat(1000)).unwrap();
        assert_eq!(cut.chars().count(), MESSAGE_MAX);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn codes_are_kept_as_they_are_or_left_out() {
        assert_eq!(code("fcd8ef").as_deref(), Some("fcd8ef"));
        assert_eq!(code("personalizations.0.to.0.email").as_deref(), Some("personalizations.0.to.0.email"));
        for text in ["", "two words", "ada@example.org", "+436641234567", &"x".repeat(101)] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_the_message_is_short_and_shows_nobody(text in "([a-z@+ ]|[0-9]|\\PC){0,300}") {
            let Some(out) = message(&text) else { return Ok(()) };
            prop_assert!(out.chars().count() <= MESSAGE_MAX);
            prop_assert!(!out.contains('@'));
            prop_assert!(!out.chars().any(char::is_control));
            let mut run = 0;
            for c in out.chars() {
                run = if c.is_numeric() { run + 1 } else { 0 };
                prop_assert!(run <= DIGITS_MAX);
            }
        }
    }
}
