//! GPTQ: the weights of a filter are rounded one after the other, each such that it makes up for what rounding those before it does to the
//! filter's sums.
//!
//! What counts is how much the sums change on examples: for a change `d` of a filter that is `d' H d`, `H` being the second moments of what
//! the filters see. Moments are of the inputs' bytes: sums of integers, which double precision has exactly, in whatever order they come.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::rounded::Rounded;
use super::terms::{Terms, byte};
use crate::tensor::Tensor;
use crate::tensor::window::hw;

/// The most moments of a product that is rounded so: those of sums of 4608 terms.
const MOST_MOMENTS: usize = 4608 * 4608;

/// The most moments that are kept at a time: 512 MiB.
const MOST_AT_A_TIME: usize = (512 << 20) / size_of::<f64>();

/// How many pixels of an example's output are looked at; so few that a moment of bytes fits into 32 bits.
const MOST_PIXELS: usize = 512;

/// What is added to the moments' diagonal, by its mean, as examples are few.
const DAMPING: f64 = 0.01;

/// Rows of moments that are made at a time, and columns of a factor.
const BLOCK: usize = 32;

/// Products whose weights are rounded after one pass over the examples.
pub struct Batch {
    products: Vec<(Terms, Moments)>,
}

/// Second moments of what the filters of a product see, a square a group, of which the part on and below the diagonal is in use; none of a
/// product that is too large.
struct Moments(Mutex<Vec<f64>>);

/// Products in batches whose moments fit into memory.
pub(crate) fn batches(products: Vec<Terms>) -> Vec<Vec<Terms>> {
    let (mut batches, mut left) = (Vec::<Vec<Terms>>::new(), 0);
    for terms in products {
        let moments = moments(&terms);
        match batches.last_mut().filter(|_| moments <= left) {
            Some(batch) => batch.push(terms),
            None => {
                batches.push(vec![terms]);
                left = MOST_AT_A_TIME;
            }
        }
        left -= moments;
    }
    batches
}

/// How many moments a product has, none where they are too many.
fn moments(terms: &Terms) -> usize {
    let size = terms.per_filter();
    let moments = size.saturating_mul(size).saturating_mul(terms.group);
    if moments <= MOST_MOMENTS { moments } else { 0 }
}

impl Batch {
    /// Products of which nothing was seen.
    pub(crate) fn new(products: Vec<Terms>) -> Self {
        let unseen = |terms: Terms| {
            let moments = vec![0.0; moments(&terms)];
            (terms, Moments(Mutex::new(moments)))
        };
        Batch { products: products.into_iter().map(unseen).collect() }
    }

    /// Adds what the products read of an example, of all whose values by name; the order of examples changes nothing.
    pub fn add(&self, values: &BTreeMap<String, Tensor>) {
        for (terms, moments) in &self.products {
            if let Some(map) = values.get(&terms.input) {
                moments.add(terms, map);
            }
        }
    }

    /// The weights of each product as bytes, by the name of what it makes.
    pub fn rounded(self) -> BTreeMap<String, Rounded> {
        let rounded = |(terms, moments): (Terms, Moments)| {
            let bytes = moments.rounded(&terms);
            (terms.output, Rounded { steps: terms.steps, bytes })
        };
        self.products.into_iter().map(rounded).collect()
    }
}

impl Moments {
    /// Adds what filters see at some pixels.
    fn add(&self, terms: &Terms, map: &Tensor) {
        let size = terms.per_filter();
        if moments(terms) == 0 {
            return;
        }
        for group in 0..terms.group {
            let Some((columns, pixels)) = columns(terms, map, group) else { return };
            let column = |tap: usize| &columns[tap * pixels..][..pixels];
            for first in (0..size).step_by(BLOCK) {
                let last = size.min(first + BLOCK);
                let mut block = vec![0; (last - first) * size];
                for right in 0..last {
                    for left in first.max(right)..last {
                        block[(left - first) * size + right] = product(column(left), column(right));
                    }
                }
                let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let sums = &mut sums[(group * size + first) * size..][..block.len()];
                sums.iter_mut().zip(&block).for_each(|(sum, &more)| *sum += f64::from(more));
            }
        }
    }

