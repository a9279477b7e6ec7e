//! Convolutions to whose bytes those of another map are added, against a convolution and a sum one after the other, whole and row by row.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    ByteArithmetic, ByteElement, Destination, Dsp, Filters, Mve, Operands, Pairs, Pixels, Place, Quads, QuantizedConv2d,
    QuantizedConv2dSum, QuantizedSum, RegionError, Requantize, Single, Thumb, run_checked, run_row_checked,
};

use super::maps::{Random, at};
use super::{Window, limits, operands, places, y_value};

fn bytes<F: Pod>(random: &mut Random, count: usize) -> Vec<F> {
    (0..count).map(|_| cast_slice::<u8, F>(&[random.below(256) as u8])[0]).collect()
}

/// A convolution and a sum.
struct Case<F: ByteElement, T: ByteElement, U: ByteArithmetic, const P: usize, const N: usize> {
    kernel: QuantizedConv2dSum<F, T, U, P, N>,
    window: Window,
    x: Vec<F>,
    r: Vec<F>,
    w: Vec<i32>,
}

impl<F: ByteElement + Pod, T: ByteElement + Pod, U: ByteArithmetic, const P: usize, const N: usize> Case<F, T, U, P, N> {
    fn random(random: &mut Random, is_wide: bool) -> Option<Self> {
        let (group, depth, filters) = ([1, 1, 2, 3][random.below(4) as usize], 1 + random.below(9), 1 + random.below(2 * N as u32));
        let pointwise = Window { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0] };
        let window = if random.below(3) == 0 { pointwise } else { Window::random(random) };
        // Some maps are longer than what is added to at once, or higher.
        let (h, wide) = match is_wide {
            true => (1 + random.below(3), 60 + random.below(400)),
            false => (1 + random.below(12), 1 + random.below(12)),
        };
        let [oh, ow] = window.outputs([h, wide])?;
        let input = random.map(h, wide, group * depth);
        let [second, output] = [0, 1].map(|_| random.map(oh, ow, group * filters));
        let requantize =
            Requantize { left: random.below(3), right: 1 + random.below(12), zero: random.below(256) as i32 - 128, ..limits::<F>() };
        let shift = random.below(20);
        let factors = [0, 1].map(|_| random.below(2 << shift) as i32 - (1 << shift) / 4);
        let [low, high] = if random.below(2) == 0 { T::LIMITS } else { [5 + T::LIMITS[0], 100] };
        let Window { kernel, strides, dilations, pads } = window;
        let sum = QuantizedConv2dSum::new(input, second, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        let sum = sum.group(group).input_zero(random.below(100) as i32).requantize(requantize).factors(factors).shift(shift);
        let kernel = sum.offset((random.below(200) as i32 - 100) << shift).low(low).high(high);
        let extent = kernel.extent().expect("the geometry is consistent");
        let (x, r, mut w) = (bytes(random, extent.x), bytes(random, extent.r), vec![0; extent.w]);
        for block in w.chunks_exact_mut(extent.w / (group as usize * (filters as usize).div_ceil(N))) {
            let (biases, rest) = block.split_at_mut(N);
            biases.fill_with(|| random.below(200_000) as i32 - 100_000);
            let (multipliers, weights) = rest.split_at_mut(N);
            multipliers.fill_with(|| random.below(1 << 23) as i32 * 256);
            cast_slice_mut::<i32, i8>(weights).fill_with(|| (random.below(255) as i32 - 127) as i8);
        }
        Some(Case { kernel, window, x, r, w })
    }

    fn operands<'a>(&'a self, x: &'a [F], r: &'a [F], y: &'a mut [T]) -> Operands<'a> {
        Operands { r: Place::Outside(cast_slice(r)), ..operands(x, &self.w, y) }
    }

    /// By the two kernels, into an output that holds something.
    fn wanted(&self, y: &mut [T]) {
        let QuantizedConv2dSum { input, second, output, kernel, strides, dilations, pads, .. } = self.kernel;
        let between = Pixels::new([output.height, output.width, output.channels]);
        let conv = QuantizedConv2d::<F, F, U, P, N>::new(input, between).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        let conv = conv.group(self.kernel.group).input_zero(self.kernel.input_zero).requantize(self.kernel.requantize);
        let mut map = vec![F::zeroed(); conv.extent().expect("an extent").y];
        assert_eq!(run_checked(&conv, operands(&self.x, &self.w, &mut map)), Ok(()));
        let QuantizedConv2dSum { factors, offset, shift, low, high, .. } = self.kernel;
        let sum = QuantizedSum::<F, T>::new(between, second, output).factors(factors).offset(offset).shift(shift).low(low).high(high);
        let (x, r) = (Place::Outside(cast_slice(&map)), Place::Outside(cast_slice(&self.r)));
        let operands = Operands { arena: &mut [], x, r, w: &[], y: Destination::Outside(cast_slice_mut(y)) };
        assert_eq!(run_checked(&sum, operands), Ok(()));
    }
}

