//! What a person's own device calls a file. It is told to people, and stands in no key.

use super::types::FileType;

/// Characters that it has at most.
const CHARS_MAX: usize = 200;

/// A file's name without folders, fit for a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileTitle(String);

impl FileTitle {
    /// Reads a name of a file of this type, or says what is wrong with it.
    pub(crate) fn parse(text: &str, kind: &FileType) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text.trim_matches('.').is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.chars().count() > CHARS_MAX {
            return Err(format!("must be at most {CHARS_MAX} characters"));
        }
        if text.chars().any(|c| c.is_control() || is_invisible(c) || matches!(c, '/' | '\\')) {
            return Err("must be a name without folders and without control characters".to_owned());
        }
        let Some(extension) = extension(text) else { return Ok(Self(text.to_owned())) };
        if kind.extensions.contains(&extension.to_ascii_lowercase().as_str()) {
            Ok(Self(text.to_owned()))
        } else {
            let endings: Vec<String> = kind.extensions.iter().map(|it| format!(".{it}")).collect();
            Err(format!("must end in {}, as files of type {} do", endings.join(" or "), kind.mime))
        }
    }

    /// A name that was read before.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with the ending of what the file has become: pictures are written anew.
    pub(crate) fn ending_as(&self, kind: &FileType) -> String {
        match extension(&self.0) {
            Some(ending) if kind.extensions.contains(&ending.to_ascii_lowercase().as_str()) => self.0.clone(),
            Some(ending) => {
                format!("{}{}", &self.0[..self.0.len() - ending.len()], kind.extensions[0])
            }
            None => format!("{}.{}", self.0.trim_end_matches('.'), kind.extensions[0]),
        }
    }
}

/// Characters that turn the direction of what follows, or can't be seen: `gpj.exe` would read as `exe.jpg`.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What stands after the last dot, if it looks like an ending.
fn extension(text: &str) -> Option<&str> {
    let (before, after) = text.rsplit_once('.')?;
    let is_one = !before.is_empty() && (1..=5).contains(&after.len());
    (is_one && after.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(after)
}

/// `Content-Disposition` of a download, RFC 6266: an ASCII name for old programs, and the real one (RFC 8187).
pub(crate) fn disposition(name: &str, is_shown: bool) -> String {
    let how = if is_shown { "inline" } else { "attachment" };
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' '
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::types::{JPEG, PNG};

    #[test]
    fn a_name_ends_as_its_type_does_or_has_no_ending() {
        for good in ["ada.jpg", "Ada.JPEG", "ada", "v1.2 of the plan", "my.holiday.jpg", "Übersicht.jpg"] {
            assert!(FileTitle::parse(good, &JPEG).is_ok(), "{good}");
        }
        for bad in
            ["ada.png", "ada.exe", "ada.jpg.exe", "a/b.jpg", "..", "a\\b.jpg", "a\u{202e}gpj.exe", "", " "]
        {
            assert!(FileTitle::parse(bad, &JPEG).is_err(), "{bad:?}");
        }
        let error = FileTitle::parse("ada.exe", &JPEG).unwrap_err();
        assert_eq!(error, "must end in .jpg or .jpeg, as files of type image/jpeg do");
    }

    #[test]
    fn a_download_ends_as_what_the_file_has_become() {
        for (name, expected) in [("ada.webp", "ada.jpg"), ("ada.jpeg", "ada.jpeg"), ("ada", "ada.jpg")] {
            assert_eq!(FileTitle::stored(name.to_owned()).ending_as(&JPEG), expected);
        }
        assert_eq!(FileTitle::stored("ada.".to_owned()).ending_as(&PNG), "ada.png");
    }

    #[test]
    fn a_disposition_names_the_file_for_old_and_new_programs() {
        let expected =
            "attachment; filename=\"_bersicht _1_.pdf\"; filename*=UTF-8''%C3%9Cbersicht%20%221%22.pdf";
        assert_eq!(disposition("Übersicht \"1\".pdf", false), expected);
        assert!(disposition("a.png", true).starts_with("inline; "));
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_place_in_a_header(name in any::<String>()) {
            let header = disposition(&name, false);
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(header.matches('"').count(), 2);
            prop_assert_eq!(header.matches(';').count() - name.matches(';').count(), 2);
        }
    }
}
