//! Tables of what the elements along an axis are made of.

use std::iter::repeat_n;

use crate::plan::problem::Rows;

/// What the elements along an axis are made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// The input's extent.
    pub(crate) from: usize,
    /// How many elements of the input one of the output is made of.
    pub(crate) taps: usize,
    /// For each element of the output the first of the input that it is made of; below zero where it lies outside.
    pub(crate) first: Vec<i32>,
    /// For each element of the output the factors of the taps.
    pub(crate) factors: Vec<f32>,
}

impl Table {
    /// Each element of the one in its place.
    pub(super) fn of_same(extent: usize) -> Self {
        Table { from: extent, taps: 1, first: (0..).take(extent).collect(), factors: vec![1.0; extent] }
    }

    /// For each element the first that it is made of, and the bits of the factors.
    pub(super) fn packed(&self) -> impl Iterator<Item = i32> + '_ {
        let factors = self.factors.chunks(self.taps);
        let entry = |(&first, factors): (&i32, &[f32])| {
            let bits: Vec<i32> = factors.iter().map(|factor| factor.to_bits().cast_signed()).collect();
            std::iter::once(first).chain(bits)
        };
        self.first.iter().zip(factors).flat_map(entry)
    }

    /// Which rows each row is made of, by a rule for all, where one number of rows is a multiple of the other.
    pub(super) fn reads(&self) -> Option<Rows> {
        let (from, to) = (self.from, self.first.len());
        let (stride, divisor) = match () {
            () if from == 0 || to == 0 => return None,
            () if from.is_multiple_of(to) => (from / to, 1),
            () if to.is_multiple_of(from) => (1, to / from),
            () => return None,
        };
        let (mut pad, mut ahead) = (0_usize, 0_usize);
        for (row, &first) in self.first.iter().enumerate() {
            let Ok(first) = usize::try_from(first) else { continue };
            let origin = row * stride / divisor;
            pad = pad.max(origin.saturating_sub(first));
            ahead = ahead.max((first + self.taps - 1).saturating_sub(origin));
        }
        Some(Rows { stride, divisor, pad, reach: pad + ahead + 1 })
    }

    /// Adds an element that is made of those from `first` on; what lies beside the input is the element at its edge.
    pub(super) fn push(&mut self, first: i64, factors: &[f64]) {
        let (last, most) = (self.from as i64 - 1, (self.from - self.taps) as i64);
        let begin = first.clamp(0, most);
        let mut sums = vec![0.0_f64; self.taps];
        for (at, factor) in (first..).zip(factors) {
            sums[(at.clamp(0, last) - begin) as usize] += factor;
        }
        self.first.push(begin as i32);
        self.factors.extend(sums.iter().map(|&sum| sum as f32));
    }

    /// Adds an element that lies outside of the input.
    pub(super) fn push_outside(&mut self) {
        self.first.push(-1);
        self.factors.extend(repeat_n(0.0, self.taps));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_input_is_the_element_at_its_edge() {
        let mut table = Table { from: 4, taps: 2, first: Vec::new(), factors: Vec::new() };
        for (first, factors) in [(-1, [0.25, 0.75]), (1, [0.5, 0.5]), (3, [0.75, 0.25])] {
            table.push(first, &factors);
        }
        table.push_outside();
        assert_eq!(table.first, [0, 1, 2, -1]);
        assert_eq!(table.factors, [1.0, 0.0, 0.5, 0.5, 0.0, 1.0, 0.0, 0.0]);
        let same = Table::of_same(2).packed().collect::<Vec<_>>();
        assert_eq!(same, [0, 1.0_f32.to_bits().cast_signed(), 1, 1.0_f32.to_bits().cast_signed()]);
    }

    #[test]
    fn rows_are_read_by_one_rule_where_there_is_one() {
        let reads = |from, first: &[i32]| {
            let table = Table { from, taps: 2, first: first.to_vec(), factors: vec![0.5; 2 * first.len()] };
            table.reads().map(|Rows { stride, divisor, pad, reach }| [stride, divisor, pad, reach])
        };
        assert_eq!(reads(4, &[0, 2]), Some([2, 1, 0, 2]));
        assert_eq!(reads(2, &[0, 0, 0, 0]), Some([1, 2, 1, 3]));
        // A row outside of the input reads none.
        assert_eq!(reads(2, &[0, -1]), Some([1, 1, 0, 2]));
        assert_eq!([reads(3, &[0, 1]), reads(2, &[])], [None; 2]);
    }
}
