//! The types of files that there are, and what a file really is.

use image::ImageFormat;

/// A type of files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileType {
    /// As headers say it.
    pub mime: &'static str,
    /// What names of such files may end in. The first one is given to what has none.
    pub extensions: &'static [&'static str],
    /// How such a file is looked at.
    pub nature: Nature,
    /// Whether a browser may show it by itself: what holds no script.
    pub is_shown: bool,
}

/// How a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Decoded whole, and written anew.
    Picture(ImageFormat),
    /// By its first bytes.
    Binary,
    /// It has none that tell: by what it can't have in it.
    Text,
}

const fn picture(mime: &'static str, extensions: &'static [&'static str], format: ImageFormat) -> FileType {
    FileType { mime, extensions, nature: Nature::Picture(format), is_shown: true }
}

const fn binary(mime: &'static str, extensions: &'static [&'static str], is_shown: bool) -> FileType {
    FileType { mime, extensions, nature: Nature::Binary, is_shown }
}

const fn text(mime: &'static str, extensions: &'static [&'static str]) -> FileType {
    FileType { mime, extensions, nature: Nature::Text, is_shown: false }
}

pub(crate) static JPEG: FileType = picture("image/jpeg", &["jpg", "jpeg"], ImageFormat::Jpeg);
pub(crate) static PNG: FileType = picture("image/png", &["png"], ImageFormat::Png);
pub(crate) static WEBP: FileType = picture("image/webp", &["webp"], ImageFormat::WebP);
static PDF: FileType = binary("application/pdf", &["pdf"], true);
static MP4: FileType = binary("video/mp4", &["mp4", "m4v"], true);
static DOCX: FileType =
    binary("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"], false);
static XLSX: FileType =
    binary("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"], false);
static PPTX: FileType =
    binary("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"], false);
static ODT: FileType = binary("application/vnd.oasis.opendocument.text", &["odt"], false);
static ODS: FileType = binary("application/vnd.oasis.opendocument.spreadsheet", &["ods"], false);
static ODP: FileType = binary("application/vnd.oasis.opendocument.presentation", &["odp"], false);
static GIF: FileType = binary("image/gif", &["gif"], true);
static TIFF: FileType = binary("image/tiff", &["tif", "tiff"], false);
static HEIF: FileType = binary("image/heif", &["heic", "heif"], false);
static ZIP: FileType = binary("application/zip", &["zip"], false);
static MP3: FileType = binary("audio/mpeg", &["mp3"], false);
static PLAIN: FileType = text("text/plain", &["txt", "md", "log"]);
static CSV: FileType = text("text/csv", &["csv"]);

/// What browsers show everywhere.
pub(crate) static PICTURES: &[&FileType] = &[&JPEG, &PNG, &WEBP];

/// What a screen on the wall shows.
pub(crate) static SCREENS: &[&FileType] = &[&JPEG, &PNG, &WEBP, &MP4];

/// What is on paper, or could be.
pub(crate) static PAPERS: &[&FileType] =
    &[&JPEG, &PNG, &WEBP, &PDF, &DOCX, &XLSX, &PPTX, &ODT, &ODS, &ODP, &PLAIN, &CSV];

/// All types that there are.
pub(crate) static ANY: &[&FileType] = &[
    &JPEG, &PNG, &WEBP, &PDF, &MP4, &DOCX, &XLSX, &PPTX, &ODT, &ODS, &ODP, &GIF, &TIFF, &HEIF, &ZIP, &MP3,
    &PLAIN, &CSV,
];

impl FileType {
    /// The type of that name.
    pub(crate) fn of_mime(mime: &str) -> Option<&'static Self> {
        ANY.iter().copied().find(|known| known.mime == mime)
    }

    /// The type of pictures of that format.
    pub(crate) fn of_picture(format: ImageFormat) -> &'static Self {
        let mut pictures = PICTURES.iter().copied();
        pictures
            .find(|known| known.nature == Nature::Picture(format))
            .expect("pictures are written in these formats")
    }

    /// Whether what was found may be called so.
    pub(crate) fn is(&self, detected: Detected) -> bool {
        match detected {
            Detected::Type(found) => found == self,
            Detected::Text => self.nature == Nature::Text,
            Detected::Markup | Detected::Program | Detected::Unknown => false,
        }
    }
}

/// What a file really is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detected {
    /// Of one of our types.
    Type(&'static FileType),
    /// Text without markup.
    Text,
    /// HTML, SVG or other XML.
    Markup,
    /// Something that runs.
    Program,
    /// Nothing that we know.
    Unknown,
}

