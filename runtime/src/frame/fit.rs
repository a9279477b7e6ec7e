//! Where a picture lies in an input of another shape.

/// How a picture of another shape than the input's becomes one of that shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is stretched to the input.
    Warp,
    /// It keeps its shape, as large as fits, in the middle. With a picture of `w` by `h` and an input of `W` by `H`, it takes all of the width
    /// where `W h <= H w`, and `(2 h W + w) / (2 w)` rows, rounded down, but at least one; otherwise all of the height, and as many columns as
    /// the same formula gives. Half of what is left, rounded down, is above it or to its left.
    Letterbox,
}

/// Where a picture lies in an input, in pixels of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// Its first column and row.
    pub at: [usize; 2],
    /// Its width and height.
    pub size: [usize; 2],
}

impl Fit {
    /// Where a picture of a width and height lies in an input of another.
    ///
    /// ```
    /// use peleec_runtime::{Fit, Fitted};
    /// assert_eq!(Fit::Letterbox.place([320, 240], [160, 160]), Fitted { at: [0, 20], size: [160, 120] });
    /// ```
    pub const fn place(self, picture: [usize; 2], input: [usize; 2]) -> Fitted {
        let ([w, h], [width, height]) = ([picture[0] as u64, picture[1] as u64], [input[0] as u64, input[1] as u64]);
        let size = match self {
            Fit::Warp => input,
            Fit::Letterbox if width.saturating_mul(h) <= height.saturating_mul(w) => [input[0], share(h, width, w, input[1])],
            Fit::Letterbox => [share(w, height, h, input[0]), input[1]],
        };
        Fitted { at: [(input[0] - size[0]) / 2, (input[1] - size[1]) / 2], size }
    }
}

/// `side * to / from` to the nearest, from one to `most`.
const fn share(side: u64, to: u64, from: u64, most: usize) -> usize {
    let twice = side.saturating_mul(to).saturating_mul(2).saturating_add(from);
    let share = match twice.checked_div(from.saturating_mul(2)) {
        Some(share) => share,
        None => 0,
    };
    let share = if share < 1 { 1 } else { share };
    if share < most as u64 { share as usize } else { most }
}
