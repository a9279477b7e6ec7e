//! Picture files: found, read, drawn on, written.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use font8x8::legacy::BASIC_LEGACY;
use image::{ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use peleec::{Error, File, files as output};
use peleec_runtime::Detection;

use crate::failure::Failure;

/// Endings of the names of pictures, as folders are searched for them.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "ppm", "pnm"];

/// The widest and highest picture, and the most memory that one may take while it is read.
const MOST_PIXELS: u32 = 1 << 14;
const MOST_BYTES: u64 = 1 << 30;

/// Side of a letter of the font.
const LETTER: u32 = 8;

/// The pictures that paths name: files as they are, folders with what they hold, in order.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let io = |source| Error::Io { path: path.display().to_string(), source };
        let entries = fs::read_dir(path).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
        let is_picture =
            |path: &PathBuf| path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)));
        let mut found: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_picture).collect();
        if found.is_empty() {
            return Err(Error::Data(format!("{} holds no picture: {}", path.display(), ENDINGS.join(", "))).into());
        }
        found.sort();
        all.extend(found);
    }
    Ok(all)
}

/// A picture of three bytes a pixel.
pub(crate) struct Picture(RgbImage);

impl Picture {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let io = |source| Error::Io { path: path.display().to_string(), source };
        let mut reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(io)?;
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(MOST_PIXELS), Some(MOST_PIXELS), Some(MOST_BYTES));
        reader.limits(limits);
        let said = |error: ImageError| match error {
            ImageError::IoError(source) => io(source),
            ImageError::Limits(_) => Error::Data(format!("{} is larger than {MOST_PIXELS}x{MOST_PIXELS} pixels", path.display())),
            error => Error::Data(format!("{} is no picture that can be read: {error}", path.display())),
        };
        Ok(Picture(reader.decode().map_err(said)?.into_rgb8()))
    }

    /// Width and height.
    pub(crate) fn size(&self) -> [u32; 2] {
        [self.0.width(), self.0.height()]
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_raw()
    }

    /// Draws boxes, the best last so that it lies above the others.
    pub(crate) fn draw(&mut self, detections: &[Detection], label: impl Fn(usize) -> String) {
        let [width, height] = self.size();
        // As thick as is seen where the picture fills a screen.
        let thick = (width.max(height) / 400).max(1);
        for Detection { class, score, corners, .. } in detections.iter().rev() {
            let colour = colour(*class);
            let [left, top, right, bottom] = corners.map(|corner| corner as u32);
            for (x, y, w, h) in [
                (left, top, right - left, thick),
                (left, bottom.saturating_sub(thick), right - left, thick),
                (left, top, thick, bottom - top),
                (right.saturating_sub(thick), top, thick, bottom - top),
            ] {
                self.fill([x, y], [w, h], colour);
            }
            self.write(&format!("{} {score:.2}", label(*class as usize)), [left, top], thick, colour);
        }
    }

    /// Text on a ground of its own, above `at` where there is room, else below.
    fn write(&mut self, text: &str, [x, y]: [u32; 2], scale: u32, ground: Rgb<u8>) {
        let side = LETTER * scale;
        let width = side * text.chars().count() as u32;
        let x = x.min(self.0.width().saturating_sub(width));
        let y = y.checked_sub(side + 2 * scale).unwrap_or(y);
        self.fill([x, y], [width + scale, side + 2 * scale], ground);
        let ink = if luma(ground) > 140 { Rgb([0; 3]) } else { Rgb([255; 3]) };
        for (index, letter) in text.chars().enumerate() {
            let rows = BASIC_LEGACY.get(letter as usize).unwrap_or(&BASIC_LEGACY['?' as usize]);
            for (row, bits) in (0..).zip(rows) {
                for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                    let at = [x + scale + index as u32 * side + column * scale, y + scale + row * scale];
                    self.fill(at, [scale; 2], ink);
                }
            }
        }
    }

    /// Fills a rectangle as far as it lies on the picture.
    fn fill(&mut self, [x, y]: [u32; 2], [width, height]: [u32; 2], colour: Rgb<u8>) {
        for y in y..y.saturating_add(height).min(self.0.height()) {
            for x in x..x.saturating_add(width).min(self.0.width()) {
                self.0.put_pixel(x, y, colour);
            }
        }
    }

    /// Writes the picture in the format that the name asks for.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        let data = |why: String| Error::Data(format!("{}: {why}", path.display()));
        let format = ImageFormat::from_path(path).map_err(|_| data("the name ends neither in .png nor in .jpg".to_owned()))?;
        let mut bytes = Cursor::new(Vec::new());
        self.0.write_to(&mut bytes, format).map_err(|error| data(error.to_string()))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let written = output::write(folder, &[File { name, bytes: bytes.into_inner() }]);
        Ok(written.map_err(|source| Error::Io { path: path.display().to_string(), source })?)
    }
}

/// A colour a class: as far as they go, hues that differ.
fn colour(class: u32) -> Rgb<u8> {
    const HUES: [[u8; 3]; 10] = [
        [230, 25, 75],
        [60, 180, 75],
        [255, 225, 25],
        [0, 130, 200],
        [245, 130, 48],
        [145, 30, 180],
        [70, 240, 240],
        [240, 50, 230],
        [210, 245, 60],
        [0, 128, 128],
    ];
    Rgb(HUES[class as usize % HUES.len()])
}

/// How bright a colour is (ITU-R BT.601), of 255.
fn luma(Rgb([r, g, b]): Rgb<u8>) -> u32 {
    (299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 1000
}
