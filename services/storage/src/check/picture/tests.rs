use image::{GrayImage, Rgb, RgbImage, RgbaImage};
use proptest::prelude::*;

use super::*;
use crate::model::{Detected, detect};

fn sample() -> RgbImage {
    RgbImage::from_fn(600, 400, |x, y| Rgb([x as u8, y as u8, (x + y) as u8]))
}

fn written(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn sample_as(format: ImageFormat) -> Vec<u8> {
    written(sample().into(), format)
}

const FORMATS: [ImageFormat; 3] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];

/// A JPEG with a segment of that marker after its beginning.
fn with_segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let plain = sample_as(ImageFormat::Jpeg);
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, marker], &length, content, &plain[2..]].concat()
}

/// Exif of a camera that was held upright: orientation 6, turn right to show (Exif 2.32, 4.6.4).
fn exif() -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0".to_vec();
    exif.extend(b"\x0f\x01\x02\0\x0c\0\0\0\x26\0\0\0"); // the maker, at 38
    exif.extend(b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"); // the orientation
    exif.extend(b"\0\0\0\0");
    exif.extend(b"SecretCam 1\0");
    exif
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(bytes, what).is_some()
}

#[test]
fn a_picture_is_written_anew_in_a_format_that_browsers_know_with_smaller_versions() {
    for (given, expected) in FORMATS.into_iter().zip([ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Jpeg])
    {
        let made = remake(&sample_as(given), given).unwrap();
        assert_eq!((made.width, made.height, made.format), (600, 400, expected));
        assert_eq!(image::guess_format(&made.bytes).unwrap(), expected);
        let sides: Vec<u32> = made.thumbnails.iter().map(|(side, _)| *side).collect();
        assert_eq!(sides, [128, 512]);
        for (side, bytes) in &made.thumbnails {
            let small = image::load_from_memory_with_format(bytes, expected).unwrap();
            assert_eq!(small.width(), *side);
        }
    }
}

#[test]
fn transparency_stays_and_small_pictures_have_no_smaller_version() {
    let clear = RgbaImage::from_pixel(64, 64, image::Rgba([1, 2, 3, 100]));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let made = remake(&written(clear.clone().into(), format), format).unwrap();
        assert_eq!(made.format, format);
        let read = image::load_from_memory(&made.bytes).unwrap().into_rgba8();
        assert_eq!(read.get_pixel(5, 5).0[3], 100);
        assert!(made.thumbnails.is_empty());
    }
}

#[test]
fn what_a_camera_says_is_gone_and_the_picture_stands_upright() {
    let bytes = with_segment(0xe1, &exif());
    let made = remake(&bytes, ImageFormat::Jpeg).unwrap();
    assert_eq!((made.width, made.height), (400, 600));
    assert!(contains(&bytes, b"SecretCam") && !contains(&made.bytes, b"SecretCam"));
    assert!(!contains(&made.bytes, b"Exif"));
}

#[test]
fn what_is_two_things_at_once_is_a_picture_alone_afterwards() {
    let script = b"*/=1;alert(document.cookie)/*<script>alert(1)</script>";
    let zip = b"PK\x03\x04classes.dex";
    let with_comment = with_segment(0xfe, script);
    for bytes in [with_comment.clone(), [with_comment.as_slice(), script, zip].concat()] {
        assert!(matches!(detect(&bytes), Detected::Type(kind) if kind.mime == "image/jpeg"));
        let made = remake(&bytes, ImageFormat::Jpeg).unwrap();
        assert!(!contains(&made.bytes, b"script") && !contains(&made.bytes, b"PK\x03\x04"));
    }
    let png = [sample_as(ImageFormat::Png).as_slice(), zip].concat();
    assert!(!contains(&remake(&png, ImageFormat::Png).unwrap().bytes, b"classes.dex"));
}

/// A picture that says it is larger than it is, so that whoever believes it makes room.
fn claiming(format: ImageFormat, side: u32) -> Vec<u8> {
    let mut bytes = sample_as(format);
    match format {
        ImageFormat::Png => {
            bytes[16..20].copy_from_slice(&side.to_be_bytes());
            bytes[20..24].copy_from_slice(&side.to_be_bytes());
            let sum = crc32(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        }
        _ => {
            let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
            let side = u16::try_from(side).unwrap().to_be_bytes();
            bytes[frame + 5..frame + 7].copy_from_slice(&side);
            bytes[frame + 7..frame + 9].copy_from_slice(&side);
        }
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn hostile_pictures_are_refused_with_a_reason() {
    let jpeg = sample_as(ImageFormat::Jpeg);
    let png = sample_as(ImageFormat::Png);
    // 56 million pixels in some kilobytes.
    let bomb = written(GrayImage::new(8_000, 7_000).into(), ImageFormat::Png);
    assert!(bomb.len() < 300_000, "{}", bomb.len());
    for (what, bytes, format, expected) in [
        ("nothing", Vec::new(), ImageFormat::Jpeg, Refusal::Damaged),
        ("nothing", Vec::new(), ImageFormat::Png, Refusal::Damaged),
        ("half of one", jpeg[..jpeg.len() / 2].to_vec(), ImageFormat::Jpeg, Refusal::Damaged),
        ("half of one", png[..png.len() / 2].to_vec(), ImageFormat::Png, Refusal::Damaged),
        ("all but its end", jpeg[..jpeg.len() - 2].to_vec(), ImageFormat::Jpeg, Refusal::Damaged),
        ("another's name", png.clone(), ImageFormat::Jpeg, Refusal::Damaged),
        ("a bomb", bomb, ImageFormat::Png, Refusal::TooManyPixels),
        ("a liar", claiming(ImageFormat::Png, 2_000_000_000), ImageFormat::Png, Refusal::TooManyPixels),
        ("a liar", claiming(ImageFormat::Png, 16_000), ImageFormat::Png, Refusal::TooManyPixels),
        ("a liar", claiming(ImageFormat::Png, 5_000), ImageFormat::Png, Refusal::Damaged),
        ("a liar", claiming(ImageFormat::Jpeg, 65_000), ImageFormat::Jpeg, Refusal::TooManyPixels),
        ("a liar", claiming(ImageFormat::Jpeg, 16_000), ImageFormat::Jpeg, Refusal::TooManyPixels),
    ] {
        assert_eq!(remake(&bytes, format).err(), Some(expected), "{what} {format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes, it is refused or becomes a whole picture within the bounds; nothing panics.
    #[test]
    fn a_damaged_picture_is_refused_or_whole_afterwards(
        format in proptest::sample::select(FORMATS.to_vec()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = written(DynamicImage::from(sample()).thumbnail(60, 40), format);
        for (place, byte) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(made) = remake(&bytes, format) {
            let read = image::load_from_memory_with_format(&made.bytes, made.format).unwrap();
            prop_assert_eq!((read.width(), read.height()), (made.width, made.height));
            prop_assert!(u64::from(made.width) * u64::from(made.height) <= limits::PIXELS_MAX);
        }
    }

    #[test]
    fn what_is_no_picture_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        for format in FORMATS {
            prop_assert!(remake(&bytes, format).is_err());
        }
    }
}