    /// The weights as bytes, each the nearest one where a group's moments do not serve.
    fn rounded(self, terms: &Terms) -> Vec<i8> {
        let size = terms.per_filter();
        if moments(terms) == 0 {
            return terms.nearest();
        }
        let sums = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let filters: Vec<(&[f64], f64)> = terms.filters().collect();
        let per_group = (filters.len() / terms.group).max(1);
        let mut bytes = Vec::with_capacity(terms.values.len());
        for (filters, sums) in filters.chunks(per_group).zip(sums.chunks_exact(size * size)) {
            let factor = Factor::of(sums, size);
            for &(filter, step) in filters {
                match &factor {
                    Some(factor) => bytes.extend(factor.rounded(filter, step)),
                    None => bytes.extend(filter.iter().map(|&term| byte(term, step))),
                }
            }
        }
        bytes
    }
}

/// What each tap of a group sees at some pixels of the output, tap by tap, and how many pixels these are; padding is zero.
fn columns(terms: &Terms, map: &Tensor, group: usize) -> Option<(Vec<i16>, usize)> {
    let (window, values, shape) = (&terms.window, map.as_f32()?, map.shape());
    let ([height, width], &[batch, channels, ..]) = (hw(shape), &shape[..]) else { return None };
    let [_, out_h, out_w] = window.output(shape).ok()?;
    let [taps_y, taps_x] = window.kernel;
    let depth = channels / terms.group;
    let places = places(batch * out_h * out_w);
    let mut columns = vec![0; terms.per_filter() * places.len()];
    for (pixel, place) in places.iter().enumerate() {
        let (n, y, x) = (place / (out_h * out_w), place / out_w % out_h, place % out_w);
        for (tap_y, from_y) in window.taps(0, y, height) {
            for (tap_x, from_x) in window.taps(1, x, width) {
                for at in 0..depth {
                    let channel = group * depth + at;
                    let value = *values.get(((n * channels + channel) * height + from_y) * width + from_x)?;
                    let tap = (at * taps_y + tap_y) * taps_x + tap_x;
                    *columns.get_mut(tap * places.len() + pixel)? = terms.input_byte(value, channel);
                }
            }
        }
    }
    Some((columns, places.len()))
}

/// All of so many places, or some that lie evenly between them.
fn places(count: usize) -> Vec<usize> {
    /// 2^64 by the golden ratio: its multiples, modulo 2^64, are far from each other, and in no step with rows.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let scattered = |at: u64| ((u128::from(at.wrapping_mul(GOLDEN)) * count as u128) >> 64) as usize;
    if count <= MOST_PIXELS { (0..count).collect() } else { (0..MOST_PIXELS as u64).map(scattered).collect() }
}

fn product(left: &[i16], right: &[i16]) -> i32 {
    left.iter().zip(right).map(|(&left, &right)| i32::from(left) * i32::from(right)).sum()
}

/// The moments as `L L'`, `L` being lower triangular: the change of a filter is then the length of `L' d`, whose elements are each of one
/// weight and those behind it. So the last weight is rounded first, and each to where it makes its element zero, as nearly as a byte can.
///
/// That is what GPTQ comes to by the inverse of the moments, without inverting them.
struct Factor {
    /// Which tap each row is of. What is rounded last has most to make up for, so it is the one that counts least.
    order: Vec<usize>,
    /// Row by row.
    lower: Vec<f64>,
}

impl Factor {
    /// That of damped moments; none where they are not positive definite.
    fn of(sums: &[f64], size: usize) -> Option<Self> {
        let diagonal: Vec<f64> = sums.iter().step_by(size + 1).copied().collect();
        let damping = DAMPING * diagonal.iter().sum::<f64>() / size as f64;
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| diagonal[a].total_cmp(&diagonal[b]).then(b.cmp(&a)));
        let mut lower = vec![0.0; size * size];
        for (row, &a) in order.iter().enumerate() {
            for (column, &b) in order[..=row].iter().enumerate() {
                let sum = sums[a.max(b) * size + a.min(b)];
                lower[row * size + column] = match (a == b, sum == 0.0) {
                    (true, true) => 1.0,
                    (true, false) => sum + damping,
                    (false, _) => sum,
                };
            }
        }
        factorize(&mut lower, size)?;
        Some(Factor { order, lower })
    }

    /// A filter as bytes.
    fn rounded(&self, filter: &[f64], step: f64) -> Vec<i8> {
        let size = self.order.len();
        let (mut bytes, mut owed) = (vec![0; size], vec![0.0; size]);
        for (row, &tap) in self.order.iter().enumerate().rev() {
            let (before, pivot) = (&self.lower[row * size..][..row], self.lower[row * size + row]);
            bytes[tap] = byte(filter[tap] + owed[row] / pivot, step);
            let change = filter[tap] - f64::from(bytes[tap]) * step;
            owed.iter_mut().zip(before).for_each(|(owed, factor)| *owed += factor * change);
        }
        bytes
    }
}

