//! The order in which a streamed model's operators compute their rows.

use core::iter::FusedIterator;
use core::slice::Iter;

/// A list of steps, each the number of an operator that computes its next row, with a part that repeats.
///
/// ```
/// use peleec_runtime::Schedule;
/// static ORDER: Schedule = Schedule { prologue: &[0, 0, 1], body: &[0, 1], times: 2, epilogue: &[2] };
/// assert!(ORDER.steps().eq([0, 0, 1, 0, 1, 0, 1, 2]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What comes first, once.
    pub prologue: &'static [u8],
    /// What repeats.
    pub body: &'static [u8],
    /// How often it does.
    pub times: u32,
    /// What comes last, once.
    pub epilogue: &'static [u8],
}

impl Schedule {
    /// The steps in their order.
    pub fn steps(&self) -> Steps {
        let times = if self.body.is_empty() { 0 } else { self.times };
        Steps { now: self.prologue.iter(), body: self.body, times, epilogue: self.epilogue }
    }
}

/// The steps of a [`Schedule`] that are left.
#[derive(Clone, Debug)]
pub struct Steps {
    now: Iter<'static, u8>,
    body: &'static [u8],
    times: u32,
    epilogue: &'static [u8],
}

impl Iterator for Steps {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            if let Some(&step) = self.now.next() {
                return Some(step);
            }
            if self.times > 0 {
                self.times -= 1;
                self.now = self.body.iter();
            } else if self.epilogue.is_empty() {
                return None;
            } else {
                self.now = core::mem::take(&mut self.epilogue).iter();
            }
        }
    }
}

impl FusedIterator for Steps {}

/// The row that an operator computes next.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowCounter(usize);

impl RowCounter {
    /// Of an operator that has computed no row.
    pub const fn new() -> Self {
        RowCounter(0)
    }

    /// The next row; from then on, the one behind it.
    #[inline(always)]
    #[allow(clippy::should_implement_trait, reason = "it has no end")]
    pub fn next(&mut self) -> usize {
        let row = self.0;
        self.0 = row.wrapping_add(1);
        row
    }
}
