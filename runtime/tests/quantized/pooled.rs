//! Convolutions whose sums are averaged over windows, against loops over all pixels, whole and row by row.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    ByteArithmetic, Dsp, Element, Filters, Mve, Operands, Pairs, Pixels, Place, Quads, QuantizedConv2d, Requantize, Single, Thumb, Thumb2,
    run_checked, run_row_checked,
};

use super::maps::{Random, at};
use super::{limits, operands, places, y_value};

/// A convolution of pixels whose channels lie in one map or in two, and what it reads.
struct Case<F> {
    input: Pixels,
    rest: Option<Pixels>,
    output: Pixels,
    requantize: Requantize,
    /// Of what is averaged.
    averaged: [i32; 2],
    input_zero: i32,
    x: Vec<F>,
    r: Vec<F>,
    w: Vec<i32>,
    /// Bytes of a word of the weights, or none where the filters follow each other.
    word: Option<usize>,
}

impl<F: Element + Pod> Case<F> {
    fn kernel<T: Element, U: ByteArithmetic, const P: usize, const N: usize>(&self) -> QuantizedConv2d<F, T, U, P, N> {
        let conv = QuantizedConv2d::new(self.input, self.output).rest(self.rest).averaged(self.averaged);
        conv.input_zero(self.input_zero).requantize(self.requantize)
    }

    fn random<T: Element, U: ByteArithmetic, const P: usize, const N: usize>(random: &mut Random, word: Option<usize>, deep: bool) -> Self {
        let [h, wide] = [0, 1].map(|_| 1 + random.below(9));
        let [oh, ow] = [h, wide].map(|extent| (extent + random.below(2)).div_euclid(2).max(1));
        let (depth, filters) = (1 + random.below(if deep { 200 } else { 20 }), 1 + random.below(2 * N as u32));
        let first = if depth > 1 && random.below(2) == 0 { 1 + random.below(depth - 1) } else { depth };
        let input = random.map(h, wide, first);
        let rest = (first < depth).then(|| random.map(h, wide, depth - first));
        let output = random.map(oh, ow, filters);
        let requantize =
            Requantize { left: random.below(3), right: 1 + random.below(12), zero: random.below(256) as i32 - 128, ..limits::<T>() };
        let bound = (random.below(100) as i32) << requantize.right;
        let averaged = [[0, i32::MAX], [i32::MIN, i32::MAX], [-bound / 2, bound]][random.below(3) as usize];
        let input_zero = y_value(cast_slice::<u8, F>(&[random.below(256) as u8])[0]);
        let case = Case { input, rest, output, requantize, averaged, input_zero, x: vec![], r: vec![], w: vec![], word };
        let extent = case.kernel::<T, U, P, N>().extent().expect("the geometry is consistent");
        let mut bytes = |len: usize| -> Vec<F> { (0..len).map(|_| cast_slice::<u8, F>(&[random.below(256) as u8])[0]).collect() };
        let (x, r) = (bytes(extent.x), bytes(extent.r));
        let mut w = vec![0; extent.w];
        for block in w.chunks_exact_mut(extent.w / (filters as usize).div_ceil(N)) {
            let (biases, rest) = block.split_at_mut(N);
            biases.fill_with(|| random.below(200_000) as i32 - 100_000);
            let (multipliers, bytes) = rest.split_at_mut(N);
            multipliers.fill_with(|| random.below(1 << 23) as i32 * 256);
            cast_slice_mut::<i32, i8>(bytes).fill_with(|| (random.below(255) as i32 - 127) as i8);
        }
        Case { x, r, w, ..case }
    }

    /// The products of a pixel, added, and the multiplier.
    fn sum<const N: usize>(&self, iy: u32, ix: u32, filter: usize) -> [i64; 2] {
        let depth = self.input.channels + self.rest.map_or(0, |rest| rest.channels);
        let block = self.w.len() / (self.output.channels as usize).div_ceil(N);
        let (block, lane) = (&self.w[filter / N * block..][..block], filter % N);
        let bytes: &[i8] = cast_slice(&block[2 * N..]);
        let products = (0..depth).map(|c| {
            let x = match self.rest {
                Some(rest) if c >= self.input.channels => self.r[at(&rest, iy, ix, c - self.input.channels)],
                _ => self.x[at(&self.input, iy, ix, c)],
            };
            let place = match self.word {
                Some(word) => c as usize / word * N * word + lane * word + c as usize % word,
                None => lane * depth as usize + c as usize,
            };
            i64::from(y_value(x) * i32::from(bytes[place]))
        });
        [i64::from(block[lane]) + products.sum::<i64>(), block[N + lane].into()]
    }

    fn wanted<const N: usize>(&self, [oy, ox, c]: [u32; 3]) -> i32 {
        let Requantize { left, right, zero, low, high } = self.requantize;
        let [least, most] = self.averaged.map(i64::from);
        let mut products = 0;
        for (ky, kx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (iy, ix) = ((2 * oy + ky).min(self.input.height - 1), (2 * ox + kx).min(self.input.width - 1));
            let [sum, multiplier] = self.sum::<N>(iy, ix, c as usize);
            products += ((sum << left) * multiplier).div_euclid(1 << 32).clamp(least, most);
        }
        // Of four, to the nearest and halves up.
        let result = (2 * products + (4 << right)).div_euclid(8 << right) + i64::from(zero);
        result.clamp(low.into(), high.into()) as i32
    }
}

