//! The calls of a streamed group in short: what comes first, a body that repeats, what comes last.

use std::fmt::{Display, Formatter, Result};
use std::ops::RangeInclusive;

/// The longest body that is looked for.
const LONGEST: usize = 4096;

/// How many calls in the middle of very many are searched for a body first.
const SAMPLE: usize = 1 << 14;

/// How many pairs of calls are compared before the best body so far is taken; where none of those tried repeats, as when the strides of
/// many maps multiply, longer ones hardly do.
const MOST_COMPARED: usize = 1 << 28;

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
    pub(super) fn new(calls: &[u8]) -> Self {
        let Repetition { begin, period, times } = repetition(calls);
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

/// `times` times `period` calls from `begin` on.
struct Repetition {
    begin: usize,
    period: usize,
    times: usize,
}

impl Repetition {
    /// How many calls need not be written down.
    fn saved(&self) -> usize {
        (self.times - 1) * self.period
    }
}

/// The repetition that leaves out the most calls; of such the one with the shortest period, and the last.
fn repetition(calls: &[u8]) -> Repetition {
    // What is found of few calls in the middle holds for most, and then little of all need be looked at.
    let middle = calls.len() / 2;
    let sample = calls.get(middle..middle + SAMPLE).map_or(0, |sample| search(sample, 1..=LONGEST, 0).period);
    let found = if sample > 0 { search(calls, sample..=sample, 0).saved() } else { 0 };
    search(calls, 1..=LONGEST, found.saturating_sub(1))
}

/// The repetition of a period of `periods` that leaves out the most calls, and more than `saved`.
fn search(calls: &[u8], periods: RangeInclusive<usize>, mut saved: usize) -> Repetition {
    let mut best = Repetition { begin: 0, period: 0, times: 1 };
    let mut compared = 0;
    for period in periods.take_while(|&period| period <= calls.len() / 2) {
        // Within a repetition those of a multiple of its period leave out less.
        if compared > MOST_COMPARED || best.period > 0 && 2 * saved > calls.len() && period % best.period == 0 {
            continue;
        }
        let same = |at: usize| calls[at] == calls[at + period];
        let mut end = calls.len() - period;
        // Calls that leave out more are longer, so that one of so many is among them.
        while end > saved {
            let anchor = end - 1 - saved;
            if let Some(other) = (anchor..end).rposition(|at| !same(at)) {
                compared += end - anchor - other;
                end = anchor + other;
                continue;
            }
            let begin = (0..anchor).rev().take_while(|&at| same(at)).last().unwrap_or(anchor);
            compared += end - begin;
            let times = (end - begin) / period + 1;
            if (times - 1) * period > saved {
                saved = (times - 1) * period;
                best = Repetition { begin: end - saved, period, times };
            }
            end = begin.saturating_sub(1);
        }
    }
    best
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
        assert!(schedule.calls().eq(calls.map(usize::from)));
        assert!(Schedule::new(&[0, 1]).calls().eq([0, 1]));
        assert!(Schedule::new(&[]).calls().next().is_none());
    }

    fn written(calls: &[u8]) -> String {
        let schedule = Schedule::new(calls);
        assert!(schedule.calls().eq(calls.iter().map(|&call| usize::from(call))));
        schedule.to_string()
    }

    #[test]
    fn of_equal_repetitions_the_shortest_and_last_is_taken() {
        assert_eq!(written(&[0, 1, 0, 1, 2, 3, 2, 3]), "0 1 0 1 (2 3)x2 ");
        assert_eq!(written(&[5, 5, 5, 5, 5]), " (5)x5 ");
        assert_eq!(written(&[0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1]), "0 1 (1 0 1)x3 ");
    }

    #[test]
    fn a_long_body_is_found_behind_short_ones() {
        let body: Vec<u8> = (0..200).flat_map(|call| [call, call]).collect();
        let calls: Vec<u8> = [7, 7, 7].into_iter().chain(body.repeat(5)).chain([9]).collect();
        let schedule = Schedule::new(&calls);
        assert_eq!((schedule.body.len(), schedule.times, schedule.prologue.len()), (400, 5, 3));
    }

    #[test]
    fn what_hardly_repeats_is_written_down() {
        assert_eq!(written(&[0, 1, 2, 3]), " ()x1 0 1 2 3");
    }

    /// The rows of pools over pools: one of each of `n` in twice as many calls as of the one before.
    #[test]
    fn very_many_calls_without_a_body_come_to_an_end() {
        let calls: Vec<u8> = (1..=1_000_000u32).flat_map(|row| 0..=row.trailing_zeros() as u8).collect();
        let schedule = Schedule::new(&calls);
        assert!(schedule.calls().eq(calls.iter().map(|&call| usize::from(call))));
    }
}
