//! Content lines of an iCalendar file (RFC 5545, 3.1): unfolded, with the line where each begins.
//!
//! Read here and not by a crate, because a line number is what the operator gets to find a fault
//! by, and one bad line must not cost the rest: `icalendar` gives up a file at its first bad line
//! and numbers lines after unfolding; `calcard` has no line numbers and turns values that it can't
//! read into text, in silence; `ical` loses blanks where lines were folded, and miscounts.

/// One content line: `NAME;PARAM=value:value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContentLine {
    /// Where it begins in the file, from 1.
    pub(super) number: usize,
    /// In capitals.
    pub(super) name: String,
    /// Names in capitals. Of a parameter with several values, all.
    params: Vec<(String, Vec<String>)>,
    /// As it stands, escapes included.
    pub(super) value: String,
}

/// A line that is no content line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) reason: &'static str,
}

impl ContentLine {
    /// The first value of a parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let (_, values) = self.params.iter().find(|(param, _)| param == name)?;
        values.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value as text, with its escapes undone (RFC 5545, 3.3.11).
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut rest = self.value.chars();
        while let Some(c) = rest.next() {
            if c != '\\' {
                text.push(c);
                continue;
            }
            match rest.next() {
                Some('n' | 'N') => text.push('\n'),
                // Also what needs no escape: some programs escape colons.
                Some(escaped) => text.push(escaped),
                None => text.push('\\'),
            }
        }
        text.trim().to_owned()
    }

    fn parse(number: usize, text: &str) -> Result<Self, &'static str> {
        let name_end = text.find([':', ';']).ok_or("has no colon between a name and a value")?;
        let (name, mut rest) = text.split_at(name_end);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return Err("does not begin with a property's name");
        }
        let mut params = Vec::new();
        while let Some(param) = rest.strip_prefix(';') {
            let (param_name, after) = param.split_once('=').ok_or("has a parameter without a value")?;
            if param_name.contains([':', ';', '"']) {
                return Err("has a parameter without a value");
            }
            rest = after;
            let mut values = Vec::new();
            loop {
                let value;
                (value, rest) = if let Some(quoted) = rest.strip_prefix('"') {
                    quoted.split_once('"').ok_or("has a quote that is not closed")?
                } else {
                    rest.split_at(rest.find([',', ';', ':']).ok_or("has no value")?)
                };
                values.push(without_carets(value));
                match rest.strip_prefix(',') {
                    Some(after) => rest = after,
                    None => break,
                }
            }
            params.push((param_name.to_ascii_uppercase(), values));
        }
        let value = rest.strip_prefix(':').ok_or("has something between a parameter and its value")?;
        Ok(Self { number, name: name.to_ascii_uppercase(), params, value: value.to_owned() })
    }
}

/// The content lines of a file. Blank lines are none.
pub(super) fn read(bytes: &[u8]) -> impl Iterator<Item = Result<ContentLine, Malformed>> {
    unfold(bytes).into_iter().map(|(number, bytes)| {
        let malformed = |reason| {
            let text = String::from_utf8_lossy(&bytes).chars().take(60).collect();
            Malformed { number, text, reason }
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed("is not in UTF-8"))?;
        ContentLine::parse(number, text).map_err(malformed)
    })
}

/// Joins lines that were folded. On bytes, because programs fold in the middle of a character.
fn unfold(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut lines: Vec<(usize, Vec<u8>)> = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line.split_first(), lines.last_mut()) {
            (Some((b' ' | b'\t', rest)), Some((_, last))) => last.extend_from_slice(rest),
            (Some(_), _) if !line.trim_ascii().is_empty() => lines.push((index + 1, line.to_vec())),
            _ => {}
        }
    }
    lines
}

/// Undoes the escapes of parameter values (RFC 6868).
fn without_carets(value: &str) -> String {
    value.replace("^n", "\n").replace("^'", "\"").replace("^^", "^")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str) -> Result<ContentLine, &'static str> {
        ContentLine::parse(1, text)
    }

    #[test]
    fn a_line_has_a_name_parameters_and_a_value() {
        let line = line(r#"attendee;CN="Lovelace; Ada: x";Member="a","b";ROLE=CHAIR:mailto:ada@example.org"#)
            .unwrap();
        assert_eq!(line.name, "ATTENDEE");
        assert_eq!(line.param("CN"), Some("Lovelace; Ada: x"));
        assert_eq!(line.param("MEMBER"), Some("a"));
        assert_eq!(line.param("ROLE"), Some("CHAIR"));
        assert_eq!(line.param("RSVP"), None);
        assert_eq!(line.value, "mailto:ada@example.org");
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(line(r"SUMMARY:a\, b\; c\\n\nd\:").unwrap().text(), "a, b; c\\n\nd:");
        assert_eq!(line("ORGANIZER;CN=A ^'B^' C:x").unwrap().param("CN"), Some("A \"B\" C"));
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        for text in
            ["no colon here", ":value", ";X=1:value", "A B:c", "X;Y:z", "X;Y=\"a:b", "X;Y=a", "X;Y=\"a\"b:c"]
        {
            assert!(line(text).is_err(), "{text}");
        }
        assert_eq!(line("X:").unwrap().value, "");
    }

    #[test]
    fn folded_lines_are_joined_and_keep_the_number_of_their_first() {
        let mut bytes = b"BEGIN:X\r\nSUMMARY:Z\r\n o".to_vec();
        // Folded inside of the two bytes of the character, as some programs do.
        bytes.extend(b"\xc3\r\n \xab\r\n  and more\r\n\r\nEND:X\n");
        let lines: Vec<_> =
            read(&bytes).map(|line| line.map(|line| (line.number, line.name, line.value))).collect();
        assert_eq!(
            lines,
            [
                Ok((1, "BEGIN".into(), "X".into())),
                Ok((2, "SUMMARY".into(), "Zo\u{eb} and more".into())),
                Ok((7, "END".into(), "X".into())),
            ]
        );
    }

    proptest! {
        #[test]
        fn every_line_is_read_or_refused(text in "([A-Z;:=\",\\^a-z]{1,20}\n){0,20}") {
            prop_assert_eq!(read(text.as_bytes()).count(), text.lines().count());
        }
    }
}
