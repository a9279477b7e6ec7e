//! What a single-shot detector saw: from box offsets and class scores to boxes in pixels, in memory of a fixed size.
//!
//! The decoder is that of SSD (Liu et al. 2016): centre-size offsets from prior boxes, a threshold, non-maximum suppression class by class,
//! the best of all. Everything is `f32`, operation by operation as written here, so that the results are the same on every machine.

mod boxes;
mod list;
mod scores;
mod values;

use boxes::{is_sound, overlap};
use list::Best;
pub use list::{Detection, DetectionLists, Detections};
pub use scores::{Scores, SigmoidOf, SoftmaxOf};
pub use values::{Dequantized, Values};

use crate::f32::exp::exp;
use crate::frame::Preparation;

/// The prior boxes of one map of a detector, in shares of the network's input: row by row, in a row column by column, in a cell in the order
/// of `shapes`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid<'p> {
    /// Centre of each row of cells.
    pub rows: &'p [f32],
    /// Centre of each column of cells.
    pub columns: &'p [f32],
    /// Width and height of each prior of a cell.
    pub shapes: &'p [[f32; 2]],
}

impl Grid<'_> {
    /// The number of priors.
    pub const fn len(&self) -> usize {
        self.rows.len().saturating_mul(self.columns.len()).saturating_mul(self.shapes.len())
    }

    /// Whether there is no prior.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Centre x and y, width and height of a prior; none where there are not so many.
    fn prior(&self, index: usize) -> Option<[f32; 4]> {
        let cell = index.checked_div(self.shapes.len())?;
        let (row, column) = (cell.checked_div(self.columns.len())?, cell.checked_rem(self.columns.len())?);
        let [width, height] = *self.shapes.get(index.checked_rem(self.shapes.len())?)?;
        Some([*self.columns.get(column)?, *self.rows.get(row)?, width, height])
    }
}

/// How a network's outputs become detections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector<'p> {
    /// The maps, in the order of their priors in the outputs.
    pub grids: &'p [Grid<'p>],
    /// Classes that each prior has a score for.
    pub classes: usize,
    /// The class that is none, if there is one.
    pub background: Option<usize>,
    /// What the offsets of centre x and y, width and height are multiplied by.
    pub variances: [f32; 4],
    /// What a score must exceed.
    pub threshold: f32,
    /// The intersection over union above which, of two boxes of a class, the one of the lower score is dropped.
    pub iou: f32,
    /// Width and height of the frame in which boxes are reported, in pixels; boxes end where it does.
    pub frame: [f32; 2],
    /// What shares of the input's width and height are multiplied by to be pixels of the frame: its width and height where it is stretched to
    /// the input.
    pub scale: [f32; 2],
    /// What is then taken from x and y: how far left of and above the frame the input begins, in pixels of the frame.
    pub shift: [f32; 2],
}

impl Detector<'_> {
    /// The detector with boxes in pixels of a picture of this width and height, which becomes the input as `preparation` says.
    #[must_use]
    pub const fn in_picture(self, picture: [usize; 2], preparation: &Preparation) -> Self {
        let (scale, shift) = preparation.to_picture(picture);
        Detector { frame: [picture[0] as f32, picture[1] as f32], scale, shift, ..self }
    }

    /// The number of priors.
    pub const fn priors(&self) -> usize {
        let (mut all, mut grid) = (0, 0);
        while grid < self.grids.len() {
            all = self.grids[grid].len().saturating_add(all);
            grid += 1;
        }
        all
    }

    /// Whether outputs of so many elements are those of the priors: four offsets each, and a score a class.
    pub const fn fits(&self, loc: usize, scores: usize) -> bool {
        let priors = self.priors();
        loc.is_multiple_of(4)
            && loc / 4 == priors
            && self.classes > 0
            && scores.is_multiple_of(self.classes)
            && scores / self.classes == priors
    }

    /// Finds what `loc`, four offsets a prior, and `scores`, one a class and prior, say; where the network ends in logits, these are
    /// [`SoftmaxOf`] or [`SigmoidOf`] them. Of a class only the best `K` candidates count, of all that is left only the best `N`; equal
    /// scores go by the lower class, then by the lower prior. What is not a number is no candidate, nor is a box without an extent. Where the
    /// outputs are not those that [`fits`](Self::fits) asks for, what lacks is no candidate.
    pub fn detect<const N: usize, const K: usize>(
        &self,
        loc: impl Values,
        scores: impl Scores,
        candidates: &mut Detections<K>,
        detections: &mut Detections<N>,
    ) {
        let (len, truncated) = self.detect_in(&loc, &scores, &mut candidates.all, &mut detections.all);
        (detections.len, detections.truncated) = (len as u32, truncated.into());
    }

    /// As [`detect`](Self::detect), in slices whose lengths are the limits: how many detections there are in the second, and whether one of
    /// the limits left out any.
    pub fn detect_in(
        &self,
        loc: &impl Values,
        scores: &impl Scores,
        candidates: &mut [Detection],
        detections: &mut [Detection],
    ) -> (usize, bool) {
        let limit = scores.limit(self.threshold);
        let mut all = Best::new(detections);
        for class in (0..self.classes).filter(|&class| Some(class) != self.background) {
            let mut own = Best::new(candidates);
            self.collect(class, loc, scores, limit, &mut own);
            own.suppress(|kept, other| overlap(&kept.corners, &other.corners) > self.iou);
            own.as_slice().iter().for_each(|&detection| all.insert(detection));
            all.truncated |= own.truncated;
        }
        for detection in all.as_mut_slice() {
            detection.corners = self.clipped(detection.corners);
        }
        (all.as_slice().len(), all.truncated)
    }

    /// The candidates of one class.
    fn collect<S: Scores>(&self, class: usize, loc: &impl Values, scores: &S, limit: S::Limit, candidates: &mut Best<'_>) {
        let mut first = 0_usize;
        for grid in self.grids {
            for index in 0..grid.len() {
                let prior = index.saturating_add(first);
                if let Some(score) = scores.score_above(self, prior, class, limit)
                    && let Some(corners) = self.corners(grid, index, loc, prior.saturating_mul(4))
                    && is_sound(&corners)
                {
                    candidates.insert(Detection { class: class as u32, prior: prior as u32, score, corners });
                }
            }
            first = grid.len().saturating_add(first);
        }
    }

    /// The box of a prior whose offsets begin at `first` in `loc`: left, top, right and bottom in pixels of the frame, which it may exceed.
    fn corners(&self, grid: &Grid<'_>, index: usize, loc: &impl Values, first: usize) -> Option<[f32; 4]> {
        let ([x, y, width, height], [vx, vy, vw, vh]) = (grid.prior(index)?, self.variances);
        let offset = |index: usize| loc.value(first.saturating_add(index));
        let [dx, dy, dw, dh] = [offset(0)?, offset(1)?, offset(2)?, offset(3)?];
        let (x, y) = (x + dx * vx * width, y + dy * vy * height);
        let (width, height) = (width * exp(dw * vw), height * exp(dh * vh));
        let ([across, down], [left, top]) = (self.scale, self.shift);
        let corners = [x - width * 0.5, y - height * 0.5, x + width * 0.5, y + height * 0.5];
        Some([corners[0] * across - left, corners[1] * down - top, corners[2] * across - left, corners[3] * down - top])
    }

    fn clipped(&self, [left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
        let [width, height] = self.frame;
        let inside = |at: f32, most: f32| {
            if at < 0.0 {
                0.0
            } else if at > most {
                most
            } else {
                at
            }
        };
        [inside(left, width), inside(top, height), inside(right, width), inside(bottom, height)]
    }
}