/// Rows of a map as a ring holds them, and nothing else.
fn stored<F: Pod>(whole: &Pixels, values: &[F], ring: &Pixels, rows: impl Fn(u32) -> bool) -> Vec<F> {
    let mut stored = vec![F::zeroed(); values.len()];
    for [iy, ix, c] in places(whole).into_iter().filter(|place| rows(place[0])) {
        stored[at(ring, iy, ix, c)] = values[at(whole, iy, ix, c)];
    }
    stored
}

fn sums<F: ByteElement + Pod, T: ByteElement + Pod, U: ByteArithmetic, const P: usize, const N: usize>(seed: u32) {
    let (mut random, mut ran, mut between, mut all) = (Random(seed), 0, 0, 0);
    while ran < 40 {
        let Some(case) = Case::<F, T, U, P, N>::random(&mut random, ran % 8 == 7) else { continue };
        ran += 1;
        let (kernel, Window { kernel: [taps, _], strides: [stride, _], dilations: [dilation, _], pads: [above, _] }) =
            (case.kernel, case.window);
        let QuantizedConv2dSum { input, second, output, .. } = kernel;
        let mut found: Vec<T> = bytes(&mut random, kernel.extent().expect("an extent").y);
        let mut wanted = found.clone();
        case.wanted(&mut wanted);
        assert_eq!(run_checked(&kernel, case.operands(&case.x, &case.r, &mut found)), Ok(()));
        // What lies between the elements of the output as well.
        assert!(cast_slice::<T, u8>(&found) == cast_slice::<T, u8>(&wanted), "{kernel:?}");
        for [oy, ox, c] in places(&output) {
            between += usize::from((kernel.low + 1..kernel.high).contains(&y_value(found[at(&output, oy, ox, c)])));
            all += 1;
        }
        let reach = (taps - 1) * dilation + 1;
        let mut rows = kernel;
        rows.input = input.ring((reach + random.below(2)).min(input.height));
        rows.second = second.ring((1 + random.below(2)).min(second.height));
        rows.output = output.ring(1);
        for row in 0..output.height {
            // The rows of the window.
            let first = (row * stride).saturating_sub(above);
            let x = stored(&input, &case.x, &rows.input, |iy| (first..(row * stride + reach).saturating_sub(above)).contains(&iy));
            let r = stored(&second, &case.r, &rows.second, |iy| iy == row);
            let mut found = vec![T::zeroed(); wanted.len()];
            assert_eq!(run_row_checked(&rows, row as usize, case.operands(&x, &r, &mut found)), Ok(()), "{rows:?}");
            for [oy, ox, c] in places(&output).into_iter().filter(|place| place[0] == row) {
                let (found, wanted) = (found[at(&rows.output, oy, ox, c)], wanted[at(&output, oy, ox, c)]);
                assert_eq!(y_value(found), y_value(wanted), "{rows:?} at {oy},{ox},{c}");
            }
        }
        let short = &case.r[..case.r.len() - 1];
        assert_eq!(run_checked(&kernel, case.operands(&case.x, short, &mut found)), Err(RegionError::Outside));
    }
    assert!(between > all / 10, "{between} of {all}");
}

#[test]
fn a_residual_is_added_as_a_sum_adds_it() {
    sums::<i8, i8, Single, 2, 2>(1);
    sums::<u8, u8, Single, 4, 8>(2);
    sums::<i8, u8, Single, 2, 1>(3);
    sums::<i8, i8, Pairs, 4, 8>(4);
    sums::<u8, i8, Pairs, 6, 16>(5);
    sums::<i8, i8, Pairs, 8, 16>(6);
    sums::<i8, i8, Quads, 12, 16>(7);
    sums::<u8, u8, Quads, 12, 32>(8);
    sums::<i8, i8, Quads, 4, 16>(9);
    sums::<i8, i8, Dsp, 4, 8>(10);
    sums::<u8, u8, Dsp, 4, 16>(11);
    sums::<i8, i8, Mve, 3, 8>(12);
    sums::<i8, i8, Filters, 4, 8>(13);
    sums::<i8, i8, Thumb, 2, 2>(14);
}

#[test]
fn residuals_of_other_maps_are_none() {
    let [input, output] = [[5, 4, 3], [5, 4, 6]].map(Pixels::new);
    let sum = |second| QuantizedConv2dSum::<i8, i8, Single, 2, 2>::new(input, second, output);
    assert!(sum(output).extent().is_some());
    for other in [[4, 4, 6], [5, 5, 6], [5, 4, 3], [5, 4, 0]] {
        assert_eq!(sum(Pixels::new(other)).extent(), None, "{other:?}");
    }
    assert_eq!(sum(output).group(2).extent(), None);
    // A ring of no row holds none.
    let mut sum = sum(output);
    sum.second = sum.second.ring(0);
    let (x, r, w, mut y) = ([0i8; 60], [0i8; 120], [0; 64], [0i8; 120]);
    let operands = Operands { r: Place::Outside(cast_slice(&r)), ..operands(&x, &w, &mut y) };
    assert!(run_row_checked(&sum, 0, operands).is_err());
}
