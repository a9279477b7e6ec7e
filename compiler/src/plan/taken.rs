//! Which bytes are taken while: the arena as it is filled, by time and by place.

use std::collections::BTreeMap;
use std::ops::Range;

/// The bytes that buffers take. Time is cut into halves, those into halves, and so on; a span of time is few of these.
pub(super) struct Taken {
    /// Spans of time; the halves of span `i` are `2 * i` and `2 * i + 1`.
    spans: Vec<Span>,
    /// How many of the shortest spans there are.
    moments: usize,
}

/// What is taken in a span of time.
#[derive(Clone, Default)]
struct Span {
    /// All the time.
    whole: Bytes,
    /// At any time.
    ever: Bytes,
}

/// Ranges of bytes that do not touch, each by its first byte.
#[derive(Clone, Default)]
struct Bytes(BTreeMap<usize, usize>);

impl Taken {
    /// Nothing, in so many moments.
    pub(super) fn new(moments: usize) -> Self {
        let moments = moments.next_power_of_two();
        Taken { spans: vec![Span::default(); 2 * moments], moments }
    }

    /// Takes the bytes while.
    pub(super) fn take(&mut self, time: Range<usize>, bytes: Range<usize>) {
        for span in self.cover(time) {
            self.spans[span].whole.add(bytes.clone());
            above(span).chain([span]).for_each(|span| self.spans[span].ever.add(bytes.clone()));
        }
    }

    /// The first byte from `at` on that begins `size` bytes of which none is taken while.
    pub(super) fn free(&self, time: Range<usize>, mut at: usize, size: usize) -> usize {
        let cover = self.cover(time);
        let mut sets: Vec<&Bytes> = cover.iter().map(|&span| &self.spans[span].ever).collect();
        let mut longer: Vec<usize> = cover.iter().flat_map(|&span| above(span)).collect();
        longer.sort_unstable();
        longer.dedup();
        sets.extend(longer.into_iter().map(|span| &self.spans[span].whole));
        sets.retain(|bytes| !bytes.0.is_empty());
        while let Some(end) = sets.iter().filter_map(|bytes| bytes.meets(at, size)).max() {
            at = end;
        }
        at
    }

    /// The fewest spans that make up a time.
    fn cover(&self, time: Range<usize>) -> Vec<usize> {
        let (mut begin, mut end) = (time.start + self.moments, time.end + self.moments);
        let mut cover = Vec::new();
        while begin < end {
            if begin % 2 == 1 {
                cover.push(begin);
                begin += 1;
            }
            if end % 2 == 1 {
                end -= 1;
                cover.push(end);
            }
            (begin, end) = (begin / 2, end / 2);
        }
        cover
    }
}

/// The spans that a span is a part of.
fn above(span: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(span / 2), |span| Some(span / 2)).take_while(|&span| span > 0)
}

impl Bytes {
    /// The end of the last range that meets the `size` bytes from `at` on.
    fn meets(&self, at: usize, size: usize) -> Option<usize> {
        let (_, &end) = self.0.range(..at + size).next_back()?;
        (end > at).then_some(end)
    }

    fn add(&mut self, bytes: Range<usize>) {
        let Range { mut start, mut end } = bytes;
        while let Some((&from, &to)) = self.0.range(..=end).next_back().filter(|&(_, &to)| to >= start) {
            (start, end) = (start.min(from), end.max(to));
            self.0.remove(&from);
        }
        self.0.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::Random;

    #[test]
    fn bytes_are_free_outside_of_their_time() {
        let mut taken = Taken::new(5);
        taken.take(1..3, 0..64);
        taken.take(2..5, 64..128);
        assert_eq!(taken.free(0..1, 0, 64), 0);
        assert_eq!(taken.free(3..5, 0, 64), 0);
        assert_eq!(taken.free(3..5, 0, 65), 128);
        assert_eq!([taken.free(0..2, 0, 64), taken.free(2..3, 0, 64), taken.free(0..5, 0, 1)], [64, 128, 128]);
    }

    #[test]
    fn a_gap_is_filled_where_it_is_wide_enough() {
        let mut taken = Taken::new(1);
        taken.take(0..1, 0..64);
        taken.take(0..1, 192..256);
        assert_eq!([taken.free(0..1, 0, 128), taken.free(0..1, 0, 129), taken.free(0..1, 100, 64)], [64, 256, 100]);
        taken.take(0..1, 64..192);
        assert_eq!(taken.free(0..1, 0, 1), 256);
    }

    /// Against a table of bytes and moments.
    #[test]
    fn random_spans_are_taken_as_in_a_table() {
        let mut random = Random(5);
        for moments in [1, 2, 3, 7, 8, 13] {
            let (mut taken, mut table) = (Taken::new(moments), vec![[false; 256]; moments]);
            for _ in 0..60 {
                let begin = random.index(moments);
                let (time, at, size) = (begin..begin + 1 + random.index(moments - begin), random.index(100), 1 + random.index(40));
                let is_free = |at: usize| table[time.clone()].iter().all(|bytes| !bytes[at..at + size].contains(&true));
                let wanted = (at..256 - size).find(|&at| is_free(at)).unwrap();
                assert_eq!(taken.free(time.clone(), at, size), wanted, "{time:?} from {at}, {size} bytes");
                if wanted + size < 120 {
                    taken.take(time.clone(), wanted..wanted + size);
                    table[time].iter_mut().for_each(|bytes| bytes[wanted..wanted + size].fill(true));
                }
            }
        }
    }
}