/// How much of a file it takes to say what it is.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// Beginnings of what is markup, wherever they stand: browsers look for them, too.
const MARKUP: [&str; 6] = ["<script", "<svg", "<html", "<!doctype", "<iframe", "<?xml"];

/// Says what a file is by its first [`HEAD_BYTES`], whatever its name is.
pub(crate) fn detect(head: &[u8]) -> Detected {
    let Some(found) = infer::get(head) else { return text_or_unknown(head) };
    match found.matcher_type() {
        infer::MatcherType::App => Detected::Program,
        infer::MatcherType::Text if found.mime_type() == "text/x-shellscript" => Detected::Program,
        infer::MatcherType::Text => Detected::Markup,
        _ => FileType::of_mime(alias(found.mime_type())).map_or(Detected::Unknown, Detected::Type),
    }
}

/// Types that `infer` calls otherwise.
fn alias(mime: &str) -> &str {
    match mime {
        "video/x-m4v" => MP4.mime,
        other => other,
    }
}

fn text_or_unknown(head: &[u8]) -> Detected {
    // A character may be cut off at the end of what we have.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && head.len() == HEAD_BYTES => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Detected::Unknown,
    };
    if text.is_empty() || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c')) {
        return Detected::Unknown;
    }
    let lower = text.to_ascii_lowercase();
    let begins_with_markup = lower.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).starts_with('<');
    if begins_with_markup || MARKUP.iter().any(|mark| lower.contains(mark)) {
        Detected::Markup
    } else if lower.starts_with("#!") {
        Detected::Program
    } else {
        Detected::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        let cases: [(&[u8], Detected); 14] = [
            (b"\xff\xd8\xff\xe0rest", Detected::Type(&JPEG)),
            (b"\x89PNG\r\n\x1a\nrest", Detected::Type(&PNG)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Detected::Type(&WEBP)),
            (b"%PDF-1.7\n", Detected::Type(&PDF)),
            (b"PK\x03\x04rest of it", Detected::Type(&ZIP)),
            (b"Dear Ada,\nthank you.", Detected::Text),
            (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", Detected::Markup),
            (b"\xef\xbb\xbf  <svg/>", Detected::Markup),
            (b"hello <ScRiPt>alert(1)</script>", Detected::Markup),
            (b"<!DOCTYPE html><html></html>", Detected::Markup),
            (b"MZ\x90\0\x03", Detected::Program),
            (b"#!/bin/sh\nrm -rf /\n", Detected::Program),
            (b"\0\x01\x02\x03", Detected::Unknown),
            (b"", Detected::Unknown),
        ];
        for (bytes, expected) in cases {
            assert_eq!(detect(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn text_that_is_cut_off_within_a_character_is_text() {
        let mut long = "ä".repeat(HEAD_BYTES / 2 + 1).into_bytes();
        long.insert(0, b'x');
        long.truncate(HEAD_BYTES);
        assert_eq!(detect(&long), Detected::Text);
        assert_eq!(detect("ä".as_bytes().split_at(1).0), Detected::Unknown, "the end of the file is no cut");
    }

    #[test]
    fn text_has_several_names_and_others_one() {
        assert!(PLAIN.is(Detected::Text) && CSV.is(Detected::Text));
        assert!(!PDF.is(Detected::Text) && !PDF.is(Detected::Type(&ZIP)) && PDF.is(Detected::Type(&PDF)));
        assert!(!PLAIN.is(Detected::Markup) && !PLAIN.is(Detected::Unknown));
    }

    proptest::proptest! {
        #[test]
        fn whatever_stands_around_it_a_script_is_no_text(
            before in "[ -~\\n]{0,200}",
            mark in proptest::sample::select(MARKUP.to_vec()),
            after in "[ -~\\n]{0,200}",
        ) {
            let page = format!("{before}{}{after}", mark.to_ascii_uppercase());
            proptest::prop_assert_ne!(detect(page.as_bytes()), Detected::Text);
        }

        #[test]
        fn whatever_comes_is_something(bytes in proptest::collection::vec(proptest::arbitrary::any::<u8>(), 0..300)) {
            detect(&bytes);
        }
    }

    #[test]
    fn every_type_has_a_name_and_an_ending_of_its_own() {
        for one in ANY {
            assert_eq!(FileType::of_mime(one.mime), Some(*one));
            assert!(!one.extensions.is_empty(), "{}", one.mime);
        }
    }
}
