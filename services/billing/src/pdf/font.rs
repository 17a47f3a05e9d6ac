//! The font of documents, DejaVu Sans: Latin, Greek, Cyrillic, Hebrew, Arabic and others. It is a part of the program,
//! and a document has of it what it uses.

use std::sync::LazyLock;

use krilla::text::Font;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

static REGULAR: LazyLock<Face> = LazyLock::new(|| Face::new(dejavu::sans::regular()));
static BOLD: LazyLock<Face> = LazyLock::new(|| Face::new(dejavu::sans::bold()));

/// How bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    pub(super) fn face(self) -> &'static Face {
        match self {
            Self::Regular => &REGULAR,
            Self::Bold => &BOLD,
        }
    }
}

/// A font, to set text in and to measure it.
pub(super) struct Face {
    pub font: Font,
    metrics: FontRef<'static>,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Self {
        let font = Font::new(bytes.to_vec().into(), 0).expect("the font is a part of the program");
        let metrics = FontRef::new(bytes).expect("the font is a part of the program");
        Self { font, metrics }
    }

    /// How wide a text is at that size, in points.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let glyphs = self.metrics.glyph_metrics(Size::new(size), LocationRef::default());
        let charmap = self.metrics.charmap();
        let advance = |c| glyphs.advance_width(charmap.map(c).unwrap_or_default()).unwrap_or_default();
        text.chars().map(advance).sum()
    }

    /// A text in lines of that width, broken between words, and within those that are longer than a line.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let line = lines.last_mut().expect("there is one");
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size) <= width {
                *line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(String::new());
            }
            for c in word.chars() {
                let line = lines.last_mut().expect("there is one");
                if !line.is_empty() && self.width(&format!("{line}{c}"), size) > width {
                    lines.push(c.to_string());
                } else {
                    line.push(c);
                }
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_it_may_be_and_no_letter_is_lost() {
        let face = Weight::Regular.face();
        for text in [
            "",
            "Focus Room, 2026-12-24 09:00–11:00",
            "Donaudampfschifffahrtsgesellschaftskapitänskajüte und mehr davon",
            "Комната для переговоров у окна, весь день",
        ] {
            let lines = face.wrap(text, 10.0, 90.0);
            assert!(lines.iter().all(|line| face.width(line, 10.0) <= 90.0), "{lines:?}");
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }
}
