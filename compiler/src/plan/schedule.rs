//! The calls of a streamed group in short: what comes first, a body that repeats, what comes last.

use std::fmt::{Display, Formatter, Result};

/// The longest body that is looked for.
const LONGEST: usize = 4096;

/// Calls as numbers of the group's steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) prologue: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) times: usize,
    pub(crate) epilogue: Vec<u8>,
}

impl Schedule {
    /// Finds the repetition that leaves the fewest calls to write down.
    pub(super) fn new(calls: &[usize]) -> Self {
        let calls: Vec<u8> = calls.iter().map(|&call| call as u8).collect();
        let mut best = (0, 0, 1);
        let mut saved = 0;
        for period in 1..=LONGEST.min(calls.len() / 2) {
            let mut run = 0;
            for at in (0..calls.len() - period).rev() {
                run = if calls[at] == calls[at + period] { run + 1 } else { 0 };
                let times = run / period + 1;
                if (times - 1) * period > saved {
                    saved = (times - 1) * period;
                    best = (at, period, times);
                }
            }
        }
        let (begin, period, times) = best;
        let (prologue, rest) = calls.split_at(begin);
        let (body, epilogue) = (&rest[..period], &rest[period * times..]);
        Schedule { prologue: prologue.to_vec(), body: body.to_vec(), times, epilogue: epilogue.to_vec() }
    }

    /// All calls in order.
    pub(crate) fn calls(&self) -> impl Iterator<Item = usize> + '_ {
        let body = (0..self.times).flat_map(|_| &self.body);
        self.prologue.iter().chain(body).chain(&self.epilogue).map(|&call| usize::from(call))
    }
}

impl Display for Schedule {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let list = |calls: &[u8]| calls.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "{} ({})x{} {}", list(&self.prologue), list(&self.body), self.times, list(&self.epilogue))
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn a_body_that_repeats_is_written_once() {
        let calls = [0, 0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 2];
        let schedule = Schedule::new(&calls);
        assert_eq!((schedule.body.len(), schedule.times), (3, 3));
        assert!(schedule.calls().eq(calls));
        assert!(Schedule::new(&[0, 1]).calls().eq([0, 1]));
        assert!(Schedule::new(&[]).calls().next().is_none());
    }
}
