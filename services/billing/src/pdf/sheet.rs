//! Sheets of paper that are filled from top to bottom.

use anyhow::anyhow;
use krilla::Document;
use krilla::color::luma;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::TextDirection;

use super::font::Weight;

/// A4, in points.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;

const TOP: f32 = 64.0;
const BOTTOM: f32 = 78.0;

/// From the left: where text begins, and where it ends.
pub(super) const LEFT: f32 = 62.0;
pub(super) const RIGHT: f32 = WIDTH - 62.0;

/// How high a line is, by the size of its text.
const LEADING: f32 = 1.4;

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub size: f32,
    pub weight: Weight,
    /// From 0, black, to 255, white.
    pub gray: u8,
}

impl Style {
    pub(super) const BODY: Self = Self { size: 9.0, weight: Weight::Regular, gray: 0 };
    pub(super) const STRONG: Self = Self { weight: Weight::Bold, ..Self::BODY };
    pub(super) const SMALL: Self = Self { size: 7.5, gray: 105, ..Self::BODY };
    pub(super) const TITLE: Self = Self { size: 18.0, ..Self::STRONG };

    /// How high a line is.
    pub(super) fn line(self) -> f32 {
        self.size * LEADING
    }
}

enum Mark {
    Text { x: f32, y: f32, style: Style, text: String },
    Rule { from: f32, y: f32 },
}

/// Sheets, and how far the last one is filled.
pub(super) struct Sheets {
    pages: Vec<Vec<Mark>>,
    /// From the top, in points.
    pub y: f32,
}

impl Sheets {
    pub(super) fn new() -> Self {
        Self { pages: vec![Vec::new()], y: TOP }
    }

    /// How many.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.pages.len()
    }

    /// Goes on on the next sheet if so much does not fit on this one. Whether it does.
    pub(super) fn keep(&mut self, height: f32) -> bool {
        if self.y + height <= HEIGHT - BOTTOM {
            return false;
        }
        self.pages.push(Vec::new());
        self.y = TOP;
        true
    }

    /// Text that begins at `x`, at the present height.
    pub(super) fn text(&mut self, x: f32, style: Style, text: &str) {
        let y = self.y + style.size;
        self.mark(Mark::Text { x, y, style, text: text.to_owned() });
    }

    /// Text that ends at `x`.
    pub(super) fn text_right(&mut self, x: f32, style: Style, text: &str) {
        self.text(x - style.weight.face().width(text, style.size), style, text);
    }

    /// A line across the sheet, from `from` on.
    pub(super) fn rule(&mut self, from: f32) {
        let y = self.y;
        self.mark(Mark::Rule { from, y });
    }

    fn mark(&mut self, mark: Mark) {
        self.pages.last_mut().expect("there is one").push(mark);
    }

    /// The PDF, with `footer` and the number of each sheet at its foot.
    pub(super) fn finish(self, title: &str, author: &str, footer: &str) -> anyhow::Result<Vec<u8>> {
        let mut document = Document::new();
        document.set_metadata(Metadata::new().title(title.to_owned()).authors(vec![author.to_owned()]));
        let count = self.pages.len();
        let style = Style::SMALL;
        let face = style.weight.face();
        let footer = face.wrap(footer, style.size, RIGHT - LEFT - 110.0);
        for (place, marks) in self.pages.into_iter().enumerate() {
            let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| anyhow!("no such paper"))?;
            let mut page = document.start_page_with(settings);
            let mut surface = page.surface();
            for mark in marks {
                draw(&mut surface, mark);
            }
            let foot = |line: usize| HEIGHT - BOTTOM + 24.0 + line as f32 * style.line();
            for (line, text) in footer.iter().enumerate() {
                draw(&mut surface, Mark::Text { x: LEFT, y: foot(line), style, text: text.clone() });
            }
            let text = format!("{title}, page {} of {count}", place + 1);
            let x = RIGHT - face.width(&text, style.size);
            draw(&mut surface, Mark::Text { x, y: foot(0), style, text });
            surface.finish();
            page.finish();
        }
        document.finish().map_err(|error| anyhow!("the PDF can't be written: {error:?}"))
    }
}

fn draw(surface: &mut Surface<'_>, mark: Mark) {
    match mark {
        Mark::Text { x, y, style, text } => {
            surface.set_fill(Some(Fill { paint: luma::Color::new(style.gray).into(), ..Fill::default() }));
            surface.set_stroke(None);
            let font = style.weight.face().font.clone();
            surface.draw_text(Point::from_xy(x, y), font, style.size, &text, false, TextDirection::Auto);
        }
        Mark::Rule { from, y } => {
            let mut path = PathBuilder::new();
            path.move_to(from, y);
            path.line_to(RIGHT, y);
            if let Some(path) = path.finish() {
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke { width: 0.6, ..Stroke::default() }));
                surface.draw_path(&path);
            }
        }
    }
}
