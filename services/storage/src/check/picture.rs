//! Pictures: decoded whole within bounds, turned upright, and written anew. So what is kept is a picture and nothing
//! else: no place and no camera, no script that follows it, no second file in it.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::error::LimitErrorKind;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits};

use super::{jpeg, limits};
use crate::model::Refusal;

/// Longer sides of the smaller versions: a list's, and a page's.
pub(crate) const SIDES: [u32; 2] = [128, 512];

/// Of 100; what is lost can't be seen.
const JPEG_QUALITY: u8 = 88;

/// A picture, written anew.
#[derive(Debug)]
pub(crate) struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// What it is now.
    pub format: ImageFormat,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Smaller versions, by their longer side; in the same format.
    pub thumbnails: Vec<(u32, Vec<u8>)>,
}

/// Decodes a picture and writes it anew. What comes as WebP and has no transparent pixels becomes a JPEG, for WebP is
/// written without loss alone, ten times as large.
pub(crate) fn remake(bytes: &[u8], format: ImageFormat) -> Result<Picture, Refusal> {
    let picture = decode(bytes, format)?;
    let format = match format {
        ImageFormat::WebP if !picture.color().has_alpha() => ImageFormat::Jpeg,
        other => other,
    };
    let (width, height) = (picture.width(), picture.height());
    let smaller = SIDES.into_iter().filter(|side| *side < width.max(height));
    let thumbnails = smaller
        .map(|side| Ok((side, encode(picture.thumbnail(side, side), format)?)))
        .collect::<Result<_, Refusal>>()?;
    Ok(Picture { width, height, format, bytes: encode(picture, format)?, thumbnails })
}

fn decode(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage, Refusal> {
    if format == ImageFormat::Jpeg && !jpeg::is_whole(bytes) {
        return Err(Refusal::Damaged);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = Limits::default();
    bounds.max_image_width = Some(limits::SIDE_MAX);
    bounds.max_image_height = Some(limits::SIDE_MAX);
    bounds.max_alloc = Some(limits::ALLOC_MAX);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    // Before anything is made room for.
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > limits::SIDE_MAX
        || pixels > limits::PIXELS_MAX
        || decoder.total_bytes() > limits::ALLOC_MAX
    {
        return Err(Refusal::TooManyPixels);
    }
    let orientation = decoder.orientation().map_err(refusal)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn encode(picture: DynamicImage, format: ImageFormat) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Cursor::new(Vec::new());
    let written = match format {
        ImageFormat::Jpeg => {
            let opaque = DynamicImage::from(picture.into_rgb8());
            opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }
        ImageFormat::WebP => DynamicImage::from(picture.into_rgba8()).write_to(&mut bytes, format),
        _ => picture.write_to(&mut bytes, format),
    };
    written.map_err(refusal)?;
    Ok(bytes.into_inner())
}

fn refusal(error: ImageError) -> Refusal {
    match error {
        ImageError::Limits(error) => match error.kind() {
            LimitErrorKind::DimensionError | LimitErrorKind::InsufficientMemory => Refusal::TooManyPixels,
            _ => Refusal::Damaged,
        },
        _ => Refusal::Damaged,
    }
}

#[cfg(test)]
mod tests;
