//! Lists of detections of a fixed capacity, best first.

use core::ops::Deref;

/// One thing that was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Detection {
    /// Its class, as the scores count them.
    pub class: u32,
    /// The prior box that saw it, as the outputs count them.
    pub prior: u32,
    /// How sure the network is.
    pub score: f32,
    /// Left, top, right and bottom in pixels of the frame.
    pub corners: [f32; 4],
}

impl Detection {
    /// Nothing: what fills the rest of a list.
    pub const NONE: Detection = Detection { class: 0, prior: 0, score: 0.0, corners: [0.0; 4] };
}

/// Up to `N` detections by score, the best first; reads as a slice. It takes `28 * N + 8` bytes.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Detections<const N: usize> {
    pub(super) all: [Detection; N],
    pub(super) len: u32,
    /// Not zero where there were more than a limit admits: any bytes are a list, as memory of any content is in a test.
    pub(super) truncated: u32,
}

impl<const N: usize> Detections<N> {
    /// None; all zeros, so that a `static` of it costs no flash.
    pub const fn new() -> Self {
        Detections { all: [Detection::NONE; N], len: 0, truncated: 0 }
    }

    /// Whether there were more than a limit admits.
    pub const fn is_truncated(&self) -> bool {
        self.truncated != 0
    }
}

impl<const N: usize> Default for Detections<N> {
    fn default() -> Self {
        Detections::new()
    }
}

impl<const N: usize> Deref for Detections<N> {
    type Target = [Detection];

    fn deref(&self) -> &[Detection] {
        self.all.get(..self.len as usize).unwrap_or_default()
    }
}

/// The memory that a detector works in: lists of any bytes.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct DetectionLists<const CANDIDATES: usize, const DETECTIONS: usize> {
    /// Those of one class.
    pub candidates: Detections<CANDIDATES>,
    /// Those of all.
    pub detections: Detections<DETECTIONS>,
}

/// A list that is being made, in memory of a capacity.
pub(super) struct Best<'a> {
    all: &'a mut [Detection],
    len: usize,
    pub(super) truncated: bool,
}

impl<'a> Best<'a> {
    pub(super) fn new(all: &'a mut [Detection]) -> Self {
        Best { all, len: 0, truncated: false }
    }

    pub(super) fn as_slice(&self) -> &[Detection] {
        self.all.get(..self.len).unwrap_or_default()
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Detection] {
        self.all.get_mut(..self.len).unwrap_or_default()
    }

    /// Puts one behind all that have its score or a better one; where the list is full the last one goes.
    pub(super) fn insert(&mut self, detection: Detection) {
        let place = self.as_slice().iter().rposition(|other| other.score >= detection.score).map_or(0, |last| last + 1);
        self.truncated |= self.len >= self.all.len();
        self.len = self.all.len().min(self.len + 1);
        let mut carried = detection;
        for slot in self.as_mut_slice().iter_mut().skip(place) {
            core::mem::swap(slot, &mut carried);
        }
    }

    /// Drops each one of which an earlier one that stays says so.
    pub(super) fn suppress(&mut self, drops: impl Fn(&Detection, &Detection) -> bool) {
        let mut kept = 0;
        for index in 0..self.len {
            let Some(&candidate) = self.all.get(index) else { break };
            if self.all.iter().take(kept).any(|earlier| drops(earlier, &candidate)) {
                continue;
            }
            if let Some(slot) = self.all.get_mut(kept) {
                *slot = candidate;
            }
            kept += 1;
        }
        self.len = kept;
    }
}