/// Cholesky's factor of a symmetric matrix, in place of what it has on and below its diagonal; none where a pivot is not positive.
fn factorize(matrix: &mut [f64], size: usize) -> Option<()> {
    // By blocks of columns, so that the rows of a block stay in the cache while all rows below go by.
    for first in (0..size).step_by(BLOCK) {
        for row in first..size {
            for column in first..(first + BLOCK).min(row + 1) {
                let known = dot(&matrix[row * size..][..column], &matrix[column * size..][..column]);
                let rest = matrix[row * size + column] - known;
                if row == column && (rest.is_nan() || rest <= 0.0) {
                    return None;
                }
                matrix[row * size + column] = if row == column { rest.sqrt() } else { rest / matrix[column * size + column] };
            }
        }
    }
    Some(())
}

/// A sum of products in one fixed order, which leaves room for vectors.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
    let mut sums = [0.0_f64; 8];
    for (left, right) in left.iter().zip(right) {
        sums.iter_mut().zip(left.iter().zip(right)).for_each(|(sum, (left, right))| *sum += left * right);
    }
    sums.iter().sum::<f64>() + left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::{Build, seeded};
    use crate::ops::{Conv, Op};
    use crate::passes::equivalence::{conv_op, square};
    use crate::tensor::Shape;
    use crate::tensor::window::Window;

    const SIZE: usize = 40;

    /// Values between -1 and 1.
    fn values(count: usize, seed: u32) -> Vec<f64> {
        seeded(&Shape(vec![count]), seed).as_f32().unwrap().iter().map(|&value| f64::from(value)).collect()
    }

    /// Moments of examples whose values have much in common.
    fn correlated() -> Vec<f64> {
        let (common, own) = (values(100, 1), values(100 * SIZE, 2));
        let mut sums = vec![0.0; SIZE * SIZE];
        for (common, own) in common.iter().zip(own.chunks_exact(SIZE)) {
            let example: Vec<f64> = own.iter().map(|own| common + 0.3 * own).collect();
            for (row, left) in sums.chunks_exact_mut(SIZE).zip(&example) {
                row.iter_mut().zip(&example).for_each(|(sum, right)| *sum += left * right);
            }
        }
        sums
    }

    /// What a change of a filter does to its sums.
    fn cost(sums: &[f64], filter: &[f64], bytes: &[i8], step: f64) -> f64 {
        let change: Vec<f64> = filter.iter().zip(bytes).map(|(term, &byte)| term - f64::from(byte) * step).collect();
        sums.chunks_exact(change.len()).zip(&change).map(|(row, one)| one * dot(row, &change)).sum()
    }

    fn nearest(filter: &[f64], step: f64) -> Vec<i8> {
        filter.iter().map(|&term| byte(term, step)).collect()
    }

    #[test]
    fn sums_change_less_than_by_the_nearest_bytes() {
        let (sums, step) = (correlated(), 1.0 / 7.0);
        let factor = Factor::of(&sums, SIZE).unwrap();
        for seed in 3..9 {
            let filter = values(SIZE, seed);
            let [rounded, nearest] =
                [factor.rounded(&filter, step), nearest(&filter, step)].map(|bytes| cost(&sums, &filter, &bytes, step));
            assert!(rounded < 0.5 * nearest, "{rounded} {nearest}");
        }
    }

    #[test]
    fn what_has_nothing_in_common_is_rounded_to_the_nearest() {
        let mut sums = vec![0.0; SIZE * SIZE];
        for at in 1..SIZE {
            sums[at * SIZE + at] = (at % 7) as f64;
        }
        let filter = values(SIZE, 5);
        assert_eq!(Factor::of(&sums, SIZE).unwrap().rounded(&filter, 0.01), nearest(&filter, 0.01));
    }

    #[test]
    fn a_factor_times_its_transpose_is_the_matrix() {
        let mut matrix = correlated();
        (0..SIZE).for_each(|at| matrix[at * SIZE + at] += 0.1);
        let mut lower = matrix.clone();
        factorize(&mut lower, SIZE).unwrap();
        for row in 0..SIZE {
            for column in 0..=row {
                let both = dot(&lower[row * SIZE..][..=column], &lower[column * SIZE..][..=column]);
                assert!((both - matrix[row * SIZE + column]).abs() < 1e-9, "{row} {column}");
            }
        }
        assert_eq!(factorize(&mut [1.0, 0.0, 2.0, 1.0], 2), None);
        assert_eq!(factorize(&mut [f64::NAN], 1), None);
    }

    /// The square of a filter's sums over all pixels, by the moments and by the convolution, with groups, strides and pads.
    #[test]
    fn moments_are_those_of_what_filters_see() {
        let mut build = Build::new();
        let x = build.input("x", &[2, 4, 7, 6]);
        let weights: Vec<f32> = (0..6 * 2 * 9).map(|at| (at * 5 % 11) as f32 - 5.0).collect();
        let w = build.constant("w", &[6, 2, 3, 3], &weights);
        let window = Window { strides: [2, 1], dilations: [1, 2], pads: [1, 2, 0, 1], ..square(3) };
        let y = build.op("y", Op::Conv(Conv { window: window.clone(), group: 2, ..conv_op(3) }), &[x, w]);
        build.output(y);
        let map = Tensor::from_fn(&Shape(vec![2, 4, 7, 6]), |at| (at * 7 % 19) as f32 - 9.0);
        let found = build.graph.evaluate(std::slice::from_ref(&map)).unwrap().remove(0);
        let (found, shape) = (found.as_f32().unwrap(), found.shape().clone());
        let terms = Terms {
            output: "y".to_owned(),
            input: "x".to_owned(),
            scale: vec![0.5, 1.0, 1.0, 1.0],
            zero: 0,
            window,
            group: 2,
            values: weights.iter().enumerate().map(|(at, &w)| f64::from(w) * if at < 54 && at % 18 < 9 { 0.5 } else { 1.0 }).collect(),
            steps: vec![1.0; 6],
        };
        let batch = Batch::new(vec![terms]);
        batch.add(&BTreeMap::from([("x".to_owned(), map)]));
        let (terms, moments) = &batch.products[0];
        let sums = moments.0.lock().unwrap();
        for (filter, (weights, _)) in terms.filters().enumerate() {
            let group = &sums[filter / 3 * 324..][..324];
            let full = |row: usize, column: usize| group[row.max(column) * 18 + row.min(column)];
            let by_moments: f64 = (0..324).map(|at| weights[at / 18] * weights[at % 18] * full(at / 18, at % 18)).sum();
            let area = shape[2] * shape[3];
            let of_filter = found.chunks_exact(area).enumerate().filter(|(map, _)| map % 6 == filter).flat_map(|(_, map)| map);
            let by_convolution: f64 = of_filter.map(|&sum| f64::from(sum).powi(2)).sum();
            assert!(by_convolution > 0.0 && (by_moments - by_convolution).abs() < 1e-6 * by_convolution, "{by_moments} {by_convolution}");
        }
    }

    #[test]
    fn some_of_many_pixels_are_looked_at() {
        assert_eq!(places(5), [0, 1, 2, 3, 4]);
        let places = places(100 * 64);
        assert!(places.len() == MOST_PIXELS && places.iter().all(|&place| place < 6400));
        for part in 0..8 {
            let inside = |bound: usize, of: fn(usize) -> usize| places.iter().filter(|&&place| of(place) / bound == part).count();
            assert!((56..=72).contains(&inside(800, |place| place)) && (40..=88).contains(&inside(8, |place| place % 64)));
        }
    }
}
