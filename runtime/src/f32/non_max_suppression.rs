//! Boxes in descending order of their scores, without those that overlap one before them.

use crate::geometry::geometry;
use crate::kernel::strided_kernel;
use crate::views::{Extent, extent};

geometry! {
    /// Geometry of a greedy suppression: of each image and class up to `count` boxes, the best score first and of equal ones that of the
    /// lower index, without a box that has more than `overlap` of their union in common with one that the class has already. A score that
    /// is not a number selects nothing. Each selected box is a row of image, class and box; what is left of `images * classes * count` rows
    /// is -1.
    ///
    /// A box is two opposite corners, `[y, x, y, x]`. The next best box is found by a pass over the scores of the class, so that a class
    /// takes as many passes as boxes are looked at; no memory but the output is needed.
    pub struct NonMaxSuppression [] [] {
        /// Images, classes of each, and boxes of each.
        dims: [u32; 3],
        /// The most boxes of a class.
        count: u32,
        /// The part of their union that two boxes of a class may have in common.
        overlap: f32,
        /// Distance in the boxes for a step along images, boxes, and the four numbers of a box.
        boxes: [u32; 3],
        /// Distance in the scores for a step along images, classes and boxes.
        scores: [u32; 3],
        /// Distance in the output between rows, and between the three numbers of a row.
        output: [u32; 2],
    }
    options {
        /// Only boxes of greater scores.
        above: Option<f32> = None,
        /// A box is its centre and its size, `[x, y, width, height]`.
        centred: bool = false,
    }
    by_hand {}
    derived {}
}

