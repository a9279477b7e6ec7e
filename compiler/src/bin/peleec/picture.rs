//! Picture files: found, read, drawn on, written.

use std::ffi::OsStr;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use font8x8::legacy::BASIC_LEGACY;
use image::{ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use peleec::Error;
use peleec_runtime::Detection;

use crate::compile::write_file;
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
        let is_picture = |path: &PathBuf| {
            let is_known = |ending: &OsStr| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
            path.extension().is_some_and(is_known) && !path.is_dir()
        };
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
        write_file(path, bytes.into_inner())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn black(width: u32, height: u32) -> Picture {
        Picture(RgbImage::new(width, height))
    }

    fn seen(class: u32, corners: [f32; 4]) -> Detection {
        Detection { class, prior: 0, score: 0.5, corners }
    }

    /// The pixels that are not black, as rows of signs.
    fn drawn(picture: &Picture) -> Vec<String> {
        let [width, height] = picture.size();
        let sign = |x, y| if picture.0.get_pixel(x, y).0 == [0; 3] { '.' } else { '#' };
        (0..height).map(|y| (0..width).map(|x| sign(x, y)).collect()).collect()
    }

    #[test]
    fn folders_are_searched_for_pictures_and_files_are_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.PNG", "a.jpeg", "c.txt", "d.ppm.gz", "png", "e.Jpg"] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        fs::create_dir(folder.path().join("a.png")).unwrap();
        let found = files(&[folder.path().join("c.txt"), folder.path().to_owned(), folder.path().join("gone")]).ok().unwrap();
        let wanted = ["c.txt", "a.jpeg", "b.PNG", "e.Jpg", "gone"].map(|name| folder.path().join(name));
        assert_eq!(found, wanted);
        let empty = tempfile::tempdir().unwrap();
        let refused = files(&[empty.path().to_owned()]).unwrap_err();
        assert!(refused.exit_code() == 3 && refused.text().contains("holds no picture"), "{}", refused.text());
    }

    #[test]
    fn what_is_no_picture_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |bytes: &[u8]| {
            let path = folder.path().join("a.png");
            fs::write(&path, bytes).unwrap();
            let refused = Picture::open(&path).err().unwrap();
            assert_eq!(refused.exit_code(), 3);
            refused.text()
        };
        for bytes in [&b""[..], b"no picture", b"\x89PNG\r\n\x1a\n", b"P6\n2 2\n255\nabc", b"P6\n99999999999 1\n255\n"] {
            assert!(refused(bytes).contains("a.png"), "{bytes:?}");
        }
        assert!(refused(b"P6\n20000 20000\n255\n").contains("larger than 16384x16384 pixels"));
        assert!(Picture::open(&folder.path().join("gone.png")).err().unwrap().text().contains("gone.png: "));
        assert_eq!(Picture::open(folder.path()).err().unwrap().exit_code(), 3);
    }

    #[test]
    fn a_picture_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut picture = black(3, 2);
        picture.fill([1, 0], [1, 2], Rgb([1, 2, 3]));
        let path = folder.path().join("a.png");
        picture.save(&path).unwrap();
        let read = Picture::open(&path).unwrap();
        assert_eq!((read.size(), read.bytes()), ([3, 2], picture.bytes()));
        for name in ["a", "a.txt", ""] {
            assert!(picture.save(&folder.path().join(name)).is_err(), "{name:?}");
        }
        // A picture of another kind becomes one of three bytes a pixel.
        fs::write(folder.path().join("gray.pnm"), b"P5\n2 1\n255\n\x07\xff").unwrap();
        assert_eq!(Picture::open(&folder.path().join("gray.pnm")).unwrap().bytes(), [7, 7, 7, 255, 255, 255]);
    }

    #[test]
    fn boxes_end_where_the_picture_does() {
        let mut picture = black(8, 6);
        picture.fill([6, 4], [5, 5], colour(0));
        picture.fill([u32::MAX, 0], [1, 1], colour(0));
        picture.fill([0, 1], [u32::MAX, 1], colour(0));
        assert_eq!(drawn(&picture), ["........", "########", "........", "........", "......##", "......##"]);
        for corners in [[0.0, 0.0, 8.0, 6.0], [8.0, 6.0, 8.0, 6.0], [0.0; 4], [3.5, 2.5, 3.6, 2.6], [0.0, 0.0, 8.0, 0.5]] {
            for label in ["", "x", "a very long name that no small picture has room for", "図\u{202e}"] {
                let mut picture = black(8, 6);
                picture.draw(&[seen(3, corners), seen(13, corners)], |_| label.to_owned());
                assert_eq!(picture.size(), [8, 6]);
            }
        }
        black(0, 0).draw(&[seen(u32::MAX, [0.0; 4])], |class| class.to_string());
    }

    /// A box of 40x30 with its text above: an empty inside, and four sides of one pixel.
    #[test]
    fn a_box_has_four_sides() {
        let mut picture = black(200, 100);
        picture.draw(&[seen(2, [20.0, 40.0, 60.0, 70.0])], |class| format!("c{class}"));
        let rows = drawn(&picture);
        let side = |y: usize| rows[y][20..60].to_owned();
        assert_eq!([side(40), side(69)], ["#".repeat(40), "#".repeat(40)]);
        assert_eq!(side(55), format!("#{}#", ".".repeat(38)));
        assert!(rows[39].contains('#') && rows[70..].iter().chain(&rows[..30]).all(|row| !row.contains('#')), "{rows:#?}");
        // The best one is drawn last.
        let at = |detections: &[Detection]| {
            let mut picture = black(200, 100);
            picture.draw(detections, |_| String::new());
            picture.0.get_pixel(25, 40).0
        };
        let [a, b] = [seen(0, [20.0, 40.0, 60.0, 70.0]), seen(1, [20.0, 40.0, 60.0, 70.0])];
        assert_eq!([at(&[a, b]), at(&[b, a])], [colour(0).0, colour(1).0]);
    }
}
