//! The order in which a streamed group's layers compute their rows.

use core::iter::FusedIterator;
use core::slice::Iter;

/// A list of steps, each the number of a layer that computes its next row, with a part that repeats.
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

/// The rows that `N` layers compute next.
#[derive(Clone, Copy, Debug)]
pub struct RowCounters<const N: usize>([usize; N]);

impl<const N: usize> RowCounters<N> {
    /// Of layers that have computed no row.
    pub const fn new() -> Self {
        const { assert!(N > 0, "there is no layer") };
        RowCounters([0; N])
    }

    /// The next row of layer `step`; from then on, the one behind it. A number that is too large means the last layer, so that there is
    /// no way to panic.
    #[inline(always)]
    pub fn next(&mut self, step: u8) -> usize {
        let counter = &mut self.0[(step as usize).min(N - 1)];
        let row = *counter;
        *counter = row.wrapping_add(1);
        row
    }
}

impl<const N: usize> Default for RowCounters<N> {
    fn default() -> Self {
        RowCounters::new()
    }
}