impl NonMaxSuppression {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let [images, classes, boxes] = self.dims;
        if self.count > boxes {
            return None;
        }
        let Some(groups) = images.checked_mul(classes) else { return None };
        let Some(rows) = groups.checked_mul(self.count) else { return None };
        match (extent(&[images, boxes, 4], &self.boxes), extent(&self.dims, &self.scores), extent(&[rows, 3], &self.output)) {
            (Some(x), Some(r), Some(y)) => Some(Extent { x, r, w: 0, y }),
            _ => None,
        }
    }

    /// Writes every row.
    ///
    /// # Safety
    /// `extent()` is some; `x` and `r` are readable and `y` writable for its lengths; no element of the output is one of an operand.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, r: *const f32, y: *mut i64) {
        let [images, classes, _] = self.dims;
        let mut free = y;
        let mut left = images.wrapping_mul(classes).wrapping_mul(self.count);
        for image in 0..images {
            let boxes = x.wrapping_add(place(image, self.boxes[0]));
            for class in 0..classes {
                let scores = r.wrapping_add(place(image, self.scores[0]).wrapping_add(place(class, self.scores[1])));
                let (first, mut selected) = (free, 0);
                let mut last = (f32::INFINITY, 0);
                while selected < self.count {
                    // SAFETY: image and class are some of the dimensions; the class has at most `count` rows from its first on, and no more
                    // than all there are, so that one is free.
                    unsafe {
                        let Some((score, index)) = self.behind(last, scores) else { break };
                        last = (score, index.wrapping_add(1));
                        if !self.is_suppressed(index, boxes, first, selected) {
                            self.put(free, [i64::from(image), i64::from(class), i64::from(index)]);
                            free = free.wrapping_add(self.output[0] as usize);
                            selected = selected.wrapping_add(1);
                            left = left.wrapping_sub(1);
                        }
                    }
                }
            }
        }
        for _ in 0..left {
            // SAFETY: as many rows are left.
            unsafe { self.put(free, [-1; 3]) };
            free = free.wrapping_add(self.output[0] as usize);
        }
    }

    /// The best of the scores that come behind one of which the next index is given, and its index.
    ///
    /// # Safety
    /// `scores` is readable for the scores of a class.
    #[inline(always)]
    unsafe fn behind(&self, (last, next): (f32, u32), scores: *const f32) -> Option<(f32, u32)> {
        let mut best: Option<(f32, u32)> = None;
        for index in 0..self.dims[2] {
            // SAFETY: the caller's contract.
            let score = unsafe { *scores.add(place(index, self.scores[2])) };
            // What is not a number is neither less nor equal.
            let is_behind = score < last || (score == last && index >= next);
            let is_wanted = self.above.is_none_or(|least| score > least);
            if is_behind && is_wanted && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, index));
            }
        }
        best
    }

    /// Whether a box overlaps one of those that `selected` rows from `first` on name.
    ///
    /// # Safety
    /// `boxes` is readable for the boxes of an image, of which `index` is one; `first` is readable for the rows.
    #[inline(always)]
    unsafe fn is_suppressed(&self, index: u32, boxes: *const f32, first: *const i64, selected: u32) -> bool {
        // SAFETY: the caller's contract.
        let own = unsafe { self.sides(index, boxes) };
        for row in 0..selected {
            let at = place(row, self.output[0]).wrapping_add(place(2, self.output[1]));
            // SAFETY: the row is one of those that the caller promises. Rows that share elements may hold another number than was written
            // as the index, which is held below the boxes' number.
            let other = unsafe { self.sides((*first.add(at) as u32).min(self.dims[2].wrapping_sub(1)), boxes) };
            if self.overlaps(own, other) {
                return true;
            }
        }
        false
    }

    /// Where a box begins and ends, along each axis.
    ///
    /// # Safety
    /// `boxes` is readable for the boxes of an image, of which `index` is one.
    #[inline(always)]
    unsafe fn sides(&self, index: u32, boxes: *const f32) -> [[f32; 2]; 2] {
        let (at, step) = (boxes.wrapping_add(place(index, self.boxes[1])), self.boxes[2] as usize);
        // SAFETY: the caller's contract.
        let [a, b, c, d] = unsafe { [*at, *at.add(step), *at.add(2 * step), *at.add(3 * step)] };
        if self.centred { [around(a, c), around(b, d)] } else { [between(a, c), between(b, d)] }
    }

    /// Whether two boxes have more in common than they may. One without an area has nothing.
    #[inline(always)]
    fn overlaps(&self, [a, b]: [[f32; 2]; 2], [c, d]: [[f32; 2]; 2]) -> bool {
        let shared = common(a, c) * common(b, d);
        let (one, other) = (length(a) * length(b), length(c) * length(d));
        let union = one + other - shared;
        shared > 0.0 && one > 0.0 && other > 0.0 && union > 0.0 && shared / union > self.overlap
    }

    /// Writes a row.
    ///
    /// # Safety
    /// `row` is writable for one.
    #[inline(always)]
    unsafe fn put(&self, row: *mut i64, [image, class, index]: [i64; 3]) {
        let step = self.output[1] as usize;
        // SAFETY: the caller's contract.
        unsafe {
            *row = image;
            *row.add(step) = class;
            *row.add(2 * step) = index;
        }
    }
}

strided_kernel!([] NonMaxSuppression, f32 => i64, |self, at| self.run(at.x, at.r, at.y));

/// Where an index lies.
#[inline(always)]
fn place(index: u32, step: u32) -> usize {
    (index as usize).wrapping_mul(step as usize)
}

/// From the lesser of two ends to the greater.
#[inline(always)]
fn between(a: f32, b: f32) -> [f32; 2] {
    if a >= b { [b, a] } else { [a, b] }
}

/// Half a size to both sides of a centre.
#[inline(always)]
fn around(centre: f32, size: f32) -> [f32; 2] {
    let half = size / 2.0;
    [centre - half, centre + half]
}

#[inline(always)]
fn length([begin, end]: [f32; 2]) -> f32 {
    end - begin
}

/// The length that two sides have in common, or zero.
#[inline(always)]
fn common([a, b]: [f32; 2], [c, d]: [f32; 2]) -> f32 {
    let (begin, end) = (if a < c { c } else { a }, if d < b { d } else { b });
    if end > begin { end - begin } else { 0.0 }
}