/// The rows of a window in a ring, and nothing else.
fn stored<F: Pod>(whole: &Pixels, values: &[F], ring: &Pixels, row: u32) -> Vec<F> {
    let mut stored = vec![F::zeroed(); values.len()];
    for [iy, ix, c] in places(whole).into_iter().filter(|place| place[0] / 2 == row) {
        stored[at(ring, iy, ix, c)] = values[at(whole, iy, ix, c)];
    }
    stored
}

fn averages<F: Element + Pod, T: Element + Pod, U: ByteArithmetic, const P: usize, const N: usize>(seed: u32, word: Option<usize>) {
    let (mut random, mut between, mut all) = (Random(seed), 0, 0);
    for ran in 0..40 {
        let case = Case::<F>::random::<T, U, P, N>(&mut random, word, ran % 6 == 0);
        let Case { input, rest, output, .. } = case;
        let kernel = case.kernel::<T, U, P, N>();
        let mut y = vec![T::zeroed(); kernel.extent().expect("an extent").y];
        let second = Place::Outside(cast_slice(&case.r));
        assert_eq!(run_checked(&kernel, Operands { r: second, ..operands(&case.x, &case.w, &mut y) }), Ok(()));
        for place in places(&output) {
            let [oy, ox, c] = place;
            let found = y_value(y[at(&output, oy, ox, c)]);
            assert_eq!(found, case.wanted::<N>(place), "{kernel:?} at {place:?}");
            between += usize::from(case.requantize.low < found && found < case.requantize.high);
            all += 1;
        }
        // Rings of three rows wrap inside of windows.
        let mut ring = |map: Pixels| map.ring((2 + random.below(2)).min(map.height));
        let (ring, ring_of_rest, kept) = (ring(input), rest.map(&mut ring), output.ring(1));
        let mut rows = kernel;
        (rows.input, rows.rest, rows.output) = (ring, ring_of_rest, kept);
        for row in 0..output.height {
            let x = stored(&input, &case.x, &ring, row);
            let r = rest.zip(ring_of_rest).map_or(vec![], |(rest, ring)| stored(&rest, &case.r, &ring, row));
            let mut found = vec![T::zeroed(); y.len()];
            let second = Place::Outside(cast_slice(&r));
            assert_eq!(run_row_checked(&rows, row as usize, Operands { r: second, ..operands(&x, &case.w, &mut found) }), Ok(()));
            for [oy, ox, c] in places(&output).into_iter().filter(|place| place[0] == row) {
                assert_eq!(found[at(&kept, oy, ox, c)], y[at(&output, oy, ox, c)], "{rows:?} at {oy},{ox},{c}");
            }
        }
    }
    assert!(between > all / 10, "{between} of {all}");
}

#[test]
fn sums_are_averaged_before_they_are_rounded() {
    averages::<i8, i8, Single, 2, 2>(1, Some(1));
    averages::<u8, u8, Single, 4, 8>(2, Some(1));
    averages::<i8, u8, Single, 2, 1>(3, Some(1));
    averages::<i8, i8, Pairs, 4, 8>(4, Some(2));
    averages::<u8, i8, Pairs, 6, 16>(5, Some(2));
    averages::<i8, i8, Pairs, 8, 16>(6, Some(2));
    averages::<i8, i8, Quads, 12, 16>(7, Some(4));
    averages::<u8, u8, Quads, 12, 32>(8, Some(4));
    averages::<i8, i8, Quads, 4, 16>(9, Some(4));
    averages::<i8, i8, Dsp, 4, 8>(10, Some(4));
    averages::<u8, u8, Dsp, 4, 16>(11, Some(4));
    averages::<i8, i8, Mve, 3, 8>(12, None);
    averages::<i8, i8, Filters, 4, 8>(13, None);
    averages::<i8, i8, Filters, 4, 16>(14, None);
    averages::<i8, i8, Thumb, 2, 2>(14, Some(1));
    averages::<i8, i8, Mve, 3, 16>(15, None);
    averages::<i8, i8, Thumb2, 3, 8>(16, Some(1));
}

#[test]
fn pools_of_other_windows_are_none() {
    let map = |extent| Pixels::new([extent, extent, 4]);
    let conv = |output| QuantizedConv2d::<i8, i8, Single, 2, 2>::new(map(5), map(output)).averaged([0, i32::MAX]);
    assert_eq!([1, 2, 3, 5].map(|output| conv(output).extent().is_some()), [false, true, true, false]);
    assert_eq!(conv(2).kernel([3, 3]).extent(), None);
    assert_eq!(conv(2).strides([2, 2]).extent(), None);
    assert_eq!(conv(2).pads([1, 1]).extent(), None);
    assert_eq!(conv(2).group(2).extent(), None);
    // A ring of one row has no window.
    let mut conv = conv(2);
    conv.input = conv.input.ring(1);
    let (x, w, mut y) = ([0i8; 100], [0; 16], [0i8; 16]);
    assert!(run_row_checked(&conv, 0, operands(&x, &w, &mut y)).is_err());
}
