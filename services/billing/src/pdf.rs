//! Documents on paper: A4, as PDF.

mod font;
mod invoice;
mod sheet;

pub(crate) use invoice::invoice;
